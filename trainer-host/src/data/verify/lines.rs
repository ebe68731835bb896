//! Lines of a file and their digests, and which of them are not as they were written.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;

use sha2::{Digest as _, Sha256};

use super::super::canonical::{ID_DIGITS, lower_hex};

/// First half of a record's SHA-256, as `records.sha256` lists it.
pub type Short = [u8; ID_DIGITS / 2];

/// How far ahead lines are looked for after a damaged one, so that a lost line end does not blame all that follow.
const AHEAD: usize = 32;

/// Digests of a file and of its lines.
#[derive(Debug, Default)]
pub struct Digests {
    /// SHA-256 of the file.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
    /// Digest of each line without its end.
    pub lines: Vec<Short>,
    /// Byte after each line's end.
    pub ends: Vec<u64>,
}

/// Reads a file once, in bounded memory whatever its lines are.
///
/// # Errors
/// What the system said.
pub fn digests(path: &Path) -> std::io::Result<Digests> {
    let mut reader = BufReader::with_capacity(1 << 18, File::open(path)?);
    let (mut whole, mut line, mut open) = (Sha256::new(), Sha256::new(), false);
    let mut found = Digests::default();
    loop {
        let bytes = reader.fill_buf()?;
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        whole.update(bytes);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            found.bytes += piece.len() as u64;
            match piece.strip_suffix(b"\n") {
                Some(end) => {
                    line.update(end);
                    found.close(&mut line);
                    open = false;
                }
                None => {
                    line.update(piece);
                    open = true;
                }
            }
        }
        reader.consume(length);
    }
    if open {
        found.close(&mut line);
    }
    found.sha256 = lower_hex(&whole.finalize());
    Ok(found)
}

impl Digests {
    fn close(&mut self, line: &mut Sha256) {
        let mut short = Short::default();
        short.copy_from_slice(&line.finalize_reset()[..ID_DIGITS / 2]);
        self.lines.push(short);
        self.ends.push(self.bytes);
    }

    /// Bytes of the line with this number, from 1.
    pub fn place(&self, line: usize) -> [u64; 2] {
        let end = |line: usize| line.checked_sub(1).and_then(|at| self.ends.get(at)).copied();
        [end(line - 1).unwrap_or(0), end(line).unwrap_or(self.bytes)]
    }
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The line with this number has other bytes than were written.
    Changed(usize),
    /// So many lines are gone before the line with this number.
    Lost(usize, usize),
}

/// Compares the lines that are there with those that were written.
pub fn faults(there: &[Short], written: &[Short]) -> Vec<Fault> {
    let (mut at, mut was) = (0, 0);
    let mut faults = Vec::new();
    while at < there.len() || was < written.len() {
        if at < there.len() && was < written.len() && there[at] == written[was] {
            (at, was) = (at + 1, was + 1);
            continue;
        }
        let (extra, gone) = resume(&there[at..], &written[was..]);
        faults.extend((at..at + extra).map(|line| Fault::Changed(line + 1)));
        if extra == 0 {
            faults.push(Fault::Lost(at + 1, gone));
        }
        (at, was) = (at + extra, was + gone);
    }
    faults
}

/// How many lines to pass over on both sides until they are the same again: one for one if possible.
fn resume(there: &[Short], written: &[Short]) -> (usize, usize) {
    let same = |extra: usize, gone: usize| match (there.get(extra), written.get(gone)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => extra == there.len() && gone == written.len(),
        _ => false,
    };
    for distance in 1..=AHEAD {
        for extra in (0..=distance).rev() {
            if same(extra, distance) {
                return (extra, distance);
            }
            if same(distance, extra) {
                return (distance, extra);
            }
        }
    }
    (there.len(), written.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shorts(text: &str) -> Vec<Short> {
        text.bytes().map(|byte| [byte; 8]).collect()
    }

    fn compare(there: &str, written: &str) -> Vec<Fault> {
        faults(&shorts(there), &shorts(written))
    }

    #[test]
    fn damaged_lines_are_told_from_those_that_moved() {
        assert_eq!(compare("abcd", "abcd"), []);
        assert_eq!(compare("abXd", "abcd"), [Fault::Changed(3)]);
        assert_eq!(compare("abcX", "abcd"), [Fault::Changed(4)]);
        // Two lines became one, one became two, one is gone, one is more.
        assert_eq!(compare("aXd", "abcd"), [Fault::Changed(2)]);
        assert_eq!(compare("aXYcd", "abcd"), [Fault::Changed(2), Fault::Changed(3)]);
        assert_eq!(compare("acd", "abcd"), [Fault::Lost(2, 1)]);
        assert_eq!(compare("abc", "abcd"), [Fault::Lost(4, 1)]);
        assert_eq!(compare("abcdX", "abcd"), [Fault::Changed(5)]);
        assert_eq!(compare("Xbcd", "abcd"), [Fault::Changed(1)]);
        assert_eq!(compare("", "ab"), [Fault::Lost(1, 2)]);
    }

    #[test]
    fn digests_of_lines_do_not_depend_on_the_last_line_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, "one\n\ntwo").unwrap();
        let found = digests(&path).unwrap();
        assert_eq!((found.lines.len(), found.bytes), (3, 8));
        assert_eq!((found.place(1), found.place(2), found.place(3)), ([0, 4], [4, 5], [5, 8]));
        let expected = Sha256::digest(b"two");
        assert_eq!(found.lines[2], expected[..8]);
    }
}
