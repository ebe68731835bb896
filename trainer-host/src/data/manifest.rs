//! The manifest: what a dataset was made from, by what, and the SHA-256 of everything in it.
//!
//! There is no time of day in it. A dataset made twice from the same inputs is the same bytes, which is how
//! anyone can check that it was made as it says.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::canonical::{canonical_json, sha256_hex};

/// Version of the folder's layout that this program reads and writes.
pub const SCHEMA: u32 = 1;
/// Name of the manifest in a dataset folder.
pub const MANIFEST: &str = "manifest.json";
/// Name of the chunks' file.
pub const CHUNKS: &str = "chunks.jsonl";
/// Name of the rows' file.
pub const ROWS: &str = "rows.jsonl";
/// Name of the file of what was left out.
pub const SKIPPED: &str = "skipped.jsonl";
/// Name of the templates' file.
pub const TEMPLATES: &str = "templates.jsonl";
/// Name of the ratings' file.
pub const RATINGS: &str = "ratings.jsonl";
/// Name of the file that says where imported rows stood.
pub const ORIGINS: &str = "origins.jsonl";
/// Name of the file with one digest for each record: `<16 hex digits>  rows.jsonl:7`.
pub const RECORDS: &str = "records.sha256";

/// A file that was ingested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// Size of the file.
    pub bytes: u64,
    /// Chunks made from it.
    pub chunks: u64,
    /// Encoding that was found, where it is text (`UTF-8`, `windows-1252`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Name: SHA-256 over path and content, shortened.
    pub id: String,
    /// Media type by content and ending, such as `text/markdown`.
    pub media_type: String,
    /// Path below `root`, with `/` on every system.
    pub path: String,
    /// Commit, where the root is a git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// Folder as given on the command line.
    pub root: String,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// A file other than a source that a stage read: a model, a schema, a list of ratings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// Size of the file.
    pub bytes: u64,
    /// Path as given on the command line.
    pub path: String,
    /// What it was read as: `base`, `model`, `schema`, `blueprint`, `ratings`, `evaluation`, ..
    pub role: String,
    /// SHA-256 of the file; a row names its model by this.
    pub sha256: String,
}

/// A file of the dataset folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileFacts {
    /// Size.
    pub bytes: u64,
    /// Lines of a JSONL file.
    pub records: u64,
    /// SHA-256 of the file.
    pub sha256: String,
}

/// A dataset that this one was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parent {
    /// SHA-256 of its `manifest.json`, which stands for everything in it.
    pub manifest_sha256: String,
    /// Its own parents: with their recipes it can be made again though its folder is gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<Parent>,
    /// Path as given on the command line.
    pub path: String,
    /// Its recipe; see [`Manifest::recipe`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recipe: Vec<String>,
    /// Its stage.
    pub stage: String,
    /// Its version.
    pub version: String,
}

/// How tokens were counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenCount {
    /// `gguf` for the tokenizer of a base, `estimate` for a rule of thumb.
    pub by: String,
    /// Name of the base, or the rule.
    pub name: String,
    /// SHA-256 of the base; absent for an estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// Everything about a dataset folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// SHA-256 of the file `manifest.json` without this member, which comes first in it: damage to the manifest
    /// itself is seen. Empty until [`Manifest::seal`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub digest: String,
    /// Every file in the folder but the manifest.
    pub files: BTreeMap<String, FileFacts>,
    /// Other files that were read.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// Datasets it was made from.
    #[serde(default)]
    pub parents: Vec<Parent>,
    /// Words after `halligan-host data` that make it again, without output and `--json`.
    pub recipe: Vec<String>,
    /// Layout of the folder: [`SCHEMA`].
    pub schema: u32,
    /// Seed of the stage, where chance had a part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Files that were ingested; a later stage carries its parents' along.
    #[serde(default)]
    pub sources: Vec<Source>,
    /// Verb that made it: `ingest`, `generate`, `filter`, ..
    pub stage: String,
    /// What the stage counted, for readers.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub summary: BTreeMap<String, Value>,
    /// How tokens were counted; absent where nothing was counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokenizer: Option<TokenCount>,
    /// Program and its version.
    pub tool: String,
    /// Version of the dataset: MAJOR changes when records went away or changed, MINOR when some came, PATCH when
    /// only what is said about them changed.
    pub version: String,
}

impl Manifest {
    /// Program and version as written into manifests.
    pub fn tool() -> String {
        format!("halligan-host {}", env!("CARGO_PKG_VERSION"))
    }

    /// Sets the digest; returns the bytes of the file.
    ///
    /// # Errors
    /// A summary that has no JSON form.
    pub fn seal(&mut self) -> serde_json::Result<String> {
        self.digest.clear();
        let open = canonical_json(self)? + "\n";
        self.digest = sha256_hex(open.as_bytes());
        Ok(format!("{SEAL}{}\",{}", self.digest, &open[1..]))
    }
}

/// The version of a dataset as it is given on the command line.
///
/// # Errors
/// What it must look like: the next edition counts on from its three numbers.
pub fn parse_version(text: &str) -> Result<String, String> {
    let numbers: Vec<&str> = text.split('.').collect();
    let counts = |number: &&str| {
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        digits && number.parse::<u64>().is_ok() && (*number == "0" || !number.starts_with('0'))
    };
    match numbers.len() == 3 && numbers.iter().all(counts) {
        true => Ok(text.to_owned()),
        false => Err("give three numbers with dots between them, such as 1.2.0".to_owned()),
    }
}

/// How a sealed manifest begins; the digest follows.
const SEAL: &str = "{\"digest\":\"";

/// Whether the bytes of a `manifest.json` are those that were sealed; `None` where there is no seal.
pub fn seal_holds(bytes: &[u8]) -> Option<bool> {
    let rest = bytes.strip_prefix(SEAL.as_bytes())?;
    let (digest, rest) = rest.split_at_checked(64)?;
    let rest = rest.strip_prefix(b"\",")?;
    Some(sha256_hex(&[b"{", rest].concat()).as_bytes() == digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_that_no_edition_could_follow_is_refused() {
        for version in ["1.0.0", "0.10.203"] {
            assert_eq!(parse_version(version).as_deref(), Ok(version));
        }
        for version in ["banana", "", "1", "v1.2.3", "1.2", "1.2.3.4", "1..3", "+1.2.3", "01.2.3", "1.2.3-a", " 1.2.3"]
        {
            assert!(parse_version(version).is_err(), "{version}");
        }
    }
}
