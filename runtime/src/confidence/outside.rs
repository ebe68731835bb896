//! Questions outside the domain, as a kit brings them: JSONL rows `{"question": ".."}`, or `messages` rows of which the
//! first turn of the user is taken.

use std::path::Path;

use serde::Deserialize;

use crate::error::EvaluateError;

#[derive(Deserialize)]
struct Row {
    question: Option<String>,
    #[serde(default)]
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: String,
}

/// Reads a file of questions; blank lines are skipped.
///
/// # Errors
/// [`EvaluateError`]: unreadable or empty file, a line without a question.
pub fn read_outside(path: &Path) -> Result<Vec<String>, EvaluateError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| EvaluateError::Unreadable { path: path.to_path_buf(), source })?;
    let mut questions = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let bad = |reason: String| EvaluateError::BadRow { path: path.to_path_buf(), line: index + 1, reason };
        let row: Row = serde_json::from_str(line).map_err(|error| bad(error.to_string()))?;
        let asked = || row.messages.into_iter().find(|message| message.role == "user").map(|message| message.content);
        let question = row.question.or_else(asked).unwrap_or_default();
        if question.trim().is_empty() {
            return Err(bad("there is no question; give `question` or `messages`".to_owned()));
        }
        questions.push(question.trim().to_owned());
    }
    if questions.is_empty() {
        return Err(EvaluateError::Empty { path: path.to_path_buf() });
    }
    Ok(questions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<String>, EvaluateError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outside.jsonl");
        std::fs::write(&path, text).unwrap();
        read_outside(&path)
    }

    #[test]
    fn both_kinds_of_rows_are_read_and_bad_ones_named_with_their_line() {
        let both = "{\"question\": \"How do I bake bread?\"}\n\n{\"messages\": [{\"role\": \"user\", \"content\": \" Who won? \"}]}\n";
        assert_eq!(read(both).unwrap(), ["How do I bake bread?", "Who won?"]);
        for bad in ["{}", "{\"question\": \" \"}", "{\"messages\": []}", "[", "{\"question\": 3}"] {
            let error = read(&format!("{{\"question\": \"a\"}}\n{bad}\n")).unwrap_err().to_string();
            assert!(error.contains("outside.jsonl line 2"), "{bad}: {error}");
        }
        assert!(matches!(read("\n"), Err(EvaluateError::Empty { .. })));
    }
}
