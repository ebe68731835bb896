//! The texts that a tokenizer reads as control tokens when it is told to.

use llama_cpp_2::model::LlamaModel;

/// All such texts, by their first byte.
pub(super) struct Specials {
    by_first: Vec<Vec<Vec<u8>>>,
}

impl Specials {
    /// Those of a model.
    pub(super) fn new(model: &LlamaModel) -> Specials {
        let vocabulary = model.vocab();
        let texts = vocabulary.tokens().filter(|token| {
            let kinds = vocabulary.attr(*token);
            kinds.contains(llama_cpp_2::token_type::LlamaTokenAttr::Control)
                || kinds.contains(llama_cpp_2::token_type::LlamaTokenAttr::Unknown)
        });
        Self::of(texts.filter_map(|token| Some(vocabulary.text(token)?.to_bytes().to_vec())))
    }

    fn of(texts: impl Iterator<Item = Vec<u8>>) -> Specials {
        let mut by_first = vec![Vec::new(); 256];
        for text in texts {
            if let Some(first) = text.first() {
                by_first[usize::from(*first)].push(text);
            }
        }
        Specials { by_first }
    }

    /// Whether any of them stands in a text. Reading the text twice would tell the same, at many times the cost.
    pub(super) fn stand_in(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        bytes.iter().enumerate().any(|(place, first)| {
            self.by_first[usize::from(*first)].iter().any(|special| bytes[place..].starts_with(special))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_text_is_found_anywhere_and_a_part_of_it_nowhere() {
        let specials = Specials::of([b"<|end|>".to_vec(), b"[INST]".to_vec(), Vec::new()].into_iter());
        for text in ["<|end|>", "a <|end|> b", "<<|end|>", "x[INST]"] {
            assert!(specials.stand_in(text), "{text}");
        }
        for text in ["", "<|end|", "< |end|>", "[inst]", "\u{e9}<|"] {
            assert!(!specials.stand_in(text), "{text}");
        }
    }
}
