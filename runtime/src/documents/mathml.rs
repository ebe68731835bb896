//! MathML as a line of text: `E=mc^2`, `(a+b)/c`.
//!
//! Only what would change the meaning is written: a power must not become a digit of its base.

/// Reads the elements of one `math` element as they open and close.
#[derive(Debug)]
pub struct Formula {
    /// Where its text begins in that of the block.
    pub start: usize,
    /// Open elements with the number of their children so far.
    open: Vec<(String, usize)>,
}

/// What is written where an element opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// These characters.
    Text(&'static str),
    /// The author's own source follows and stands for all of the formula so far.
    Source,
    /// What follows says the same once more.
    Repeated,
}

impl Formula {
    /// A `math` element whose text begins at `start`.
    pub fn new(start: usize) -> Self {
        Self { start, open: Vec::new() }
    }

    /// An element opens; `encoding` is its attribute.
    pub fn open(&mut self, name: &str, encoding: Option<&str>, self_closing: bool) -> Vec<Mark> {
        let mut marks = Vec::new();
        if let Some((parent, children)) = self.open.last_mut() {
            let sign = match (parent.as_str(), *children) {
                ("msup" | "mover", 1) | ("msubsup" | "munderover", 2) => "^",
                ("msub" | "munder" | "msubsup" | "munderover", 1) => "_",
                ("mfrac", 1) => "/",
                ("mroot", 1) => ", ",
                _ => "",
            };
            let grouped = name == "mrow" && matches!(parent.as_str(), "msup" | "msub" | "msubsup" | "mfrac");
            *children += 1;
            marks.extend([sign, if grouped { "(" } else { "" }].map(Mark::Text));
        }
        match name {
            "msqrt" => marks.push(Mark::Text("sqrt(")),
            "mroot" => marks.push(Mark::Text("root(")),
            "annotation" if encoding.is_some_and(|encoding| encoding.contains("tex")) => marks.push(Mark::Source),
            "annotation" | "annotation-xml" if !self_closing => marks.push(Mark::Repeated),
            _ => {}
        }
        if !self_closing && !marks.contains(&Mark::Repeated) {
            self.open.push((name.to_owned(), 0));
        }
        marks
    }

    /// An element closes.
    pub fn close(&mut self, name: &str) -> &'static str {
        if self.open.last().is_none_or(|(open, _)| open != name) {
            return "";
        }
        self.open.pop();
        let within = self.open.last().map(|(parent, _)| parent.as_str());
        match name {
            "msqrt" | "mroot" => ")",
            "mrow" if matches!(within, Some("msup" | "msub" | "msubsup" | "mfrac")) => ")",
            _ => "",
        }
    }
}
