//! Lists whose items stand on lines of their own.
//!
//! An item goes on over lines that are indented or begin in lower case; a blank line ends it, and a line without a mark
//! ends its list. Items of a list inside an item belong to a list of their own, which that item introduces.

use super::{BULLETS, List, item};

/// Columns that a tab is wide.
const TAB: usize = 4;

/// A line that begins an item.
struct Mark<'a> {
    indent: usize,
    number: Option<usize>,
    text: &'a str,
}

/// A list that has not ended yet.
struct Open {
    indent: usize,
    list: List,
}

/// The lists of a text, of two items or more.
pub fn lists(text: &str) -> Vec<List> {
    let mut reader = Reader::default();
    text.lines().for_each(|line| reader.take(line));
    reader.close(0);
    let mut lists = reader.done;
    // With marks inside an item as well, lines are where a page was too narrow.
    let narrow = |list: &List| list.items.iter().any(|item| item.contains(BULLETS));
    if lists.iter().any(narrow) {
        return Vec::new();
    }
    lists.iter_mut().for_each(List::tidy);
    lists
}

#[derive(Default)]
struct Reader {
    /// Lists inside one another, the outermost first.
    open: Vec<Open>,
    done: Vec<List>,
    /// The last paragraph outside lists.
    before: String,
    /// Whether the last line was blank.
    blank: bool,
}

impl Reader {
    fn take(&mut self, line: &str) {
        if line.trim().is_empty() {
            self.blank = true;
            return;
        }
        match mark(line) {
            Some(mark) if self.fits(&mark) => self.item(&mark),
            _ => self.text(line),
        }
        self.blank = false;
    }

    /// Whether the mark begins a list or goes on with one; a number in between is a number of the text.
    fn fits(&self, mark: &Mark<'_>) -> bool {
        let next = |open: &Open| mark.number == Some(open.list.items.len() + 1);
        mark.number.is_none_or(|number| number == 1)
            || self.open.iter().any(|open| open.list.numbered && beside(open, mark.indent) && next(open))
    }

    fn item(&mut self, mark: &Mark<'_>) {
        let inner = self.open.iter().take_while(|open| open.indent <= mark.indent || beside(open, mark.indent)).count();
        self.close(inner);
        let new = List::new(mark.number.is_some());
        match self.open.last_mut() {
            Some(open) if beside(open, mark.indent) => {
                if open.list.numbered != new.numbered || mark.number == Some(1) {
                    self.close(self.open.len() - 1);
                    self.begin(mark.indent, new);
                }
            }
            Some(open) => {
                // The inner list is named by the item that it stands in.
                let lead = open.list.items.last().cloned().unwrap_or_default();
                open.list.more();
                self.open.push(Open { indent: mark.indent, list: List { lead, by_heading: false, ..new } });
            }
            None => self.begin(mark.indent, new),
        }
        if let Some(open) = self.open.last_mut() {
            open.list.items.push(mark.text.to_owned());
        }
    }

    fn begin(&mut self, indent: usize, new: List) {
        self.open.push(Open { indent, list: List { lead: std::mem::take(&mut self.before), ..new } });
    }

    /// A line without a mark.
    fn text(&mut self, line: &str) {
        let indent = indent(line);
        if let Some(open) = self.open.last_mut() {
            let lower = line.trim_start().starts_with(char::is_lowercase);
            if !self.blank
                && (indent > open.indent || lower)
                && let Some(item) = open.list.items.last_mut()
            {
                item.push(' ');
                item.push_str(line.trim());
                return;
            }
        }
        let inner = self.open.iter().take_while(|open| self.blank && indent > open.indent + 1).count();
        self.close(inner);
        if let Some(open) = self.open.last_mut() {
            // A second paragraph of an item.
            open.list.more();
            return;
        }
        // A number that does not fit says that the list lost an item.
        if let (Some(list), Some(Mark { number: Some(_), .. })) = (self.done.last_mut(), mark(line)) {
            list.whole = false;
        }
        if self.blank {
            self.before.clear();
        }
        // Lines of marks alone underline a heading.
        if line.contains(char::is_alphanumeric) {
            self.before.push(' ');
            self.before.push_str(line.trim());
        }
    }

    /// Ends all lists but the outermost `kept`.
    fn close(&mut self, kept: usize) {
        let ended: Vec<Open> = self.open.drain(kept..).collect();
        if !ended.is_empty() {
            self.before.clear();
        }
        self.done.extend(ended.into_iter().map(|open| open.list));
    }
}

/// Whether an item with this indent belongs to the list; a column more or less is the width of a number.
fn beside(open: &Open, indent: usize) -> bool {
    open.indent.abs_diff(indent) <= 1
}

fn indent(line: &str) -> usize {
    line.chars().take_while(|c| c.is_whitespace()).map(|c| if c == '\t' { TAB } else { 1 }).sum()
}

/// Whether a line begins an item.
pub fn is_item(line: &str) -> bool {
    mark(line).is_some()
}

fn mark(line: &str) -> Option<Mark<'_>> {
    let text = line.trim_start();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = if digits > 0 {
        let rest = text[digits..].strip_prefix(['.', ')']).filter(|rest| rest.starts_with(char::is_whitespace))?;
        (Some(text[..digits].parse().ok().filter(|_| digits <= 2)?), rest)
    } else if let Some(rest) = text.strip_prefix(BULLETS) {
        (None, rest)
    } else {
        (None, text.strip_prefix(['-', '*', '+']).filter(|rest| rest.starts_with(char::is_whitespace))?)
    };
    let text = rest.trim();
    let boxes = ["[ ] ", "[x] ", "[X] "];
    let text = boxes.iter().find_map(|empty| text.strip_prefix(empty)).unwrap_or(text);
    // `* * *` is a rule.
    text.contains(char::is_alphanumeric).then(|| Mark { indent: indent(line), number, text })
}

impl List {
    fn new(numbered: bool) -> Self {
        Self { lead: String::new(), by_heading: true, items: Vec::new(), partly: Vec::new(), numbered, whole: true }
    }

    /// Notes that the last item says more than its text.
    fn more(&mut self) {
        self.partly.extend(self.items.len().checked_sub(1));
        self.whole = false;
    }

    fn tidy(&mut self) {
        self.items.iter_mut().for_each(|text| *text = item(text));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(text: &str) -> Vec<(String, Vec<String>)> {
        lists(text).into_iter().map(|list| (list.lead.trim().to_owned(), list.items)).collect()
    }

    fn expected(lists: &[(&str, &[&str])]) -> Vec<(String, Vec<String>)> {
        let owned = |items: &[&str]| items.iter().map(|item| (*item).to_owned()).collect();
        lists.iter().map(|(lead, items)| ((*lead).to_owned(), owned(items))).collect()
    }

    #[test]
    fn a_list_ends_with_its_last_item_and_begins_after_the_paragraph_before_it() {
        let text = "## Tools\n\nThe truck carries:\n\n- Axe\n- Saw, which\n  is long\n\nClean them after use.\n\nPower tools:\n- \
                    Pump\n* Chain\nsaw\nThey need fuel.";
        let lists = expected(&[
            ("The truck carries:", &["Axe", "Saw, which is long"]),
            ("Power tools:", &["Pump", "Chain saw"]),
        ]);
        assert_eq!(seen(text), lists);
    }

    #[test]
    fn blank_lines_between_items_end_no_list_and_an_inner_list_is_one_of_its_own() {
        let text = "1. Open the kit:\n   - gloves\n   - mask\n\n2. Put it on.\n\n   Tie the mask.\n\n3. Go.\n";
        let found = lists(text);
        assert_eq!(
            seen(text),
            expected(&[("Open the kit:", &["gloves", "mask"]), ("", &["Open the kit:", "Put it on", "Go"]),])
        );
        assert_eq!((found[1].whole, found[1].partly.as_slice()), (false, [0, 1].as_slice()));
    }

    #[test]
    fn rules_and_numbers_of_the_text_begin_no_item() {
        assert!(seen("* * *\n\n30. June was hot.\n---\n").is_empty());
        let text = "1. Ropes\n2. Pumps\n4. Hoses";
        assert_eq!((seen(text), lists(text)[0].whole), (expected(&[("", &["Ropes", "Pumps"])]), false));
    }
}
