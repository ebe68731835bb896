//! Bytes from anyone: reading never panics, and what it accepts is valid and comes back the same.

use halligan_firmware_profiles::{
    ERROR_TEXT_CAPACITY_BYTES, Field, KvType, Link, Profile, ProfileError, parse_profile, read_profile,
};
use proptest::prelude::*;

use crate::BENCH_JSON;

/// A result is a valid profile or an error whose text can be shown.
fn check(result: Result<Profile, ProfileError>) {
    match result {
        Ok(profile) => profile.validate().unwrap(),
        Err(error) => {
            let text = error.as_text();
            assert!(!text.is_empty() && text.len() <= ERROR_TEXT_CAPACITY_BYTES);
            assert!(!text.chars().any(char::is_control), "{text:?}");
        }
    }
}

fn any_profile() -> impl Strategy<Value = Profile> {
    let number = |field: Field| {
        let (minimum, maximum) = field.range().unwrap();
        minimum..=maximum
    };
    (
        "[a-z0-9-]{1,32}",
        "[ -~\u{a0}-\u{2ff}]{0,80}",
        number(Field::ContextTokens),
        (0.0..1.0, 0.0..1.0, 0.0..1.0),
        (number(Field::Threads), number(Field::GpuLayers)),
        prop::sample::select(KvType::ALL.to_vec()),
        number(Field::TrainingRank),
        number(Field::MemoryBudgetMib),
        any::<bool>(),
        number(Field::TemperatureCeilingCelsius),
        (
            number(Field::WarnBelowPercent),
            0.0..1.0,
            number(Field::FalseRefusalsPercent),
            number(Field::ClarifyBelowWords),
        ),
    )
        .prop_map(
            |(name, description, context, parts, (threads, layers), kv_type, rank, mib, mains, celsius, trust)| {
                // A share of the limiting field, so that no limit between fields is broken.
                let share = |part: f64, most: u32, least: u32| ((f64::from(most) * part) as u32).max(least).min(most);
                let batch_tokens = share(parts.0, context.min(16_384), 1);
                Profile {
                    name: name.as_str().try_into().unwrap(),
                    description: description.as_str().try_into().unwrap(),
                    context_tokens: context,
                    batch_tokens,
                    micro_batch_tokens: share(parts.1, batch_tokens, 1),
                    threads,
                    gpu_layers: layers,
                    kv_type,
                    training_rank: rank,
                    training_sequence_tokens: share(parts.2, context.min(65_536), 16),
                    memory_budget_mib: mib,
                    learn_only_on_mains_power: mains,
                    temperature_ceiling_celsius: celsius,
                    warn_below_percent: trust.0,
                    refuse_below_percent: share(trust.1, trust.0, 0),
                    false_refusals_percent: trust.2,
                    clarify_below_words: trust.3,
                }
            },
        )
}

proptest! {
    #[test]
    fn any_bytes_are_an_error_or_a_valid_profile(
        bytes in prop::collection::vec(any::<u8>(), 0..2_100),
    ) {
        check(read_profile(&bytes[..]));
        check(parse_profile(&bytes));
    }

    #[test]
    fn any_text_of_json_pieces_is_an_error_or_a_valid_profile(
        pieces in prop::collection::vec(
            prop::sample::select(vec![
                "{", "}", "[", "]", ":", ",", "\"", "\\", "\\u", "\\ud800", "null", "true", "-", "0",
                "1e9", "99999999999999999999", "\"name\"", "\"threads\"", "\"kv_type\"", " ", "\n", "\u{e9}",
            ]),
            0..60,
        ),
    ) {
        check(parse_profile(pieces.concat().as_bytes()));
    }

    #[test]
    fn damaged_profile_is_an_error_or_a_valid_profile(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 1..10),
    ) {
        let mut json = BENCH_JSON.as_bytes().to_vec();
        for (index, byte, kind) in edits {
            let place = index.index(json.len());
            match kind {
                0 => json[place] = byte,
                1 => json.insert(place, byte),
                _ => {
                    json.remove(place);
                }
            }
        }
        check(parse_profile(&json));
    }

    #[test]
    fn any_valid_profile_crosses_the_line_unchanged(profile in any_profile()) {
        prop_assert_eq!(profile.validate(), Ok(()));
        let mut line = [0_u8; 4_096];
        Link::new(&mut line[..]).send_profile(&profile).unwrap();
        prop_assert_eq!(Link::new(&line[..]).receive_profile(), Ok(profile));
    }
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    for piece in ["[", "{\"a\":", "\"name\":["] {
        check(parse_profile(piece.repeat(400).as_bytes()));
        check(parse_profile(format!("{{\"name\":{}", piece.repeat(300)).as_bytes()));
    }
}
