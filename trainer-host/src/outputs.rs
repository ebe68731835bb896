//! Places to write to, checked before the work that fills them.

use std::path::{Path, PathBuf};

use halligan_finetune::gguf::atomic_file;

/// A file or folder of a command, and what names it: a flag, or a line of a settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// As errors call it, such as `--base` or `run.toml:3: base`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
}

impl Place {
    /// A place by its flag.
    pub fn new(name: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { name: name.into(), path: path.into() }
    }

    /// The files that lie directly in the folder `path`, under its name, and the folder itself.
    pub fn folder(name: &str, path: &Path) -> Vec<Self> {
        let files = std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        std::iter::once(path.to_path_buf()).chain(files).map(|path| Self::new(name, path)).collect()
    }
}

/// Refuses to write over what is read, or two results to one place: an output may be no input and no other
/// output, by whatever names and links they go.
///
/// # Errors
/// Names both, and asks for another name.
pub fn check_apart(inputs: &[Place], outputs: &[Place]) -> anyhow::Result<()> {
    let read: Vec<(PathBuf, &Place)> = inputs.iter().map(|place| (actual(&place.path), place)).collect();
    let mut written: Vec<(PathBuf, &Place)> = Vec::new();
    for place in outputs {
        let path = actual(&place.path);
        let same = |others: &[(PathBuf, &Place)]| {
            others.iter().find(|(other, _)| *other == path).map(|(_, other)| (*other).clone())
        };
        if let Some(input) = same(&read) {
            anyhow::bail!(
                "{} {} is what {} reads; give the output another name",
                place.name,
                place.path.display(),
                input.name
            );
        }
        if let Some(other) = same(&written) {
            anyhow::bail!(
                "{} {} is what {} writes; give one of them another name",
                place.name,
                place.path.display(),
                other.name
            );
        }
        written.push((path, place));
    }
    Ok(())
}

/// Where a path leads, links followed; of what is not there yet, where it would be.
fn actual(path: &Path) -> PathBuf {
    if let Ok(found) = path.canonicalize() {
        return found;
    }
    match (path.parent(), path.file_name()) {
        (Some(_), Some(name)) => actual(&folder_of(path)).join(name),
        _ => path.to_path_buf(),
    }
}

/// Checks that a file can be made at `path`: its folder exists, takes files, and `path` is no folder, and no device or
/// pipe either, in whose place the file would be put.
///
/// # Errors
/// Names the path and what to do.
pub fn check_file(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        anyhow::bail!("{} is a folder; give the name of a file", path.display());
    }
    if path.exists() && !path.is_file() {
        anyhow::bail!("{} is no regular file and would be replaced by one; give the name of a file", path.display());
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
    atomic_file::folder_of(path).to_path_buf()
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

    #[cfg(unix)]
    #[test]
    fn what_is_no_regular_file_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let _socket = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(check_file(&path).unwrap_err().to_string().contains("no regular file"));
    }

    #[test]
    fn checking_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        check_file(&folder.path().join("a.gguf")).unwrap();
        check_folder(&folder.path().join("new").join("deep")).unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn output_that_is_an_input_or_another_output_is_refused_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("base.gguf"), "x").unwrap();
        std::fs::create_dir(at("inner")).unwrap();
        let refused = |inputs: &[(&str, &str)], outputs: &[(&str, &str)]| {
            let places = |given: &[(&str, &str)]| -> Vec<Place> {
                given.iter().map(|(name, path)| Place::new(*name, at(path))).collect()
            };
            check_apart(&places(inputs), &places(outputs)).err().map(|error| error.to_string())
        };
        let text = refused(&[("--base", "base.gguf")], &[("-o", "inner/../base.gguf")]).unwrap();
        assert!(text.contains("-o") && text.contains("is what --base reads"), "{text}");
        let text = refused(&[], &[("-o", "new.gguf"), ("--save-last", "inner/../new.gguf")]).unwrap();
        assert!(text.contains("is what -o writes"), "{text}");
        assert_eq!(refused(&[("--base", "base.gguf")], &[("-o", "new.gguf"), ("--log", "no/new.gguf")]), None);
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(at("base.gguf"), at("link.gguf")).unwrap();
            assert!(refused(&[("--base", "link.gguf")], &[("-o", "base.gguf")]).is_some());
        }
    }

    #[test]
    fn bare_name_lies_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("a.gguf")), PathBuf::from("."));
    }
}
