//! PDF: extraction in a process of its own, and its result as blocks.
//!
//! PDF files come from everywhere, and a parser that meets a hostile one may recurse, allocate or loop without
//! end. The child that reads the file has bounds on memory and time that the system enforces; whatever happens
//! to it, one file is reported as broken and the run goes on.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::block::{Block, BlockKind, Chain, Cut, Note, Reading};
use super::format::Unread;
use super::pdf_text;

/// Address space of the child; text-only files of 10 MB need a tenth of it.
#[cfg(unix)]
const CHILD_BYTES_MAX: u64 = 1 << 30;
/// Processor time of the child in seconds.
#[cfg(unix)]
const CHILD_SECONDS_MAX: u64 = 120;
/// Most bytes that the child may say.
const ANSWER_BYTES_MAX: u64 = 256 << 20;

/// What a part of the extracted text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PartKind {
    /// A heading and its level, 1 the outermost.
    Heading(usize),
    /// Running text.
    Prose,
    /// Rows of cells with tabs between them.
    Table,
    /// A displayed equation.
    Equation,
}

/// A part of the extracted text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// What it is.
    pub kind: PartKind,
    /// Its bytes in the text.
    pub bytes: [usize; 2],
    /// Its page, from 1.
    pub page: u32,
}

/// What was extracted from a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extracted {
    /// Text of all pages.
    pub text: String,
    /// Its parts, in reading order.
    pub parts: Vec<Part>,
    /// Number of pages.
    pub pages: u32,
    /// Pages without text: scans and drawings.
    pub empty: Vec<u32>,
    /// Pages that could not be read, with the reason.
    pub failed: Vec<(u32, String)>,
    /// Pages with right-to-left script, whose order is not trusted.
    pub right_to_left: Vec<u32>,
    /// Why there is nothing.
    pub refused: Option<(String, String)>,
}

/// Hidden verb of each program that reads documents: `<program> pdf-text FILE` prints [`answer`].
pub const CHILD_VERB: &str = "pdf-text";

/// The child: bounds its process, extracts, returns the one JSON object that it must print.
///
/// # Errors
/// A file that cannot be read, bounds that the system refuses.
pub fn answer(file: &Path) -> std::io::Result<String> {
    #[cfg(unix)]
    {
        use rustix::process::{Resource, Rlimit, setrlimit};
        let bound = |most| Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(Resource::As, bound(CHILD_BYTES_MAX))?;
        setrlimit(Resource::Cpu, bound(CHILD_SECONDS_MAX))?;
        setrlimit(Resource::Core, bound(0))?;
    }
    // A panic of the parser is an answer here; the parent words it.
    std::panic::set_hook(Box::new(|_| {}));
    let bytes = std::fs::read(file)?;
    let extracted = pdf_text::extract(&bytes);
    Ok(serde_json::to_string(&extracted)?)
}

/// Extracts the text of `file` in a child.
///
/// # Errors
/// An encrypted or broken file, or a child that ended before its answer.
pub fn extract(file: &Path) -> Result<Extracted, Unread> {
    let broken = |detail: String| Unread { reason: "broken", detail };
    let program = std::env::current_exe().map_err(|error| broken(format!("cannot start the reader: {error}")))?;
    let mut child = Command::new(program)
        .arg(CHILD_VERB)
        .arg(file)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| broken(format!("cannot start the reader: {error}")))?;
    let mut answer = Vec::new();
    let read = child.stdout.take().map(|stdout| stdout.take(ANSWER_BYTES_MAX).read_to_end(&mut answer));
    let _ = child.kill();
    let status = child.wait();
    if let Some(Err(error)) = read {
        return Err(broken(format!("the reader's answer was lost: {error}")));
    }
    let extracted: Extracted = serde_json::from_slice(&answer).map_err(|_| {
        let ended = status.map_or_else(|error| error.to_string(), reason_of);
        broken(format!("{ended}; print it to a new PDF, or give its text"))
    })?;
    match extracted.refused {
        Some((reason, detail)) => {
            let reason = if reason == "encrypted" { "encrypted" } else { "broken" };
            Err(Unread { reason, detail })
        }
        None => Ok(extracted),
    }
}

/// Why a child ended without an answer, for those who gave the file. An allocation that fails aborts (6), processor
/// time that is used up ends with 24 or 9, and nesting without end overruns the stack (11 or 6).
#[cfg(unix)]
fn reason_of(status: std::process::ExitStatus) -> String {
    use std::os::unix::process::ExitStatusExt as _;
    match status.signal() {
        Some(6) => format!("reading it takes more than {:.1} GB of memory", CHILD_BYTES_MAX as f64 / 1e9),
        Some(9 | 24) => format!("reading it takes more than {CHILD_SECONDS_MAX} s of processor time"),
        Some(11) => "its parts hold each other without end".to_owned(),
        _ => format!("the reader ended without a word ({status})"),
    }
}

#[cfg(not(unix))]
fn reason_of(status: std::process::ExitStatus) -> String {
    format!("the reader ended without a word ({status})")
}

/// The extracted text as blocks under its headings.
pub fn reading(extracted: &Extracted) -> Reading {
    let mut reading = Reading::default();
    let mut chain = Chain::default();
    let mut heading: Arc<[String]> = Arc::from([]);
    for part in &extracted.parts {
        let range = part.bytes[0]..part.bytes[1];
        if let PartKind::Heading(level) = part.kind {
            chain.open(level, &extracted.text[range.clone()]);
            heading = chain.names();
        }
        let mut block = Block { page: Some(part.page), ..Block::prose(range, &heading) };
        match part.kind {
            PartKind::Heading(_) => block.opening = true,
            PartKind::Prose => {}
            PartKind::Table => {
                block.kind = BlockKind::Table;
                block.cut = Cut::Lines;
                block.repeat = extracted.text[block.range.clone()].lines().next().map(str::to_owned);
            }
            PartKind::Equation => block.kind = BlockKind::Equation,
        }
        reading.blocks.push(block);
    }
    if !extracted.empty.is_empty() {
        let detail = format!(
            "{} of {} pages have no text (scans or drawings): {}",
            extracted.empty.len(),
            extracted.pages,
            listed(&extracted.empty)
        );
        reading.notes.push(Note::part("no_text", detail));
    }
    if !extracted.right_to_left.is_empty() {
        let pages = listed(&extracted.right_to_left);
        reading.notes.push(Note::remark(
            "right_to_left",
            format!("the order of words on right-to-left pages is not reliable: {pages}"),
        ));
    }
    for (page, reason) in &extracted.failed {
        reading.notes.push(Note::part("broken", format!("page {page} cannot be read: {reason}")));
    }
    reading
}

/// Page numbers with runs joined: `1-3, 7`.
fn listed(pages: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for page in pages {
        match runs.last_mut() {
            Some((_, end)) if *end + 1 == *page => *end = *page,
            _ => runs.push((*page, *page)),
        }
    }
    let run = |(start, end): &(u32, u32)| if start == end { start.to_string() } else { format!("{start}-{end}") };
    runs.iter().map(run).collect::<Vec<_>>().join(", ")
}
