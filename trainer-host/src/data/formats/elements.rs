//! The elements of a JSON file that is one list, as data sets of questions are often published.
//!
//! Such a file may be larger than memory, so it is cut into elements while it is read, and only they are parsed.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};

use halligan_finetune::dataset::LINE_BYTES_MAX;

/// An element and its place.
#[derive(Debug, PartialEq, Eq)]
pub struct Element {
    /// Line on which it begins, from 1.
    pub line: usize,
    /// Its first byte, and the byte after its last.
    pub bytes: [u64; 2],
    /// Its text.
    pub text: Vec<u8>,
}

/// Elements of a list, in order.
#[derive(Debug)]
pub struct Elements {
    path: PathBuf,
    reader: BufReader<File>,
    /// Line of the byte that comes next.
    line: usize,
    /// Bytes that were read.
    at: u64,
    ended: bool,
}

impl Elements {
    /// Opens the file if its first character is that of a list.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(path: &Path) -> anyhow::Result<Option<Self>> {
        let file = File::open(path).map_err(|error| anyhow::anyhow!("{}: {error}; check the path", path.display()))?;
        let reader = BufReader::with_capacity(1 << 16, file);
        let mut elements = Self { path: path.to_path_buf(), reader, line: 1, at: 0, ended: false };
        while let Some(byte) = elements.byte()? {
            let mark_or_space = byte.is_ascii_whitespace() || (elements.at <= 3 && b"\xef\xbb\xbf".contains(&byte));
            if !mark_or_space {
                // One line of JSONL may be a list too, which is no row.
                return Ok((byte == b'[' && elements.begins_with_an_object()?).then_some(elements));
            }
        }
        Ok(None)
    }

    /// The next element; `None` after the last.
    ///
    /// # Errors
    /// A list that does not end, that more follows, or one element over [`LINE_BYTES_MAX`].
    pub fn next_element(&mut self) -> anyhow::Result<Option<Element>> {
        if self.ended {
            return Ok(None);
        }
        let mut element = Element { line: self.line, bytes: [self.at, self.at], text: Vec::new() };
        let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
        while let Some(byte) = self.byte()? {
            let ends = !quoted && depth == 0 && (byte == b',' || byte == b']');
            if ends && byte == b']' {
                self.ended = true;
                self.nothing_follows()?;
            }
            if ends {
                let empty = self.ended && element.text.is_empty();
                return Ok((!empty).then_some(element));
            }
            match byte {
                _ if escaped => escaped = false,
                b'\\' if quoted => escaped = true,
                b'"' => quoted = !quoted,
                b'{' | b'[' if !quoted => depth += 1,
                b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
                _ => {}
            }
            if element.text.is_empty() {
                if byte.is_ascii_whitespace() {
                    continue;
                }
                (element.line, element.bytes[0]) = (self.line, self.at - 1);
            }
            element.text.push(byte);
            if !byte.is_ascii_whitespace() {
                element.bytes[1] = self.at;
            }
            anyhow::ensure!(
                element.text.len() as u64 <= LINE_BYTES_MAX,
                "{}:{}: the row is longer than {LINE_BYTES_MAX} bytes; split it",
                self.path.display(),
                element.line
            );
        }
        anyhow::bail!("{}: the list is not closed by a `]`; the file is cut off, fetch it again", self.path.display())
    }

    fn byte(&mut self) -> anyhow::Result<Option<u8>> {
        let bytes = self.reader.fill_buf().map_err(|error| crate::about(&self.path, error))?;
        let Some(byte) = bytes.first().copied() else { return Ok(None) };
        self.reader.consume(1);
        self.at += 1;
        self.line += usize::from(byte == b'\n');
        Ok(Some(byte))
    }

    /// Whether the list holds objects, or nothing.
    fn begins_with_an_object(&mut self) -> anyhow::Result<bool> {
        loop {
            let bytes = self.reader.fill_buf().map_err(|error| crate::about(&self.path, error))?;
            match bytes.first() {
                Some(space) if space.is_ascii_whitespace() => self.byte()?,
                first => return Ok(matches!(first, Some(b'{' | b']'))),
            };
        }
    }

    fn nothing_follows(&mut self) -> anyhow::Result<()> {
        while let Some(byte) = self.byte()? {
            anyhow::ensure!(
                byte.is_ascii_whitespace(),
                "{}:{}: something follows the end of the list; give one list, or one object a line",
                self.path.display(),
                self.line
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> anyhow::Result<Vec<Element>> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.json");
        std::fs::write(&path, text).unwrap();
        let mut elements = Elements::open(&path)?.expect("no list");
        let mut found = Vec::new();
        while let Some(element) = elements.next_element()? {
            assert_eq!(
                text.as_bytes()[element.bytes[0] as usize..element.bytes[1] as usize],
                *element.text.trim_ascii()
            );
            found.push(element);
        }
        Ok(found)
    }

    #[test]
    fn elements_are_cut_where_the_list_has_its_commas() {
        let text = "\u{feff}[\n  {\"a\": \"x, ] } \\\" y\",\n   \"b\": [1, {\"c\": 2}]} ,\n  {\"a\": \"\\\\\"}\n]\n";
        let found = all(text).unwrap();
        let lines: Vec<usize> = found.iter().map(|element| element.line).collect();
        assert_eq!(lines, [2, 4]);
        assert!(found.iter().all(|element| serde_json::from_slice::<serde_json::Value>(&element.text).is_ok()));
        assert!(all("[]").unwrap().is_empty());
    }

    #[test]
    fn list_that_is_cut_off_or_followed_by_more_is_refused() {
        assert!(all("[{\"a\": 1}, {\"a\"").unwrap_err().to_string().contains("cut off"));
        assert!(all("[{\"a\": 1}]\n[{\"a\": 2}]").unwrap_err().to_string().contains(":2: something follows"));
        // What is wrong within an element is for the one who parses it.
        assert_eq!(all("[{\"a\": 1},,{\"b\"}]").unwrap().len(), 3);
    }

    #[test]
    fn file_of_lines_is_no_list() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        for text in ["{\"a\": 1}\n", "[1]\n{\"a\": 1}\n", ""] {
            std::fs::write(&path, text).unwrap();
            assert!(Elements::open(&path).unwrap().is_none(), "{text}");
        }
    }
}
