//! Numbers that a text file gives back to the bit.
//!
//! JSON libraries may round a float by its last bit when they read it, and have no NaN; a resumed run must
//! decide exactly as the unbroken one. The shortest decimal text that names a float, parsed by the standard
//! library, is that float.

use serde::{Deserialize, Serialize};

/// A float that is stored as its shortest exact text.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub(super) struct Exact(pub f64);

impl From<Exact> for String {
    fn from(value: Exact) -> Self {
        format!("{:?}", value.0)
    }
}

impl TryFrom<String> for Exact {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map(Exact).map_err(|_| format!("{text:?} is no number"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn every_float_comes_back_to_the_bit(bits in proptest::prelude::any::<u64>()) {
            let value = f64::from_bits(bits);
            let text = serde_json::to_string(&Exact(value)).unwrap();
            let back: Exact = serde_json::from_str(&text).unwrap();
            proptest::prop_assert!(back.0.to_bits() == bits || (back.0.is_nan() && value.is_nan()));
        }
    }
}
