//! `halligan ask`: one question, one streamed answer.

use std::io::{self, Read};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use halligan_runtime::agent::tools::hazard::LOOK_UP;
use halligan_runtime::assistant::NO_MODEL;
use halligan_runtime::confidence::policy::cases;
use halligan_runtime::{AnswerEvent, AskOptions, Assessment, Assistant, Passage, ToolOutcome, ToolUse, Turn, Verdict};
use serde_json::{Value, json};

use crate::cli::{Common, NOT_AS_ASKED};
use crate::console::assessment::says_confidence;
use crate::figures::{CONFIDENCE_KIND, confidence_word, duration, printable, short_hash, verdict_words};
use crate::output;

/// Longest question read from standard input, in bytes.
const QUESTION_BYTES_MAX: u64 = 64 * 1024;

/// Answers `question`. The answer goes to standard output as it is generated, what stands beside
/// it to standard error; with `--json` one object holds everything.
///
/// # Errors
/// An empty question, a missing or damaged model, a failing journal.
pub fn run(common: &Common, question: &str, options: AskOptions) -> Result<ExitCode> {
    let question = if question == "-" { from_stdin()? } else { question.to_owned() };
    let question = question.trim();
    if question.is_empty() {
        bail!("the question is empty; write it after `halligan ask`");
    }
    let assistant = Assistant::open(&common.options())?;
    let stop = output::stop_on_interrupt()?;
    let options = AskOptions { cancel: Some(Arc::clone(&stop)), ..options };
    let mut written = Ok(());
    let (mut has_text, mut cautioned) = (false, false);
    let mut tools: Vec<ToolUse> = Vec::new();
    let talk_of_tools = |tools: &mut Vec<ToolUse>, answer: &str| {
        tools.drain(..).for_each(|used| output::talk(&super::tools::one_line(&used, answer)));
    };
    let turn = assistant.ask(question, &options, &mut |event| match event {
        AnswerEvent::ToolStarted(_) => talk_of_tools(&mut tools, ""),
        // With the text that follows, which may say what the tool says.
        AnswerEvent::ToolEnded(used) => tools.push(used),
        // Before the answer where it may be withheld: a warning is read first.
        AnswerEvent::Assessment(assessment) if !common.json && !has_text && assessment.shows_answer() => {
            cautioned = true;
            caution(&assessment).iter().for_each(|line| output::talk(line));
        }
        AnswerEvent::Text(text) if !common.json && written.is_ok() => {
            talk_of_tools(&mut tools, &text);
            has_text = true;
            written = output::piece(&printable(&text));
            if written.is_err() {
                // No one reads the answer any more, so it need not be generated.
                stop.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        _ => {}
    })?;
    talk_of_tools(&mut tools, &turn.answer);
    super::tools::talk_of_troubles(&assistant);
    written?;
    let withheld = !options.anyway && turn.is_withheld() && !has_text;
    let withdrawn = !options.anyway && has_text && turn.is_refused();
    if common.json {
        let mut value = turn_json(&turn);
        value["withheld"] = json!(withheld);
        if withheld {
            value["answer"] = json!("");
        }
        output::json(&value)?;
        return Ok(exit_code(&turn, withheld));
    }
    if withheld {
        for line in turn.assessment.iter().flat_map(assessment_lines) {
            output::line(&line)?;
        }
    } else {
        output::line("")?;
        // The answer was shown as it grew, so the warning comes after it.
        let late = turn.assessment.iter().filter(|_| !cautioned).flat_map(caution);
        late.for_each(|line| output::talk(&line));
        if withdrawn {
            output::talk("the answer is withdrawn; what was said of it does not count");
        }
    }
    for line in beside_the_answer(&turn, options.use_documents, withheld) {
        output::talk(&line);
    }
    Ok(exit_code(&turn, withheld || withdrawn))
}

/// Whether the question got what it asked for: neither a withheld answer nor a tool that did not run is that.
fn exit_code(turn: &Turn, withheld: bool) -> ExitCode {
    let undone = !turn.tools.is_empty() && !turn.is_done();
    if withheld || undone { ExitCode::from(NOT_AS_ASKED) } else { ExitCode::SUCCESS }
}

/// What must be read before the answer; nothing where the answer needs no warning.
fn caution(assessment: &Assessment) -> Vec<String> {
    if assessment.verdict == Verdict::Answer { Vec::new() } else { assessment_lines(assessment) }
}

fn from_stdin() -> Result<String> {
    let mut text = String::new();
    io::stdin()
        .lock()
        .take(QUESTION_BYTES_MAX)
        .read_to_string(&mut text)
        .context("cannot read the question from standard input; it must be UTF-8 text")?;
    Ok(text)
}

/// A turn as `halligan ask --json` prints it.
pub fn turn_json(turn: &Turn) -> Value {
    json!({
        "turn": turn.id,
        "session": turn.session,
        "question": turn.question,
        "answer": turn.answer,
        "confidence": turn.confidence,
        "confidence_kind": CONFIDENCE_KIND,
        "assessment": turn.assessment,
        "passage": turn.passage,
        "supported": turn.supported,
        "citations": turn.citations,
        "tools": turn.tools,
        "model": turn.model,
        "generation": turn.generation,
        "tokens": turn.tokens,
        "seconds": turn.seconds,
        "feedback": turn.feedback,
        "reasons": turn.reasons,
        "created_at": turn.created_at,
    })
}

/// What is to be thought of an answer, for people: the verdict, then its reasons.
pub fn assessment_lines(assessment: &Assessment) -> Vec<String> {
    let mut lines = vec![verdict_words(assessment.verdict).to_owned()];
    lines.extend(assessment.reasons.iter().map(|reason| format!("- {}", printable(reason))));
    lines
}

/// `guide.pdf, page 3: Hazmat > Chlorine`.
fn place_of(document: &str, page: Option<u32>, heading: &str) -> String {
    let mut place = document.to_owned();
    if let Some(page) = page {
        place.push_str(&format!(", page {page}"));
    }
    if !heading.is_empty() {
        place.push_str(&format!(": {heading}"));
    }
    printable(&place)
}

/// Where a passage stands.
pub fn place(passage: &Passage) -> String {
    place_of(&passage.document, passage.page, &passage.heading)
}

fn beside_the_answer(turn: &Turn, use_documents: bool, withheld: bool) -> Vec<String> {
    let mut lines = vec![String::new()];
    if withheld {
        lines.push(format!("see it all the same: halligan journal show {}, or ask with --anyway", turn.id));
    }
    if turn.generation == NO_MODEL {
        // No model is offered in place of a table: what it said of a substance would be made up.
        let looked_up = turn.tools.iter().any(|used| used.call.name == LOOK_UP);
        let denied = turn.tools.iter().any(|used| used.outcome == ToolOutcome::Denied);
        lines.push(match (turn.supported, looked_up) {
            _ if denied => "the tool was not allowed; `halligan ask --yes` allows it",
            (true, _) => "answered by a tool, not by the model; `halligan tools router off` leaves such questions to the model",
            (false, true) => "no table has it; `halligan tools import-table TABLE.csv` adds one",
            (false, false) => "no tool could do it; `halligan ask --no-tools` leaves such questions to the model",
        }.to_owned());
        lines.push(format!("turn {} in {}", turn.id.0, duration(turn.seconds)));
        return lines;
    }
    match &turn.passage {
        // A source would say what is withheld.
        _ if withheld => {}
        _ if turn.rests_on_tool() => lines.push("answered with a tool; its result stands above".to_owned()),
        Some(_) if !turn.citations.is_empty() => {
            for citation in &turn.citations {
                lines.push(format!("source {}", place_of(&citation.document, citation.page, &citation.heading)));
                lines.extend(printable(citation.quote.trim()).lines().map(|line| format!("  \"{line}\"")));
            }
            if !turn.supported {
                lines.push("not all of the answer stands in the documents: check the source".to_owned());
            }
        }
        Some(passage) => {
            lines.push(format!("source {}", place(passage)));
            for line in printable(passage.text.trim()).lines() {
                lines.push(format!("  | {line}"));
            }
            if turn.assessment.is_none() {
                lines.push("not confirmed by the passage: check the source".to_owned());
            }
        }
        None if use_documents => {
            lines.push("no passage of the documents fits: check another source".to_owned());
        }
        None => {}
    }
    match turn.confidence.filter(|_| says_confidence(turn)) {
        Some(confidence) => {
            lines.push(format!("confidence {confidence:.2} ({CONFIDENCE_KIND}), {}", confidence_word(confidence)))
        }
        None if says_confidence(turn) => lines.push("confidence unknown".to_owned()),
        None => {}
    }
    // Warnings and refusals say it among their reasons.
    let sure = turn.assessment.as_ref().filter(|assessment| assessment.verdict == Verdict::Answer);
    if let Some(probability) = sure.and_then(|assessment| assessment.probability) {
        lines.push(format!("an answer like this one is right in {} (calibrated)", cases(probability)));
    }
    lines.push(format!(
        "turn {}, adapter {}, {} tokens in {}",
        turn.id.0,
        short_hash(&turn.generation),
        turn.tokens,
        duration(turn.seconds)
    ));
    lines.push(format!("wrong? halligan feedback {} correct \"the right answer\"", turn.id.0));
    lines
}
