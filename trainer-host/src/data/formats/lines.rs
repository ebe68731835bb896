//! JSONL of any form: one object a line, each with its line number.

use std::path::Path;

use serde_json::{Map, Value};

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

/// Objects of a JSONL file; blank lines are passed over.
pub struct Objects {
    lines: Lines,
    ended: bool,
}

impl Objects {
    /// Opens the file.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(path: &Path) -> anyhow::Result<Self> {
        Ok(Self { lines: Lines::open(path)?, ended: false })
    }
}

impl Iterator for Objects {
    type Item = Result<Line, Wrong>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let (line, bytes) = match self.lines.next_line() {
                Ok(Some(line)) => line,
                Ok(None) => return None,
                Err(error) => {
                    self.ended = true;
                    return Some(Err(Wrong::File(error)));
                }
            };
            let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&bytes);
            if !bytes.iter().all(u8::is_ascii_whitespace) {
                let wrong = |problem| Wrong::Line(line, problem, beginning(bytes));
                let place = self.lines.bytes();
                return Some(object(bytes).map(|object| Line { line, bytes: place, object }).map_err(wrong));
            }
        }
        None
    }
}
