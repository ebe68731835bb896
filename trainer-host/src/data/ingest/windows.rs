//! Large files in pieces: text, tables and JSON Lines of any size are read window by window, cut where a
//! paragraph, record or line ends, so that memory does not grow with the file.

use std::fs::File;
use std::io::{self, Read as _};

use encoding_rs::Encoding;
use halligan_runtime::documents::read::sample;

use super::block::Note;
use super::format::Format;
use super::table::{self, Head};

/// Size of a window; larger files are read in several.
pub const WINDOW_BYTES: usize = 4 << 20;
/// Longest record or line; a longer one is left out and named.
pub const RECORD_BYTES_MAX: usize = 16 << 20;

/// A piece of a file.
#[derive(Debug)]
pub struct Window {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Byte of the file at which it begins.
    pub first_byte: u64,
    /// Line of the file at which it begins.
    pub first_line: u64,
    /// Head of the table, from the second piece on.
    pub head: Option<Head>,
}

/// Cuts a file into windows.
#[derive(Debug)]
pub struct Windows {
    file: File,
    format: Format,
    /// Encoding of the whole file, found in its first bytes.
    pub encoding: &'static Encoding,
    waiting: Vec<u8>,
    ended: bool,
    byte: u64,
    line: u64,
    head: Option<Head>,
    /// What the report must say.
    pub notes: Vec<Note>,
}

impl Windows {
    /// Starts to read; `format` is one that can be read in windows.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(file: File, format: Format) -> io::Result<Self> {
        let mut windows = Self {
            file,
            format,
            encoding: encoding_rs::UTF_8,
            waiting: Vec::new(),
            ended: false,
            byte: 0,
            line: 1,
            head: None,
            notes: Vec::new(),
        };
        windows.fill(WINDOW_BYTES)?;
        windows.encoding = super::decode::detect(&windows.waiting);
        Ok(windows)
    }

    /// The next piece.
    ///
    /// # Errors
    /// What the system said.
    pub fn next_window(&mut self) -> io::Result<Option<Window>> {
        loop {
            self.fill(WINDOW_BYTES)?;
            if self.waiting.is_empty() {
                return Ok(None);
            }
            let mut end = if self.ended { Some(self.waiting.len()) } else { self.cut() };
            while end.is_none() && !self.ended && self.waiting.len() < RECORD_BYTES_MAX {
                self.fill(self.waiting.len() * 2)?;
                end = if self.ended { Some(self.waiting.len()) } else { self.cut() };
            }
            if let Some(end) = end.filter(|end| self.format == Format::Text || *end <= 2 * RECORD_BYTES_MAX) {
                return Ok(Some(self.take(end)));
            }
            self.skip_record()?;
        }
    }

    fn take(&mut self, end: usize) -> Window {
        let rest = self.waiting.split_off(end);
        let bytes = std::mem::replace(&mut self.waiting, rest);
        let window = Window { first_byte: self.byte, first_line: self.line, head: self.head.clone(), bytes };
        if let Format::Table { separator } = self.format
            && self.head.is_none()
        {
            let text = String::from_utf8_lossy(&window.bytes);
            let separator = separator.unwrap_or_else(|| table::separator(sample(&text)));
            let mut nothing = super::records::Records::new(None, false);
            self.head = table::read(first_record(&text, separator), separator, None, 1, &mut nothing);
        }
        self.pass(&window.bytes);
        window
    }

    fn pass(&mut self, bytes: &[u8]) {
        self.byte += bytes.len() as u64;
        self.line += bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    }

    /// Leaves out a record that is too long: up to the next line end, or all that follows in a table, where the
    /// quote that was never closed may hold any line.
    fn skip_record(&mut self) -> io::Result<()> {
        let (byte, line) = (self.byte, self.line);
        let table = matches!(self.format, Format::Table { .. });
        loop {
            let end = if table { None } else { self.waiting.iter().position(|byte| *byte == b'\n').map(|at| at + 1) };
            let count = end.unwrap_or(self.waiting.len());
            let rest = self.waiting.split_off(count);
            let gone = std::mem::replace(&mut self.waiting, rest);
            self.pass(&gone);
            if end.is_some() || self.ended {
                break;
            }
            self.fill(WINDOW_BYTES)?;
        }
        let detail = format!(
            "from line {line}, byte {byte}: {} bytes were left out, a record longer than {} ({})",
            self.byte - byte,
            crate::progress::bytes(RECORD_BYTES_MAX as u64),
            if table { "a quote that is never closed?" } else { "no line end" }
        );
        self.notes.push(Note::part("record_too_long", detail));
        Ok(())
    }

    /// Reads until `size` bytes are waiting or the file ends.
    fn fill(&mut self, size: usize) -> io::Result<()> {
        let missing = size.saturating_sub(self.waiting.len());
        if missing > 0 && !self.ended {
            let count = (&mut self.file).take(missing as u64).read_to_end(&mut self.waiting)?;
            self.ended = count < missing;
        }
        Ok(())
    }

    /// Where the waiting bytes may be cut.
    fn cut(&self) -> Option<usize> {
        let bytes = &self.waiting;
        let after_line = || bytes.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
        match self.format {
            Format::Table { separator } => {
                let text = std::str::from_utf8(bytes).map_or_else(
                    // The end of a record does not depend on characters above ASCII.
                    |_| bytes.iter().map(|byte| if byte.is_ascii() { char::from(*byte) } else { '?' }).collect(),
                    str::to_owned,
                );
                let separator = separator
                    .or(self.head.as_ref().map(|head| head.separator))
                    .unwrap_or_else(|| table::separator(sample(&text)));
                table::last_record_end(&text, separator)
            }
            Format::Text => {
                let blank = bytes.windows(2).rposition(|pair| pair == b"\n\n").map(|at| at + 2);
                let space = || bytes.iter().rposition(|byte| *byte == b' ').map(|at| at + 1);
                let anywhere = || {
                    let back = bytes.iter().rev().take(4).position(|byte| byte.is_ascii() || *byte >= 0xc0);
                    Some(bytes.len() - back.map_or(0, |back| back + 1)).filter(|end| *end > 0)
                };
                blank.or_else(after_line).or_else(space).or_else(anywhere)
            }
            _ => after_line(),
        }
    }
}

/// The first record of a table: all text up to the end of the record that names the columns.
fn first_record(text: &str, separator: u8) -> &str {
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        end += line.len();
        if !line.trim().is_empty() && table::last_record_end(&format!("{}\nx\ny\n", &text[..end]), separator).is_some()
        {
            break;
        }
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(content: &[u8], format: Format) -> (Vec<Window>, Vec<Note>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, content).unwrap();
        let mut windows = Windows::open(File::open(&path).unwrap(), format).unwrap();
        let mut all = Vec::new();
        while let Some(window) = windows.next_window().unwrap() {
            all.push(window);
        }
        (all, windows.notes)
    }

    #[test]
    fn windows_are_the_file_and_end_with_lines() {
        let content = "One line of text, not short.\n".repeat(400_000).into_bytes();
        let (all, notes) = windows(&content, Format::JsonLines);
        assert!(all.len() > 2 && notes.is_empty());
        assert!(all.iter().all(|window| window.bytes.ends_with(b"\n") && window.bytes.len() <= WINDOW_BYTES));
        assert_eq!(all.iter().flat_map(|window| window.bytes.clone()).collect::<Vec<_>>(), content);
        let second = &all[1];
        assert_eq!(second.first_line - 1, all[0].bytes.iter().filter(|byte| **byte == b'\n').count() as u64);
    }

    #[test]
    fn line_without_end_is_text_in_windows_and_no_json() {
        let content = vec![b'a'; RECORD_BYTES_MAX + WINDOW_BYTES];
        let (all, _) = windows(&content, Format::Text);
        assert_eq!(all.iter().map(|window| window.bytes.len()).sum::<usize>(), content.len());
        let content = [content, b"\n{\"a\":1}\n".to_vec()].concat();
        let (all, notes) = windows(&content, Format::JsonLines);
        assert_eq!(all.last().unwrap().bytes, b"{\"a\":1}\n");
        assert_eq!(notes[0].reason, "record_too_long");
    }

    #[test]
    fn tables_are_cut_between_records_and_know_their_head() {
        let content = format!("name,text\n{}", "x,\"two\nlines\"\n".repeat(500_000)).into_bytes();
        let (all, _) = windows(&content, Format::Table { separator: None });
        assert!(all.len() > 1);
        assert!(all.iter().skip(1).all(|window| window.bytes.starts_with(b"x,\"two\n")));
        assert_eq!(all[1].head.as_ref().unwrap().columns, ["name", "text"]);
    }
}
