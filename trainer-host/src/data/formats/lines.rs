//! JSONL of any form: one object a line, each with its line number. Where it is asked for, a file that is one list of
//! objects is read alike.

use std::path::Path;

use serde_json::{Map, Value};

use super::elements::{Element, Elements};
use crate::data::dataset::Lines;
use crate::data::documents::object;

/// An object and its place.
#[derive(Debug)]
pub struct Line {
    /// Line, from 1.
    pub line: usize,
    /// First byte of the line, and the byte after its end.
    pub bytes: [u64; 2],
    /// The object.
    pub object: Map<String, Value>,
}

/// A line that is no object, or a file that can be read no further.
#[derive(Debug)]
pub enum Wrong {
    /// The line, what is wrong with it, and how it begins.
    Line(usize, String, String),
    /// Reading has ended here.
    File(anyhow::Error),
}

impl Wrong {
    /// As an error that names the file.
    pub fn into_error(self, path: &Path) -> anyhow::Error {
        match self {
            Self::Line(line, problem, _) => anyhow::anyhow!("{}:{line}: {problem}", path.display()),
            Self::File(error) => error,
        }
    }
}

/// Characters of a wrong line that are kept for a reader.
const SHOWN: usize = 400;

/// How a line begins, for a reader.
pub fn beginning(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SHOWN)]).chars().take(SHOWN).collect()
}

/// Objects of a file; blank lines are passed over.
pub struct Objects {
    source: Source,
    ended: bool,
}

enum Source {
    Lines(Lines),
    List(Elements),
}

impl Objects {
    /// Opens a JSONL file.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { source: Source::Lines(Lines::open(path)?), ended: false })
    }

    /// Opens a JSONL file, or a JSON file that is one list of objects.
    ///
    /// # Errors
    /// What the system said.
    pub fn of_any(path: &Path) -> anyhow::Result<Self> {
        match Elements::open(path)? {
            Some(elements) => Ok(Self { source: Source::List(elements), ended: false }),
            None => Self::open(path),
        }
    }

    fn next_text(&mut self) -> anyhow::Result<Option<Element>> {
        match &mut self.source {
            Source::Lines(lines) => {
                let line = lines.next_line()?;
                Ok(line.map(|(line, text)| Element { line, bytes: lines.bytes(), text }))
            }
            Source::List(elements) => elements.next_element(),
        }
    }
}

impl Iterator for Objects {
    type Item = Result<Line, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let Element { line, bytes: place, text } = match self.next_text() {
                Ok(Some(text)) => text,
                Ok(None) => return None,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(Wrong::File(error)));
                }
            };
            let bytes = text.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&text);
            if !bytes.iter().all(u8::is_ascii_whitespace) || matches!(self.source, Source::List(_)) {
                let wrong = |problem| Wrong::Line(line, problem, beginning(bytes));
                return Some(object(bytes).map(|object| Line { line, bytes: place, object }).map_err(wrong));
            }
        }
        None
    }
}
