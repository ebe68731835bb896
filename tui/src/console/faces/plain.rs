//! Plain text for screen readers, braille lines and printers.
//!
//! Each line is complete when it is written and is written once. An answer comes sentence by
//! sentence, because half a sentence that grows would be read again from its start.

use halligan_runtime::{AnswerEvent, Assessment, IndexEvent, LearnEvent, ToolUse, Verdict};

use super::Face;
use crate::console::app::App;
use crate::console::assessment::{self, call_words};
use crate::console::event::{Event, Report};
use crate::console::item::{listed_answer, withheld_words};
use crate::console::markdown;
use crate::console::orders::{ORDERS, View};
use crate::console::pages::adapters::generation_words;
use crate::console::pages::device::gauge_words;
use crate::console::reports::{indexed_sentence, learned_sentence};
use crate::console::source::Source;
use crate::console::theme::{Palette, Theme};
use crate::figures::{answerer, bytes, counted, duration, printable, short_hash, utc_minute};
use crate::verbs::doctor;

/// Documents between two lines of progress.
const DOCUMENTS_A_LINE: usize = 25;
/// Lines of progress for the steps of a lesson.
const LESSON_LINES: usize = 4;
/// What is said of an answer that was shown in part and then refused.
const WITHDRAWN: &str = "This answer is withdrawn; what was said of it does not count.";
/// Turns that a search shows.
const FOUND_MAX: usize = 10;

/// The face.
#[derive(Debug)]
pub struct Plain {
    ascii: bool,
    greeted: bool,
    /// Answer text that is not a whole sentence yet.
    unsaid: String,
    /// Whether the word "Answer" has been said.
    answering: bool,
    /// What is to be thought of the answer, while it is not recorded.
    assessment: Option<Assessment>,
    /// Whether it has been said that the answer waits to be judged.
    held: bool,
    /// A tool that has ended; what it gave is said unless the answer says the same.
    tool: Option<ToolUse>,
    /// What a lesson was last reported to do.
    stage: String,
}

impl Plain {
    /// A face that has said nothing yet.
    pub fn new(ascii: bool) -> Plain {
        Plain {
            ascii,
            greeted: false,
            unsaid: String::new(),
            answering: false,
            assessment: None,
            held: false,
            tool: None,
            stage: String::new(),
        }
    }

    fn answer(&mut self, piece: &str, lines: &mut Vec<String>) {
        self.unsaid.push_str(piece);
        while let Some(end) = sentence_end(&self.unsaid) {
            let sentence: String = self.unsaid.drain(..end).collect();
            self.say_answer(&sentence, lines);
        }
    }

    fn say_answer(&mut self, text: &str, lines: &mut Vec<String>) {
        if text.trim_start().starts_with('|') {
            for row in table_rows(text) {
                self.say_row(&row, lines);
            }
            return;
        }
        // Marks of Markdown would be read aloud.
        let theme = Theme::of(Palette::None, true);
        for row in markdown::rows(text, u16::MAX, theme) {
            self.say_row(&row.to_string(), lines);
        }
    }

    fn say_row(&mut self, row: &str, lines: &mut Vec<String>) {
        if !row.trim().is_empty() {
            let first = !std::mem::replace(&mut self.answering, true);
            lines.push(if first { format!("Answer: {}", row.trim()) } else { row.trim_end().to_owned() });
        }
    }

    /// Ends an answer that is not recorded: what was shown of it needs its verdict all the more.
    fn leave_answer(&mut self, lines: &mut Vec<String>) {
        let rest = std::mem::take(&mut self.unsaid);
        self.say_answer(&rest, lines);
        let (was_held, was_said) = (std::mem::take(&mut self.held), std::mem::take(&mut self.answering));
        let assessment = self.assessment.take();
        if was_said {
            if was_held && assessment.as_ref().is_some_and(|given| given.verdict == Verdict::Refuse) {
                lines.push(WITHDRAWN.to_owned());
            }
            let judged = assessment::unrecorded_lines(assessment.as_ref());
            lines.extend(judged.into_iter().map(|(_, words)| words.trim_start().to_owned()));
        }
    }

    fn say_tool(&mut self, answer: &str, lines: &mut Vec<String>) {
        let used = self.tool.take().filter(|used| assessment::says_more(used, answer));
        lines.extend(used.map(|used| assessment::tool_words(&used, answer).1));
    }

    fn report(&mut self, report: &Report, lines: &mut Vec<String>) {
        match report {
            Report::Answer(AnswerEvent::Text(piece)) => self.say_tool(piece, lines),
            Report::Answer(AnswerEvent::ToolStarted(_) | AnswerEvent::ToolEnded(_))
            | Report::ApprovalNeeded(_)
            | Report::Answered(_)
            | Report::Failed { .. } => self.say_tool("", lines),
            _ => {}
        }
        match report {
            Report::Opened { status, .. } => {
                let model = status.model.as_deref().unwrap_or("no model");
                lines.push(format!(
                    "Halligan, {model}, adapter {}, {}.",
                    short_hash(&status.generation.id),
                    counted(status.documents, "document")
                ));
            }
            Report::ModelLoaded => {
                if !std::mem::replace(&mut self.greeted, true) {
                    lines.push("Ready. Type a question, or /help.".to_owned());
                }
            }
            Report::Answer(event) => match event {
                AnswerEvent::Text(piece) => self.answer(piece, lines),
                AnswerEvent::ToolStarted(call) => lines.push(format!("Using {}.", call_words(call))),
                AnswerEvent::ToolEnded(used) => self.tool = Some(used.clone()),
                AnswerEvent::Held(_) => {
                    if !std::mem::replace(&mut self.held, true) {
                        lines.push("Answering. What is not sure is said when it has been judged.".to_owned());
                    }
                }
                AnswerEvent::Assessment(assessment) => self.assessment = Some(assessment.clone()),
                AnswerEvent::Passage(_) | AnswerEvent::Context { .. } | AnswerEvent::Finished => {}
            },
            Report::Trouble(words) => lines.push(format!("Warning: {words}.")),
            Report::ApprovalNeeded(call) => {
                lines.push(format!(
                    "May this run? {} Type yes or no; /allow always lets its like run too.",
                    call_words(call)
                ));
            }
            Report::Answered(turn) => {
                let rest = std::mem::take(&mut self.unsaid);
                self.say_answer(&rest, lines);
                let (was_held, was_said) = (std::mem::take(&mut self.held), std::mem::take(&mut self.answering));
                if !was_said {
                    lines.push(match turn.is_withheld() {
                        true => withheld_words(turn, "/anyway"),
                        false => "No answer.".to_owned(),
                    });
                } else if was_held && turn.is_refused() {
                    lines.push(WITHDRAWN.to_owned());
                }
                self.assessment = None;
                lines.extend(assessment::lines(turn).into_iter().map(|(_, words)| words.trim_start().to_owned()));
                for (index, source) in Source::all_of(turn).iter().enumerate() {
                    lines.push(source_words(index, source));
                }
                lines.push(format!(
                    "Turn {}, {}, {}. Judge it with /good, /bad or /correct.",
                    turn.id,
                    answerer(&turn.generation),
                    duration(turn.seconds)
                ));
            }
            Report::FeedbackKept { turn, feedback, reasons } => {
                use halligan_runtime::Feedback;
                let word = match feedback {
                    Feedback::Good => "good",
                    Feedback::Bad => "bad",
                    Feedback::Correction(_) => "corrected",
                };
                let reasons: Vec<&str> = reasons.iter().map(|reason| reason.name()).collect();
                let why = if reasons.is_empty() { String::new() } else { format!(", {}", reasons.join(", ")) };
                lines.push(format!("Turn {turn} is kept as {word}{why}."));
            }
            Report::Learning(event) => self.learning(event, lines),
            Report::Paused(true) => lines.push("Learning is paused. /pause goes on.".to_owned()),
            Report::Paused(false) => lines.push("Learning goes on.".to_owned()),
            Report::Learned(report) => {
                self.stage.clear();
                lines.push(format!("{}.", learned_sentence(report)));
            }
            Report::LearningCancelled => {
                self.stage.clear();
                lines.push("Learning is cancelled; nothing has changed.".to_owned());
            }
            Report::Generations(list) => lines.extend(list.iter().rev().map(generation_words)),
            Report::Activated(generation) => {
                lines.push(format!("Adapter {} answers from now on.", short_hash(&generation.id)));
            }
            Report::Documents(list) => {
                lines.push(counted(list.len(), "document"));
                lines.extend(list.iter().map(|document| {
                    let (passages, size) = (counted(document.passages, "passage"), bytes(document.size_bytes));
                    format!("{}, {passages}, {size}", document.name)
                }));
            }
            Report::Indexing(IndexEvent::Listed { files, bytes: size }) => {
                lines.push(format!("Reading {}, {}.", counted(*files, "file"), bytes(*size)));
            }
            Report::Indexing(IndexEvent::Reading { name, done, files }) => {
                if *done > 0 && done % DOCUMENTS_A_LINE == 0 {
                    lines.push(format!("{done} of {files} files, {name}."));
                }
            }
            Report::Indexing(IndexEvent::Skipped(skipped)) => {
                lines.push(format!("{} was not added: {}", skipped.name, skipped.detail));
            }
            Report::Indexing(_) => {}
            Report::Indexed(report) => lines.push(format!("{}.", indexed_sentence(report))),
            Report::DocumentsRemoved(names) => lines.push(format!("Removed: {}.", names.join(", "))),
            Report::Found { turns, .. } => {
                lines.push(format!("{} found.", counted(turns.len(), "turn")));
                lines.extend(turns.iter().take(FOUND_MAX).map(|turn| {
                    let (when, answer) = (utc_minute(turn.created_at), listed_answer(turn).replace('\n', " "));
                    format!("Conversation {}, {when}: {} {answer}", turn.session.0, turn.question)
                }));
            }
            Report::SessionOpened { session, turns } => {
                lines.push(format!("Conversation {} goes on after {}.", session.0, counted(turns.len(), "turn")));
                if let Some(turn) = turns.last() {
                    lines.push(format!("Last question: {}", turn.question));
                    lines.push(format!("Last answer: {}", listed_answer(turn)));
                }
            }
            Report::Examined(report) => lines.extend(doctor::lines(report)),
            Report::Failed { message, .. } => {
                self.leave_answer(lines);
                self.stage.clear();
                lines.push(format!("Error: {message}"));
            }
            Report::Died(message) => {
                lines.push(format!("The assistant has ended: {message}. Nothing recorded is lost."))
            }
            Report::StatusChanged(_) | Report::Speed(_) | Report::SourceRead(_) => {}
        }
    }

    fn view(&mut self, app: &App, view: &View, lines: &mut Vec<String>) {
        match view {
            View::Help => lines.extend(ORDERS.iter().map(|(word, after, words)| {
                let gap = if after.is_empty() { "" } else { " " };
                format!("/{word}{gap}{after}: {words}")
            })),
            View::Sources(sources) => {
                for (index, source) in sources.iter().enumerate() {
                    lines.push(source_words(index, source));
                    lines.push(source.quote.split_whitespace().collect::<Vec<_>>().join(" "));
                }
            }
            View::Device => {
                lines.extend(gauge_words(app).into_iter().map(|(name, words)| format!("{name}: {words}")));
            }
            View::Withheld { turn, answer } => {
                lines.push(format!("The withheld answer of turn {turn}, as the model gave it:"));
                self.say_answer(answer, lines);
                self.answering = false;
            }
            View::Note(words) => lines.push(format!("Note: {words}")),
        }
    }

    fn learning(&mut self, event: &LearnEvent, lines: &mut Vec<String>) {
        let (stage, words) = match event {
            LearnEvent::Preparing { corrections, replay } => {
                let (corrections, rows) = (counted(*corrections, "correction"), counted(*replay, "earlier row"));
                ("preparing".to_owned(), format!("Learning from {corrections} and {rows}."))
            }
            LearnEvent::Step { step, steps, loss, seconds_left, .. } => (
                format!("training {}", step * LESSON_LINES / steps.max(&1)),
                format!("Step {step} of {steps}, loss {loss:.3}, {} left.", duration(f64::from(*seconds_left))),
            ),
            LearnEvent::Evaluating { what, total, .. } => {
                (what.clone(), format!("Checking {what}, {}.", counted(*total, "question")))
            }
            LearnEvent::Activated { .. } => (
                "in use".to_owned(),
                "The update answers from now on. Measuring how far it can be trusted; /stop skips that.".to_owned(),
            ),
            LearnEvent::Verdict(_) => return,
        };
        if self.stage != stage {
            self.stage = stage;
            lines.push(words);
        }
    }
}

impl Face for Plain {
    fn lines(&mut self, app: &App, event: &Event) -> Vec<String> {
        let mut lines = Vec::new();
        if let Event::Worker(report) = event {
            self.report(report, &mut lines);
        }
        for view in &app.views {
            self.view(app, view, &mut lines);
        }
        lines.extend(app.notice.iter().map(|notice| format!("Note: {notice}")));
        lines
            .into_iter()
            .map(|line| {
                let line = printable(&line);
                if self.ascii { deunicode::deunicode(&line) } else { line }
            })
            .collect()
    }
}

fn source_words(index: usize, source: &Source) -> String {
    let kind = if source.cited { "cited" } else { "best passage" };
    format!("Source {}, {kind}: {}. /sources reads it.", index + 1, source.place())
}

/// The rows of a Markdown table as `name: cell, name: cell`, so that each makes sense alone.
fn table_rows(text: &str) -> Vec<String> {
    let cells = |line: &str| -> Vec<String> {
        line.trim().trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    let is_rule = |line: &str| line.chars().all(|letter| matches!(letter, '|' | '-' | ':' | ' '));
    let mut rows = text.lines().filter(|line| !line.trim().is_empty() && !is_rule(line)).map(cells);
    let head = rows.next().unwrap_or_default();
    rows.map(|row| {
        let named = row.iter().enumerate().map(|(at, cell)| match head.get(at).filter(|name| !name.is_empty()) {
            Some(name) => format!("{name}: {cell}"),
            None => cell.clone(),
        });
        named.collect::<Vec<_>>().join(", ")
    })
    .collect()
}

/// End of the first line or sentence of `text`; `None` while it has none. A sentence inside of
/// marks that are still open waits for them.
fn sentence_end(text: &str) -> Option<usize> {
    if text.trim_start().starts_with('|') {
        // A table is said as a whole, because its head names the cells.
        let mut end = 0;
        for line in text.split_inclusive('\n') {
            if !line.trim().is_empty() && !line.trim_start().starts_with('|') {
                return Some(end);
            }
            end += line.len();
        }
        return None;
    }
    if let Some(end) = text.find('\n') {
        return Some(end + 1);
    }
    let mut from = 0;
    while let Some(at) = text[from..].find([' ']) {
        let end = from + at;
        from = end + 1;
        let sentence = &text[..end];
        let closed =
            sentence.matches("**").count().is_multiple_of(2) && sentence.matches('`').count().is_multiple_of(2);
        // `1.` begins an item of a list; `UN 1017.` ends a sentence.
        let numbered = sentence.trim_end_matches('.').chars().all(|letter| letter.is_ascii_digit() || letter == ' ');
        if sentence.ends_with(['.', '!', '?']) && closed && !numbered {
            return Some(end + 1);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_said_row_by_row_with_its_names() {
        let table = "| UN | metres |\n|---|---:|\n| 1017 | 60 |\n| 1005 | 30 |\n";
        assert_eq!(table_rows(table), ["UN: 1017, metres: 60", "UN: 1005, metres: 30"]);
        assert_eq!(sentence_end(table), None);
        assert_eq!(sentence_end(&format!("{table}\nThen call.")), Some(table.len() + 1));
    }

    #[test]
    fn sentences_end_at_points_that_end_sentences() {
        assert_eq!(sentence_end("Stay upwind. Call"), Some("Stay upwind. ".len()));
        assert_eq!(sentence_end("Keep 0.3 km"), None);
        assert_eq!(sentence_end("1. Call"), None);
        assert_eq!(sentence_end("**Stay. Away"), None);
        assert_eq!(sentence_end("one\ntwo"), Some(4));
    }
}
