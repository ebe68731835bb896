//! HTML: its text under its headings; scripts, styles and other things that nobody reads are left out.
//!
//! The tokens are those of the WHATWG rules (`html5gum`), so broken pages are read as a browser reads them, and
//! each block knows the bytes of the file that it came from.

use std::sync::Arc;

use html5gum::Tokenizer;
use html5gum::emitters::default::{DefaultEmitter, Token};

use super::block::{Block, BlockKind, Chain, Cut, Note, Reading};
use super::equations;
use super::mathml::{Formula, Mark};
use cell::Cell;
use elements::{BLOCKS, SILENT};
pub(super) use power::raised;
use title::Title;

mod cell;
mod elements;
mod power;
mod title;

/// Most raised texts in one another.
const RAISED_MAX: usize = 8;

/// Reads HTML.
pub fn read(text: &str) -> Reading {
    let (mut reading, left_out) = parts(text);
    reading.notes.extend(left_out_note(left_out));
    reading
}

/// The text of a piece of HTML, and how many parts of it are no text and were left out.
pub(super) fn rendered(text: &str) -> (String, usize) {
    let (reading, left_out) = parts(text);
    (reading.blocks.iter().map(|block| block.text(text)).collect::<Vec<_>>().join("\n\n"), left_out)
}

/// What the report says of parts that are no text.
pub(super) fn left_out_note(count: usize) -> Option<Note> {
    let detail = || format!("{count} scripts, styles and other parts that are no text were left out");
    (count > 0).then(|| Note::part("no_text", detail()))
}

/// The blocks of a page, and how many parts of it are no text.
fn parts(text: &str) -> (Reading, usize) {
    let mut state = State { chain: Chain::default(), ..State::default() };
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    for token in Tokenizer::new_with_emitter(text, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                let attribute = |name: &str| {
                    tag.attributes.get(name.as_bytes()).map(|value| String::from_utf8_lossy(value).into_owned())
                };
                if name == "math" || state.formula.is_some() {
                    state.open_math(&name, &attribute, tag.self_closing);
                } else {
                    state.open(&name, attribute("class").as_deref(), tag.self_closing);
                }
            }
            Token::EndTag(tag) => {
                let behind = text.get(tag.span.end..).unwrap_or_default();
                state.close(&String::from_utf8_lossy(&tag.name), behind);
            }
            Token::String(words) => {
                let (start, end) = (words.span.start, words.span.end);
                state.words(&String::from_utf8_lossy(&words), start..end.min(text.len()));
            }
            _ => {}
        }
    }
    state.flush();
    state.title.head(&mut state.reading);
    (state.reading, state.left_out)
}

#[derive(Default)]
struct State {
    reading: Reading,
    chain: Chain,
    heading: Arc<[String]>,
    /// Open silent elements, the outermost first.
    silent: Vec<String>,
    left_out: usize,
    /// Text of the block that is being read and where it stands.
    text: String,
    range: Option<std::ops::Range<usize>>,
    /// Level of the heading that is being read.
    level: Option<usize>,
    /// Open `pre` elements.
    preformatted: usize,
    language: Option<String>,
    in_table: usize,
    cells: usize,
    /// The cell that is being read.
    cell: Option<Cell>,
    /// Where raised text begins, the outermost first.
    raised: Vec<usize>,
    title: Title,
    /// The `math` element that is being read.
    formula: Option<Formula>,
    /// It is displayed, so it is a block.
    displayed: bool,
}

impl State {
    fn open(&mut self, name: &str, class: Option<&str>, self_closing: bool) {
        if name == "title" && self.silent.last().is_none_or(|open| open == "head") {
            self.title.open();
            return;
        }
        if SILENT.contains(&name) {
            if !self_closing {
                self.silent.push(name.to_owned());
                self.left_out += usize::from(name != "head");
            }
            return;
        }
        if !self.silent.is_empty() {
            // A page without its closing </head> still has a body.
            if name == "body" {
                self.silent.clear();
            } else {
                return;
            }
        }
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.end_whole();
                self.level = name[1..].parse().ok().filter(|_| self.cell.is_none());
            }
            "pre" => {
                self.end_whole();
                self.preformatted += 1;
                self.language = class.and_then(language);
            }
            "code" if self.preformatted > 0 && self.language.is_none() => self.language = class.and_then(language),
            "table" => {
                self.flush();
                self.in_table += 1;
            }
            "tr" => {
                self.end_cell();
                if self.in_table > 0 && !self.text.is_empty() {
                    self.text.push('\n');
                }
                self.cells = 0;
            }
            "td" | "th" => {
                self.end_cell();
                if self.cells > 0 {
                    self.text.push_str(" | ");
                }
                self.cells += 1;
                self.cell = Some(Cell::new(self.text.len())).filter(|_| self.in_table > 0);
            }
            "br" => match &mut self.cell {
                Some(cell) if self.preformatted == 0 => cell.end_line(),
                Some(cell) => cell.end_block(),
                None => self.text.push('\n'),
            },
            "sup" if !self_closing && self.raised.len() < RAISED_MAX => {
                self.part(None);
                self.raised.push(self.text.len());
            }
            _ if BLOCKS.contains(&name) => self.end_block(),
            _ => {}
        }
    }

    /// A block begins or ends that is one of its own, unless a cell holds it: a row of a table is one line.
    fn end_whole(&mut self) {
        match &mut self.cell {
            Some(cell) => cell.end_block(),
            None => self.flush(),
        }
    }

    /// A block begins or ends: at once, or within the cell that holds it.
    fn end_block(&mut self) {
        match &mut self.cell {
            Some(cell) => cell.end_block(),
            None if self.in_table == 0 => self.flush(),
            None => {}
        }
    }

    fn end_cell(&mut self) {
        self.lower(0, "");
        if let Some(cell) = self.cell.take() {
            cell.close(&mut self.text);
        }
    }

    /// Words come next, the first of which begins with `next`.
    fn part(&mut self, next: Option<char>) {
        if let Some(cell) = &mut self.cell {
            cell.part(&mut self.text, next);
        }
    }

    /// Ends raised texts until `open` are left; `behind` is the source behind them.
    fn lower(&mut self, open: usize, behind: &str) {
        while self.raised.len() > open
            && let Some(start) = self.raised.pop()
        {
            if self.text.is_char_boundary(start) {
                let text = self.text.split_off(start);
                let space = if text.ends_with(' ') { " " } else { "" };
                self.text.push_str(&raised(&self.text, &text, behind));
                self.text.push_str(space);
            }
        }
    }

    /// An element of MathML opens, or another inside of it.
    fn open_math(&mut self, name: &str, attribute: &dyn Fn(&str) -> Option<String>, self_closing: bool) {
        if !self.silent.is_empty() {
            return;
        }
        let Some(formula) = &mut self.formula else {
            if !self_closing {
                self.displayed = attribute("display").as_deref() == Some("block") && self.in_table == 0;
                if self.displayed {
                    self.flush_block(false);
                }
                self.part(None);
                self.formula = Some(Formula::new(self.text.len()));
            }
            return;
        };
        // A page that forgets to close its formula goes on behind it.
        if BLOCKS.contains(&name) || name == "table" {
            self.formula = None;
            self.flush();
            return self.open(name, attribute("class").as_deref(), self_closing);
        }
        for mark in formula.open(name, attribute("encoding").as_deref(), self_closing) {
            match mark {
                Mark::Text(text) => self.text.push_str(text),
                Mark::Source => self.text.truncate(formula.start),
                Mark::Repeated => self.silent.push(name.to_owned()),
            }
        }
    }

    /// An element closes; `behind` is the source behind its tag.
    fn close(&mut self, name: &str, behind: &str) {
        if name == "title" && self.title.close() {
            return;
        }
        if let Some(position) = self.silent.iter().rposition(|open| open == name) {
            self.silent.truncate(position);
            return;
        }
        if !self.silent.is_empty() {
            return;
        }
        if let Some(formula) = &mut self.formula {
            self.text.push_str(formula.close(name));
            if name == "math" {
                self.formula = None;
                if self.displayed {
                    self.flush();
                }
            }
            return;
        }
        match name {
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.end_whole(),
            "pre" => {
                self.end_whole();
                self.preformatted = self.preformatted.saturating_sub(1);
                self.language = None;
            }
            "table" => {
                self.flush();
                self.in_table = self.in_table.saturating_sub(1);
                self.cell = self.cell.take().filter(|_| self.in_table > 0);
            }
            "sup" => self.lower(self.raised.len().saturating_sub(1), behind),
            _ if BLOCKS.contains(&name) => self.end_block(),
            _ => {}
        }
    }

    fn words(&mut self, words: &str, at: std::ops::Range<usize>) {
        if self.title.words(words, &at) {
            return;
        }
        if !self.silent.is_empty() {
            return;
        }
        if self.preformatted == 0 {
            self.spaced(words);
        } else if self.cell.is_none() {
            self.text.push_str(words);
        } else {
            for (index, line) in words.split('\n').enumerate() {
                if index > 0 {
                    self.end_whole();
                }
                self.spaced(line);
            }
        }
        if !words.trim().is_empty() {
            let start = self.range.as_ref().map_or(at.start, |range| range.start);
            self.range = Some(start..at.end);
        }
    }

    /// Takes words with one space for each run of them.
    fn spaced(&mut self, words: &str) {
        if let Some(next) = words.trim_start().chars().next() {
            self.part(Some(next));
        }
        for (index, word) in words.split_whitespace().enumerate() {
            let apart = index > 0 || words.starts_with(char::is_whitespace);
            if apart && !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
                self.text.push(' ');
            }
            self.text.push_str(word);
        }
        if words.ends_with(char::is_whitespace) && !self.text.is_empty() && !self.text.ends_with([' ', '\n']) {
            self.text.push(' ');
        }
    }

    fn flush(&mut self) {
        let displayed = std::mem::take(&mut self.displayed);
        self.flush_block(displayed);
    }

    fn flush_block(&mut self, displayed: bool) {
        self.lower(0, "");
        if let Some(cell) = &mut self.cell {
            std::mem::take(cell).close(&mut self.text);
        }
        let text = std::mem::take(&mut self.text);
        let text = if self.preformatted > 0 { text.trim_matches('\n') } else { text.trim() };
        let level = self.level.take();
        let Some(range) = self.range.take().filter(|_| !text.is_empty()) else { return };
        let mut block = Block::prose(range, &self.heading);
        if let Some(level) = level {
            self.chain.open(level, text);
            self.heading = self.chain.names();
            block = Block { opening: true, heading: Arc::clone(&self.heading), ..block };
        } else if self.preformatted > 0 {
            block = Block { kind: BlockKind::Code, cut: Cut::Lines, language: self.language.clone(), ..block };
        } else if self.in_table > 0 {
            let head = text.lines().next().map(str::to_owned);
            block = Block { kind: BlockKind::Table, cut: Cut::Lines, repeat: head, ..block };
        } else if displayed || equations::displays(text) {
            block.kind = BlockKind::Equation;
        }
        block.text = Some(text.to_owned());
        self.reading.blocks.push(block);
    }
}

fn language(class: &str) -> Option<String> {
    class
        .split_whitespace()
        .find_map(|name| name.strip_prefix("language-").or_else(|| name.strip_prefix("lang-")))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests;
