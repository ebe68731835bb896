//! `halligan ask`: one question, one streamed answer.

use std::io::{self, Read};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use halligan_runtime::{AnswerEvent, AskOptions, Assistant, Passage, Turn};
use serde_json::{Value, json};

use crate::cli::Common;
use crate::figures::{CONFIDENCE_KIND, confidence_word, duration, printable, short_hash};
use crate::output;

/// Longest question read from standard input, in bytes.
const QUESTION_BYTES_MAX: u64 = 64 * 1024;

/// Answers `question`. The answer goes to standard output as it is generated, what stands beside
/// it to standard error; with `--json` one object holds everything.
///
/// # Errors
/// An empty question, a missing or damaged model, a failing journal.
pub fn run(common: &Common, question: &str, options: AskOptions) -> Result<()> {
    let question = if question == "-" { from_stdin()? } else { question.to_owned() };
    let question = question.trim();
    if question.is_empty() {
        bail!("the question is empty; write it after `halligan ask`");
    }
    let assistant = Assistant::open(&common.options())?;
    let stop = output::stop_on_interrupt()?;
    let use_documents = options.use_documents;
    let options = AskOptions { cancel: Some(Arc::clone(&stop)), ..options };
    let mut written = Ok(());
    let turn = assistant.ask(question, &options, &mut |event| {
        if let AnswerEvent::Text(text) = event
            && !common.json
            && written.is_ok()
        {
            written = output::piece(&printable(&text));
            if written.is_err() {
                // No one reads the answer any more, so it need not be generated.
                stop.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
    })?;
    written?;
    if common.json {
        output::json(&turn_json(&turn))
    } else {
        output::line("")?;
        for line in beside_the_answer(&turn, use_documents) {
            output::talk(&line);
        }
        Ok(())
    }
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
        "question": turn.question,
        "answer": turn.answer,
        "confidence": turn.confidence,
        "confidence_kind": CONFIDENCE_KIND,
        "passage": turn.passage,
        "supported": turn.supported,
        "citations": turn.citations,
        "generation": turn.generation,
        "tokens": turn.tokens,
        "seconds": turn.seconds,
    })
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

fn beside_the_answer(turn: &Turn, use_documents: bool) -> Vec<String> {
    let mut lines = vec![String::new()];
    match &turn.passage {
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
            lines.push("not confirmed by the passage: check the source".to_owned());
        }
        None if use_documents => {
            lines.push("no passage of the documents fits: check another source".to_owned());
        }
        None => {}
    }
    match turn.confidence {
        Some(confidence) => {
            lines.push(format!("confidence {confidence:.2} ({CONFIDENCE_KIND}), {}", confidence_word(confidence)))
        }
        None => lines.push("confidence unknown".to_owned()),
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
