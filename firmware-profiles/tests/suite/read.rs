//! Reading profiles: every kind of bad input gives its own error, which names the field.

use embedded_io::{ErrorKind, ErrorType, Read};
use halligan_firmware_profiles::{
    DESCRIPTION_CAPACITY_BYTES, ERROR_TEXT_CAPACITY_BYTES, Field, KvType, NAME_CAPACITY_BYTES, PROFILE_LIMIT_BYTES,
    ProfileError, UNKNOWN_NAME_CAPACITY_BYTES, parse_profile, read_profile,
};

use crate::{BENCH_JSON, bench};

/// The bench profile with the value of one field replaced by raw JSON.
fn with_value(field: Field, value: &str) -> String {
    BENCH_JSON
        .lines()
        .map(|line| match line.trim_start().split_once(':') {
            Some((key, old)) if key == format!("\"{field}\"") => {
                let comma = if old.ends_with(',') { "," } else { "" };
                format!("\"{field}\": {value}{comma}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect()
}

/// The error of that replacement; its text must name the field.
fn error_with(field: Field, value: &str) -> ProfileError {
    let error = parse_profile(with_value(field, value).as_bytes()).unwrap_err();
    assert_eq!(error.field_name(), Some(field.name()), "{error}");
    assert!(error.to_string().contains(field.name()), "{error}");
    error
}

#[test]
fn every_field_is_read_into_its_place() {
    let profile = bench();
    assert_eq!(profile.name, "bench");
    assert_eq!(profile.description, "Board on the bench");
    assert_eq!(profile.context_tokens, 2048);
    assert_eq!(profile.batch_tokens, 512);
    assert_eq!(profile.micro_batch_tokens, 128);
    assert_eq!(profile.threads, 4);
    assert_eq!(profile.gpu_layers, 0);
    assert_eq!(profile.kv_type, KvType::Q8_0);
    assert_eq!(profile.training_rank, 8);
    assert_eq!(profile.training_sequence_tokens, 256);
    assert_eq!(profile.memory_budget_mib, 3000);
    assert!(profile.learn_only_on_mains_power);
    assert_eq!(profile.temperature_ceiling_celsius, 80);
    assert_eq!((profile.warn_below_percent, profile.refuse_below_percent), (60, 10));
    assert_eq!((profile.false_refusals_percent, profile.clarify_below_words), (3, 2));
}

#[test]
fn fields_may_come_in_any_order() {
    let lines: Vec<&str> =
        BENCH_JSON.lines().filter(|line| line.contains(':')).map(|line| line.trim_end_matches(',')).rev().collect();
    let json = format!("{{{}}}", lines.join(","));
    assert_eq!(parse_profile(json.as_bytes()), Ok(bench()));
}

#[test]
fn each_missing_field_is_named() {
    for field in Field::ALL {
        let lines: Vec<&str> = BENCH_JSON
            .lines()
            .filter(|line| line.contains(':') && !line.contains(&format!("\"{field}\":")))
            .map(|line| line.trim_end_matches(','))
            .collect();
        let json = format!("{{{}}}", lines.join(","));
        if let Some(usual) = field.usual() {
            assert_eq!(parse_profile(json.as_bytes()).unwrap().number(field), Some(usual), "{field}");
            continue;
        }
        let error = parse_profile(json.as_bytes()).unwrap_err();
        assert_eq!(error, ProfileError::MissingField { field });
        assert!(error.to_string().contains(field.name()));
    }
    assert_eq!(parse_profile(b"{}"), Err(ProfileError::MissingField { field: Field::Name }));
}

#[test]
fn a_file_without_the_fields_that_have_usual_values_is_read_and_written_without_them() {
    let json = include_str!("../../profiles/laptop-cpu.json");
    assert!(!json.contains("percent"));
    let profile = parse_profile(json.as_bytes()).unwrap();
    let usual = |field: Field| assert_eq!(profile.number(field), field.usual(), "{field}");
    Field::ALL.into_iter().filter(|field| field.usual().is_some()).for_each(usual);
    let written = serde_json_core::to_string::<_, PROFILE_LIMIT_BYTES>(&profile).unwrap();
    assert!(!written.contains("percent"), "{written}");
    assert_eq!(parse_profile(written.as_bytes()), Ok(profile));
}

#[test]
fn each_duplicate_field_is_named() {
    for field in Field::ALL {
        let line =
            BENCH_JSON.lines().find(|line| line.contains(&format!("\"{field}\":"))).unwrap().trim_end_matches(',');
        let json = BENCH_JSON.replacen('{', &format!("{{{line},"), 1);
        assert_eq!(parse_profile(json.as_bytes()), Err(ProfileError::DuplicateField { field }));
    }
}

#[test]
fn unknown_field_is_named_even_behind_valid_ones() {
    let json = BENCH_JSON.replacen("\"threads\"", "\"thread_count\"", 1);
    let error = parse_profile(json.as_bytes()).unwrap_err();
    assert_eq!(error.field_name(), Some("thread_count"));
    assert!(error.to_string().contains("\"thread_count\""), "{error}");
}

#[test]
fn unknown_field_name_is_cut_at_its_capacity() {
    for length in [UNKNOWN_NAME_CAPACITY_BYTES, UNKNOWN_NAME_CAPACITY_BYTES + 1] {
        let json = format!("{{\"{}\": 1}}", "x".repeat(length));
        let error = parse_profile(json.as_bytes()).unwrap_err();
        assert_eq!(error.field_name(), Some("x".repeat(UNKNOWN_NAME_CAPACITY_BYTES).as_str()));
    }
}

#[test]
fn control_characters_of_an_unknown_field_do_not_reach_the_terminal() {
    let error = parse_profile(b"{\"\\u001b[2J\": 1}").unwrap_err();
    assert_eq!(error.field_name(), Some("?[2J"));
}

#[test]
fn numbers_are_accepted_at_both_ends_of_their_range_and_not_beyond() {
    for field in Field::ALL {
        let Some((minimum, maximum)) = field.range() else {
            continue;
        };
        let outside = |value: u64| ProfileError::OutOfRange { field, value: Some(value) };
        let above = u64::from(maximum) + 1;
        assert_eq!(error_with(field, &above.to_string()), outside(above));
        if minimum > 0 {
            let below = u64::from(minimum) - 1;
            assert_eq!(error_with(field, &below.to_string()), outside(below));
        }
        for value in [minimum, maximum] {
            let result = parse_profile(with_value(field, &value.to_string()).as_bytes());
            // At its end a field may clash with another one, but it is never out of range.
            if let Err(error) = result {
                assert!(matches!(error, ProfileError::Conflict { .. }), "{error}");
            }
        }
        let no_value = ProfileError::OutOfRange { field, value: None };
        assert_eq!(error_with(field, "-1"), no_value);
        assert_eq!(error_with(field, "99999999999999999999999"), no_value);
        assert_eq!(error_with(field, "4294967296"), outside(1 << 32));
    }
}

#[test]
fn number_with_a_fraction_is_malformed_at_its_field() {
    let error = error_with(Field::Threads, "4.5");
    assert!(matches!(error, ProfileError::Malformed { .. }), "{error}");
}

#[test]
fn wrong_json_types_are_named_with_the_right_one() {
    for (field, value) in [
        (Field::Name, "5"),
        (Field::Description, "true"),
        (Field::ContextTokens, "\"2048\""),
        (Field::KvType, "16"),
        (Field::LearnOnlyOnMainsPower, "\"yes\""),
        (Field::LearnOnlyOnMainsPower, "1"),
        (Field::MemoryBudgetMib, "null"),
        (Field::MemoryBudgetMib, "[4096]"),
        (Field::MemoryBudgetMib, "{}"),
    ] {
        let error = error_with(field, value);
        assert_eq!(error, ProfileError::WrongType { field }, "{value}");
        assert!(error.to_string().contains(field.expected()), "{error}");
    }
}

#[test]
fn unknown_cache_type_error_lists_the_known_ones() {
    let error = error_with(Field::KvType, "\"q4_0\"");
    assert!(matches!(error, ProfileError::UnknownChoice { .. }));
    for kind in KvType::ALL {
        assert!(error.to_string().contains(kind.name()), "{error}");
    }
}

#[test]
fn texts_are_accepted_up_to_their_capacity_and_not_beyond() {
    for (field, capacity) in [(Field::Name, NAME_CAPACITY_BYTES), (Field::Description, DESCRIPTION_CAPACITY_BYTES)] {
        let full = format!("\"{}\"", "a".repeat(capacity));
        parse_profile(with_value(field, &full).as_bytes()).unwrap();
        // One past the capacity, plain and escaped, and far past the buffer for escapes.
        for text in ["a".repeat(capacity + 1), "\\u0061".repeat(capacity + 1), "\\n".repeat(600)] {
            let error = error_with(field, &format!("\"{text}\""));
            assert_eq!(error, ProfileError::TooLong { field });
            assert!(error.to_string().contains(&capacity.to_string()), "{error}");
        }
    }
}

#[test]
fn overlong_key_is_not_blamed_on_the_value_before_it() {
    let key = "\\n".repeat(300);
    let json = format!("{{\"description\": \"a\", \"{key}\": 1}}");
    let error = parse_profile(json.as_bytes()).unwrap_err();
    assert!(matches!(error, ProfileError::Malformed { .. }), "{error}");
}

#[test]
fn name_is_limited_to_characters_that_are_safe_in_commands_and_paths() {
    for name in ["", "Bench", "a b", "../etc", "b\\u0000", "pi_5", "\\u00e9"] {
        let error = error_with(Field::Name, &format!("\"{name}\""));
        assert_eq!(error, ProfileError::BadCharacter { field: Field::Name });
    }
}

#[test]
fn description_is_one_plain_line_and_may_have_escapes() {
    for text in ["two\\nlines", "\\u001b[2J", "bell\\u0007"] {
        let error = error_with(Field::Description, &format!("\"{text}\""));
        let field = Field::Description;
        assert_eq!(error, ProfileError::BadCharacter { field });
    }
    let json = with_value(Field::Description, r#""a \"quoted\" \u00b0 C""#);
    let profile = parse_profile(json.as_bytes()).unwrap();
    assert_eq!(profile.description, "a \"quoted\" \u{b0} C");
}

#[test]
fn limits_between_fields_name_both() {
    for (field, value, limit_field) in [
        (Field::BatchTokens, "2049", Field::ContextTokens),
        (Field::MicroBatchTokens, "513", Field::BatchTokens),
        (Field::TrainingSequenceTokens, "2049", Field::ContextTokens),
    ] {
        let error = error_with(field, value);
        assert_eq!(error, ProfileError::Conflict { field, limit_field });
        assert!(error.to_string().contains(limit_field.name()), "{error}");
    }
    parse_profile(with_value(Field::BatchTokens, "2048").as_bytes()).unwrap();
}

#[test]
fn profile_cut_anywhere_is_an_error() {
    let whole = BENCH_JSON.trim_end().len();
    for length in 0..whole {
        let error = parse_profile(&BENCH_JSON.as_bytes()[..length]).unwrap_err();
        assert!(matches!(error, ProfileError::Malformed { .. }), "{length}: {error}");
    }
    parse_profile(&BENCH_JSON.as_bytes()[..whole]).unwrap();
}

#[test]
fn things_that_are_no_object_are_malformed() {
    for json in ["", " ", "[]", "null", "5", "\"name\"", "{\"name\"", "{,}", "\u{feff}{}"] {
        let error = parse_profile(json.as_bytes()).unwrap_err();
        assert!(matches!(error, ProfileError::Malformed { .. }), "{json}: {error}");
    }
}

#[test]
fn text_that_is_not_utf8_is_malformed_at_its_field() {
    let mut json = BENCH_JSON.as_bytes().to_vec();
    let place = BENCH_JSON.find("bench").unwrap();
    json[place] = 0xff;
    let error = parse_profile(&json).unwrap_err();
    assert!(matches!(error, ProfileError::Malformed { .. }));
    assert_eq!(error.field_name(), Some("name"));
}

#[test]
fn escapes_of_half_characters_are_malformed_at_their_field() {
    let error = error_with(Field::Description, "\"\\ud83d\"");
    assert!(matches!(error, ProfileError::Malformed { .. }), "{error}");
}

#[test]
fn only_white_space_may_follow_the_object() {
    for tail in ["{}", "x", "\0", "}"] {
        let json = format!("{BENCH_JSON}{tail}");
        assert_eq!(parse_profile(json.as_bytes()), Err(ProfileError::TrailingBytes));
    }
    let json = format!("{BENCH_JSON} \r\n\t");
    assert_eq!(read_profile(json.as_bytes()), Ok(bench()));
}

#[test]
fn profile_may_be_exactly_at_the_limit_and_not_one_byte_longer() {
    let mut json = BENCH_JSON.as_bytes().to_vec();
    json.resize(PROFILE_LIMIT_BYTES, b' ');
    assert_eq!(read_profile(&json[..]), Ok(bench()));
    json.push(b' ');
    assert_eq!(read_profile(&json[..]), Err(ProfileError::Oversized));
    assert_eq!(parse_profile(&json), Err(ProfileError::Oversized));
}

/// Gives its bytes in pieces, then fails or gives zeros without end.
struct Line<'a> {
    bytes: &'a [u8],
    piece: usize,
    then: Option<ErrorKind>,
    taken: usize,
}

impl ErrorType for Line<'_> {
    type Error = ErrorKind;
}

impl Read for Line<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let length = self.piece.min(buffer.len());
        self.taken += length;
        if self.bytes.is_empty() {
            return match self.then {
                Some(kind) => Err(kind),
                None => Ok(length),
            };
        }
        let length = length.min(self.bytes.len());
        buffer[..length].copy_from_slice(&self.bytes[..length]);
        self.bytes = &self.bytes[length..];
        Ok(length)
    }
}

#[test]
fn endless_reader_is_left_one_byte_past_the_limit() {
    let mut line = Line { bytes: BENCH_JSON.as_bytes(), piece: 7, then: None, taken: 0 };
    assert_eq!(read_profile(&mut line), Err(ProfileError::Oversized));
    assert!(line.taken <= PROFILE_LIMIT_BYTES + 7);
}

#[test]
fn failing_reader_reports_its_kind() {
    let line = Line { bytes: BENCH_JSON.as_bytes(), piece: 1, then: Some(ErrorKind::TimedOut), taken: 0 };
    let error = read_profile(line).unwrap_err();
    let kind = ErrorKind::TimedOut;
    assert_eq!(error, ProfileError::Read { kind });
    assert!(error.to_string().contains("TimedOut"), "{error}");
}

#[test]
fn error_text_is_cut_at_its_capacity() {
    let name = "\"".repeat(200);
    let error = halligan_firmware_profiles::built_in(&name).unwrap_err();
    let text = error.as_text();
    assert_eq!(text.len(), ERROR_TEXT_CAPACITY_BYTES);
    assert!(error.to_string().starts_with(text.as_str()));
}

#[test]
fn changed_profile_is_checked_again() {
    let mut profile = bench();
    profile.threads = 257;
    assert_eq!(profile.validate(), Err(ProfileError::OutOfRange { field: Field::Threads, value: Some(257) }));
}
