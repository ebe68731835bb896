//! The title of a page, which a browser shows above it and not in it.

use std::ops::Range;
use std::sync::Arc;

use super::super::block::{Block, Note, Reading};
use super::super::one_line;

/// The `title` element.
#[derive(Debug, Default)]
pub struct Title {
    open: bool,
    text: String,
    range: Option<Range<usize>>,
}

impl Title {
    /// The element opens; the first of a page counts.
    pub fn open(&mut self) {
        self.open = true;
    }

    /// The element closes; `false` where none is open.
    pub fn close(&mut self) -> bool {
        std::mem::take(&mut self.open)
    }

    /// Takes words if they stand in the element.
    pub fn words(&mut self, words: &str, at: &Range<usize>) -> bool {
        if self.open && self.range.as_ref().is_none_or(|range| range.end == at.start) {
            self.text.push_str(words);
            let start = self.range.as_ref().map_or(at.start, |range| range.start);
            self.range = Some(start..at.end);
        }
        self.open
    }

    /// Sets the title above a page that has no heading of its own. On another page it mostly says the same with the
    /// name of the site behind it, so it is noted there if no heading holds it.
    pub fn head(&self, reading: &mut Reading) {
        let title = one_line(&self.text);
        let Some(range) = self.range.clone().filter(|_| !title.is_empty() && !reading.blocks.is_empty()) else {
            return;
        };
        let mut headings = reading.blocks.iter().filter(|block| block.opening).filter_map(|block| block.heading.last());
        if headings.clone().next().is_none() {
            let heading: Arc<[String]> = Arc::from([title.clone()]);
            reading.blocks.iter_mut().for_each(|block| block.heading = Arc::clone(&heading));
            let opening = Block { text: Some(title), opening: true, ..Block::prose(range, &heading) };
            reading.blocks.insert(0, opening);
        } else if !headings.any(|heading| title.contains(heading) || heading.contains(&title)) {
            let detail = format!("the title of the page, {title:?}, stands in none of its headings and was left out");
            reading.notes.push(Note::part("title", detail));
        }
    }
}
