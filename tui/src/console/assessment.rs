//! What is to be thought of an answer, in words and marks that need no colour, on the screen and in plain text.

use halligan_runtime::agent::tool::SAYS;
use halligan_runtime::assistant::NO_MODEL;
use halligan_runtime::{Assessment, ToolCall, ToolOutcome, ToolUse, Turn, Verdict};
use serde_json::Value;

use crate::figures::{CONFIDENCE_KIND, confidence_word, printable, verdict_words};

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

/// Lines below an answer, each with its tone. What the reasons say is not said again: neither the model's own confidence
/// beside a calibrated probability, nor what the documents confirm.
pub fn lines(turn: &Turn) -> Vec<(Tone, String)> {
    if turn.generation == NO_MODEL {
        let done = turn.tools.iter().any(|used| matches!(used.outcome, ToolOutcome::Done(_)));
        // Why there is no result stands beside the call.
        return done.then(|| (Tone::Good, "[+] answered by a tool, not by the model".to_owned())).into_iter().collect();
    }
    if turn.rests_on_tool() {
        return vec![(Tone::Good, "[+] answered with a tool; its result stands above".to_owned())];
    }
    let mut lines = Vec::new();
    lines.extend(turn.assessment.iter().flat_map(verdict_lines));
    if says_confidence(turn) {
        lines.push(confidence_line(turn.confidence));
    }
    if turn.assessment.is_some() {
        return lines;
    }
    if turn.passage.is_some() && !turn.supported {
        lines.push((Tone::Bad, "[!] not confirmed by the passage: check the source".to_owned()));
    } else if turn.passage.is_none() && turn.citations.is_empty() {
        lines.push((Tone::Bad, "[!] no passage of the documents fits: check another source".to_owned()));
    }
    lines
}

fn verdict_lines(assessment: &Assessment) -> Vec<(Tone, String)> {
    let tone = match assessment.verdict {
        Verdict::Answer => Tone::Good,
        Verdict::Warn | Verdict::Clarify | Verdict::Refuse => Tone::Bad,
    };
    let because = assessment.reasons.iter().map(|reason| (Tone::Plain, format!("    because {reason}")));
    std::iter::once((tone, verdict_words(assessment.verdict).to_owned())).chain(because).collect()
}

/// Lines below an answer that was shown and could not be kept; the error beside it says why.
pub fn unrecorded_lines(assessment: Option<&Assessment>) -> Vec<(Tone, String)> {
    let end = if assessment.is_some() { "[!] not recorded" } else { "[!] not judged, not recorded" };
    let judged = assessment.into_iter().flat_map(verdict_lines);
    judged.chain([(Tone::Bad, end.to_owned())]).collect()
}

/// Whether the model's own confidence helps: not beside the calibrated probability, which is made from it, not beside an
/// answer that is not shown, and not beside the result of a tool.
pub fn says_confidence(turn: &Turn) -> bool {
    !turn.rests_on_tool()
        && turn.assessment.as_ref().is_none_or(|given| given.probability.is_none() && given.shows_answer())
}

fn confidence_line(confidence: Option<f32>) -> (Tone, String) {
    let Some(confidence) = confidence else { return (Tone::Plain, "confidence unknown".to_owned()) };
    let word = confidence_word(confidence);
    let (mark, tone) = match word {
        "high" => ("[+]", Tone::Good),
        "low" => ("[!]", Tone::Bad),
        _ => ("[~]", Tone::Plain),
    };
    (tone, format!("{mark} confidence {word} {confidence:.2} ({CONFIDENCE_KIND})"))
}

/// A tool use in one line: `tool convert: from = "mi", to = "km" -> 3.2 km`. What `answer` says itself is left out.
pub fn tool_words(used: &ToolUse, answer: &str) -> (Tone, String) {
    let call = call_words(&used.call);
    let told = |words: &str| answer.contains(words.trim());
    match &used.outcome {
        ToolOutcome::Done(value) => {
            let result = result_words(value);
            let shown = if told(&result) { String::new() } else { format!(" -> {result}") };
            (Tone::Plain, format!("tool {call}{shown}"))
        }
        ToolOutcome::Failed(why) if told(why) => (Tone::Bad, format!("[!] tool {call} failed")),
        ToolOutcome::Failed(why) => (Tone::Bad, format!("[!] tool {call} failed: {why}")),
        ToolOutcome::Denied => (Tone::Bad, format!("[x] tool {call} was not allowed")),
    }
}

/// Whether a tool use has to be told beside an answer: not where the answer is its result.
pub fn says_more(used: &ToolUse, answer: &str) -> bool {
    match &used.outcome {
        ToolOutcome::Done(value) => !answer.contains(result_words(value).trim()),
        ToolOutcome::Failed(_) | ToolOutcome::Denied => true,
    }
}

/// A call in one line: `log_entry: text = "Gate 3 closed"`.
pub fn call_words(call: &ToolCall) -> String {
    let arguments = match call.arguments.as_object() {
        Some(fields) => fields.iter().map(|(name, value)| format!("{name} = {value}")).collect::<Vec<_>>().join(", "),
        None => call.arguments.to_string(),
    };
    let gap = if arguments.is_empty() { "" } else { ": " };
    printable(&format!("{}{gap}{arguments}", call.name))
}

/// A result in words: those of the tool itself, else its fields.
fn result_words(result: &Value) -> String {
    if let Some(says) = result[SAYS].as_str() {
        return says.to_owned();
    }
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match result.as_object() {
        Some(fields) => {
            fields.iter().map(|(name, value)| format!("{name} = {}", plain(value))).collect::<Vec<_>>().join(", ")
        }
        None => plain(result),
    }
}

#[cfg(test)]
mod tests {
    use halligan_runtime::{Assessment, SessionId, TurnId};
    use serde_json::json;

    use super::*;

    fn used(arguments: Value, outcome: ToolOutcome) -> ToolUse {
        ToolUse { call: ToolCall { name: "list_checklists".to_owned(), arguments }, outcome, seconds: 0.0 }
    }

    fn turn(assessment: Assessment) -> Turn {
        Turn {
            id: TurnId(1),
            session: SessionId(1),
            question: "How far?".to_owned(),
            answer: "60 metres".to_owned(),
            confidence: Some(0.92),
            assessment: Some(assessment),
            passage: None,
            supported: false,
            citations: Vec::new(),
            tools: Vec::new(),
            model: None,
            generation: "base".to_owned(),
            tokens: 3,
            seconds: 0.1,
            feedback: None,
            reasons: Vec::new(),
            created_at: 0,
        }
    }

    #[test]
    fn an_answer_is_judged_once_and_by_the_best_that_is_known() {
        let said = |verdict, probability: Option<f32>, reason: &str| {
            let reasons = vec![reason.to_owned()];
            lines(&turn(Assessment { verdict, probability, domain_score: None, reasons }))
                .into_iter()
                .map(|line| line.1)
                .collect::<Vec<_>>()
        };
        let calibrated = said(Verdict::Warn, Some(0.73), "an answer like this one is right in 73 of 100 cases");
        assert_eq!(calibrated.len(), 2, "the raw confidence beside it would say something else: {calibrated:?}");
        let refused = said(Verdict::Refuse, None, "the question is foreign");
        assert_eq!(refused, ["[x] outside my expertise", "    because the question is foreign"]);
        let never_measured = said(Verdict::Warn, None, "no passage of the documents confirms it");
        assert!(never_measured[2].starts_with("[+] confidence high 0.92"), "{never_measured:?}");
        assert_eq!(never_measured.len(), 3, "what the documents do not confirm is said once");
    }

    #[test]
    fn a_tool_is_told_in_words_and_nothing_that_the_answer_says_is_told_twice() {
        let done = used(json!({"word": "foam"}), ToolOutcome::Done(json!({"says": "Two lists.", "count": 2})));
        assert_eq!(tool_words(&done, "").1, "tool list_checklists: word = \"foam\" -> Two lists.");
        assert_eq!(tool_words(&done, "Two lists.").1, "tool list_checklists: word = \"foam\"");
        let failed = used(json!({}), ToolOutcome::Failed("there are none; add documents".to_owned()));
        assert_eq!(tool_words(&failed, "").1, "[!] tool list_checklists failed: there are none; add documents");
        assert_eq!(tool_words(&failed, "there are none; add documents").1, "[!] tool list_checklists failed");
        let fields = used(json!({}), ToolOutcome::Done(json!({"value": 0.06, "unit": "mi"})));
        assert!(tool_words(&fields, "").1.ends_with("-> value = 0.06, unit = mi"), "{:?}", tool_words(&fields, ""));
    }
}
