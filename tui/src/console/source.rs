//! Places in documents that an answer rests on, and the text around them.

use halligan_runtime::{Citation, Excerpt, Passage, Turn};

use super::wrap::{cells, fitting_end};

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Name of the document.
    pub document: String,
    /// Page, where the document has pages, from 1.
    pub page: Option<u32>,
    /// Heading path; empty if none.
    pub heading: String,
    /// The words of the document at this place.
    pub quote: String,
    /// Byte offset of the words in the document's text.
    pub start_byte: usize,
    /// Byte offset just after the words.
    pub end_byte: usize,
    /// Whether the answer cites these words; else they only fit the question.
    pub cited: bool,
}

impl Source {
    /// All places of a turn: its citations in order, then the passage that fits best.
    pub fn all_of(turn: &Turn) -> Vec<Source> {
        let mut sources: Vec<Source> = turn.citations.iter().map(Source::of_citation).collect();
        sources.extend(turn.passage.as_ref().map(Source::of_passage));
        sources
    }

    /// A cited place.
    pub fn of_citation(citation: &Citation) -> Source {
        Source {
            document: citation.document.clone(),
            page: citation.page,
            heading: citation.heading.clone(),
            quote: citation.quote.clone(),
            start_byte: citation.start_byte,
            end_byte: citation.end_byte,
            cited: true,
        }
    }

    /// A place that fits the question.
    pub fn of_passage(passage: &Passage) -> Source {
        Source {
            document: passage.document.clone(),
            page: passage.page,
            heading: passage.heading.clone(),
            quote: passage.text.clone(),
            start_byte: passage.start_byte,
            end_byte: passage.end_byte,
            cited: false,
        }
    }

    /// `guide.md, page 3: Hazmat > Chlorine`.
    pub fn place(&self) -> String {
        let mut place = self.document.clone();
        if let Some(page) = self.page {
            place.push_str(&format!(", page {page}"));
        }
        if !self.heading.is_empty() {
            place.push_str(": ");
            place.push_str(&self.heading);
        }
        place
    }

    /// The place in at most `width` cells. What tells it from its neighbours stays longest: the last parts of its heading.
    pub fn short_place(&self, width: usize) -> String {
        let whole = self.place();
        let start = whole.strip_suffix(&self.heading).unwrap_or(&whole);
        let mut heading = self.heading.as_str();
        let mut shown = whole.clone();
        while cells(&shown) > width {
            let Some((_, rest)) = heading.split_once(" > ") else { return fitting_end(&whole, width) };
            heading = rest;
            shown = format!("{start}.. > {heading}");
        }
        shown
    }
}

/// The text around a place, as the device keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceText {
    /// The place.
    pub source: Source,
    /// Text before the words.
    pub before: String,
    /// The words themselves.
    pub words: String,
    /// Text after the words.
    pub after: String,
}

impl SourceText {
    /// The text of an excerpt; where the document goes on, it is cut between words and says so.
    pub fn of(source: &Source, excerpt: &Excerpt) -> SourceText {
        let (before, words) = excerpt.text[..excerpt.end].split_at(excerpt.start);
        let after = &excerpt.text[excerpt.end..];
        SourceText {
            source: source.clone(),
            before: match excerpt.more_before {
                true => format!("(the document begins further up) ... {}", from_whole_word(before)),
                false => before.to_owned(),
            },
            words: words.to_owned(),
            after: match excerpt.more_after {
                true => format!("{} ... (the document goes on)", to_whole_word(after)),
                false => after.to_owned(),
            },
        }
    }
}

/// `text` without the part of a word at its start.
fn from_whole_word(text: &str) -> &str {
    text.find(char::is_whitespace).map_or(text, |end| text[end..].trim_start())
}

/// `text` without the part of a word at its end.
fn to_whole_word(text: &str) -> &str {
    text.rfind(char::is_whitespace).map_or(text, |start| text[..start].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_is_cut_begins_and_ends_with_whole_words_and_says_so() {
        let excerpt = |more: bool| Excerpt {
            document: "guide.md".to_owned(),
            page: None,
            heading: String::new(),
            text: "ine is heavy. Keep 60 metres away. Stay upw".to_owned(),
            first_byte: 90,
            start: 14,
            end: 33,
            more_before: more,
            more_after: more,
        };
        let source = Source {
            document: "guide.md".to_owned(),
            page: None,
            heading: String::new(),
            quote: String::new(),
            start_byte: 104,
            end_byte: 123,
            cited: false,
        };
        let cut = SourceText::of(&source, &excerpt(true));
        assert_eq!(cut.before, "(the document begins further up) ... is heavy. ");
        assert_eq!(
            (cut.words.as_str(), cut.after.as_str()),
            ("Keep 60 metres away", ". Stay ... (the document goes on)")
        );
        let whole = SourceText::of(&source, &excerpt(false));
        assert_eq!(whole.before + &whole.words + &whole.after, excerpt(false).text);
    }

    #[test]
    fn a_short_place_keeps_what_tells_it_from_its_neighbours() {
        let source = |heading: &str| Source {
            document: "guide.md".to_owned(),
            page: None,
            heading: heading.to_owned(),
            quote: String::new(),
            start_byte: 0,
            end_byte: 0,
            cited: false,
        };
        let long = "The field guide of the county > Hazardous materials > Chlorine (UN 1017)";
        assert_eq!(source(long).short_place(200), format!("guide.md: {long}"));
        assert_eq!(source(long).short_place(60), "guide.md: .. > Hazardous materials > Chlorine (UN 1017)");
        assert_eq!(source(long).short_place(36), "guide.md: .. > Chlorine (UN 1017)");
        assert_eq!(source(long).short_place(20), "..Chlorine (UN 1017)");
        assert_eq!(source("").short_place(5), "...md");
    }
}
