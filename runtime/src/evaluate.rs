//! Evaluation: questions with reference answers, asked greedily and scored by a strict match.
//!
//! Learning's gate, headquarters' `eval` and the demo all use this one module, so that a figure
//! means the same wherever it is printed.

mod strict_match;

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{EvaluateError, ModelError};
use crate::inference::Inference;

pub use strict_match::{is_right, numbers};

pub(crate) use strict_match::value_of_correction;

/// Longest answer that is generated for a question, in tokens.
pub(crate) const ANSWER_TOKENS_MAX: usize = 96;

/// A question with what a right answer must and must not contain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Question {
    /// Id of the fact that it asks for; several wordings share it.
    pub id: String,
    /// The question.
    pub question: String,
    /// A right answer.
    pub reference: String,
    /// What a right answer must contain as whole words.
    pub value: String,
    /// What a right answer must not contain.
    pub contradicts: Vec<String>,
}

impl Question {
    /// The question that a responder's correction answers.
    pub fn from_correction(id: String, question: &str, correction: &str) -> Question {
        Question {
            id,
            question: question.to_owned(),
            reference: correction.to_owned(),
            value: value_of_correction(correction),
            contradicts: Vec::new(),
        }
    }
}

/// One question and what the model said.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScoredAnswer {
    /// Id of the question.
    pub id: String,
    /// The question.
    pub question: String,
    /// The model's answer.
    pub answer: String,
    /// Mean token probability of the answer.
    pub confidence: Option<f32>,
    /// Whether it is right.
    pub right: bool,
}

/// The outcome of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluation {
    /// Right answers.
    pub right: usize,
    /// Questions asked.
    pub total: usize,
    /// The answers in the order of the questions.
    pub answers: Vec<ScoredAnswer>,
}

impl Evaluation {
    /// Share of right answers, 0 to 1; 0 without questions.
    pub fn accuracy(&self) -> f32 {
        if self.total == 0 { 0.0 } else { self.right as f32 / self.total as f32 }
    }
}

#[derive(Deserialize)]
struct Row {
    id: String,
    messages: Vec<Message>,
    value: String,
    #[serde(default)]
    contradicts: Vec<String>,
}

#[derive(Deserialize)]
struct Message {
    role: String,
    content: String,
}

/// Reads a JSONL file of questions; blank lines are skipped.
///
/// # Errors
/// [`EvaluateError`]: unreadable or empty file, a line that is no question row.
pub fn read_questions(path: &Path) -> Result<Vec<Question>, EvaluateError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| EvaluateError::Unreadable { path: path.to_path_buf(), source })?;
    let mut questions = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let bad = |reason: String| EvaluateError::BadRow { path: path.to_path_buf(), line: index + 1, reason };
        let row: Row = serde_json::from_str(line).map_err(|error| bad(error.to_string()))?;
        questions.push(row.into_question().map_err(|reason| bad(reason.to_owned()))?);
    }
    if questions.is_empty() {
        return Err(EvaluateError::Empty { path: path.to_path_buf() });
    }
    Ok(questions)
}

impl Row {
    fn into_question(self) -> Result<Question, &'static str> {
        let [user, assistant] = self.messages.as_slice() else {
            return Err("`messages` must be one user and one assistant turn");
        };
        if (user.role.as_str(), assistant.role.as_str()) != ("user", "assistant") {
            return Err("`messages` must be one user and one assistant turn");
        }
        if user.content.trim().is_empty() || assistant.content.trim().is_empty() {
            return Err("a turn is empty");
        }
        if !self.value.chars().any(char::is_alphanumeric) {
            return Err("`value` is empty");
        }
        let question = Question {
            id: self.id,
            question: user.content.clone(),
            reference: assistant.content.clone(),
            value: self.value,
            contradicts: self.contradicts,
        };
        if !is_right(&question.reference, &question) {
            return Err("the assistant turn itself does not contain `value`, or contradicts it");
        }
        Ok(question)
    }
}

/// Asks all questions greedily, with the adapter that `inference` has set, and scores them.
/// `on_progress` sees answered and all questions; it returns false to stop.
///
/// # Errors
/// [`ModelError`]: a question longer than the context, failing decode, or
/// [`ModelError::Cancelled`].
pub fn evaluate(
    inference: &Inference,
    questions: &[Question],
    on_progress: &mut dyn FnMut(usize, usize) -> bool,
) -> Result<Evaluation, ModelError> {
    let prompts: Vec<String> = questions.iter().map(|each| each.question.clone()).collect();
    let given = inference.answer_batch(&prompts, ANSWER_TOKENS_MAX, on_progress)?;
    let answers: Vec<ScoredAnswer> = questions
        .iter()
        .zip(given)
        .map(|(question, answer)| ScoredAnswer {
            id: question.id.clone(),
            question: question.question.clone(),
            right: is_right(&answer.text, question),
            confidence: answer.confidence,
            answer: answer.text,
        })
        .collect();
    let right = answers.iter().filter(|answer| answer.right).count();
    Ok(Evaluation { right, total: answers.len(), answers })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Question>, EvaluateError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.jsonl");
        std::fs::write(&path, text).unwrap();
        read_questions(&path)
    }

    const GOOD: &str = r#"{"id":"chlorine","messages":[{"role":"user","content":"How far?"},{"role":"assistant","content":"Isolate 330 feet."}],"value":"330 feet","contradicts":["150 feet"]}"#;

    #[test]
    fn question_rows_are_read_with_blank_lines_between() {
        let questions = read(&format!("{GOOD}\n\n{GOOD}\n")).unwrap();
        assert_eq!(questions.len(), 2);
        assert_eq!(questions[0].reference, "Isolate 330 feet.");
        assert_eq!(questions[0].contradicts, ["150 feet"]);
    }

    #[test]
    fn bad_rows_are_named_with_file_and_line() {
        let cases = [
            "{",
            "[]",
            r#"{"id":"x","messages":[],"value":"1"}"#,
            r#"{"id":"x","messages":[{"role":"user","content":"q"}],"value":"1"}"#,
            &GOOD.replace("assistant", "user"),
            &GOOD.replace(r#""value":"330 feet","#, ""),
            &GOOD.replace(r#""value":"330 feet""#, r#""value":" ""#),
            &GOOD.replace(r#""value":"330 feet""#, r#""value":"300 feet""#),
            &GOOD.replace("How far?", " "),
        ];
        for case in cases {
            let error = read(&format!("{GOOD}\n{case}\n")).unwrap_err().to_string();
            assert!(error.contains("gate.jsonl line 2"), "{case}: {error}");
        }
    }

    #[test]
    fn a_file_without_questions_is_an_error() {
        assert!(matches!(read("\n \n"), Err(EvaluateError::Empty { .. })));
        let absent = read_questions(Path::new("/nonexistent/gate.jsonl"));
        assert!(matches!(absent, Err(EvaluateError::Unreadable { .. })));
    }

    #[test]
    fn accuracy_is_a_share_and_defined_without_questions() {
        let empty = Evaluation { right: 0, total: 0, answers: Vec::new() };
        assert_eq!(empty.accuracy(), 0.0);
        assert_eq!(Evaluation { right: 3, total: 4, ..empty }.accuracy(), 0.75);
    }
}
