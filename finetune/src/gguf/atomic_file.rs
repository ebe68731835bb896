//! Files that are either the old one or the whole new one, also after a crash at any moment.
//!
//! The content is written to a temporary file in the same folder, synced, renamed over the target, and
//! the folder is synced so that the rename itself survives a power cut. A writer that was killed leaves its temporary
//! file; the next one for the same target takes it away. The living are told from the dead by a lock that the system
//! gives back when a process ends.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Beginning and end of the names of temporary files; the name of the target and some letters stand between.
const PART: (&str, &str) = (".halligan-part-", ".part");

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

/// The folder that holds `path`; `.` for a bare name.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A fresh temporary file beside `path`, to be renamed to it; those that dead writers of `path` left are removed.
///
/// # Errors
/// A folder that is missing or takes no files.
pub fn part_of(path: &Path) -> io::Result<NamedTempFile> {
    let folder = folder_of(path);
    let target = path.file_name().unwrap_or_default().to_string_lossy();
    let prefix = format!("{}{target}-", PART.0);
    sweep(folder, &prefix);
    let mut builder = tempfile::Builder::new();
    builder.prefix(&prefix).suffix(PART.1);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Temporary files are private by default; this one becomes an ordinary file, so the umask decides.
        builder.permissions(std::fs::Permissions::from_mode(0o666));
    }
    let part = builder.tempfile_in(folder)?;
    // Where the file system has no locks, nothing is ever swept either. On Windows a lock would keep the writer out.
    #[cfg(unix)]
    let _ = part.as_file().try_lock();
    Ok(part)
}

/// Removes the temporary files that dead writers left in `folder`, of any target.
pub fn sweep_parts(folder: &Path) {
    sweep(folder, PART.0);
}

#[cfg(unix)]
fn sweep(folder: &Path, prefix: &str) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let is_part = name.starts_with(prefix) && name.ends_with(PART.1);
        // Only a file that no living process holds can be locked. What cannot be removed stays, as before.
        if is_part
            && entry.file_type().is_ok_and(|kind| kind.is_file())
            && let Ok(file) = File::options().write(true).open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(not(unix))]
fn sweep(_folder: &Path, _prefix: &str) {}

/// Runs `write` on the path of a fresh temporary file beside `path`, then puts that file in its place.
///
/// # Errors
/// What `write` returned, or a [`WriteError`] of the system. In both cases `path` is as it was.
pub fn write_atomically<E>(path: &Path, write: impl FnOnce(&Path) -> Result<(), E>) -> Result<(), E>
where
    E: From<WriteError>,
{
    let folder = folder_of(path);
    let temporary = part_of(path).map_err(|source| match source.kind() {
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

    #[cfg(unix)]
    #[test]
    fn parts_of_dead_writers_of_the_same_file_are_swept_and_those_of_living_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("adapter.gguf");
        // A kill drops the lock and leaves the file.
        let (_, dead) = part_of(&path).unwrap().keep().unwrap();
        let (_, other) = part_of(&folder.path().join("other.gguf")).unwrap().keep().unwrap();
        let living = part_of(&path).unwrap();
        assert!(!dead.exists());
        write_bytes_atomically(&path, b"new").unwrap();
        assert!(living.path().exists() && other.exists());
        sweep_parts(folder.path());
        assert!(living.path().exists() && !other.exists());
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
