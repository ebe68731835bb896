//! What the commit holds that is checked out in a folder.
//!
//! A row that names a commit promises that its file stands there as it was read, so each file is compared with the
//! commit's before it carries it. Git itself is asked what the commit holds; it reads its objects only and runs nothing
//! that the folder asks for.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use sha1::Sha1;
use sha2::{Digest, Sha256};

use super::super::canonical::lower_hex;

/// Hex digits of SHA-1; repositories with longer names use SHA-256.
const SHA1_DIGITS: usize = 40;

/// A commit and its files.
#[derive(Debug)]
pub struct Commit {
    /// Its name.
    pub id: String,
    /// Names of the contents, by path.
    blobs: HashMap<String, String>,
}

impl Commit {
    /// The commit that is checked out in `folder`; `None` where it is no repository or has no commit.
    ///
    /// # Errors
    /// Why git cannot say what it holds.
    pub fn of(folder: &Path) -> Result<Option<Self>, String> {
        // A folder, or a file that names one: worktrees and submodules.
        if !folder.join(".git").exists() {
            return Ok(None);
        }
        let Ok(id) = git(folder, &["rev-parse", "--verify", "--quiet", "HEAD^{commit}"]) else {
            // Before the first commit there is none; anything else is told by the next question.
            return git(folder, &["rev-parse", "--git-dir"]).map(|_| None);
        };
        let listed = git(folder, &["ls-tree", "-r", "-z", "HEAD"])?;
        let blob = |entry: &str| {
            let (facts, path) = entry.split_once('\t')?;
            let name = facts.split(' ').nth(2)?;
            facts.contains(" blob ").then(|| (path.to_owned(), name.to_owned()))
        };
        Ok(Some(Self { id: id.trim().to_owned(), blobs: listed.split('\0').filter_map(blob).collect() }))
    }

    /// Whether the file at `path` of the repository, which lies at `file`, is the commit's.
    pub fn holds(&self, path: &str, file: &Path) -> bool {
        let Some(name) = self.blobs.get(path) else { return false };
        let found = if name.len() == SHA1_DIGITS { blob_name::<Sha1>(file) } else { blob_name::<Sha256>(file) };
        found.is_ok_and(|found| found == *name)
    }
}

/// The name that git gives to the content of a file.
fn blob_name<D: Digest>(path: &Path) -> std::io::Result<String> {
    let file = File::open(path)?;
    let mut digest = D::new();
    digest.update(format!("blob {}\0", file.metadata()?.len()));
    let mut reader = BufReader::with_capacity(1 << 16, file);
    loop {
        let part = reader.fill_buf()?;
        if part.is_empty() {
            return Ok(lower_hex(&digest.finalize()));
        }
        let length = part.len();
        digest.update(part);
        reader.consume(length);
    }
}

/// What git says in `folder`, without programs and addresses that the folder's own settings name.
///
/// # Errors
/// What it complains of, on one line.
fn git(folder: &Path, words: &[&str]) -> Result<String, String> {
    let mut command = Command::new("git");
    command.args(["--no-replace-objects", "-c", "core.fsmonitor=false", "-c", "protocol.allow=never", "-C"]);
    command.arg(folder).args(words).stdin(Stdio::null());
    command.env("GIT_NO_LAZY_FETCH", "1").env("GIT_OPTIONAL_LOCKS", "0");
    // The folder decides which repository is meant, not who calls.
    command.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    let output = command.output().map_err(|error| format!("cannot run git ({error}); install it"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(crate::one_line(&String::from_utf8_lossy(&output.stderr)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Runs git in `folder` without settings of the machine.
    pub fn git(folder: &Path, words: &[&str]) {
        let user = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"];
        let status = Command::new("git").arg("-C").arg(folder).args(user).args(words).status().unwrap();
        assert!(status.success(), "{words:?}");
    }

    #[test]
    fn name_of_a_content_is_that_of_git() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.txt");
        std::fs::write(&path, "what is up, doc?").unwrap();
        // The example of the book "Pro Git", chapter 10.2.
        assert_eq!(blob_name::<Sha1>(&path).unwrap(), "bd9dbf5aae1a3862dd1526723246b20206e5fc37");
    }
}
