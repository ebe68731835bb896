//! The mixtures that llama.cpp writes, by name.
//!
//! Numbers are those of `enum llama_ftype` in `llama.h`; which of them use an importance matrix follows from
//! `ggml-quants.c` (a quantizer that ignores its weights gains nothing) and from the dry run, which a test asks.

use std::fmt;
use std::str::FromStr;

/// What an importance matrix does for a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ImportanceUse {
    /// The quantizer does not look at it.
    Ignored,
    /// It chooses better values with it.
    Useful,
    /// llama.cpp refuses to work without it.
    Required,
}

/// A mixture of block formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuantType {
    name: &'static str,
    number: u32,
    importance: ImportanceUse,
}

use ImportanceUse::{Ignored, Required, Useful};

/// Every type, smallest first within its family.
const ALL: [QuantType; 35] = [
    kind("F32", 0, Ignored),
    kind("F16", 1, Ignored),
    kind("BF16", 32, Ignored),
    kind("Q8_0", 7, Ignored),
    kind("Q6_K", 18, Useful),
    kind("Q5_K_M", 17, Useful),
    kind("Q5_K_S", 16, Useful),
    kind("Q5_1", 9, Useful),
    kind("Q5_0", 8, Useful),
    kind("Q4_K_M", 15, Useful),
    kind("Q4_K_S", 14, Useful),
    kind("Q4_1", 3, Useful),
    kind("Q4_0", 2, Useful),
    kind("IQ4_NL", 25, Useful),
    kind("IQ4_XS", 30, Useful),
    kind("Q3_K_L", 13, Useful),
    kind("Q3_K_M", 12, Useful),
    kind("Q3_K_S", 11, Useful),
    kind("IQ3_M", 27, Useful),
    kind("IQ3_S", 26, Useful),
    kind("IQ3_XS", 22, Required),
    kind("IQ3_XXS", 23, Required),
    kind("Q2_K", 10, Useful),
    kind("Q2_K_S", 21, Required),
    kind("IQ2_M", 29, Required),
    kind("IQ2_S", 28, Required),
    kind("IQ2_XS", 20, Required),
    kind("IQ2_XXS", 19, Required),
    kind("IQ1_M", 31, Required),
    kind("IQ1_S", 24, Required),
    kind("TQ2_0", 37, Ignored),
    kind("TQ1_0", 36, Ignored),
    kind("Q2_0", 41, Ignored),
    kind("Q1_0", 40, Ignored),
    kind("MXFP4_MOE", 38, Ignored),
];

/// Short names that llama.cpp's own tool knows as well.
const ALIASES: [(&str, &str); 3] = [("Q3_K", "Q3_K_M"), ("Q4_K", "Q4_K_M"), ("Q5_K", "Q5_K_M")];

const fn kind(name: &'static str, number: u32, importance: ImportanceUse) -> QuantType {
    QuantType { name, number, importance }
}

impl QuantType {
    /// Every type that llama.cpp writes.
    pub fn all() -> impl ExactSizeIterator<Item = QuantType> {
        ALL.into_iter()
    }

    /// The name, as llama.cpp's tool has it.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// What an importance matrix does for it.
    pub fn importance(self) -> ImportanceUse {
        self.importance
    }

    /// Whether tensors stay plain numbers.
    pub fn is_float(self) -> bool {
        matches!(self.name, "F32" | "F16" | "BF16")
    }

    /// Number in `enum llama_ftype`.
    pub(super) fn number(self) -> u32 {
        self.number
    }
}

impl fmt::Display for QuantType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl FromStr for QuantType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let alias = ALIASES.iter().find(|(short, _)| short.eq_ignore_ascii_case(text)).map_or(text, |(_, long)| long);
        let found = ALL.into_iter().find(|kind| kind.name.eq_ignore_ascii_case(alias));
        found.ok_or_else(|| {
            let names: Vec<&str> = ALL.iter().map(|kind| kind.name).collect();
            format!("no such type; choose one of {}", names.join(", "))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_in_any_case_and_short_names_too() {
        assert_eq!("q4_k_m".parse::<QuantType>().unwrap().number(), 15);
        assert_eq!("Q4_K".parse::<QuantType>().unwrap().name(), "Q4_K_M");
        let error = "Q4_K_XL".parse::<QuantType>().unwrap_err();
        assert!(error.contains("Q4_K_M") && error.contains("IQ4_XS"), "{error}");
    }

    #[test]
    fn no_name_and_no_number_stands_twice() {
        for (index, kind) in ALL.iter().enumerate() {
            assert!(ALL[..index].iter().all(|other| other.name != kind.name && other.number != kind.number), "{kind}");
        }
    }
}
