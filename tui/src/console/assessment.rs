//! What is to be thought of an answer, in words and marks that need no colour, on the screen and in plain text.

use halligan_runtime::assistant::NO_MODEL;
use halligan_runtime::{Turn, Verdict};

use crate::figures::{CONFIDENCE_KIND, confidence_word, percent, verdict_words};

/// How an answer is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It stands.
    Good,
    /// Neither good nor bad.
    Plain,
    /// It needs care.
    Bad,
}

/// Lines below an answer, each with its tone.
pub fn lines(turn: &Turn) -> Vec<(Tone, String)> {
    if turn.generation == NO_MODEL {
        return vec![(Tone::Good, "[+] answered by a tool, not by the model".to_owned())];
    }
    let mut lines = Vec::new();
    if let Some(assessment) = &turn.assessment {
        let tone = match assessment.verdict {
            Verdict::Answer => Tone::Good,
            Verdict::Warn | Verdict::Clarify | Verdict::Refuse => Tone::Bad,
        };
        let mut line = verdict_words(assessment.verdict).to_owned();
        if let Some(probability) = assessment.probability {
            line.push_str(&format!(", right with probability {}", percent(Some(probability))));
        }
        lines.push((tone, line));
        lines.extend(assessment.reasons.iter().map(|reason| (Tone::Plain, format!("    because {reason}"))));
    }
    match turn.confidence {
        Some(confidence) => {
            let word = confidence_word(confidence);
            let (mark, tone) = match word {
                "high" => ("[+]", Tone::Good),
                "low" => ("[!]", Tone::Bad),
                _ => ("[~]", Tone::Plain),
            };
            lines.push((tone, format!("{mark} confidence {word} {confidence:.2} ({CONFIDENCE_KIND})")));
        }
        None => lines.push((Tone::Plain, "confidence unknown".to_owned())),
    }
    if turn.passage.is_some() && !turn.supported {
        lines.push((Tone::Bad, "[!] not confirmed by the passage: check the source".to_owned()));
    } else if turn.passage.is_none() && turn.citations.is_empty() {
        lines.push((Tone::Bad, "[!] no passage of the documents fits: check another source".to_owned()));
    }
    lines
}

/// A tool use in one line: `tool convert: from = "mi", to = "km" -> 3.2`.
pub fn tool_words(used: &halligan_runtime::ToolUse) -> (Tone, String) {
    use halligan_runtime::ToolOutcome;
    let call = crate::console::pages::approval::call_words(&used.call);
    match &used.outcome {
        ToolOutcome::Done(value) => (Tone::Plain, format!("tool {call} -> {value}")),
        ToolOutcome::Failed(why) => (Tone::Bad, format!("[!] tool {call} failed: {why}")),
        ToolOutcome::Denied => (Tone::Bad, format!("[x] tool {call} was not allowed")),
    }
}
