//! A small tree for a terminal: branches in line characters, colours only where they are wanted.

/// What a line is, which decides its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// The name of the thing.
    Title,
    /// Ordinary words.
    Plain,
    /// Hashes, places: there when they are needed.
    Quiet,
    /// As it should be.
    Good,
    /// Not as it should be.
    Bad,
    /// Not known here.
    Unknown,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Title => "1",
            Self::Plain => "0",
            Self::Quiet => "2",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Unknown => "33",
        }
    }
}

/// A line with the lines below it.
#[derive(Clone, Debug, Default)]
pub struct Node {
    parts: Vec<(Tone, String)>,
    below: Vec<Node>,
}

impl Node {
    /// A line that begins with these words.
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self::default().and(tone, text)
    }

    /// The line with more words, after two spaces.
    #[must_use]
    pub fn and(mut self, tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        if !text.is_empty() {
            self.parts.push((tone, super::super::review::printable(&text).replace('\n', " ")));
        }
        self
    }

    /// Adds a line below.
    pub fn add(&mut self, node: Node) {
        self.below.push(node);
    }

    /// The tree as text, a line each.
    pub fn draw(&self, colour: bool) -> String {
        let mut lines = vec![self.line(colour)];
        self.draw_below("", colour, &mut lines);
        lines.join("\n")
    }

    fn line(&self, colour: bool) -> String {
        let paint = |(tone, text): &(Tone, String)| match tone {
            Tone::Plain => text.clone(),
            _ if !colour => text.clone(),
            tone => format!("\u{1b}[{}m{text}\u{1b}[0m", tone.code()),
        };
        self.parts.iter().map(paint).collect::<Vec<_>>().join("  ")
    }

    fn draw_below(&self, margin: &str, colour: bool, lines: &mut Vec<String>) {
        for (at, node) in self.below.iter().enumerate() {
            let (branch, rail) = match at + 1 == self.below.len() {
                true => ("\u{2514}\u{2500} ", "   "),
                false => ("\u{251c}\u{2500} ", "\u{2502}  "),
            };
            lines.push(format!("{margin}{branch}{}", node.line(colour)));
            node.draw_below(&format!("{margin}{rail}"), colour, lines);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_join_and_end() {
        let mut inner = Node::new(Tone::Title, "b");
        inner.add(Node::new(Tone::Plain, "c"));
        let mut tree = Node::new(Tone::Plain, "a");
        tree.add(inner);
        tree.add(Node::new(Tone::Plain, "d").and(Tone::Good, "e"));
        let expected = "a\n\u{251c}\u{2500} b\n\u{2502}  \u{2514}\u{2500} c\n\u{2514}\u{2500} d  e";
        assert_eq!(tree.draw(false), expected);
        assert!(tree.draw(true).contains("\u{1b}[32me\u{1b}[0m"));
    }

    #[test]
    fn text_of_a_dataset_cannot_drive_the_terminal() {
        assert_eq!(Node::new(Tone::Plain, "a\u{1b}[2Jb\nc").draw(false), "a?[2Jb c");
    }
}
