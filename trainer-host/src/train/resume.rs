//! How an interrupted run goes on: the command to paste, and the checkpoint folder.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use halligan_finetune::train::CHECKPOINT_FILE;

/// Where an older checkpoint goes when a new run starts in the same folder.
const PREVIOUS_FILE: &str = "previous.safetensors";

/// Holds the lock of the run that uses the folder; what stands in it does not matter.
const LOCK_FILE: &str = "lock";

/// Files that a run writes in its folder.
pub(super) const FILES: [&str; 3] = [CHECKPOINT_FILE, PREVIOUS_FILE, LOCK_FILE];

/// A checkpoint folder that this run alone uses, until it is dropped.
pub(super) struct Folder {
    path: PathBuf,
    /// It was there before.
    found: bool,
    /// Released when the file is closed, also by a kill.
    _lock: Option<File>,
}

impl Folder {
    /// Makes the folder if need be and locks it.
    ///
    /// # Errors
    /// Another run uses it, or it cannot be made.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        let found = path.is_dir();
        let failed = |error| {
            anyhow::anyhow!("cannot use the checkpoint folder {} ({error}); choose another place", path.display())
        };
        std::fs::create_dir_all(path).map_err(failed)?;
        let lock = path.join(LOCK_FILE);
        let lock = File::options().write(true).create(true).truncate(false).open(lock).map_err(failed)?;
        let lock = match lock.try_lock() {
            Ok(()) => Some(lock),
            Err(TryLockError::WouldBlock) => anyhow::bail!(
                "another run uses the checkpoint folder {}; wait for its end, or give another output or checkpoint folder",
                path.display()
            ),
            // Some network file systems know no locks; a single run is safe there all the same.
            Err(TryLockError::Error(_)) => None,
        };
        Ok(Self { path: path.to_path_buf(), found, _lock: lock })
    }

    /// Removes the checkpoint of a finished run, and its folder unless it was there before the run began or holds more.
    pub fn finish(mut self, resumed: bool) {
        self.found &= !resumed;
        // What cannot be removed only takes room.
        let _ = std::fs::remove_file(self.path.join(CHECKPOINT_FILE));
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Where a checkpoint is left, the folder belongs to the run that goes on from it.
        if !self.path.join(CHECKPOINT_FILE).exists() {
            let _ = std::fs::remove_file(self.path.join(LOCK_FILE));
            if !self.found {
                let _ = std::fs::remove_dir(&self.path);
            }
        }
    }
}

/// The folder beside the output.
pub(super) fn default_folder(output: &Path) -> PathBuf {
    let mut name = output.as_os_str().to_owned();
    name.push(".checkpoint");
    PathBuf::from(name)
}

/// Moves an earlier run's checkpoint out of the way of a new run; where it lies then.
pub(super) fn set_aside(folder: &Path) -> anyhow::Result<Option<PathBuf>> {
    let (old, aside) = (folder.join(CHECKPOINT_FILE), folder.join(PREVIOUS_FILE));
    match std::fs::rename(&old, &aside) {
        Ok(()) => Ok(Some(aside)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => anyhow::bail!("cannot move the earlier checkpoint {} aside ({error})", old.display()),
    }
}

/// This very command with `--resume`, ready to paste into a shell.
pub(super) fn command(checkpoint_dir: &Path) -> String {
    words(std::env::args(), checkpoint_dir).iter().map(|word| shell_word(word)).collect::<Vec<_>>().join(" ")
}

fn words(arguments: impl Iterator<Item = String>, checkpoint_dir: &Path) -> Vec<String> {
    let mut words = Vec::new();
    let mut arguments = arguments.peekable();
    while let Some(word) = arguments.next() {
        let name = word.split('=').next().unwrap_or_default();
        if ["--resume", "--checkpoint-dir"].contains(&name) {
            if !word.contains('=') {
                arguments.next();
            }
            continue;
        }
        words.push(word);
    }
    words.extend(["--resume".to_owned(), checkpoint_dir.display().to_string()]);
    words
}

fn shell_word(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resume_command_names_the_checkpoint_once_and_keeps_the_rest() {
        let given =
            ["halligan-host", "train", "--base", "my base.gguf", "--checkpoint-dir", "old", "--init-adapter=a.gguf"];
        let resumed = words(given.into_iter().map(str::to_owned), Path::new("c d"));
        assert_eq!(
            resumed,
            ["halligan-host", "train", "--base", "my base.gguf", "--init-adapter=a.gguf", "--resume", "c d"]
        );
        assert_eq!(words(resumed.into_iter(), Path::new("e")).last().map(String::as_str), Some("e"));
        assert_eq!(shell_word("my base.gguf"), "'my base.gguf'");
        assert_eq!(shell_word("--lr=2e-4"), "--lr=2e-4");
    }

    #[test]
    fn finished_run_removes_only_its_own_checkpoint() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        let run = |more: &str, resumed: bool| {
            let taken = Folder::take(&own).unwrap();
            std::fs::write(own.join(CHECKPOINT_FILE), "x").unwrap();
            std::fs::write(own.join(more), "x").unwrap();
            taken.finish(resumed);
        };
        run(CHECKPOINT_FILE, false);
        assert!(!own.exists());
        run("mine.txt", false);
        let left = std::fs::read_dir(&own).unwrap().flatten().map(|entry| entry.file_name());
        assert_eq!(left.collect::<Vec<_>>(), ["mine.txt"]);
        std::fs::remove_file(own.join("mine.txt")).unwrap();
        run(CHECKPOINT_FILE, false);
        assert!(own.exists(), "the folder was there before");
        run(CHECKPOINT_FILE, true);
        assert!(!own.exists());
    }

    #[test]
    fn folder_is_used_by_one_run_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let own = folder.path().join("own");
        let first = Folder::take(&own).unwrap();
        let second = Folder::take(&own).err().unwrap().to_string();
        assert!(second.contains("another run uses the checkpoint folder") && second.contains("own"), "{second}");
        drop(first);
        assert!(!own.exists(), "a run that never wrote a checkpoint leaves nothing");
        assert!(Folder::take(&own).is_ok());
    }

    #[test]
    fn earlier_checkpoint_is_kept_beside_the_new_one() {
        let folder = tempfile::tempdir().unwrap();
        assert!(set_aside(folder.path()).unwrap().is_none());
        std::fs::write(folder.path().join(CHECKPOINT_FILE), "x").unwrap();
        let aside = set_aside(folder.path()).unwrap().unwrap();
        assert!(aside.is_file() && !folder.path().join(CHECKPOINT_FILE).exists());
    }
}
