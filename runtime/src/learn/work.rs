//! The working folder of a lesson, and the lock that keeps two lessons on one device apart.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::error::LearnError;

/// Start of the names of working folders; one that a kill left behind is removed by the next lesson.
const PREFIX: &str = ".learning-";

/// Locked while a lesson runs; the system unlocks it when the process ends, however it ends.
const LOCK_FILE: &str = "learning.lock";

/// A folder for one lesson's files; dropping it removes them.
pub(super) struct Work {
    folder: tempfile::TempDir,
    _lock: Option<File>,
}

impl Work {
    /// Takes the device's only place for a lesson.
    ///
    /// # Errors
    /// [`LearnError::Busy`] while another lesson runs, [`LearnError::Io`].
    pub(super) fn begin(home: &Path) -> Result<Work, LearnError> {
        let failed = |source| LearnError::Io { path: home.to_path_buf(), source };
        let lock =
            File::options().write(true).create(true).truncate(false).open(home.join(LOCK_FILE)).map_err(failed)?;
        let lock = match lock.try_lock() {
            Ok(()) => Some(lock),
            Err(TryLockError::WouldBlock) => return Err(LearnError::Busy),
            // Some file systems know no locks; one lesson at a time is safe there all the same.
            Err(TryLockError::Error(_)) => None,
        };
        for entry in std::fs::read_dir(home).map_err(failed)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PREFIX) {
                // If it cannot be removed it only takes room.
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(home).map_err(failed)?;
        Ok(Work { folder, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_working_folder_of_a_killed_lesson_is_removed_by_the_next() {
        let home = tempfile::tempdir().unwrap();
        for folder in [".learning-old", "adapters"] {
            std::fs::create_dir(home.path().join(folder)).unwrap();
        }
        let work = Work::begin(home.path()).unwrap();
        assert!(work.path().exists() && !home.path().join(".learning-old").exists());
        assert!(home.path().join("adapters").exists());
        let path = work.path().to_path_buf();
        drop(work);
        assert!(!path.exists());
    }

    #[test]
    fn a_second_lesson_is_refused_and_leaves_the_first_its_files() {
        let home = tempfile::tempdir().unwrap();
        let first = Work::begin(home.path()).unwrap();
        std::fs::write(first.path().join("candidate.gguf"), "half").unwrap();
        assert!(matches!(Work::begin(home.path()), Err(LearnError::Busy)));
        assert!(first.path().join("candidate.gguf").exists());
        drop(first);
        assert!(Work::begin(home.path()).is_ok());
    }
}
