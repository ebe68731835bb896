//! Quotes of a CSV table, watched while it is read.
//!
//! A stray quote makes a reader take the lines up to the next one for a single cell, so that ratings vanish without a
//! word. In a sound table a cell that begins with a quote ends with one, and a comma or a line end follows.

use std::io::{Error, ErrorKind, Read};

/// A quote that is out of place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Stray {
    /// No quote closes it.
    #[error("a quote opens a cell on this line and none closes it; take it out, or close it")]
    Open {
        /// Line of the opening quote, from 1.
        line: u64,
    },
    /// Something follows the quote that closes it.
    #[error(
        "a quote opens a cell on this line, and something follows the quote that closes it on line {closed}; take the \
         stray quote out, or double the quotes within the cell"
    )]
    Within {
        /// Line of the opening quote, from 1.
        line: u64,
        /// Line of the closing one.
        closed: u64,
    },
}

impl Stray {
    /// The line to look at, from 1.
    pub fn line(self) -> u64 {
        match self {
            Self::Open { line } | Self::Within { line, .. } => line,
        }
    }

    /// The quote that made reading fail, if one did.
    pub fn of(error: &csv::Error) -> Option<Self> {
        match error.kind() {
            csv::ErrorKind::Io(error) => error.get_ref()?.downcast_ref().copied(),
            _ => None,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum State {
    CellStart,
    Bare,
    /// Within quotes, which opened on this line.
    Quoted(u64),
    /// After a quote that may close a cell which opened on this line.
    Closed(u64),
}

/// Hands a table on, and fails at a stray quote.
#[derive(Debug)]
pub struct Quotes<R> {
    inner: R,
    state: State,
    line: u64,
    begun: bool,
}

impl<R: Read> Quotes<R> {
    /// Watches a table from its first byte.
    pub fn new(inner: R) -> Self {
        Self { inner, state: State::CellStart, line: 1, begun: false }
    }

    fn watch(&mut self, bytes: &[u8]) -> Result<(), Stray> {
        for byte in bytes {
            self.state = match (self.state, byte) {
                (State::CellStart, b'"') => State::Quoted(self.line),
                (State::Quoted(line), b'"') => State::Closed(line),
                (State::Quoted(line), _) => State::Quoted(line),
                // Two quotes within a cell stand for one.
                (State::Closed(line), b'"') => State::Quoted(line),
                (_, b',' | b'\n') => State::CellStart,
                // Spaces and the first half of a line end of Windows.
                (State::Closed(line), b' ' | b'\t' | b'\r') => State::Closed(line),
                (State::Closed(line), _) => return Err(Stray::Within { line, closed: self.line }),
                (State::CellStart | State::Bare, _) => State::Bare,
            };
            self.line += u64::from(*byte == b'\n');
        }
        Ok(())
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let mut bytes = &buffer[..count];
        if !self.begun && count > 0 {
            self.begun = true;
            bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        }
        let stray = |stray: Stray| Error::new(ErrorKind::InvalidData, stray);
        self.watch(bytes).map_err(stray)?;
        match self.state {
            State::Quoted(line) if count == 0 && !buffer.is_empty() => Err(stray(Stray::Open { line })),
            _ => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stray(table: &str) -> Option<Stray> {
        let found = std::io::read_to_string(Quotes::new(table.as_bytes()));
        found.err().map(|error| *error.get_ref().unwrap().downcast_ref::<Stray>().unwrap())
    }

    #[test]
    fn sound_tables_pass() {
        for table in
            ["a,b\n\"x, y\",\"say \"\"no\"\"\nplease\"\r\n", "\u{feff}\"a\",b\n5\" hose,x\n", "", "\"a\"", "\"a\" ,b\n"]
        {
            assert_eq!(stray(table), None, "{table}");
        }
    }

    #[test]
    fn stray_quote_is_found_with_the_line_on_which_it_opens() {
        assert_eq!(stray("a,b\n1,\"x\n2,y\n"), Some(Stray::Open { line: 2 }));
        assert_eq!(stray("a,b\n1,\"x\n2,\"y, z\"\n"), Some(Stray::Within { line: 2, closed: 3 }));
    }
}
