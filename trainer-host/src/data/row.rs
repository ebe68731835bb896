//! Rows: what a model is trained on, with everything that made it.
//!
//! A line of `rows.jsonl` is also a row for `train` and `eval`: `messages` or `text`, and `value` with
//! `contradicts` where an answer can be scored. All else is lineage, which training passes over.

use std::collections::BTreeMap;

use halligan_finetune::chat::Message;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canonical::{canonical_json, content_id};
use super::words::content_words;

/// Content words from which a later turn is taken as a question of its own.
const LATER_WORDS_MIN: usize = 3;

/// How well an answer is supported by the chunks it was made from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grounding {
    /// Share of the answer's content words and numbers that stand in the chunks, 0 to 1.
    pub share: f64,
    /// Content words and numbers of the answer that stand in no chunk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unsupported: Vec<String>,
}

/// A row of a dataset. Exactly one of `messages` and `text` is there.
///
/// Fields are in the order of their names: the derived JSON is the canonical one.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Ids of the chunks it was made from; empty for a row that was imported.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chunks: Vec<String>,
    /// What a right answer must not contain.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradicts: Vec<String>,
    /// Id of the fact: rows of one group (paraphrases, chunks of one record) stay on one side of a split.
    pub group: String,
    /// How far its chunks support the answer; absent where nothing was generated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grounding: Option<Grounding>,
    /// Name: see [`Row::name`].
    pub id: String,
    /// What sort of row: `record`, `definition`, `conceptual`, `code`, `mathematical`, `cross_domain`, `blueprint`,
    /// `text`, `imported`; strata of splits and shares of mixtures use it.
    pub kind: String,
    /// What later stages found or decided: `disputed`, `expert_agreement`, `cluster`, `personal_data`, ..
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Value>,
    /// A conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub messages: Option<Vec<Message>>,
    /// Id (SHA-256) in the manifest's `models` of the model that wrote it; absent without a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Ids of the ratings that spoke about it, in `ratings.jsonl`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ratings: Vec<String>,
    /// Seed of this row, where chance had a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Ids of the sources of its chunks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// `train`, `validation`, `test` or `rewording` once it is split.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Id in `templates.jsonl` of the template or prompt that made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<String>,
    /// A text, trained on every token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// What a right answer must contain.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Ids of the rows that this one was made from (a reworded or corrected row, one of two views).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub was: Vec<String>,
}

impl Row {
    /// A question with its answer, without lineage yet.
    pub fn of_answer(kind: &str, group: &str, question: &str, answer: &str) -> Self {
        let messages = vec![Message::new("user", question), Message::new("assistant", answer)];
        let row = Self { kind: kind.to_owned(), group: group.to_owned(), messages: Some(messages), ..Self::default() };
        row.named()
    }

    /// A text, without lineage yet.
    pub fn of_text(kind: &str, group: &str, text: &str) -> Self {
        let text = Some(text.to_owned());
        Self { kind: kind.to_owned(), group: group.to_owned(), text, ..Self::default() }.named()
    }

    /// The row under the name that its content gives it: SHA-256 over what is trained and the group. Labels,
    /// ratings and splits do not change it, so a row keeps its name through later stages.
    #[must_use]
    pub fn named(mut self) -> Self {
        self.id = self.name();
        self
    }

    /// The name that the content gives; see [`Row::named`].
    pub fn name(&self) -> String {
        // Messages and texts are strings; they always have a JSON form.
        let content = canonical_json(&(&self.messages, &self.text)).unwrap_or_default();
        content_id(&[content.as_bytes(), self.group.as_bytes()])
    }

    /// What the user says first; the text where there is no conversation.
    pub fn question(&self) -> &str {
        self.said_by_user().next().or(self.text.as_deref()).unwrap_or_default()
    }

    /// All that is asked: what the user says first, and each later turn that can be understood alone. "And at night?"
    /// stands in many conversations and asks something else in each.
    pub fn questions(&self) -> impl Iterator<Item = &str> {
        let later = self.said_by_user().skip(1).filter(|said| stands_alone(said));
        std::iter::once(self.question()).chain(later)
    }

    /// What the last answer answers.
    pub fn last_question(&self) -> &str {
        self.said_by_user().last().unwrap_or_else(|| self.question())
    }

    /// What the assistant says last; the text where there is no conversation.
    pub fn answer(&self) -> &str {
        let answer = self.messages.iter().flatten().rev().find(|message| message.role == "assistant");
        answer.map(|message| message.content.as_str()).or(self.text.as_deref()).unwrap_or_default()
    }

    /// All that is said in the row, one message per line, calls of tools included. What the system says is left out:
    /// rows that share it are not alike for that.
    pub fn said(&self) -> String {
        match (&self.text, &self.messages) {
            (Some(text), _) => text.clone(),
            (None, Some(messages)) => said(messages.iter().map(|message| Said {
                role: &message.role,
                content: Some(&message.content),
                calls: &message.tool_calls,
            })),
            (None, None) => String::new(),
        }
    }

    fn said_by_user(&self) -> impl Iterator<Item = &str> {
        let messages = self.messages.iter().flatten().filter(|message| message.role == "user");
        messages.map(|message| message.content.as_str())
    }
}

/// Whether a later turn of a conversation asks the same wherever it stands.
pub fn stands_alone(question: &str) -> bool {
    content_words(question).take(LATER_WORDS_MIN).count() == LATER_WORDS_MIN
}

/// A message, wherever it comes from.
#[derive(Clone, Copy)]
pub struct Said<'a> {
    /// Who says it.
    pub role: &'a str,
    /// The words.
    pub content: Option<&'a str>,
    /// The tools that it calls.
    pub calls: &'a [Value],
}

/// What messages say, one per line, calls of tools as JSON, without the system's words where others say something.
pub fn said<'a>(messages: impl Iterator<Item = Said<'a>> + Clone) -> String {
    let only_system = messages.clone().all(|message| message.role == "system");
    let mut lines = Vec::new();
    for message in messages.filter(|message| only_system || message.role != "system") {
        lines.extend(
            message.content.filter(|content| message.calls.is_empty() || !content.is_empty()).map(str::to_owned),
        );
        lines.extend(message.calls.iter().map(Value::to_string));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derived_json_is_the_canonical_one() {
        let mut row = Row::of_answer("record", "g", "How far?", "150 feet.");
        row.value = Some("150 feet".to_owned());
        row.labels.insert("disputed".to_owned(), Value::Bool(false));
        row.grounding = Some(Grounding { share: 0.5, unsupported: vec!["far".to_owned()] });
        row.chunks.push("c".to_owned());
        row.was.push("w".to_owned());
        let fields = serde_json::to_string(&row).unwrap();
        let names = |text: &str| text.match_indices("\":").count();
        assert_eq!(names(&fields), names(&canonical_json(&row).unwrap()));
        assert!(fields.starts_with(r#"{"chunks":["c"],"group":"g","grounding""#), "{fields}");
    }

    #[test]
    fn labels_keep_the_name_and_words_change_it() {
        let row = Row::of_answer("record", "g", "How far?", "150 feet.");
        let mut labelled = row.clone();
        labelled.labels.insert("disputed".to_owned(), Value::Bool(true));
        labelled.split = Some("test".to_owned());
        assert_eq!(labelled.name(), row.id);
        assert_ne!(Row::of_answer("record", "g", "How far?", "160 feet.").id, row.id);
    }

    #[test]
    fn a_later_turn_is_a_question_only_where_it_can_be_understood_alone() {
        let turns = ["Hi.", "Why?", "What is the packing group of acetone?", "And its hazard class?"];
        let messages =
            turns.into_iter().flat_map(|turn| [Message::new("user", turn), Message::new("assistant", "Yes.")]);
        let row = Row { messages: Some(messages.collect()), ..Row::default() };
        assert_eq!(row.questions().collect::<Vec<_>>(), ["Hi.", "What is the packing group of acetone?"]);
        assert_eq!(row.last_question(), "And its hazard class?");
        assert_eq!(Row::of_text("text", "g", "Water.").questions().collect::<Vec<_>>(), ["Water."]);
    }

    #[test]
    fn what_the_system_says_is_not_said_in_the_row_and_calls_are() {
        let mut call = Message::new("assistant", "");
        call.tool_calls = vec![serde_json::json!({"function": {"name": "depth"}})];
        let messages = vec![Message::new("system", "Be brief."), Message::new("user", "How deep?"), call];
        let row = Row { messages: Some(messages), ..Row::default() };
        assert_eq!(row.said(), "How deep?\n{\"function\":{\"name\":\"depth\"}}");
        let alone = Row { messages: Some(vec![Message::new("system", "Be brief.")]), ..Row::default() };
        assert_eq!(alone.said(), "Be brief.");
    }

    #[test]
    fn line_of_a_dataset_is_a_row_for_training() {
        let row = Row::of_answer("record", "g", "How far?", "150 feet.");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, canonical_json(&row).unwrap()).unwrap();
        let read = halligan_finetune::dataset::read_rows(&path).unwrap();
        assert_eq!(read[0].messages(), row.messages.as_deref());
        assert_eq!(read[0].id.as_deref(), Some(row.id.as_str()));
    }
}
