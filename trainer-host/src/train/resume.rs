//! How an interrupted run goes on: the command to paste, and the checkpoint folder.

use std::path::{Path, PathBuf};

use halligan_finetune::train::CHECKPOINT_FILE;

/// Where an older checkpoint goes when a new run starts in the same folder.
const PREVIOUS_FILE: &str = "previous.safetensors";

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

/// Removes the checkpoint of a finished run, and its folder unless it was there before or holds more.
pub(super) fn remove(folder: &Path, keep_folder: bool) {
    // What cannot be removed only takes room.
    let _ = std::fs::remove_file(folder.join(CHECKPOINT_FILE));
    if !keep_folder {
        let _ = std::fs::remove_dir(folder);
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
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join(CHECKPOINT_FILE), "x").unwrap();
        remove(&own, false);
        assert!(!own.exists());
        std::fs::create_dir(&own).unwrap();
        std::fs::write(own.join("mine.txt"), "x").unwrap();
        remove(&own, false);
        assert!(own.join("mine.txt").exists());
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
