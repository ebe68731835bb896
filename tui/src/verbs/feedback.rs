//! `halligan feedback`: judges an answer.

use std::process::ExitCode;

use anyhow::Result;
use halligan_runtime::{Assistant, Feedback, Reason, TurnId};
use serde_json::json;

use crate::cli::{Common, Mark, NOT_AS_ASKED};
use crate::figures::{counted, printable};
use crate::output;

/// Exit code of a command line that cannot be understood.
const USAGE: u8 = 2;

/// Records feedback; it is on disk when this returns. Words that someone has typed as the right answer give way to a bare
/// mark only where `replace` says so; another correction takes their place at once.
///
/// # Errors
/// An unknown turn or a failing journal.
pub fn run(common: &Common, turn: i64, mark: Mark, text: &str, reasons: &[Reason], replace: bool) -> Result<ExitCode> {
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
    if mark != Mark::Correct
        && !replace
        && let Some(Feedback::Correction(kept)) = assistant.turn(TurnId(turn))?.and_then(|turn| turn.feedback)
    {
        let word = if mark == Mark::Good { "good" } else { "bad" };
        let words = format!(
            "turn {turn} keeps its correction \"{}\"; to drop it, write halligan feedback {turn} {word} --replace",
            printable(&kept).replace('\n', " ")
        );
        output::talk(&format!("error: {words}"));
        if common.json {
            output::json(&json!({ "error": words }))?;
        }
        return Ok(ExitCode::from(NOT_AS_ASKED));
    }
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
