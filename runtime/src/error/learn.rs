//! Learning on the device.

use std::path::PathBuf;

use thiserror::Error;

/// Learning on the device.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LearnError {
    /// No correction that the active adapter has not learned.
    #[error(
        "there is nothing new to learn; correct an answer first: `halligan feedback TURN correct \"the right answer\"`"
    )]
    NothingToLearn,
    /// All corrected questions are answered right already.
    #[error(
        "the active adapter already gives all {0} corrected answers, so nothing needs training; ask again to see it, or correct another answer"
    )]
    AlreadyKnown(usize),
    /// The device runs on battery and its profile forbids learning then.
    #[error(
        "this device runs on battery and profile `{profile}` learns only on mains power; plug it in or run `halligan learn --force`"
    )]
    OnBattery {
        /// Name of the profile.
        profile: String,
    },
    /// The device is too hot.
    #[error(
        "the device is at {celsius:.0} degrees Celsius, the ceiling of profile `{profile}` is {ceiling:.0}; nothing was changed, let it cool and run `halligan learn` again"
    )]
    TooHot {
        /// Hottest sensor.
        celsius: f32,
        /// Ceiling of the profile.
        ceiling: f32,
        /// Name of the profile.
        profile: String,
    },
    /// Another process learns on this device.
    #[error("another lesson runs on this device; wait for its end, or cancel it where it was begun")]
    Busy,
    /// The user stopped it.
    #[error("learning was cancelled; nothing was changed, run `halligan learn` to start again")]
    Cancelled,
    /// A file that learning needs is bad.
    #[error("cannot read {path} for learning: {reason}; run `halligan setup` again with the kit's files")]
    BadData {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The training engine failed.
    #[error("training failed: {0}; nothing was changed")]
    Training(String),
    /// A temporary file could not be written.
    #[error("cannot write {path} while learning: {source}; nothing was changed, check free disk space")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
