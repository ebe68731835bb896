//! Where a text may be cut without a token more or less.
//!
//! Pre-tokenizers differ: that of GPT-2 looks past a line end, that of Qwen does not. So each kind of cut is tried on a
//! text full of seams, and only those are made that leave its tokens as they are.

use halligan_finetune::tokenizer::Tokenizer;

/// Prose, lists and code with every kind of seam, to try the cuts on.
const SEAMS: &str = concat!(
    "Stay upwind, uphill and upstream. Isolate 150 feet (50 m) in all directions: it's John's; we'll see!\n\n",
    "- item one\n  - item two, 1,000.50% of 3/4\r\n\r\n\n    indented x  = 1;\n        1 + 2\n\n\n",
    "\tif (a_b.c[0x1f] != \"d\") {\n\t\treturn *p->q + 7;\n\t}  // why\n   'x' <|tag|> </end> --flag=\"v\" ",
    "#7 @me $5 ~z ^y `k` a=b c+d e|f g<h>i j&k\n\u{3bd}\u{3b5}\u{3c1}\u{3cc} caf\u{e9}.x \u{1f525} ",
    "\u{201c}said\u{201d} \u{2013} x\u{b2}.\n\n \u{e9}\n   \n\n  (y)   z :-) ...  end\n",
);

/// Kinds of cuts beside the one before a single space between a character and a letter, which is always made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cuts {
    /// Before spaces that stand before digits and signs as before those that stand before letters.
    marks: bool,
    /// After the line ends before a character.
    lines: bool,
    /// Before the last space of an indent, unless a digit follows: some keep digits and what stands before them apart.
    indents: bool,
    /// Between a letter or digit and the sign behind it. The apostrophe is none: some keep `it's` together.
    signs: bool,
}

impl Cuts {
    /// The cuts that `tokenizer` bears.
    pub fn of(tokenizer: &Tokenizer) -> Cuts {
        let kinds: [fn(Cuts) -> Cuts; 4] = [
            |cuts| Cuts { marks: true, ..cuts },
            |cuts| Cuts { signs: true, ..cuts },
            |cuts| Cuts { indents: true, ..cuts },
            |cuts| Cuts { lines: true, ..cuts },
        ];
        kinds.into_iter().fold(Cuts::default(), |cuts, add| match add(cuts).leave_the_tokens(tokenizer) {
            true => add(cuts),
            false => cuts,
        })
    }

    fn leave_the_tokens(self, tokenizer: &Tokenizer) -> bool {
        let encode = |text: &str| tokenizer.encode(text, false).unwrap_or_default();
        let parts: Vec<u32> = self.pieces(SEAMS).flat_map(encode).collect();
        parts == encode(SEAMS)
    }

    /// The pieces of `text`, which together are the text.
    pub fn pieces(self, text: &str) -> impl Iterator<Item = &str> {
        let bytes = text.as_bytes();
        let mut start = 0;
        std::iter::from_fn(move || {
            if start >= bytes.len() {
                return None;
            }
            let mut at = start + 1;
            while at < bytes.len() && !self.cuts_at(bytes, at) {
                at += 1;
            }
            let piece = &text[start..at];
            start = at;
            Some(piece)
        })
    }

    fn cuts_at(self, bytes: &[u8], at: usize) -> bool {
        let (before, here) = (bytes[at - 1], bytes[at]);
        let solid = |byte: u8| !byte.is_ascii_whitespace();
        if here == b' ' {
            bytes.get(at + 1).is_some_and(|next| {
                let borne = next.is_ascii_alphabetic() || !next.is_ascii() || self.marks;
                solid(*next) && borne && (solid(before) || self.indents && !next.is_ascii_digit())
            })
        } else if before == b'\n' {
            self.lines && solid(here)
        } else {
            self.signs && before.is_ascii_alphanumeric() && here.is_ascii_punctuation() && here != b'\''
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text() {
        let text = "a b  c\n d\n\ne ";
        let words = Cuts::default();
        assert_eq!(words.pieces(text).collect::<String>(), text);
        assert_eq!(words.pieces(text).collect::<Vec<_>>(), ["a", " b  c\n d\n\ne "]);
        assert_eq!(words.pieces("a b = 7 c").collect::<Vec<_>>(), ["a", " b = 7", " c"]);
        let all = Cuts { marks: true, lines: true, indents: true, signs: true };
        assert_eq!(all.pieces(text).collect::<Vec<_>>(), ["a", " b ", " c\n", " d\n\n", "e "]);
        assert_eq!(all.pieces("it's f(x_1), 2.").collect::<Vec<_>>(), ["it's", " f", "(x", "_1", "),", " 2", "."]);
        assert_eq!(all.pieces("{\n    let x").collect::<Vec<_>>(), ["{\n   ", " let", " x"]);
    }

    #[test]
    fn built_in_base_bears_all_cuts() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("base/halligan-base-q8_0.gguf");
        let tokenizer = Tokenizer::from_gguf(&halligan_finetune::gguf::GgufFile::open(&path).unwrap()).unwrap();
        assert_eq!(Cuts::of(&tokenizer), Cuts { marks: true, lines: true, indents: true, signs: true });
    }
}
