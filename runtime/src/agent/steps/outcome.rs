//! What the program says of a call at the end of an answer, where the model does not.
//!
//! A model may say `logged` after a refusal, or copy a figure wrongly. People then read the tool's own words below.

use crate::agent::figures::figures;
use crate::agent::tool::words_of;
use crate::agent::tools::SEARCH_DOCUMENTS;
use crate::turn::{ToolOutcome, ToolUse};

/// Longest result that is put below an answer, in bytes; longer ones stand with the call.
const BELOW_BYTES_MAX: usize = 1024;

/// The program's words for the last call, where `answer` lacks what people must know of it: that it was refused or
/// failed, or all of the figures that its result adds to the question.
pub(super) fn unsaid(used: &ToolUse, answer: &str, question: &str) -> Option<String> {
    let words = words_of(used);
    let is_told = !answer.is_empty()
        && match &used.outcome {
            // Passages are quoted beside the answer.
            ToolOutcome::Done(_) if used.call.name == SEARCH_DOCUMENTS => true,
            ToolOutcome::Done(_) if words.len() > BELOW_BYTES_MAX || answer.contains(words.trim()) => true,
            // What announces a result gives none.
            ToolOutcome::Done(_) if answer.ends_with(':') => false,
            ToolOutcome::Done(_) => {
                let (asked, said) = (figures(question), figures(answer));
                let mut added = figures(&words).into_iter().filter(|figure| !asked.contains(figure)).peekable();
                added.peek().is_none() || added.any(|figure| said.contains(&figure))
            }
            ToolOutcome::Failed(_) | ToolOutcome::Denied => answer.contains(words.trim()),
        };
    (!is_told && !words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::turn::ToolCall;

    fn used(name: &str, outcome: ToolOutcome) -> ToolUse {
        ToolUse { call: ToolCall { name: name.to_owned(), arguments: json!({}) }, outcome, seconds: 0.0 }
    }

    #[test]
    fn a_figure_that_the_answer_lacks_is_said_by_the_program() {
        let sum = used("calculate", ToolOutcome::Done(json!({ "says": "6*7 = 42." })));
        for told in ["It makes 42.", "6*7 = 42.", "42"] {
            assert_eq!(unsaid(&sum, told, "6*7?"), None, "{told}");
        }
        for silent in ["", "It makes 41.", "6*7 is easy.", "The tool says:"] {
            assert_eq!(unsaid(&sum, silent, "6*7?").as_deref(), Some("6*7 = 42."), "{silent}");
        }
    }

    #[test]
    fn a_refusal_or_failure_is_said_unless_the_answer_has_its_words() {
        let denied = used("log_entry", ToolOutcome::Denied);
        let words = unsaid(&denied, "Logged.", "Log it").unwrap();
        assert_eq!(words, "`log_entry` changes something and was not allowed, so nothing was changed.");
        assert_eq!(unsaid(&denied, &words, "Log it"), None);
        let failed = used("next_item", ToolOutcome::Failed("no checklist is open".to_owned()));
        assert_eq!(unsaid(&failed, "Item 2 is next.", "Next?").as_deref(), Some("no checklist is open"));
    }

    #[test]
    fn passages_are_not_repeated_below_an_answer() {
        let found = used(SEARCH_DOCUMENTS, ToolOutcome::Done(json!({ "says": "Keep 200 feet away." })));
        assert_eq!(unsaid(&found, "Stay back.", "How far?"), None);
        assert!(unsaid(&found, "", "How far?").is_some());
    }
}
