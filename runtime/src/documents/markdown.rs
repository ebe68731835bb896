//! Markdown: blocks under their headings, each the bytes of the file as they are.

use std::ops::Range;
use std::sync::Arc;

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::block::{Block, BlockKind, Chain, Cut, Note, Reading, trimmed};
use super::pages::page_mark;
use super::{equations, html};

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
    let mut reading = state.reading;
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
                if let Some(title) = &mut self.title {
                    title.push_str(words);
                }
            }
            // A list is read item by item; the list itself is no block.
            Event::Start(Tag::List(_)) | Event::End(TagEnd::List(_)) if self.depth == 0 => {}
            Event::Start(tag) if is_block(tag) => {
                if self.depth == 0 {
                    self.block(tag, range);
                }
                self.depth += 1;
            }
            Event::End(tag) if is_block_end(tag) => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    fn heading(&mut self, level: HeadingLevel, title: &str, range: Range<usize>) {
        if self.marks
            && let Some(page) = page_mark(title)
        {
            self.page = Some(page);
            return;
        }
        self.chain.open(level as usize, title);
        self.heading = self.chain.names();
        if let Some(range) = trimmed(self.text, range) {
            let block = Block::prose(range, &self.heading);
            self.reading.blocks.push(Block { opening: true, page: self.page, ..block });
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
                block.repeat = Some(source.lines().take(2).collect::<Vec<_>>().join("\n"));
            }
            Tag::HtmlBlock => {
                let rendered = html::rendered(source);
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
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<(String, String)> {
        let reading = read(text, true);
        reading.blocks.iter().map(|block| (block.heading.join(" > "), block.text(text).to_owned())).collect()
    }

    #[test]
    fn blocks_stand_under_their_headings() {
        let text = "# Pumps\n\nA pump moves water.\n\n## Priming\n\n- Open the valve.\n- Run 30 s.\n\n# Hose\n\n```sh\nls\n```\n";
        let expected = [
            ("Pumps", "# Pumps"),
            ("Pumps", "A pump moves water."),
            ("Pumps > Priming", "## Priming"),
            ("Pumps > Priming", "- Open the valve."),
            ("Pumps > Priming", "- Run 30 s."),
            ("Hose", "# Hose"),
            ("Hose", "```sh\nls\n```"),
        ];
        assert_eq!(seen(text), expected.map(|(heading, text)| (heading.to_owned(), text.to_owned())));
    }

    #[test]
    fn page_headings_are_pages_and_glued_front_matter_is_none() {
        let text = "---\nid: a\nkind: pdf\n---# Guide\n\n## Page 3\n\nStay upwind.\n";
        let reading = read(text, true);
        let last = reading.blocks.last().unwrap();
        assert_eq!((last.text(text), last.page), ("Stay upwind.", Some(3)));
        assert_eq!(&*last.heading, ["Guide".to_owned()]);
        assert_eq!(reading.notes[0].reason, "front_matter");
    }

    #[test]
    fn rule_at_the_start_is_no_front_matter() {
        assert_eq!(front_matter("---\nSome words here.\n---\n"), 0);
    }

    #[test]
    fn scripts_in_markdown_are_left_out_and_code_keeps_its_language() {
        let text = "<div><script>alert(1)</script><p>Stay low.</p></div>\n\n```rust\nfn a() {}\n```\n";
        let reading = read(text, true);
        assert_eq!(reading.blocks[0].text(text), "Stay low.");
        assert_eq!(reading.blocks[1].language.as_deref(), Some("rust"));
    }

    #[test]
    fn displayed_equations_are_known_and_prices_stay() {
        let text = "Energy is $$E = mc^2$$ where m is the mass.\n\n$$\na = b\n- c\n$$\n\n\\[ p = h / 2 \\]\n\n\
                    It costs $5 and $6, or $x$ a day.\n\n```math\nx^2\n```\n\nSee \\[1\\].\n";
        let reading = read(text, true);
        let seen: Vec<_> = reading.blocks.iter().map(|block| (block.kind, block.text(text))).collect();
        let expected = [
            (BlockKind::Equation, "Energy is $$E = mc^2$$ where m is the mass."),
            (BlockKind::Equation, "$$\na = b\n- c\n$$"),
            (BlockKind::Equation, "\\[ p = h / 2 \\]"),
            (BlockKind::Prose, "It costs $5 and $6, or $x$ a day."),
            (BlockKind::Equation, "```math\nx^2\n```"),
            (BlockKind::Prose, "See \\[1\\]."),
        ];
        assert_eq!(seen, expected);
    }
}
