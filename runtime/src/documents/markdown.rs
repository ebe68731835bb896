//! Markdown: blocks under their headings, each the bytes of the file as they are.

use std::ops::Range;
use std::sync::Arc;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::block::{Block, BlockKind, Chain, Cut, Note, Reading, trimmed};
use super::pages::page_mark;
use super::{equations, html};
use inline::Inline;

mod inline;

/// Front matter is looked for in so many first bytes.
const FRONT_MATTER_BYTES: usize = 4096;

/// Quotes and lists in one another on a line; no author writes more, and reading many takes time squared.
const NESTING_MAX: usize = 100;

/// Reads Markdown. With `marks`, headings such as `## Page 7` set the page and are no headings.
pub fn read(text: &str, marks: bool) -> Reading {
    let mut reading = Reading::default();
    let start = front_matter(text);
    if start > 0 {
        let detail = "the settings at the head of the file (between `---`) are no text and were left out";
        reading.notes.push(Note::part("front_matter", detail));
    }
    let body = &text[start..];
    if deeply_nested(body) {
        let mut plain = super::plain::read(text, marks);
        let detail = format!("more than {NESTING_MAX} quotes or lists in one another; it was read as plain text");
        plain.notes.push(Note::remark("nested", detail));
        return plain;
    }
    let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES | Options::ENABLE_STRIKETHROUGH;
    let mut state = State { text, marks, reading, ..State::default() };
    for (event, range) in Parser::new_ext(body, options).into_offset_iter() {
        state.take(&event, range.start + start..range.end + start);
    }
    let left_out = state.left_out + state.inline.left_out;
    let mut reading = state.reading;
    reading.notes.extend(html::left_out_note(left_out));
    if equations::may_hold(body) {
        equations::mark(&mut reading.blocks, text);
    }
    reading
}

fn deeply_nested(text: &str) -> bool {
    let opens = |byte: &u8| matches!(byte, b'>' | b'-' | b'*' | b'+' | b' ' | b'\t');
    text.lines().any(|line| {
        let mut marks = line.bytes().take_while(opens).filter(|byte| !matches!(byte, b' ' | b'\t'));
        marks.nth(NESTING_MAX).is_some() && !is_rule(line)
    })
}

/// A rule is a run of one mark and nothing else.
fn is_rule(line: &str) -> bool {
    let line = line.trim();
    line.bytes().all(|byte| byte == line.as_bytes()[0]) && !line.starts_with('>')
}

#[derive(Default)]
struct State<'a> {
    text: &'a str,
    marks: bool,
    reading: Reading,
    chain: Chain,
    heading: Arc<[String]>,
    page: Option<u32>,
    /// Depth of open blocks inside the one that is being read.
    depth: usize,
    /// Words of the heading that is being read.
    title: Option<String>,
    /// Where in it raised text begins.
    raised: Option<usize>,
    inline: Inline,
    /// Scripts and the like that were left out with their blocks.
    left_out: usize,
}

impl State<'_> {
    fn take(&mut self, event: &Event<'_>, range: Range<usize>) {
        match event {
            Event::Start(Tag::Heading { .. }) if self.depth == 0 => {
                self.title = Some(String::new());
                self.depth += 1;
            }
            Event::End(TagEnd::Heading(level)) if self.title.is_some() => {
                self.depth -= 1;
                let title = self.title.take().unwrap_or_default();
                self.heading(*level, &title, range);
            }
            Event::Text(words) | Event::Code(words) if self.title.is_some() => {
                if let Some(title) = &mut self.title
                    && !self.inline.in_script()
                {
                    title.push_str(words);
                }
            }
            Event::InlineHtml(tag) => {
                self.raise(tag, &self.text[range.end..]);
                self.inline.tag(tag, self.text, range);
            }
            // A list is read item by item; the list itself is no block.
            Event::Start(Tag::List(_)) | Event::End(TagEnd::List(_)) if self.depth == 0 => {}
            Event::Start(tag) if is_block(tag) => {
                if self.depth == 0 {
                    self.block(tag, range);
                }
                self.depth += 1;
            }
            Event::End(tag) if is_block_end(tag) => {
                self.depth = self.depth.saturating_sub(1);
                if self.depth == 0 {
                    self.change();
                }
            }
            _ => {}
        }
    }

    /// Raised text in the heading that is being read; `behind` is the source behind the tag.
    fn raise(&mut self, tag: &str, behind: &str) {
        let Some(title) = &mut self.title else { return };
        match tag.to_ascii_lowercase().as_str() {
            "<sup>" => self.raised = Some(title.len()),
            "</sup>" => {
                if let Some(start) = self.raised.take() {
                    let text = title.split_off(start);
                    let raised = html::raised(title, &text, behind);
                    title.push_str(&raised);
                }
            }
            _ => {}
        }
    }

    /// Gives the last block its text, where tags in its lines changed it.
    fn change(&mut self) {
        let Some(block) = self.reading.blocks.last_mut() else { return self.inline.forget() };
        let Some(text) = self.inline.finish(self.text, block.range.clone()) else { return };
        if block.repeat.is_some() {
            block.repeat = Some(first_lines(&text));
        }
        block.text = Some(text);
        block.cleaned.push("html");
    }

    fn heading(&mut self, level: HeadingLevel, title: &str, range: Range<usize>) {
        self.raised = None;
        if self.marks
            && let Some(page) = page_mark(title)
        {
            self.page = Some(page);
            self.inline.forget();
            return;
        }
        self.chain.open(level as usize, title);
        self.heading = self.chain.names();
        if let Some(range) = trimmed(self.text, range) {
            let block = Block::prose(range, &self.heading);
            self.reading.blocks.push(Block { opening: true, page: self.page, ..block });
            self.change();
        }
    }

    fn block(&mut self, tag: &Tag<'_>, range: Range<usize>) {
        let Some(range) = trimmed(self.text, range) else { return };
        let mut block = Block { page: self.page, ..Block::prose(range.clone(), &self.heading) };
        let source = &self.text[range];
        match tag {
            Tag::CodeBlock(kind) => {
                block.kind = BlockKind::Code;
                block.cut = Cut::Lines;
                block.language = match kind {
                    CodeBlockKind::Fenced(info) => info.split([' ', ',']).next().map(str::to_owned),
                    CodeBlockKind::Indented => None,
                }
                .filter(|name| !name.is_empty());
                if block.language.as_deref() == Some("math") {
                    (block.kind, block.language) = (BlockKind::Equation, None);
                }
            }
            Tag::Table(_) => {
                block.kind = BlockKind::Table;
                block.cut = Cut::Lines;
                block.repeat = Some(first_lines(source));
            }
            Tag::HtmlBlock => {
                let (rendered, left_out) = html::rendered(source);
                self.left_out += left_out;
                if rendered != source {
                    block.cleaned.push("html");
                }
                if rendered.is_empty() {
                    return;
                }
                block.text = Some(rendered);
            }
            _ => {}
        }
        self.reading.blocks.push(block);
    }
}

/// The head of a table: the names of its columns and the line below them.
fn first_lines(table: &str) -> String {
    table.lines().take(2).collect::<Vec<_>>().join("\n")
}

fn is_block(tag: &Tag<'_>) -> bool {
    !matches!(
        tag,
        Tag::Emphasis
            | Tag::Strong
            | Tag::Strikethrough
            | Tag::Link { .. }
            | Tag::Image { .. }
            | Tag::TableHead
            | Tag::TableRow
            | Tag::TableCell
            | Tag::Superscript
            | Tag::Subscript
    )
}

fn is_block_end(tag: &TagEnd) -> bool {
    !matches!(
        tag,
        TagEnd::Emphasis
            | TagEnd::Strong
            | TagEnd::Strikethrough
            | TagEnd::Link
            | TagEnd::Image
            | TagEnd::TableHead
            | TagEnd::TableRow
            | TagEnd::TableCell
            | TagEnd::Superscript
            | TagEnd::Subscript
    )
}

/// Length of the front matter: `---`, lines of settings, `---`. The closing line may have text glued to it, as
/// programs that join pieces without a line end write it.
fn front_matter(text: &str) -> usize {
    let Some(rest) = text.strip_prefix("---") else { return 0 };
    if !rest.starts_with(['\n', '\r']) {
        return 0;
    }
    let mut end = FRONT_MATTER_BYTES.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let Some(close) = text[..end].match_indices("\n---").map(|(at, _)| at).find(|at| *at >= 3) else { return 0 };
    let setting = |line: &str| {
        let line = line.trim_end();
        line.is_empty()
            || line.starts_with([' ', '#', '-', '\t'])
            || line.split_once(':').is_some_and(|(key, _)| !key.contains(' '))
    };
    if text[4..=close].lines().all(setting) { close + 4 } else { 0 }
}

#[cfg(test)]
mod tests;
