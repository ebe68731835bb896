//! What a row says: its form, its substance, its support in the chunks it was made from.

use std::collections::HashSet;

use super::Finding;
use super::numbers::{said_more_often, same_number};
use crate::data::row::Row;
use crate::data::words::{content_words, has_digit, words};

/// Roles of a conversation.
const ROLES: [&str; 4] = ["system", "user", "assistant", "tool"];

/// Openings and phrases of answers that answer nothing, in lower case.
const EMPTY_PHRASES: &[&str] = &[
    "as an ai",
    "as a language model",
    "i am not able to",
    "i am unable to",
    "i can't answer",
    "i cannot answer",
    "i do not have access",
    "i do not have enough information",
    "i do not know",
    "i don't have enough information",
    "i don't know",
    "i'm not sure",
    "i'm sorry, but",
    "it depends on many factors",
    "it depends on various factors",
    "not mentioned in the text",
    "not specified in the text",
    "please consult a professional",
    "the context does not",
    "the document does not mention",
    "the passage does not",
    "the provided text does not",
    "the text does not mention",
    "there is no information",
];

/// Words of a question or an answer that point at a text which the reader does not have.
const DANGLING_PHRASES: &[&str] = &[
    "according to the passage",
    "according to the text",
    "as mentioned above",
    "in the given text",
    "in the passage above",
    "in the text above",
    "in this passage",
    "the above passage",
    "the above text",
    "the given context",
    "the provided context",
    "the provided passage",
];

/// Whether the row is well formed: a text, or a conversation that ends with an answer, under its own name.
pub fn schema(row: &Row) -> Option<Finding> {
    let wrong = |detail: String| Some(Finding::new("schema", detail));
    if row.id != row.name() {
        return wrong(format!("its name should be {}; the words or the group were changed", row.name()));
    }
    match (&row.messages, &row.text) {
        (None, Some(text)) if text.trim().is_empty() => wrong("its text is empty".to_owned()),
        (None, Some(_)) => None,
        (Some(messages), None) => {
            for (index, message) in messages.iter().enumerate() {
                if !ROLES.contains(&message.role.as_str()) {
                    return wrong(format!("message {} has the role `{}`", index + 1, message.role));
                }
                if message.content.trim().is_empty() && message.tool_calls.is_empty() {
                    return wrong(format!("message {} is empty", index + 1));
                }
                let system_late = message.role == "system" && index > 0;
                if system_late {
                    return wrong(format!("message {} is the system's; only the first may be", index + 1));
                }
            }
            let roles = || messages.iter().map(|message| message.role.as_str()).filter(|role| *role != "system");
            if roles().next() != Some("user") {
                return wrong("no question comes first".to_owned());
            }
            if roles().next_back() != Some("assistant") {
                return wrong("the last message is no answer".to_owned());
            }
            None
        }
        _ => wrong("it has not exactly one of messages and text".to_owned()),
    }
}

/// Whether the answer says anything of its own.
pub fn generic(row: &Row, least_words: usize) -> Option<Finding> {
    row.messages.as_ref()?;
    // Typographic apostrophes are the plain one here.
    let answer = row.answer().to_lowercase().replace('\u{2019}', "'");
    if let Some(phrase) = EMPTY_PHRASES.iter().find(|phrase| answer.contains(**phrase)) {
        return Some(Finding::new("too_generic", format!("the answer says \"{phrase}\"")));
    }
    let both = format!("{}\n{answer}", row.question().to_lowercase());
    if let Some(phrase) = DANGLING_PHRASES.iter().find(|phrase| both.contains(**phrase)) {
        return Some(Finding::new("too_generic", format!("it says \"{phrase}\", which the reader does not have")));
    }
    let calls = row.messages.iter().flatten().next_back().is_some_and(|message| !message.tool_calls.is_empty());
    let count = words(&answer).count();
    if count < least_words && !calls {
        return Some(Finding::new("too_short", format!("the answer has {count} words; {least_words} are asked for")));
    }
    if !calls && !says_its_value(row) && only_repeats(row.last_question(), row.answer()) {
        return Some(Finding::new("too_generic", "the answer only repeats words of the question".to_owned()));
    }
    None
}

/// Whether the row knows what a right answer must contain, and its answer does.
fn says_its_value(row: &Row) -> bool {
    let Some(value) = &row.value else { return false };
    let (value, answer): (Vec<String>, Vec<String>) = (words(value).collect(), words(row.answer()).collect());
    !value.is_empty() && answer.windows(value.len()).any(|part| part == value)
}

/// Whether an answer says nothing that its question does not. Who is asked "uphill or downhill?" answers with words of
/// the question, and a number that is said more often than it was asked is an answer: 3 is the class of 3-butenol.
fn only_repeats(question: &str, answer: &str) -> bool {
    let asked: HashSet<String> = content_words(question).collect();
    content_words(answer).all(|word| asked.contains(&word))
        && !words(question).any(|word| word == "or")
        && !said_more_often(question, answer)
}

/// Share of an answer's content words and numbers that are supported, and those that are not: a word by its chunks or
/// its question, a number by its chunks alone, since a question may well ask for a wrong one.
pub fn support(row: &Row, chunks: &HashSet<String>) -> (f64, Vec<String>) {
    let asked: HashSet<String> = words(row.last_question()).filter(|word| !has_digit(word)).collect();
    let said: Vec<String> = content_words(row.answer()).map(|word| word.to_lowercase()).collect();
    let is_supported = |word: &&String| is_known(word, chunks) || is_known(word, &asked);
    let mut missing: Vec<String> = said.iter().filter(|word| !is_supported(word)).cloned().collect();
    let share = if said.is_empty() { 1.0 } else { 1.0 - missing.len() as f64 / said.len() as f64 };
    missing.sort_unstable();
    missing.dedup();
    (share, missing)
}

/// Whether what a right answer must contain stands in the chunks. An answer of many words may borrow most of them
/// from its question; the value is what it adds.
pub fn value(row: &Row, chunks: &HashSet<String>) -> Option<Finding> {
    // As it stands inside an answer: a single capital there is a name, not the article of a sentence.
    let inside = format!("is {}", row.value.as_deref()?);
    let said = content_words(&inside).map(|word| word.to_lowercase());
    let missing: Vec<String> = said.filter(|word| !is_known(word, chunks)).collect();
    (!missing.is_empty()).then(|| {
        let detail = format!("the value says {}, which stands in none of its chunks", missing.join(", "));
        Finding::new("not_grounded", detail)
    })
}

/// Whether a word stands in the text, or does so in another number (`valve`, `valves`); a number also as it is written
/// elsewhere (`10`, `10.0`).
fn is_known(word: &str, known: &HashSet<String>) -> bool {
    if known.contains(word) {
        return true;
    }
    if has_digit(word) {
        return known.iter().any(|other| same_number(word, other));
    }
    known.contains(&format!("{word}s"))
        || word.strip_suffix("es").is_some_and(|stem| known.contains(stem))
        || word.strip_suffix('s').is_some_and(|stem| known.contains(stem))
}

/// Whether the answer is supported: enough of its words, and every number.
pub fn grounding(share: f64, unsupported: &[String], least: f64) -> Option<Finding> {
    let numbers: Vec<&str> = unsupported.iter().map(String::as_str).filter(|word| has_digit(word)).collect();
    if !numbers.is_empty() {
        let detail = format!("the answer says {}, which stands in none of its chunks", numbers.join(", "));
        return Some(Finding::new("not_grounded", detail));
    }
    (share < least).then(|| {
        let some = unsupported.iter().take(8).map(String::as_str).collect::<Vec<_>>().join(", ");
        let detail = format!("{:.0} % of the answer's words stand in its chunks; not {some}", 100.0 * share);
        Finding::new("not_grounded", detail)
    })
}

#[cfg(test)]
mod tests {
    use halligan_finetune::chat::Message;

    use super::*;

    fn row(question: &str, answer: &str) -> Row {
        Row::of_answer("record", "g", question, answer)
    }

    fn chunk(text: &str) -> HashSet<String> {
        words(text).collect()
    }

    #[test]
    fn malformed_rows_are_named_by_what_is_wrong() {
        assert_eq!(schema(&row("How far?", "150 feet.")), None);
        assert!(schema(&row("How far?", " ")).unwrap().detail.contains("message 2 is empty"));
        let mut turned = row("How far?", "150 feet.");
        turned.messages.as_mut().unwrap().reverse();
        assert!(schema(&turned.clone()).unwrap().detail.contains("name should be"));
        assert!(schema(&turned.named()).unwrap().detail.contains("no question comes first"));
        let mut both = row("a", "b");
        both.text = Some("c".to_owned());
        assert!(schema(&both.named()).unwrap().detail.contains("exactly one"));
        let mut odd = row("a", "b");
        odd.messages.as_mut().unwrap().push(Message::new("narrator", "x"));
        assert!(schema(&odd.named()).unwrap().detail.contains("`narrator`"));
        assert_eq!(schema(&Row::of_text("text", "g", "Water.")), None);
    }

    #[test]
    fn answers_without_substance_are_too_generic() {
        let generic = |question, answer| generic(&row(question, answer), 1).map(|found| found.reason);
        assert_eq!(generic("How far do I stay from chlorine?", "Stay 150 feet away."), None);
        assert_eq!(generic("Is acetone flammable?", "Yes."), None);
        assert_eq!(generic("Which suit level is vapor tight?", "The vapor tight suit level is Level A."), None);
        assert_eq!(generic("How far?", "I don\u{2019}t know how far."), Some("too_generic"));
        assert_eq!(generic("What is a safety zone?", "A safety zone is a safety zone."), Some("too_generic"));
        assert_eq!(generic("What does the provided context say?", "Stay upwind."), Some("too_generic"));
        assert_eq!(super::generic(&row("How far?", "150 feet"), 3).unwrap().reason, "too_short");
    }

    #[test]
    fn an_answer_in_words_of_its_question_is_right_where_it_chooses_or_says_its_value() {
        let found = |row: &Row| generic(row, 1).map(|found| found.reason);
        for (question, answer) in [
            ("Do I approach from uphill or downhill?", "Uphill."),
            ("True or false: water may be used on sodium.", "False."),
            ("What is the hazard class of 1,3-butadiene: 2.1 or 3?", "2.1"),
            (
                "What is the hazard class of 1,2-Epoxy-3-ethoxypropane?",
                "The hazard class of 1,2-Epoxy-3-ethoxypropane is 3.",
            ),
        ] {
            assert_eq!(found(&row(question, answer)), None, "{question}");
        }
        let valued = |value: &str| Row {
            value: Some(value.to_owned()),
            ..row("Is the flammable liquid cabinet yellow, as flammable liquid cabinets are?", "It is yellow.")
        };
        assert_eq!((found(&valued("Yellow")), found(&valued("red"))), (None, Some("too_generic")));
        let mut talk = row("Is it uphill?", "Why?");
        talk.messages
            .as_mut()
            .unwrap()
            .extend([Message::new("user", "Where is uphill?"), Message::new("assistant", "Uphill.")]);
        assert_eq!(found(&talk), Some("too_generic"));
    }

    #[test]
    fn an_answer_that_calls_a_tool_needs_no_words() {
        let mut called = row("How deep is the tank?", "");
        called.messages.as_mut().unwrap()[1].tool_calls = vec![serde_json::json!({"function": {"name": "depth"}})];
        let called = called.named();
        assert_eq!((schema(&called), generic(&called, 1)), (None, None));
    }

    #[test]
    fn invented_numbers_are_not_grounded_and_reworded_answers_are() {
        let text = chunk("UN1090 Acetone, class 3, packing group II. Close the valve before you enter.");
        let judge = |answer: &str| {
            let (share, unsupported) = support(&row("What is the packing group of acetone?", answer), &text);
            grounding(share, &unsupported, 0.6)
        };
        assert_eq!(judge("The packing group of acetone is II."), None);
        assert_eq!(judge("Close the valves; it is UN1090."), None);
        assert!(judge("Acetone is UN1091, packing group II.").unwrap().detail.contains("un1091"));
        let valued =
            Row { value: Some("III".to_owned()), ..row("Its packing group?", "The packing group of acetone is III.") };
        assert!(value(&valued, &text).unwrap().detail.contains("iii"));
        let judge_value = |said: &str| value(&Row { value: Some(said.to_owned()), ..valued.clone() }, &text);
        assert_eq!(judge_value("class 3"), None);
        assert!(judge_value("I").is_some() && judge_value("II").is_none());
        let led = row("Is the packing group of UN1099 acetone 3.10?", "Yes, UN1099 acetone is in packing group II.");
        let (share, unsupported) = support(&led, &text);
        assert!(grounding(share, &unsupported, 0.6).unwrap().detail.contains("un1099"));
        assert_eq!(judge("Acetone, class 3.0, has the packing group II."), None);
        assert!(judge("Helicopters land on rooftops during storms.").unwrap().detail.contains("helicopters"));
    }
}
