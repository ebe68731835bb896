//! From untrusted bytes to a validated profile, in fixed buffers.
//!
//! The visitor is written by hand because serde-json-core drops the message of a derived visitor's
//! error, and with it the name of the field. Fields without a usual value are required and no
//! unknown ones are allowed: strictness is the format's version check.

use core::fmt;

use embedded_io::{Error as _, Read};
use heapless::String;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json_core::de::Error as JsonError;

use crate::error::{ProfileError, UNKNOWN_NAME_CAPACITY_BYTES, cut};
use crate::profile::{DESCRIPTION_CAPACITY_BYTES, Field, KvType, NAME_CAPACITY_BYTES, Profile};

/// Longest profile in bytes; one more is [`ProfileError::Oversized`].
pub const PROFILE_LIMIT_BYTES: usize = 2_048;

/// Longest key or text in bytes after its escapes are resolved.
const UNESCAPED_LIMIT_BYTES: usize = 256;

/// Reads one profile to the end of `reader`.
///
/// # Errors
/// Every [`ProfileError`] except `UnknownProfile`. At most [`PROFILE_LIMIT_BYTES`] + 1 bytes are
/// taken from the reader.
pub fn read_profile<R: Read>(mut reader: R) -> Result<Profile, ProfileError> {
    let mut buffer = [0_u8; PROFILE_LIMIT_BYTES + 1];
    let mut length = 0;
    while let Some(free) = buffer.get_mut(length..).filter(|free| !free.is_empty()) {
        let read = reader.read(free).map_err(|error| ProfileError::Read { kind: error.kind() })?;
        if read == 0 {
            break;
        }
        length += read.min(free.len());
    }
    parse_profile(&buffer[..length])
}

/// Parses one profile from JSON text.
///
/// # Errors
/// Every [`ProfileError`] except `Read` and `UnknownProfile`.
pub fn parse_profile(json: &[u8]) -> Result<Profile, ProfileError> {
    if json.len() > PROFILE_LIMIT_BYTES {
        return Err(ProfileError::Oversized);
    }
    let mut unescaped = [0_u8; UNESCAPED_LIMIT_BYTES];
    let mut deserializer = serde_json_core::de::Deserializer::new(json, Some(&mut unescaped));
    let mut progress = Progress::default();
    let draft = match deserializer.deserialize_map(ProfileVisitor(&mut progress)) {
        Ok(draft) => draft,
        Err(problem) => return Err(progress.explain(problem)),
    };
    if deserializer.end().is_err() {
        return Err(ProfileError::TrailingBytes);
    }
    let profile = draft.finish()?;
    profile.validate()?;
    Ok(profile)
}

/// Where the visitor was and what it found, kept outside the parser's own error type.
#[derive(Default)]
struct Progress {
    field: Option<Field>,
    /// The parser is at the value of `field`, not at the key after it.
    in_value: bool,
    found: Option<ProfileError>,
}

impl Progress {
    fn fail<E: serde::de::Error>(&mut self, error: ProfileError) -> E {
        self.found = Some(error);
        E::custom("the profile error is kept in the progress")
    }

    /// The typed error for what the parser reported at the current field.
    fn explain(self, problem: JsonError) -> ProfileError {
        if let Some(found) = self.found {
            return found;
        }
        match (self.field.filter(|_| self.in_value), problem) {
            (Some(field), JsonError::InvalidType) => ProfileError::WrongType { field },
            (Some(field), JsonError::InvalidNumber) => ProfileError::OutOfRange { field, value: None },
            (Some(field), JsonError::EscapedStringIsTooLong | JsonError::CustomError)
                if field.capacity_bytes().is_some() =>
            {
                ProfileError::TooLong { field }
            }
            (_, problem) => ProfileError::Malformed { field: self.field, problem },
        }
    }
}

/// The fields as they arrive; `seen` has one bit for each.
#[derive(Default)]
struct Draft {
    seen: u32,
    name: String<NAME_CAPACITY_BYTES>,
    description: String<DESCRIPTION_CAPACITY_BYTES>,
    numbers: [u32; Field::ALL.len()],
    kv_type: Option<KvType>,
    learn_only_on_mains_power: bool,
}

impl Draft {
    /// Marks the field as seen; false if it was seen before.
    fn mark(&mut self, field: Field) -> bool {
        let bit = 1 << field as u32;
        let is_new = self.seen & bit == 0;
        self.seen |= bit;
        is_new
    }

    fn finish(mut self) -> Result<Profile, ProfileError> {
        for field in Field::ALL {
            if self.seen & (1 << field as u32) == 0 {
                let usual = field.usual().ok_or(ProfileError::MissingField { field })?;
                self.numbers[field as usize] = usual;
            }
        }
        let Some(kv_type) = self.kv_type else {
            return Err(ProfileError::MissingField { field: Field::KvType });
        };
        let number = |field: Field| self.numbers[field as usize];
        Ok(Profile {
            context_tokens: number(Field::ContextTokens),
            batch_tokens: number(Field::BatchTokens),
            micro_batch_tokens: number(Field::MicroBatchTokens),
            threads: number(Field::Threads),
            gpu_layers: number(Field::GpuLayers),
            kv_type,
            training_rank: number(Field::TrainingRank),
            training_sequence_tokens: number(Field::TrainingSequenceTokens),
            memory_budget_mib: number(Field::MemoryBudgetMib),
            learn_only_on_mains_power: self.learn_only_on_mains_power,
            temperature_ceiling_celsius: number(Field::TemperatureCeilingCelsius),
            warn_below_percent: number(Field::WarnBelowPercent),
            refuse_below_percent: number(Field::RefuseBelowPercent),
            false_refusals_percent: number(Field::FalseRefusalsPercent),
            clarify_below_words: number(Field::ClarifyBelowWords),
            name: self.name,
            description: self.description,
        })
    }
}

struct ProfileVisitor<'p>(&'p mut Progress);

impl<'de> Visitor<'de> for ProfileVisitor<'_> {
    type Value = Draft;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a profile object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Draft, A::Error> {
        let progress = self.0;
        let mut draft = Draft::default();
        while let Some(key) = map.next_key::<Key>()? {
            let field = match key {
                Key::Known(field) => field,
                Key::Unknown(name) => {
                    return Err(progress.fail(ProfileError::UnknownField { name }));
                }
            };
            progress.field = Some(field);
            progress.in_value = true;
            if !draft.mark(field) {
                return Err(progress.fail(ProfileError::DuplicateField { field }));
            }
            match field {
                Field::Name => draft.name = map.next_value()?,
                Field::Description => draft.description = map.next_value()?,
                Field::LearnOnlyOnMainsPower => {
                    draft.learn_only_on_mains_power = map.next_value()?;
                }
                Field::KvType => {
                    draft.kv_type = map.next_value::<KvChoice>()?.0;
                    if draft.kv_type.is_none() {
                        return Err(progress.fail(ProfileError::UnknownChoice { field }));
                    }
                }
                _ => {
                    // A wider type than the field's, so that the error can state the value.
                    let value: u64 = map.next_value()?;
                    draft.numbers[field as usize] = u32::try_from(value).map_err(|_| {
                        progress.fail::<A::Error>(ProfileError::OutOfRange { field, value: Some(value) })
                    })?;
                }
            }
            progress.in_value = false;
        }
        Ok(draft)
    }
}

/// A key of the object; an unknown one is kept for the error's text.
enum Key {
    Known(Field),
    Unknown(String<UNKNOWN_NAME_CAPACITY_BYTES>),
}

impl<'de> serde::Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Key, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a field name")
            }

            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Key, E> {
                Ok(match Field::from_name(name) {
                    Some(field) => Key::Known(field),
                    None => Key::Unknown(cut(name)),
                })
            }
        }
        deserializer.deserialize_identifier(KeyVisitor)
    }
}

/// The cache type, or `None` for any other word.
struct KvChoice(Option<KvType>);

impl<'de> serde::Deserialize<'de> for KvChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KvChoice, D::Error> {
        struct WordVisitor;
        impl Visitor<'_> for WordVisitor {
            type Value = KvChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a cache type")
            }

            fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<KvChoice, E> {
                Ok(KvChoice(KvType::from_name(word)))
            }
        }
        deserializer.deserialize_str(WordVisitor)
    }
}
