//! The folder of a device.

use std::path::PathBuf;

use thiserror::Error;

/// The folder that holds everything a device knows.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HomeError {
    /// No folder was named and the account has none.
    #[error("this account has no home folder to keep data in; name one with --home DIR")]
    NoUserFolder,
    /// The folder cannot be made or written.
    #[error("cannot write the home folder {path}: {source}; choose another with --home DIR or fix its permissions")]
    NotWritable {
        /// The home folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database cannot be opened or read.
    #[error(
        "cannot use the device database {path}: {source}; check free disk space and permissions, or start a new --home"
    )]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The database was written by a newer version.
    #[error("the device database {path} has schema {found}, this program knows up to {known}; update halligan")]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// Schema number in the file.
        found: i64,
        /// Newest schema number of this program.
        known: i64,
    },
    /// A file of the kit cannot be put into the home folder.
    #[error("cannot copy {from} to {to}: {source}; check that the file exists and that the disk has room")]
    Copy {
        /// Source file.
        from: PathBuf,
        /// Destination.
        to: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}
