//! Large files in pieces: text, tables and JSON Lines of any size are read window by window, cut where a
//! paragraph, record or line ends, so that memory does not grow with the file.

use std::fs::File;
use std::io::{self, Read as _};

use encoding_rs::Encoding;
use halligan_runtime::documents::plain;
use halligan_runtime::documents::read::sample;

use super::block::Note;
use super::decode::{detect, detect_within};
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
    /// Page on which it begins, in a text that has pages.
    pub first_page: Option<u32>,
    /// Encoding of the file; none in the first piece that is not ASCII, which tells it.
    pub encoding: Option<&'static Encoding>,
    /// Head of the table, from the second piece on.
    pub head: Option<Head>,
}

/// Cuts a file into windows.
#[derive(Debug)]
pub struct Windows {
    file: File,
    format: Format,
    /// Whether lines that are only a page number set the page.
    marks: bool,
    /// Encoding of the whole file, found in its first bytes; UTF-8 as long as all was ASCII.
    pub encoding: &'static Encoding,
    /// Whether a byte told the encoding.
    told: bool,
    /// Whether lines end with carriage returns alone.
    returns: bool,
    waiting: Vec<u8>,
    ended: bool,
    byte: u64,
    line: u64,
    page: Option<u32>,
    head: Option<Head>,
    /// What the report must say.
    pub notes: Vec<Note>,
}

impl Windows {
    /// Starts to read; `format` is one that can be read in windows. With `marks`, lines of a text that are only a page
    /// number set the page.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(file: File, format: Format, marks: bool) -> io::Result<Self> {
        let mut windows = Self {
            file,
            format,
            marks,
            encoding: encoding_rs::UTF_8,
            told: true,
            returns: false,
            waiting: Vec::new(),
            ended: false,
            byte: 0,
            line: 1,
            page: None,
            head: None,
            notes: Vec::new(),
        };
        windows.fill(WINDOW_BYTES)?;
        windows.encoding = detect(&windows.waiting);
        windows.told = !windows.waiting.is_ascii() || windows.encoding != encoding_rs::UTF_8;
        windows.returns = !windows.waiting.contains(&b'\n') && windows.waiting.contains(&b'\r');
        windows.end_lines(0);
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
        let mut encoding = Some(self.encoding);
        if !self.told && !bytes.is_ascii() {
            self.encoding = detect_within(&bytes);
            (self.told, encoding) = (true, None);
        }
        let (first_byte, first_line, first_page) = (self.byte, self.line, self.page);
        if self.format == Format::Text {
            self.page = plain::last_page(&String::from_utf8_lossy(&bytes), self.page, self.marks);
        }
        let window = Window { bytes, first_byte, first_line, first_page, encoding, head: self.head.clone() };
        if let Format::Table { separator } = self.format
            && self.head.is_none()
        {
            let text = String::from_utf8_lossy(&window.bytes);
            let separator = separator.unwrap_or_else(|| table::separator(sample(&text)));
            self.head = table::head(sample(&text), separator);
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
            let before = self.waiting.len();
            let count = (&mut self.file).take(missing as u64).read_to_end(&mut self.waiting)?;
            self.ended = count < missing;
            self.end_lines(before);
        }
        Ok(())
    }

    /// Line feeds for the carriage returns that end lines alone, from `start` of what is waiting; no byte moves.
    fn end_lines(&mut self, start: usize) {
        if self.returns {
            self.waiting[start..].iter_mut().filter(|byte| **byte == b'\r').for_each(|byte| *byte = b'\n');
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn windows(content: &[u8], format: Format) -> (Vec<Window>, Vec<Note>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x");
        std::fs::write(&path, content).unwrap();
        let mut windows = Windows::open(File::open(&path).unwrap(), format, true).unwrap();
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
    fn pages_go_on_from_window_to_window() {
        let page = format!("{}\n\x0c", "One line of text, not short.\n\n".repeat(20_000));
        let (all, _) = windows(page.repeat(20).as_bytes(), Format::Text);
        assert!(all.len() > 2);
        for window in all.iter().skip(1) {
            let passed = usize::try_from(window.first_byte).unwrap() / page.len();
            assert_eq!(window.first_page, Some(passed as u32 + 1));
        }
    }

    #[test]
    fn encoding_is_told_by_the_first_window_that_is_not_ascii() {
        let ascii = "One line of text, not short.\n".repeat(400_000).into_bytes();
        let (all, _) = windows(&[ascii, b"The caf\xe9 is closed.\n".to_vec()].concat(), Format::Text);
        let (last, others) = all.split_last().unwrap();
        assert_eq!(last.encoding, None);
        assert!(others.iter().all(|window| window.encoding == Some(encoding_rs::UTF_8)));
    }

    #[test]
    fn carriage_returns_alone_end_the_lines_of_windows() {
        let content = "{\"text\":\"One record, not short.\"}\r".repeat(400_000).into_bytes();
        let (all, notes) = windows(&content, Format::JsonLines);
        assert!(all.len() > 2 && notes.is_empty());
        assert_eq!(all[1].first_line - 1, all[0].bytes.len() as u64 / 34);
        assert_eq!(all.iter().map(|window| window.bytes.len()).sum::<usize>(), content.len());
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
