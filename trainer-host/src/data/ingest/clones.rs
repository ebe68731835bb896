//! Repositories that are given by address: cloned with the system's git into the dataset folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::canonical::content_id;

/// Folder inside the dataset that keeps the clones.
const CLONES: &str = ".clones";

/// Whether a place is the address of a repository.
pub fn is_address(place: &str) -> bool {
    ["https://", "http://", "ssh://", "git://", "file://", "git@"].iter().any(|start| place.starts_with(start))
}

/// Whether a folder is a repository without a checkout.
pub fn is_bare_repository(path: &Path) -> bool {
    path.join("HEAD").is_file() && path.join("objects").is_dir() && path.join("refs").is_dir()
}

/// Folder in the dataset where a repository given by address is cloned.
pub fn clone_of(dataset: &Path, address: &str) -> PathBuf {
    dataset.join(CLONES).join(content_id(&[address.as_bytes()]))
}

/// Clones the repository at `place` with the system's git, at the commit `revision` or at the newest. A clone that
/// fails leaves nothing.
///
/// # Errors
/// A git that cannot be run, an address that cannot be cloned, a commit that is gone.
pub fn clone(place: &str, dataset: &Path, revision: Option<&str>) -> anyhow::Result<PathBuf> {
    let folder = clone_of(dataset, place);
    if folder.exists() {
        std::fs::remove_dir_all(&folder).map_err(|error| crate::about(&folder, error))?;
    }
    let parent = crate::outputs::folder_of(&folder);
    std::fs::create_dir_all(&parent).map_err(|error| crate::about(&parent, error))?;
    let cloned = clone_into(place, &folder, revision);
    if cloned.is_err() {
        // Each removal fails where something of use is left, and then it should.
        let _ = std::fs::remove_dir_all(&folder);
        let _ = std::fs::remove_dir(&parent);
        let _ = std::fs::remove_dir(dataset);
    }
    cloned.map(|()| folder)
}

fn clone_into(place: &str, folder: &Path, revision: Option<&str>) -> anyhow::Result<()> {
    let mut words: Vec<&OsStr> = ["clone", "--quiet", "--depth", "1", "--"].map(OsStr::new).to_vec();
    words.extend([OsStr::new(place), folder.as_os_str()]);
    git(&words).map_err(|said| match said {
        Said::NotRun(error) => anyhow::anyhow!(
            "{place}: cannot run git ({error}); install it, or clone the repository yourself and give the folder"
        ),
        Said::Failed(said) => {
            anyhow::anyhow!("{place}: git could not clone it ({said}); check the address, or give a folder")
        }
    })?;
    let Some(revision) = revision else { return Ok(()) };
    anyhow::ensure!(
        revision.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{place}: {revision:?} is no name of a commit; the manifest was changed by hand"
    );
    let within = |words: &[&str]| {
        let mut all = vec![OsStr::new("-C"), folder.as_os_str()];
        all.extend(words.iter().map(OsStr::new));
        git(&all)
    };
    let here = within(&["rev-parse", "--verify", "--quiet", "HEAD"]).is_ok_and(|head| head.trim() == revision);
    if here {
        return Ok(());
    }
    // Not every server gives a commit by its name; then it is looked for in all of the history.
    let _ = within(&["fetch", "--quiet", "--depth", "1", "origin", revision])
        .or_else(|_| within(&["fetch", "--quiet", "--unshallow", "origin"]));
    within(&["checkout", "--quiet", "--detach", revision]).map(drop).map_err(|_| {
        anyhow::anyhow!(
            "{place}: commit {revision}, which the dataset was made from, is not in it any more; bring it back, or \
             ingest the present state as a new dataset"
        )
    })
}

/// Why git did not do what it was asked.
enum Said {
    NotRun(std::io::Error),
    Failed(String),
}

fn git(words: &[&OsStr]) -> Result<String, Said> {
    // A question for a password would wait for ever where nobody sits.
    let output = Command::new("git").args(words).env("GIT_TERMINAL_PROMPT", "0").stdin(Stdio::null()).output();
    let output = output.map_err(Said::NotRun)?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Said::Failed(crate::one_line(&String::from_utf8_lossy(&output.stderr))))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::super::commit::{Commit, tests::git};
    use super::super::files::list;

    #[test]
    fn repository_is_read_at_the_commit_that_is_asked_for_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let origin = folder.path().join("origin");
        std::fs::create_dir(&origin).unwrap();
        git(&origin, &["init", "--quiet"]);
        let mut commits = Vec::new();
        for text in ["first", "second"] {
            std::fs::write(origin.join("a.txt"), text).unwrap();
            git(&origin, &["add", "."]);
            git(&origin, &["commit", "--quiet", "-m", text]);
            commits.push(Commit::of(&origin).unwrap().unwrap().id);
        }
        let address = format!("file://{}", origin.display());
        let read = |revision: &str| {
            let revisions = BTreeMap::from([(address.clone(), revision.to_owned())]);
            list(std::slice::from_ref(&address), &folder.path().join("out"), &revisions)
        };
        let found = &read(&commits[0]).unwrap().found[0];
        assert_eq!(found.revision.as_ref(), Some(&commits[0]));
        assert_eq!(std::fs::read_to_string(&found.file).unwrap(), "first");
        let gone = read(&"0".repeat(40)).unwrap_err().to_string();
        assert!(gone.contains("is not in it any more"), "{gone}");
        assert!(!folder.path().join("out").exists());
    }
}
