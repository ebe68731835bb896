//! Text from token bytes: a token may end inside a character, a stream may not.

/// Collects bytes and hands out valid UTF-8 as early as possible.
#[derive(Debug, Default)]
pub struct Pieces {
    text: String,
    emitted: usize,
    rest: Vec<u8>,
}

impl Pieces {
    /// Adds the bytes of a token and returns the text that is complete now. White space before
    /// the first word is dropped, white space after the last one waits for a further word.
    pub fn push(&mut self, bytes: &[u8]) -> &str {
        self.rest.extend_from_slice(bytes);
        loop {
            match std::str::from_utf8(&self.rest) {
                Ok(text) => {
                    self.text.push_str(text);
                    self.rest.clear();
                    break;
                }
                Err(error) => {
                    let (valid, after) = self.rest.split_at(error.valid_up_to());
                    self.text.push_str(&String::from_utf8_lossy(valid));
                    match error.error_len() {
                        // Bytes that no continuation can complete.
                        Some(length) => {
                            self.text.push(char::REPLACEMENT_CHARACTER);
                            self.rest = after[length..].to_vec();
                        }
                        None => {
                            self.rest = after.to_vec();
                            break;
                        }
                    }
                }
            }
        }
        self.newly_complete()
    }

    /// The rest of the text, after the last token.
    pub fn finish(&mut self) -> &str {
        if !self.rest.is_empty() {
            self.rest.clear();
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        self.newly_complete()
    }

    /// The whole text, without white space at its ends.
    pub fn into_text(self) -> String {
        self.text.trim().to_owned()
    }

    fn newly_complete(&mut self) -> &str {
        let first_word = self.text.len() - self.text.trim_start().len();
        let end = self.text.trim_end().len();
        let start = self.emitted.max(first_word);
        if start >= end {
            return "";
        }
        self.emitted = end;
        &self.text[start..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(tokens: &[&[u8]]) -> (Vec<String>, String) {
        let mut pieces = Pieces::default();
        let mut streamed: Vec<String> = tokens.iter().map(|token| pieces.push(token).to_owned()).collect();
        streamed.push(pieces.finish().to_owned());
        (streamed, pieces.into_text())
    }

    #[test]
    fn a_character_split_over_tokens_arrives_whole() {
        let fire = "\u{1f525}".as_bytes();
        let (streamed, text) = stream(&[b"Hot ", &fire[..1], &fire[1..3], &fire[3..], b"!"]);
        assert_eq!(streamed, ["Hot", "", "", " \u{1f525}", "!", ""]);
        assert_eq!(text, "Hot \u{1f525}!");
    }

    #[test]
    fn broken_bytes_become_replacement_characters_and_stop_nothing() {
        let (_, text) = stream(&[b"a\xff", b"b\xf0\x9f", b"c", b"\xe2\x82"]);
        assert_eq!(text, "a\u{fffd}b\u{fffd}c\u{fffd}");
    }

    #[test]
    fn what_is_streamed_is_the_trimmed_text_whatever_the_cuts() {
        let source = " \n Stay 150\u{b0} \u{e9}t\u{e9}  upwind. \n ".as_bytes();
        for width in 1..=source.len() {
            let tokens: Vec<&[u8]> = source.chunks(width).collect();
            let (streamed, text) = stream(&tokens);
            assert_eq!(streamed.concat(), text);
            assert_eq!(text, "Stay 150\u{b0} \u{e9}t\u{e9}  upwind.");
        }
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(stream(&[]).1, "");
        assert_eq!(stream(&[b" ", b"\n"]), (vec![String::new(); 3], String::new()));
    }
}
