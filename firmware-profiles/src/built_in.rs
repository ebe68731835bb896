//! The built-in profiles: JSON files of `profiles/`, compiled in and read like any other.

use crate::error::{ProfileError, cut};
use crate::profile::Profile;
use crate::read::parse_profile;

const BUILT_IN: [(&str, &str); 7] = [
    ("laptop-cpu", include_str!("../profiles/laptop-cpu.json")),
    ("laptop-gpu", include_str!("../profiles/laptop-gpu.json")),
    ("jetson-orin-nano-8gb", include_str!("../profiles/jetson-orin-nano-8gb.json")),
    ("jetson-agx-orin", include_str!("../profiles/jetson-agx-orin.json")),
    ("apple-silicon-16gb", include_str!("../profiles/apple-silicon-16gb.json")),
    ("apple-silicon-64gb", include_str!("../profiles/apple-silicon-64gb.json")),
    ("raspberry-pi-5", include_str!("../profiles/raspberry-pi-5.json")),
];

/// The names of the built-in profiles.
pub fn built_in_names() -> impl ExactSizeIterator<Item = &'static str> {
    BUILT_IN.iter().map(|(name, _)| *name)
}

/// The built-in profile of that name.
///
/// # Errors
/// [`ProfileError::UnknownProfile`], whose text lists the names.
pub fn built_in(name: &str) -> Result<Profile, ProfileError> {
    match BUILT_IN.iter().find(|(known, _)| *known == name) {
        Some((_, json)) => parse_profile(json.as_bytes()),
        None => Err(ProfileError::UnknownProfile { name: cut(name) }),
    }
}
