//! Places to write to, checked before the work that fills them.

use std::path::{Path, PathBuf};

/// Checks that a file can be made at `path`: its folder exists, takes files, and `path` is no folder.
///
/// # Errors
/// Names the path and what to do.
pub fn check_file(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        anyhow::bail!("{} is a folder; give the name of a file", path.display());
    }
    let folder = folder_of(path);
    if !folder.is_dir() {
        anyhow::bail!("cannot write {}: there is no folder {}; make it first", path.display(), folder.display());
    }
    match tempfile::Builder::new().prefix(".halligan-").tempfile_in(&folder) {
        Ok(_) => Ok(()),
        Err(error) => anyhow::bail!(
            "cannot write {}: the folder {} takes no files ({error}); fix its permissions, free disk space or choose another",
            path.display(),
            folder.display()
        ),
    }
}

/// Checks that `path` is a folder that takes files, or can be made as one.
///
/// # Errors
/// Names the path and what to do.
pub fn check_folder(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return check_file(&path.join("file"));
    }
    if path.exists() {
        anyhow::bail!("{} is a file; give the name of a folder", path.display());
    }
    let mut parent = folder_of(path);
    while !parent.exists() {
        parent = folder_of(&parent);
    }
    check_file(&parent.join("file")).map_err(|_| {
        anyhow::anyhow!(
            "cannot make the folder {}: {} takes no files; fix its permissions or choose another",
            path.display(),
            parent.display()
        )
    })
}

/// The folder that holds `path`; `.` for a bare name.
pub fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_folder_is_named_before_any_work() {
        let folder = tempfile::tempdir().unwrap();
        let error = check_file(&folder.path().join("no").join("a.gguf")).unwrap_err().to_string();
        assert!(error.contains("there is no folder") && error.contains("make it first"), "{error}");
    }

    #[test]
    fn folder_in_place_of_a_file_is_refused_and_the_other_way_round() {
        let folder = tempfile::tempdir().unwrap();
        assert!(check_file(folder.path()).is_err());
        let file = folder.path().join("x");
        std::fs::write(&file, "x").unwrap();
        assert!(check_folder(&file).is_err());
    }

    #[test]
    fn checking_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        check_file(&folder.path().join("a.gguf")).unwrap();
        check_folder(&folder.path().join("new").join("deep")).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn bare_name_lies_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("a.gguf")), PathBuf::from("."));
    }
}
