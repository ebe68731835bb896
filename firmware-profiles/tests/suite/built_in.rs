//! The profiles that ship: every file is compiled in, valid, and named like its file.

use std::collections::BTreeSet;

use halligan_firmware_profiles::{Field, KvType, ProfileError, built_in, built_in_names};

#[test]
fn every_file_of_the_folder_is_built_in_under_its_stem() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/profiles");
    let files: BTreeSet<String> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    let names: BTreeSet<String> = built_in_names().map(|name| format!("{name}.json")).collect();
    assert_eq!(files, names);
    assert_eq!(names.len(), 7);
}

#[test]
fn every_built_in_profile_is_valid_and_carries_its_name() {
    for name in built_in_names() {
        let profile = built_in(name).unwrap();
        assert_eq!(profile.name, name);
        profile.validate().unwrap();
        assert!(!profile.description.is_empty(), "{name}");
    }
}

#[test]
fn small_devices_use_less_than_large_ones() {
    let small = built_in("raspberry-pi-5").unwrap();
    let large = built_in("jetson-agx-orin").unwrap();
    assert_eq!(small.kv_type, KvType::Q8_0);
    for field in [
        Field::ContextTokens,
        Field::BatchTokens,
        Field::TrainingRank,
        Field::TrainingSequenceTokens,
        Field::MemoryBudgetMib,
    ] {
        assert!(small.number(field) < large.number(field), "{field}");
    }
}

#[test]
fn jetson_orin_nano_budget_is_below_its_usable_memory() {
    // About 5.2 GB of the 8 GB are left for programs.
    let usable_bytes = 5_200_000_000;
    let profile = built_in("jetson-orin-nano-8gb").unwrap();
    assert!(profile.memory_budget_bytes() < usable_bytes);
}

#[test]
fn unknown_profile_error_names_it_and_lists_the_known_ones() {
    let error = built_in("raspberry-pi-6").unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, ProfileError::UnknownProfile { .. }));
    assert!(text.contains("raspberry-pi-6"), "{text}");
    for name in built_in_names() {
        assert!(text.contains(name), "{text}");
    }
    assert_eq!(error.as_text(), text.as_str());
}
