//! Datasets and adapters as the verbs need them: read, checked against the base, named in errors.

use std::collections::BTreeSet;
use std::path::Path;

use halligan_finetune::{
    adapter::{Adapter, PeftBase, PeftScale},
    chat::ChatTemplate,
    dataset::{self, DatasetError, Example, LongText, Row},
    lora::tensor_names,
    model::BaseModel,
    tokenizer::Tokenizer,
    train::{CHECKPOINT_FILE, Checkpoint},
};
use halligan_runtime::evaluate::{Question, is_right};

use crate::about;

/// Reads all rows of a dataset.
///
/// # Errors
/// No file, no row, or the first line that is no row.
pub fn read(path: &Path) -> anyhow::Result<Vec<Row>> {
    Ok(dataset::read_rows(path)?)
}

/// Turns rows into tokens of the base, each at most `max_tokens` long; a longer text is split or refused.
///
/// # Errors
/// A base without a usable tokenizer or chat template, or the first row that cannot be used.
pub fn encode(
    base: &BaseModel,
    path: &Path,
    rows: &[Row],
    max_tokens: usize,
    long: LongText,
) -> anyhow::Result<Vec<Example>> {
    let file = base.file.path();
    let tokenizer = Tokenizer::from_gguf(&base.file).map_err(|error| about(file, error))?;
    // A base without a template still trains on text rows; the dataset says which row needs one.
    let template = if base.file.has("tokenizer.chat_template") {
        Some(ChatTemplate::from_gguf(&base.file, &tokenizer).map_err(|error| about(file, error))?)
    } else {
        None
    };
    let encoded = dataset::encode_rows_with(path, rows, &tokenizer, template.as_ref(), max_tokens, long);
    encoded.map_err(|error| match error {
        DatasetError::TooLong { path, line, tokens, limit } if limit >= base.description.context_tokens => {
            anyhow::anyhow!(
                "{}:{line}: {tokens} tokens, and the context of the base ends at {limit}; shorten the row, or choose a \
                 base with a longer context",
                path.display()
            )
        }
        other => other.into(),
    })
}

/// The rows that have a `value`, as questions to ask.
///
/// # Errors
/// A row with a value that is no single question, or whose own answer the strict match would call wrong.
pub fn questions(path: &Path, rows: &[Row]) -> anyhow::Result<Vec<Question>> {
    let asked = rows.iter().filter_map(|row| Some((row, row.value.as_ref()?)));
    asked
        .map(|(row, value)| {
            question(row, value).map_err(|problem| anyhow::anyhow!("{}:{}: {problem}", path.display(), row.line))
        })
        .collect()
}

fn question(row: &Row, value: &str) -> Result<Question, &'static str> {
    let Some([user, assistant]) = row.messages() else {
        return Err(
            "a row with `value` needs exactly one user and one assistant turn; remove `value` or the other turns",
        );
    };
    if (user.role.as_str(), assistant.role.as_str()) != ("user", "assistant") {
        return Err("a row with `value` needs one user and one assistant turn, in this order; correct the roles");
    }
    if !value.chars().any(char::is_alphanumeric) {
        return Err("`value` is empty; give the words that a right answer must contain, or remove it");
    }
    let question = Question {
        id: row.id.clone().unwrap_or_else(|| format!("line {}", row.line)),
        question: user.content.clone(),
        reference: assistant.content.clone(),
        value: value.to_owned(),
        contradicts: row.contradicts.clone(),
    };
    if is_right(&question.reference, &question) {
        Ok(question)
    } else {
        Err("the assistant turn does not contain `value`, or contradicts it; correct one of them")
    }
}

/// Reads a GGUF adapter, a PEFT folder or the checkpoint of a run, and checks that it belongs to `base`.
///
/// # Errors
/// A damaged adapter, one for another base, or one that changes what the engine does not adapt.
pub fn open_adapter(path: &Path, base: &BaseModel) -> anyhow::Result<Adapter> {
    let adapter = if path.join(CHECKPOINT_FILE).is_file() {
        Checkpoint::read_adapter(path).map_err(|error| about(path, error))?.0
    } else if path.is_dir() {
        let names = PeftBase::from_gguf(&base.file).map_err(|error| about(base.file.path(), error))?;
        Adapter::read_peft(path, &names).map_err(|error| about(path, error))?
    } else {
        Adapter::read_gguf(path).map_err(|error| about(path, error))?
    };
    adapter.check_fits(&base.file).map_err(|error| about(path, error))?;
    let known: BTreeSet<String> = tensor_names(&base.description).collect();
    if let Some(other) = adapter.pairs.keys().find(|name| !known.contains(*name)) {
        anyhow::bail!(
            "{}: it adapts {other}, which the engine does not compute; use an adapter on the blocks' linear layers",
            path.display()
        );
    }
    Ok(adapter)
}

/// Writes the adapter as PEFT safetensors into `folder`, with the scale as alpha / sqrt(rank) where it was trained
/// `rank_stabilized`.
///
/// # Errors
/// What the system refused, or a tensor without a PEFT name.
pub fn write_peft(adapter: &Adapter, folder: &Path, base: &BaseModel, rank_stabilized: bool) -> anyhow::Result<()> {
    let names = PeftBase::from_gguf(&base.file).map_err(|error| about(base.file.path(), error))?;
    let scale = if rank_stabilized { PeftScale::RootOfRank } else { PeftScale::Rank };
    adapter.write_peft_scaled(folder, &names, scale).map_err(|error| about(folder, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows_of(text: &str) -> (tempfile::TempDir, std::path::PathBuf, Vec<Row>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, text).unwrap();
        let rows = read(&path).unwrap();
        (folder, path, rows)
    }

    #[test]
    fn rows_without_value_are_no_questions_and_the_others_are() {
        let (_folder, path, rows) = rows_of(concat!(
            "{\"text\":\"Water boils.\"}\n",
            "{\"messages\":[{\"role\":\"user\",\"content\":\"How far?\"},{\"role\":\"assistant\",\"content\":\"150 feet.\"}],\"value\":\"150 feet\"}\n",
        ));
        let questions = questions(&path, &rows).unwrap();
        assert_eq!(questions.len(), 1);
        assert_eq!((questions[0].id.as_str(), questions[0].value.as_str()), ("line 2", "150 feet"));
    }

    #[test]
    fn answer_that_lacks_its_own_value_is_named_with_its_line() {
        let (_folder, path, rows) = rows_of(
            "{\"messages\":[{\"role\":\"user\",\"content\":\"How far?\"},{\"role\":\"assistant\",\"content\":\"Far.\"}],\"value\":\"150 feet\"}\n",
        );
        let error = questions(&path, &rows).unwrap_err().to_string();
        assert!(error.contains("rows.jsonl:1: the assistant turn does not contain"), "{error}");
    }
}
