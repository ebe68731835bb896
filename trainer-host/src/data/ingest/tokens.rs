//! Counting tokens fast enough for whole libraries.
//!
//! A text is cut where its tokenizer would give the same tokens for the parts ([`Cuts`]), and the count of each piece
//! is remembered: texts repeat their words. For SentencePiece models, which join across spaces at will, the sum may
//! differ by a token at a seam. Without a base, four bytes count as a token.
//!
//! Chunking asks for the size of many ranges of one text, most of them more than once. A [`Tally`] holds the running
//! sum at every cut, so that a range costs two searches and what stands before its first and behind its last cut.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;

use foldhash::fast::RandomState;

use halligan_finetune::{gguf::GgufFile, tokenizer::Tokenizer};

use super::super::manifest::TokenCount;
use super::cuts::Cuts;

/// Pieces that are remembered before the memory is emptied.
const REMEMBERED: usize = 1 << 17;
/// Longer pieces are counted in parts of this size, so that text without spaces stays cheap.
const PIECE_BYTES: usize = 512;
/// Bytes of a token where nothing better is known.
const ESTIMATE_BYTES: usize = 4;

/// What counts the tokens.
pub enum Measure {
    /// Bytes divided by four.
    Estimate,
    /// The tokenizer of a base, and where it bears cuts.
    Base(Box<Tokenizer>, TokenCount, Cuts),
}

impl Measure {
    /// The tokenizer of the base at `path`.
    ///
    /// # Errors
    /// A file that is no GGUF or has no usable tokenizer.
    pub fn of_base(path: &Path) -> anyhow::Result<Self> {
        let file = GgufFile::open(path)?;
        let tokenizer = Tokenizer::from_gguf(&file).map_err(|error| crate::about(path, error))?;
        let name = file.find_str("general.name").ok().flatten().map(str::to_owned);
        let name = name
            .unwrap_or_else(|| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default());
        let facts = TokenCount { by: "gguf".to_owned(), name, sha256: Some(file.sha256().to_owned()) };
        let cuts = Cuts::of(&tokenizer);
        Ok(Self::Base(Box::new(tokenizer), facts, cuts))
    }

    /// What the manifest says.
    pub fn facts(&self) -> TokenCount {
        match self {
            Measure::Estimate => {
                let name = format!("{ESTIMATE_BYTES} bytes a token");
                TokenCount { by: "estimate".to_owned(), name, sha256: None }
            }
            Measure::Base(_, facts, _) => facts.clone(),
        }
    }
}

/// Counts tokens; one for each thread, since it remembers.
pub struct Counter<'a> {
    measure: &'a Measure,
    known: HashMap<Box<str>, u32, RandomState>,
    /// The same of short pieces, which are nearly all, with the piece itself in the key.
    known_short: HashMap<u128, u32, RandomState>,
}

/// Running sum of the tokens of one text; an empty one makes every range be counted anew.
#[derive(Debug, Default)]
pub struct Tally {
    /// Each cut with the tokens before it.
    cuts: Vec<(u32, u32)>,
}

impl<'a> Counter<'a> {
    /// A counter that remembers nothing yet.
    pub fn new(measure: &'a Measure) -> Self {
        Self { measure, known: HashMap::default(), known_short: HashMap::default() }
    }

    /// Tokens of `text`.
    pub fn count(&mut self, text: &str) -> usize {
        let Measure::Base(tokenizer, _, cuts) = self.measure else {
            return text.len().div_ceil(ESTIMATE_BYTES);
        };
        cuts.pieces(text).map(|piece| self.count_piece(piece, tokenizer) as usize).sum()
    }

    /// The running sum over `text`, for [`Self::count_in`]. Where counting is as cheap as looking up it is empty, and
    /// so it is for a text of 4 GiB and more.
    pub fn tally(&mut self, text: &str) -> Tally {
        let Measure::Base(tokenizer, _, cuts) = self.measure else { return Tally::default() };
        if u32::try_from(text.len()).is_err() {
            return Tally::default();
        }
        let (mut at, mut tokens) = (0, 0);
        let cuts = cuts.pieces(text).map(|piece| {
            let cut = (at, tokens);
            at += piece.len() as u32;
            tokens += self.count_piece(piece, tokenizer);
            cut
        });
        Tally { cuts: cuts.collect() }
    }

    /// Tokens of a range of the `text` that `tally` is of.
    pub fn count_in(&mut self, text: &str, tally: &Tally, range: Range<usize>) -> usize {
        let cuts = &tally.cuts;
        let first = cuts.partition_point(|(at, _)| (*at as usize) < range.start);
        let after = first + cuts[first..].partition_point(|(at, _)| (*at as usize) <= range.end);
        if after <= first + 1 {
            return self.count(&text[range]);
        }
        let ((start, before), (end, upto)) = (cuts[first], cuts[after - 1]);
        let head = self.count(&text[range.start..start as usize]);
        let tail = self.count(&text[end as usize..range.end]);
        head + (upto - before) as usize + tail
    }

    /// Whether a range of `text` has at most `limit` tokens; cheaper than counting where it is plain to see.
    pub fn fits(&mut self, text: &str, tally: &Tally, range: Range<usize>, limit: usize) -> bool {
        // No token is longer than a word of the vocabulary; 64 bytes are beyond any but runs of spaces.
        range.len() <= limit || (range.len() <= limit * 64 && self.count_in(text, tally, range) <= limit)
    }

    fn count_piece(&mut self, piece: &str, tokenizer: &Tokenizer) -> u32 {
        let short = short_key(piece);
        let known = match short {
            Some(key) => self.known_short.get(&key),
            None => self.known.get(piece),
        };
        if let Some(count) = known {
            return *count;
        }
        let counted = parts(piece).map(|part| tokenizer.encode(part, false).map_or(part.len(), |t| t.len()));
        let count = counted.sum::<usize>() as u32;
        if self.known.len() + self.known_short.len() >= REMEMBERED {
            self.known.clear();
            self.known_short.clear();
        }
        match short {
            Some(key) => drop(self.known_short.insert(key, count)),
            None if piece.len() <= PIECE_BYTES => drop(self.known.insert(piece.into(), count)),
            None => {}
        }
        count
    }
}

/// A piece of at most 15 bytes as a number: its bytes and its length.
fn short_key(piece: &str) -> Option<u128> {
    let mut key = [0; 16];
    key.get_mut(..piece.len()).filter(|_| piece.len() < 16)?.copy_from_slice(piece.as_bytes());
    key[15] = piece.len() as u8;
    Some(u128::from_le_bytes(key))
}

/// A piece in parts of at most [`PIECE_BYTES`].
fn parts(piece: &str) -> impl Iterator<Item = &str> {
    let mut rest = piece;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut end = rest.len().min(PIECE_BYTES);
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let (part, after) = rest.split_at(end);
        rest = after;
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base() -> Measure {
        Measure::of_base(&Path::new(env!("CARGO_MANIFEST_DIR")).join("base/halligan-base-q8_0.gguf")).unwrap()
    }

    fn texts() -> [&'static str; 7] {
        [
            "Stay upwind, uphill and upstream. Isolate 150 feet (50 m) in all directions.",
            "fn main() {\n    let x  = 1;\n\n\treturn x;\n}\n",
            " leading, trailing  \n\n- item one\n  - item two\r\n\u{3bd}\u{3b5}\u{3c1}\u{3cc} caf\u{e9} \u{1f525}\n",
            include_str!("tokens.rs"),
            include_str!("code.rs"),
            "it's John's, we'll see: a_b.c(d,e)[0x1f]; 1,000.50% <|x|> </tool> caf\u{e9}.x \u{3bd}.\u{3bd} --flag=\"v\"",
            "if a:\n\t\t  b  = 7\n        1 + 2\n   'x'\n \u{e9}\n\n   \n  (y)   z\n",
        ]
    }

    fn differing(measure: &Measure) -> Vec<&'static str> {
        let Measure::Base(tokenizer, ..) = measure else { panic!("a base has a tokenizer") };
        let mut counter = Counter::new(measure);
        // Twice: fresh, and from memory.
        let mut counts = |text: &str| [counter.count(text), counter.count(text)];
        texts().into_iter().filter(|text| counts(text) != [tokenizer.encode(text, false).unwrap().len(); 2]).collect()
    }

    #[test]
    fn count_of_the_parts_is_that_of_the_whole() {
        assert_eq!(differing(&base()), [""; 0]);
    }

    #[test]
    #[ignore = "HALLIGAN_VOCABULARIES names a folder of vocabularies"]
    fn real_vocabularies_of_byte_level_bpe_are_counted_exactly() {
        let folder = std::env::var_os("HALLIGAN_VOCABULARIES").expect("set HALLIGAN_VOCABULARIES to the folder");
        let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let is_byte_level = |path: &std::path::PathBuf| {
            let file = GgufFile::open(path);
            file.is_ok_and(|file| file.find_str("tokenizer.ggml.model").ok().flatten() == Some("gpt2"))
        };
        let measures = paths.filter(is_byte_level).map(|path| (path.clone(), Measure::of_base(&path).unwrap()));
        let wrong: Vec<_> = measures.map(|(path, measure)| (path, differing(&measure))).collect();
        assert!(!wrong.is_empty(), "no vocabulary of byte-level BPE is there");
        assert!(wrong.iter().all(|(_, texts)| texts.is_empty()), "{wrong:#?}");
    }

    #[test]
    fn range_of_a_tallied_text_has_the_tokens_of_the_range_alone() {
        let measure = base();
        let mut counter = Counter::new(&measure);
        for text in ["", "one", "a b  c\n d\n\ne caf\u{e9} \u{1f525}.x it's", &include_str!("tokens.rs")[..3000]] {
            let tally = counter.tally(text);
            let ends: Vec<usize> = (0..=text.len()).filter(|at| text.is_char_boundary(*at)).step_by(7).collect();
            for (index, start) in ends.iter().enumerate() {
                for end in &ends[index..] {
                    let range = *start..*end;
                    assert_eq!(counter.count_in(text, &tally, range.clone()), counter.count(&text[range]));
                }
            }
        }
    }
}
