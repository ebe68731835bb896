//! Two dataset folders compared to the byte: which files differ, and in which line first.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use serde_json::Value;

use super::super::dataset::Dataset;
use super::super::manifest::MANIFEST;
use super::super::verify::{Digests, digests};

/// Bytes of a line in which its id is looked for.
const LINE_LOOKED_AT: u64 = 1 << 20;

/// A file that is not the same in both folders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Name of the file.
    pub file: String,
    /// First line that differs, from 1; absent where one of the files is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// Id of the record on that line, in the first folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// For a reader.
    pub detail: String,
}

/// Differences of the files that either manifest names, and of the manifests.
///
/// # Errors
/// A file that cannot be read.
pub fn differences(was: &Dataset, made: &Dataset) -> anyhow::Result<Vec<Difference>> {
    let names: BTreeSet<&String> = was.manifest.files.keys().chain(made.manifest.files.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let missing = |whose: &str| Difference {
            file: name.clone(),
            line: None,
            id: None,
            detail: format!("it is only in the {whose} dataset"),
        };
        let read = |dataset: &Dataset| digests(&dataset.folder.join(name)).ok();
        match (read(was), read(made)) {
            (Some(a), Some(b)) if a.sha256 == b.sha256 => {}
            (Some(a), Some(b)) => found.push(first_line(name, &was.folder, &a, &b)),
            (Some(_), None) => found.push(missing("first")),
            (None, Some(_)) => found.push(missing("second")),
            (None, None) => anyhow::bail!("{name}: it is in neither folder; check the disk"),
        }
    }
    if was.manifest_sha256 != made.manifest_sha256 {
        found.push(manifests(&was.folder, &made.folder)?);
    }
    Ok(found)
}

fn first_line(name: &str, folder: &Path, was: &Digests, made: &Digests) -> Difference {
    let same = was.lines.iter().zip(&made.lines).take_while(|(a, b)| a == b).count();
    let line = same + 1;
    let detail = match (was.lines.len() > same, made.lines.len() > same) {
        (true, true) => "the first line that differs".to_owned(),
        (true, false) => format!("the second dataset ends here; the first has {} more lines", was.lines.len() - same),
        (false, true) => format!("the first dataset ends here; the second has {} more lines", made.lines.len() - same),
        (false, false) => "they differ in the last line end".to_owned(),
    };
    let id = (was.lines.len() > same).then(|| id_of(&folder.join(name), was.place(line))).flatten();
    Difference { file: name.to_owned(), line: Some(line), id, detail }
}

fn id_of(path: &Path, place: [u64; 2]) -> Option<String> {
    use std::io::{Read as _, Seek as _, SeekFrom};
    let mut file = std::fs::File::open(path).ok()?;
    file.seek(SeekFrom::Start(place[0])).ok()?;
    let mut line = Vec::new();
    file.take((place[1] - place[0]).min(LINE_LOOKED_AT)).read_to_end(&mut line).ok()?;
    let record: Value = serde_json::from_slice(&line).ok()?;
    record.get("id").and_then(Value::as_str).map(str::to_owned)
}

/// The first member of the manifests that differs, by its path such as `sources/3/sha256`.
fn manifests(was: &Path, made: &Path) -> anyhow::Result<Difference> {
    let read = |folder: &Path| -> anyhow::Result<Value> {
        let path = folder.join(MANIFEST);
        let bytes = std::fs::read(&path).map_err(|error| crate::about(&path, error))?;
        serde_json::from_slice(&bytes).map_err(|error| crate::about(&path, error))
    };
    let (mut a, mut b) = (read(was)?, read(made)?);
    for value in [&mut a, &mut b] {
        // The digest of a manifest differs whenever anything does.
        value.as_object_mut().map(|members| members.remove("digest"));
    }
    let mut path = Vec::new();
    let found = first_member(&a, &b, &mut path);
    let short = |value: Option<&Value>| {
        value.map_or("nothing".to_owned(), |value| value.to_string().chars().take(120).collect())
    };
    let detail = match found {
        Some((a, b)) => format!("{} is {} in the first and {} in the second", path.join("/"), short(a), short(b)),
        None => "they differ in spelling only".to_owned(),
    };
    Ok(Difference { file: MANIFEST.to_owned(), line: Some(1), id: None, detail })
}

fn first_member<'a>(
    a: &'a Value,
    b: &'a Value,
    path: &mut Vec<String>,
) -> Option<(Option<&'a Value>, Option<&'a Value>)> {
    let pairs: Vec<(String, Option<&Value>, Option<&Value>)> = match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            keys.into_iter().map(|key| (key.clone(), a.get(key), b.get(key))).collect()
        }
        (Value::Array(a), Value::Array(b)) => {
            (0..a.len().max(b.len())).map(|at| (at.to_string(), a.get(at), b.get(at))).collect()
        }
        _ if a == b => return None,
        _ => return Some((Some(a), Some(b))),
    };
    for (key, a, b) in pairs {
        path.push(key);
        match (a, b) {
            (Some(a), Some(b)) => {
                if let Some(found) = first_member(a, b, path) {
                    return Some(found);
                }
            }
            one_only => return Some(one_only),
        }
        path.pop();
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn first_member_that_differs_is_named_by_its_path() {
        let a = json!({"files": {"a": 1}, "list": [1, {"x": 2}], "same": []});
        let named = |b: Value| {
            let mut path = Vec::new();
            first_member(&a, &b, &mut path).map(|_| path.join("/"))
        };
        assert_eq!(named(a.clone()), None);
        assert_eq!(named(json!({"files": {"a": 1}, "list": [1, {"x": 3}], "same": []})), Some("list/1/x".to_owned()));
        assert_eq!(named(json!({"files": {}, "list": [1], "same": []})), Some("files/a".to_owned()));
    }
}
