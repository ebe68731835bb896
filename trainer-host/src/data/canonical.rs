//! JSON with one spelling per value, and names made of its SHA-256.
//!
//! Keys are sorted, there is no white space, floats are written as serde_json does (shortest that reads back
//! the same). Equal records are therefore equal bytes, and a dataset that is made again can be compared byte
//! by byte.

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Hex digits of a record's name: 64 bits, enough that a billion records of one dataset do not meet (p < 3 %).
pub const ID_DIGITS: usize = 16;

/// The one spelling of `value`.
///
/// # Errors
/// A value that JSON cannot hold, such as a map with keys that are no text.
pub fn canonical_json(value: &impl Serialize) -> serde_json::Result<String> {
    let mut value = serde_json::to_value(value)?;
    // Another crate of a build may ask serde_json to keep the order of insertion.
    value.sort_all_objects();
    serde_json::to_string(&value)
}

/// SHA-256 of bytes in lower hex, 64 digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    lower_hex(&Sha256::digest(bytes))
}

/// Name of a record: the first [`ID_DIGITS`] hex digits of the SHA-256 over its parts.
///
/// Each part is preceded by its length, so that moving a boundary changes the name.
pub fn content_id(parts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for part in parts {
        digest.update((part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    let mut id = lower_hex(&digest.finalize());
    id.truncate(ID_DIGITS);
    id
}

/// Bytes as lower hex.
pub fn lower_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value: serde_json::Value = serde_json::from_str(r#"{"b":{"z":1,"a":[{"d":1,"c":2}]},"a":0.1}"#).unwrap();
        assert_eq!(canonical_json(&value).unwrap(), r#"{"a":0.1,"b":{"a":[{"c":2,"d":1}],"z":1}}"#);
    }

    #[test]
    fn digest_is_that_of_the_standard() {
        // FIPS 180-2, appendix B.1.
        assert_eq!(sha256_hex(b"abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn moving_a_boundary_changes_the_name() {
        assert_ne!(content_id(&[b"ab", b"c"]), content_id(&[b"a", b"bc"]));
        assert_eq!(content_id(&[b"ab", b"c"]).len(), ID_DIGITS);
    }
}
