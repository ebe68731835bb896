//! Why a profile was rejected: one flat enum, no allocation, every text names the field.
//!
//! The next step is part of the text, because on a device the text is all that a person sees.

use core::fmt::{self, Write as _};

use embedded_io::ErrorKind;
use heapless::String;

use crate::built_in::built_in_names;
use crate::profile::{Field, NAME_CAPACITY_BYTES};
use crate::read::PROFILE_LIMIT_BYTES;

/// How much of an unknown key or profile name an error keeps, in bytes.
pub const UNKNOWN_NAME_CAPACITY_BYTES: usize = 48;
/// Capacity of [`ErrorText`] in bytes; longer texts are cut.
pub const ERROR_TEXT_CAPACITY_BYTES: usize = 256;

/// An error's text in a fixed buffer, for devices that show or send it.
pub type ErrorText = String<ERROR_TEXT_CAPACITY_BYTES>;

/// Why a profile could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProfileError {
    /// The reader failed.
    Read {
        /// What the reader reported.
        kind: ErrorKind,
    },
    /// The input is longer than [`PROFILE_LIMIT_BYTES`].
    Oversized,
    /// The bytes are not one JSON object of strings, numbers and booleans.
    Malformed {
        /// The field that was being read or had just been read, if any.
        field: Option<Field>,
        /// What the JSON parser found wrong.
        problem: serde_json_core::de::Error,
    },
    /// Something other than white space follows the object.
    TrailingBytes,
    /// The object has a key that profiles do not have.
    UnknownField {
        /// The key, cut to [`UNKNOWN_NAME_CAPACITY_BYTES`].
        name: String<UNKNOWN_NAME_CAPACITY_BYTES>,
    },
    /// The object has a key twice.
    DuplicateField {
        /// The key.
        field: Field,
    },
    /// The object lacks a key.
    MissingField {
        /// The key.
        field: Field,
    },
    /// The value has another JSON type than the field.
    WrongType {
        /// The field.
        field: Field,
    },
    /// The text is longer than the field holds.
    TooLong {
        /// The field.
        field: Field,
    },
    /// The text is empty where it may not be, or has characters that the field does not allow.
    BadCharacter {
        /// The field.
        field: Field,
    },
    /// The text is none of the field's words.
    UnknownChoice {
        /// The field.
        field: Field,
    },
    /// The number is outside [`Field::range`].
    OutOfRange {
        /// The field.
        field: Field,
        /// The value, or `None` if it is negative or above 64 bits.
        value: Option<u64>,
    },
    /// The number is above the value of another field that limits it.
    Conflict {
        /// The field that is too large.
        field: Field,
        /// The field that limits it.
        limit_field: Field,
    },
    /// No built-in profile has that name.
    UnknownProfile {
        /// The name, cut to [`UNKNOWN_NAME_CAPACITY_BYTES`].
        name: String<UNKNOWN_NAME_CAPACITY_BYTES>,
    },
}

impl ProfileError {
    /// The key at fault, if the error is about one field.
    pub fn field_name(&self) -> Option<&str> {
        match self {
            ProfileError::UnknownField { name } => Some(name),
            ProfileError::Malformed { field, .. } => field.map(Field::name),
            ProfileError::DuplicateField { field }
            | ProfileError::MissingField { field }
            | ProfileError::WrongType { field }
            | ProfileError::TooLong { field }
            | ProfileError::BadCharacter { field }
            | ProfileError::UnknownChoice { field }
            | ProfileError::OutOfRange { field, .. }
            | ProfileError::Conflict { field, .. } => Some(field.name()),
            ProfileError::Read { .. }
            | ProfileError::Oversized
            | ProfileError::TrailingBytes
            | ProfileError::UnknownProfile { .. } => None,
        }
    }

    /// The text of the error in a fixed buffer, cut at its capacity.
    pub fn as_text(&self) -> ErrorText {
        let mut text = ErrorText::new();
        // A full buffer ends the formatting early; the part that fits is what is wanted.
        let _ = write!(Cut(&mut text), "{self}");
        text
    }
}

/// `text` cut at a character boundary to the capacity `N`, control characters replaced.
pub(crate) fn cut<const N: usize>(text: &str) -> String<N> {
    let mut kept = String::new();
    for c in text.chars() {
        let c = if c.is_control() { '?' } else { c };
        if kept.push(c).is_err() {
            break;
        }
    }
    kept
}

/// Writes as many characters as fit; `heapless::String` alone would drop a whole piece.
struct Cut<'a>(&'a mut ErrorText);

impl fmt::Write for Cut<'_> {
    fn write_str(&mut self, piece: &str) -> fmt::Result {
        for c in piece.chars() {
            self.0.push(c).map_err(|_| fmt::Error)?;
        }
        Ok(())
    }
}

impl fmt::Display for ProfileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProfileError::Read { kind } => {
                write!(f, "the profile could not be read ({kind:?}); check the file or line")
            }
            ProfileError::Oversized => write!(f, "the profile is longer than {PROFILE_LIMIT_BYTES} bytes; shorten it"),
            ProfileError::Malformed { field: None, problem } => {
                write!(f, "the profile is not a JSON object ({problem}); compare it with a built-in one")
            }
            ProfileError::Malformed { field: Some(field), problem } => {
                write!(f, "the profile's JSON is broken at or just after {field} ({problem}); mend it there")
            }
            ProfileError::TrailingBytes => f.write_str("text follows the profile's closing brace; remove it"),
            ProfileError::UnknownField { name } => {
                write!(f, "the profile has an unknown field {name:?}; remove or rename it")
            }
            ProfileError::DuplicateField { field } => {
                write!(f, "the profile has {field} twice; keep one")
            }
            ProfileError::MissingField { field } => {
                write!(f, "the profile lacks {field}; add it ({})", field.expected())
            }
            ProfileError::WrongType { field } | ProfileError::UnknownChoice { field } => {
                write!(f, "{field} must be {}", field.expected())
            }
            ProfileError::TooLong { field } => write!(
                f,
                "{field} is longer than {} bytes; shorten it",
                field.capacity_bytes().unwrap_or(UNKNOWN_NAME_CAPACITY_BYTES)
            ),
            ProfileError::BadCharacter { field: Field::Name } => {
                write!(f, "name must be 1 to {NAME_CAPACITY_BYTES} lower-case letters, digits or hyphens")
            }
            ProfileError::BadCharacter { field } => {
                write!(f, "{field} has control characters; keep it to one plain line")
            }
            ProfileError::OutOfRange { field, value } => {
                let (minimum, maximum) = field.range().unwrap_or((0, u32::MAX));
                match value {
                    Some(value) => write!(f, "{field} is {value}")?,
                    None => write!(f, "{field} is negative or far too large")?,
                }
                write!(f, "; choose {minimum} to {maximum}")
            }
            ProfileError::Conflict { field, limit_field } => {
                write!(f, "{field} is above {limit_field}; lower {field}")
            }
            ProfileError::UnknownProfile { name } => {
                write!(f, "no built-in profile is called {name:?}; choose one of")?;
                for (index, known) in built_in_names().enumerate() {
                    write!(f, "{} {known}", if index == 0 { "" } else { "," })?;
                }
                Ok(())
            }
        }
    }
}

impl core::error::Error for ProfileError {}
