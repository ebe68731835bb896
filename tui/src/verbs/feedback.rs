//! `halligan feedback`: judges an answer.

use std::process::ExitCode;

use anyhow::Result;
use halligan_runtime::{Assistant, Feedback, Reason, TurnId};
use serde_json::json;

use crate::cli::{Common, Mark};
use crate::figures::counted;
use crate::output;

/// Exit code of a command line that cannot be understood.
const USAGE: u8 = 2;

/// Records feedback; it is on disk when this returns.
///
/// # Errors
/// An unknown turn or a failing journal.
pub fn run(common: &Common, turn: i64, mark: Mark, text: &str, reasons: &[Reason]) -> Result<ExitCode> {
    let text = text.trim();
    let feedback = match (mark, text.is_empty()) {
        (Mark::Good, true) => Feedback::Good,
        (Mark::Bad, true) => Feedback::Bad,
        (Mark::Correct, false) => Feedback::Correction(text.to_owned()),
        (Mark::Correct, true) => {
            output::talk(&format!(
                "error: `correct` needs the right answer; write halligan feedback {turn} correct \"the right answer\""
            ));
            return Ok(ExitCode::from(USAGE));
        }
        (Mark::Good | Mark::Bad, false) => {
            output::talk(&format!(
                "error: only `correct` takes a text; write halligan feedback {turn} correct \"{text}\""
            ));
            return Ok(ExitCode::from(USAGE));
        }
    };
    let assistant = Assistant::open(&common.options())?;
    assistant.give_feedback(TurnId(turn), feedback.clone(), reasons)?;
    let waiting = assistant.status()?.corrections_waiting;
    if common.json {
        output::json(&json!({
            "turn": turn,
            "feedback": feedback,
            "reasons": reasons,
            "corrections_waiting": waiting,
        }))?;
    } else {
        let word = match feedback {
            Feedback::Good => "good",
            Feedback::Bad => "bad",
            Feedback::Correction(_) => "corrected",
        };
        output::line(&format!("turn {turn} recorded as {word}"))?;
        if waiting > 0 {
            output::talk(&format!(
                "{} waiting; `halligan learn` trains an update from them",
                counted(waiting, "correction")
            ));
        }
    }
    Ok(ExitCode::SUCCESS)
}
