//! Text from token bytes: a token may end inside a character, a stream may not.

/// Collects bytes and hands out valid UTF-8 as early as possible.
#[derive(Debug, Default)]
pub struct Pieces {
    verbatim: bool,
    /// Texts that end the answer and are no part of it.
    stops: Vec<String>,
    /// Whether one of them came.
    stopped: bool,
    text: String,
    /// Bytes of the text that hold no stop.
    searched: usize,
    emitted: usize,
    rest: Vec<u8>,
}

impl Pieces {
    /// Pieces that keep the white space at the ends of the text.
    pub fn verbatim() -> Pieces {
        Pieces { verbatim: true, ..Pieces::default() }
    }

    /// The same, ended by any of these texts. A text that may be the beginning of one waits for what follows.
    pub fn with_stops(mut self, stops: &[String]) -> Pieces {
        self.stops = stops.iter().filter(|stop| !stop.is_empty()).cloned().collect();
        self
    }

    /// Whether a text that ends the answer has come.
    pub fn stopped(&self) -> bool {
        self.stopped
    }

    /// Bytes of the text so far, with white space at its start.
    pub fn bytes(&self) -> usize {
        self.text.len()
    }

    /// White space at the start that [`Pieces::into_text`] drops, in bytes.
    pub fn dropped(&self) -> usize {
        if self.verbatim { 0 } else { self.text.len() - self.text.trim_start().len() }
    }

    /// Adds the bytes of a token and returns the text that is complete now. White space before
    /// the first word is dropped, white space after the last one waits for a further word.
    pub fn push(&mut self, bytes: &[u8]) -> &str {
        if self.stopped {
            return "";
        }
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
        self.look_for_stops();
        let waiting = self.possible_stop();
        self.newly_complete(waiting)
    }

    /// The rest of the text, after the last token.
    pub fn finish(&mut self) -> &str {
        if !self.rest.is_empty() && !self.stopped {
            self.rest.clear();
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
        self.newly_complete(0)
    }

    /// The whole text, without white space at its ends unless it is verbatim.
    pub fn into_text(self) -> String {
        if self.verbatim { self.text } else { self.text.trim().to_owned() }
    }

    /// Cuts the text where the first stop begins.
    fn look_for_stops(&mut self) {
        let first = self.stops.iter().filter_map(|stop| {
            // A stop may begin in what was searched and end in what is new.
            let mut from = self.searched.saturating_sub(stop.len());
            while !self.text.is_char_boundary(from) {
                from -= 1;
            }
            self.text[from..].find(stop.as_str()).map(|place| from + place)
        });
        match first.min() {
            Some(place) => {
                self.text.truncate(place);
                self.rest.clear();
                self.stopped = true;
            }
            None => self.searched = self.text.len(),
        }
    }

    /// Bytes at the end that may be the beginning of a stop.
    fn possible_stop(&self) -> usize {
        if self.stopped {
            return 0;
        }
        let begins = |stop: &String| {
            let ends = stop.char_indices().map(|(end, _)| end).filter(|end| *end > 0);
            ends.filter(|end| self.text.ends_with(&stop[..*end])).max()
        };
        self.stops.iter().filter_map(begins).max().unwrap_or(0)
    }

    /// Text that was not handed out yet, but for the last `waiting` bytes.
    fn newly_complete(&mut self, waiting: usize) -> &str {
        let sure = &self.text[..self.text.len() - waiting];
        let (first_word, end) = if self.verbatim {
            (0, sure.len())
        } else {
            (self.text.len() - self.text.trim_start().len(), sure.trim_end().len())
        };
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
    fn verbatim_text_keeps_its_ends() {
        let mut pieces = Pieces::verbatim();
        let streamed =
            [pieces.push(b" \n[").to_owned(), pieces.push(b"\xc2").to_owned(), pieces.push(b"\xb0 ").to_owned()];
        assert_eq!(streamed, [" \n[", "", "\u{b0} "]);
        assert_eq!(pieces.into_text(), " \n[\u{b0} ");
    }

    #[test]
    fn a_stop_ends_the_text_wherever_tokens_cut_it_and_is_never_seen() {
        let source = "One. \u{e9}STOP two";
        for width in 1..=source.len() {
            let mut pieces = Pieces::default().with_stops(&["STOP".to_owned(), "never".to_owned()]);
            let mut streamed = String::new();
            for token in source.as_bytes().chunks(width) {
                streamed += pieces.push(token);
                if pieces.stopped() {
                    break;
                }
            }
            assert!(pieces.stopped());
            streamed += pieces.finish();
            assert_eq!(
                (streamed.as_str(), pieces.into_text().as_str()),
                ("One. \u{e9}", "One. \u{e9}"),
                "width {width}"
            );
        }
    }

    #[test]
    fn the_beginning_of_a_stop_waits_until_it_is_none() {
        let mut pieces = Pieces::default().with_stops(&["abc".to_owned()]);
        assert_eq!(pieces.push(b"xab"), "x");
        assert_eq!(pieces.push(b"d a"), "abd");
        assert_eq!(pieces.finish(), " a");
        assert!(!pieces.stopped());
        assert_eq!(pieces.into_text(), "xabd a");
    }

    #[test]
    fn nothing_gives_nothing() {
        assert_eq!(stream(&[]).1, "");
        assert_eq!(stream(&[b" ", b"\n"]), (vec![String::new(); 3], String::new()));
    }
}
