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

/// Elements whose content is no text.
const SILENT: &[&str] = &["script", "style", "noscript", "template", "svg", "head", "iframe", "object", "canvas"];
/// Elements that begin and end a block.
const BLOCKS: &[&str] = &[
    "p",
    "div",
    "section",
    "article",
    "main",
    "aside",
    "nav",
    "header",
    "footer",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "blockquote",
    "figure",
    "figcaption",
    "table",
    "form",
    "fieldset",
    "hr",
    "body",
    "html",
    "address",
    "details",
    "summary",
];

/// Reads HTML.
pub fn read(text: &str) -> Reading {
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
            Token::EndTag(tag) => state.close(&String::from_utf8_lossy(&tag.name)),
            Token::String(words) => {
                let (start, end) = (words.span.start, words.span.end);
                state.words(&String::from_utf8_lossy(&words), start..end.min(text.len()));
            }
            _ => {}
        }
    }
    state.flush();
    if state.left_out > 0 {
        let detail = format!("{} scripts, styles and other parts that are no text were left out", state.left_out);
        state.reading.notes.push(Note::part("no_text", detail));
    }
    state.reading
}

/// The text of a piece of HTML.
pub fn rendered(text: &str) -> String {
    let reading = read(text);
    reading.blocks.iter().map(|block| block.text(text)).collect::<Vec<_>>().join("\n\n")
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
    /// The `math` element that is being read.
    formula: Option<Formula>,
    /// It is displayed, so it is a block.
    displayed: bool,
}

impl State {
    fn open(&mut self, name: &str, class: Option<&str>, self_closing: bool) {
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
                self.flush();
                self.level = name[1..].parse().ok();
            }
            "pre" => {
                self.flush();
                self.preformatted += 1;
                self.language = class.and_then(language);
            }
            "code" if self.preformatted > 0 && self.language.is_none() => self.language = class.and_then(language),
            "table" => {
                self.flush();
                self.in_table += 1;
            }
            "tr" => {
                if self.in_table > 0 && !self.text.is_empty() {
                    self.text.push('\n');
                }
                self.cells = 0;
            }
            "td" | "th" => {
                if self.cells > 0 {
                    self.text.push_str(" | ");
                }
                self.cells += 1;
            }
            "br" => self.text.push('\n'),
            _ if BLOCKS.contains(&name) && self.in_table == 0 => self.flush(),
            _ => {}
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

    fn close(&mut self, name: &str) {
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
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.flush(),
            "pre" => {
                self.flush();
                self.preformatted = self.preformatted.saturating_sub(1);
                self.language = None;
            }
            "table" => {
                self.flush();
                self.in_table = self.in_table.saturating_sub(1);
            }
            _ if BLOCKS.contains(&name) && self.in_table == 0 => self.flush(),
            _ => {}
        }
    }

    fn words(&mut self, words: &str, at: std::ops::Range<usize>) {
        if !self.silent.is_empty() {
            return;
        }
        if self.preformatted > 0 {
            self.text.push_str(words);
        } else {
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
        if !words.trim().is_empty() {
            let start = self.range.as_ref().map_or(at.start, |range| range.start);
            self.range = Some(start..at.end);
        }
    }

    fn flush(&mut self) {
        let displayed = std::mem::take(&mut self.displayed);
        self.flush_block(displayed);
    }

    fn flush_block(&mut self, displayed: bool) {
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
mod tests {
    use super::*;

    #[test]
    fn text_is_kept_and_scripts_are_not() {
        let text = "<head><title>t</title><style>p{}</style></head><body><h1>Pumps &amp; hose</h1><script>if (a < b) { x('</p>') }</script>\
                    <p>Open the <b>valve</b>.</p><ul><li>One</li><li>Two</ul></body>";
        let reading = read(text);
        let seen: Vec<_> = reading.blocks.iter().map(|block| block.text(text)).collect();
        assert_eq!(seen, ["Pumps & hose", "Open the valve.", "One", "Two"]);
        assert_eq!(&*reading.blocks[1].heading, ["Pumps & hose".to_owned()]);
        assert!(reading.notes.iter().any(|note| note.reason == "no_text"));
    }

    #[test]
    fn blocks_know_their_bytes() {
        let text = "<p>First.</p>\n<p>Second &lt;one&gt;.</p>";
        let reading = read(text);
        let at = &reading.blocks[1];
        assert_eq!((&text[at.range.clone()], at.text(text)), ("Second &lt;one&gt;.", "Second <one>."));
    }

    #[test]
    fn table_is_rows_of_cells_and_code_keeps_its_lines() {
        let text = "<table><tr><th>Gas</th><th>IDLH</th></tr><tr><td>Chlorine</td><td>10 ppm</td></tr></table>\
                    <pre><code class=\"language-rust\">fn a() {\n    b()\n}</code></pre>";
        let reading = read(text);
        assert_eq!(reading.blocks[0].text(text), "Gas | IDLH\nChlorine | 10 ppm");
        assert_eq!(reading.blocks[1].text(text), "fn a() {\n    b()\n}");
        assert_eq!(reading.blocks[1].language.as_deref(), Some("rust"));
    }

    #[test]
    fn displayed_equations_are_blocks_and_powers_stay_powers() {
        let text = "<p>Energy is <math display=\"block\"><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></math> \
                    where m is the mass.</p><p>\\[ p = \\rho g h \\]</p><p>It costs $5 and $6.</p>\
                    <p>A half is <math><mfrac><mn>1</mn><mn>2</mn></mfrac></math> here.</p>\
                    <math display=block><semantics><mi>x</mi><annotation encoding=\"application/x-tex\">x = \\frac{a}{b}\
                    </annotation></semantics></math>";
        let reading = read(text);
        let seen: Vec<_> = reading.blocks.iter().map(|block| (block.kind, block.text(text))).collect();
        let expected = [
            (BlockKind::Prose, "Energy is"),
            (BlockKind::Equation, "E=mc^2"),
            (BlockKind::Prose, "where m is the mass."),
            (BlockKind::Equation, "\\[ p = \\rho g h \\]"),
            (BlockKind::Prose, "It costs $5 and $6."),
            (BlockKind::Prose, "A half is 1/2 here."),
            (BlockKind::Equation, "x = \\frac{a}{b}"),
        ];
        assert_eq!(seen, expected);
    }
}
