//! Hardware profiles.

use thiserror::Error;

/// Choosing a hardware profile.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// Neither a built-in name nor a file.
    #[error("unknown profile `{name}`; known are {known}, or give the path of a profile JSON file")]
    Unknown {
        /// What was asked for.
        name: String,
        /// Comma-separated built-in names.
        known: String,
    },
    /// The profile file is bad.
    #[error("the profile {name} cannot be used: {reason}; correct it or choose a built-in profile")]
    Bad {
        /// Name or path.
        name: String,
        /// What is wrong.
        reason: String,
    },
}
