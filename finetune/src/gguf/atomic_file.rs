//! Files that are either the old one or the whole new one, also after a crash at any moment.
//!
//! The content is written to a temporary file in the same folder, synced, renamed over the target, and
//! the folder is synced so that the rename itself survives a power cut.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The disk, or the quota, is full.
    #[error("{path}: no space left on the disk; free some space and run again (nothing was changed)")]
    DiskFull {
        /// The file that was to be written.
        path: PathBuf,
    },
    /// The folder is missing or may not be written to.
    #[error(
        "{path}: cannot create files in folder {folder} ({source}); \
         create it or choose another place"
    )]
    Folder {
        /// The file that was to be written.
        path: PathBuf,
        /// Its folder.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another failure of the system.
    #[error("{path}: writing failed ({source}); the old file, if there was one, is unchanged")]
    Io {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The content does not fit the format.
    #[error("{path}: {reason}")]
    Content {
        /// The file that was to be written.
        path: PathBuf,
        /// What does not fit, and what to do.
        reason: String,
    },
}

impl WriteError {
    /// The right variant for an error of the system.
    pub fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::DiskFull { path },
            _ => Self::Io { path, source },
        }
    }
}

/// Runs `write` on the path of a fresh temporary file beside `path`, then puts that file in its place.
///
/// # Errors
/// What `write` returned, or a [`WriteError`] of the system. In both cases `path` is as it was.
pub fn write_atomically<E>(path: &Path, write: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E>
where
    E: From<WriteError>,
{
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".halligan-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary files are private by default; this one becomes an ordinary file, so the umask decides.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let temporary = builder.tempfile_in(folder).map_err(|source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => WriteError::from_io(path, source),
        _ => WriteError::Folder { path: path.to_path_buf(), folder: folder.to_path_buf(), source },
    })?;
    write(temporary.path())?;
    temporary.as_file().sync_all().map_err(|source| WriteError::from_io(path, source))?;
    temporary.persist(path).map_err(|error| WriteError::from_io(path, error.error))?;
    sync_folder(folder).map_err(|source| WriteError::from_io(path, source))?;
    Ok(())
}

/// Writes `bytes` to `path`, whole or not at all.
///
/// # Errors
/// A [`WriteError`] of the system; `path` is as it was.
pub fn write_bytes_atomically(path: &Path, bytes: &[u8]) -> Result<(), WriteError> {
    write_atomically(path, |temporary| {
        std::fs::write(temporary, bytes).map_err(|source| WriteError::from_io(path, source))
    })
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_write_keeps_the_old_file_and_leaves_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adapter.gguf");
        write_bytes_atomically(&path, b"old").unwrap();
        let failed: Result<(), WriteError> = write_atomically(&path, |temporary| {
            std::fs::write(temporary, b"half").unwrap();
            Err(WriteError::Content { path: path.clone(), reason: "refused".to_string() })
        });
        assert!(matches!(failed, Err(WriteError::Content { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn missing_folder_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("adapter.gguf");
        let text = write_bytes_atomically(&path, b"x").unwrap_err().to_string();
        assert!(text.contains("missing") && text.contains("choose another place"), "{text}");
    }

    #[test]
    fn full_disk_is_named_as_such() {
        let error = io::Error::from(io::ErrorKind::StorageFull);
        let text = WriteError::from_io(Path::new("a.gguf"), error).to_string();
        assert!(text.contains("no space left"), "{text}");
    }
}
