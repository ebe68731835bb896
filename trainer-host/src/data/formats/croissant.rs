//! Croissant: JSON-LD that tells other programs what the files of a dataset hold.
//!
//! The folder has one JSONL file a split, in the form `messages`, and `croissant.json` with their SHA-256, the
//! columns, and where the rows came from (MLCommons Croissant 1.0; provenance in the words of PROV-O). What
//! the dataset does not say, such as a licence, is left out rather than guessed.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::data::manifest::Manifest;
use crate::data::row::Row;

/// Name of the description.
pub const FILE: &str = "croissant.json";

const CONFORMS_TO: &str = "http://mlcommons.org/croissant/1.0";

/// Facts about the dataset that only its maker knows.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Name of the dataset.
    pub name: String,
    /// SPDX identifier or address of the licence.
    pub license: Option<String>,
    /// Where it is published.
    pub url: Option<String>,
    /// What it is.
    pub description: Option<String>,
}

/// A file of the export.
#[derive(Clone, Debug)]
pub struct SplitFile {
    /// Name in the folder.
    pub name: String,
    /// Name of the split.
    pub split: String,
    /// Its SHA-256.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Its rows.
    pub rows: usize,
}

/// The line of a row: all columns are there in every line, because readers take the columns from the file.
///
/// # Errors
/// None that a row of a dataset can cause.
pub fn line(row: &Row) -> serde_json::Result<String> {
    let object = json!({
        "id": row.id, "group": row.group, "kind": row.kind, "split": row.split, "value": row.value,
        "messages": row.messages.as_deref().unwrap_or_default(), "text": row.text, "contradicts": row.contradicts,
    });
    serde_json::to_string(&object)
}

/// The terms of the vocabulary, as Croissant's specification lists them.
fn context() -> Value {
    let croissant = [
        "citeAs",
        "column",
        "equivalentProperty",
        "extract",
        "field",
        "fileProperty",
        "fileObject",
        "fileSet",
        "format",
        "includes",
        "isLiveDataset",
        "jsonPath",
        "key",
        "md5",
        "parentField",
        "path",
        "recordSet",
        "references",
        "regex",
        "repeated",
        "replace",
        "samplingRate",
        "separator",
        "source",
        "subField",
        "transform",
    ];
    let mut terms: Map<String, Value> =
        croissant.iter().map(|term| ((*term).to_owned(), json!(format!("cr:{term}")))).collect();
    let more = json!({
        "@language": "en",
        "@vocab": "https://schema.org/",
        "conformsTo": "dct:conformsTo",
        "cr": "http://mlcommons.org/croissant/",
        "data": {"@id": "cr:data", "@type": "@json"},
        "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
        "dct": "http://purl.org/dc/terms/",
        "examples": {"@id": "cr:examples", "@type": "@json"},
        "prov": "http://www.w3.org/ns/prov#",
        "rai": "http://mlcommons.org/croissant/RAI/",
        "sc": "https://schema.org/",
    });
    if let Value::Object(more) = more {
        terms.extend(more);
    }
    Value::Object(terms)
}

/// The description of an export.
pub fn describe(manifest: &Manifest, about: &About, files: &[SplitFile]) -> Value {
    let distribution: Vec<Value> = files
        .iter()
        .map(|file| {
            json!({
                "@type": "cr:FileObject", "@id": file.name, "name": file.name, "contentUrl": file.name,
                "contentSize": format!("{} B", file.bytes), "encodingFormat": "application/jsonlines",
                "sha256": file.sha256,
            })
        })
        .collect();
    let sets: Vec<Value> = files
        .iter()
        .map(|file| {
            json!({
                "@type": "cr:RecordSet", "@id": file.split, "name": file.split,
                "description": format!("The {} rows of the split {}.", file.rows, file.split),
                "field": fields(file),
            })
        })
        .collect();
    let sources: Vec<Value> = manifest
        .sources
        .iter()
        .map(|source| {
            json!({
                "@type": "prov:Entity", "sc:name": source.path, "sc:sha256": source.sha256,
                "sc:encodingFormat": source.media_type,
            })
        })
        .collect();
    let rows: usize = files.iter().map(|file| file.rows).sum();
    let mut dataset = Map::from_iter([
        ("@context".to_owned(), context()),
        ("@type".to_owned(), json!("sc:Dataset")),
        ("name".to_owned(), json!(about.name)),
        (
            "description".to_owned(),
            json!(about.description.clone().unwrap_or_else(|| format!("{rows} training rows with lineage."))),
        ),
        ("conformsTo".to_owned(), json!(CONFORMS_TO)),
        ("version".to_owned(), json!(manifest.version)),
        ("distribution".to_owned(), Value::Array(distribution)),
        ("recordSet".to_owned(), Value::Array(sets)),
        ("prov:wasGeneratedBy".to_owned(), json!({"@type": "prov:Activity", "sc:name": manifest.tool})),
    ]);
    let facts = BTreeMap::from([("license", &about.license), ("url", &about.url)]);
    for (name, value) in facts {
        if let Some(value) = value {
            dataset.insert(name.to_owned(), json!(value));
        }
    }
    if !sources.is_empty() {
        dataset.insert("prov:wasDerivedFrom".to_owned(), Value::Array(sources));
    }
    Value::Object(dataset)
}

fn fields(file: &SplitFile) -> Vec<Value> {
    let source = |column: &str| json!({"fileObject": {"@id": file.name}, "extract": {"column": column}});
    let id = |path: &str| format!("{}/{path}", file.split);
    let text = |column: &str, about: &str| {
        json!({
            "@type": "cr:Field", "@id": id(column), "name": column, "description": about, "dataType": "sc:Text",
            "source": source(column),
        })
    };
    let part = |name: &str, about: &str| {
        let mut source = source("messages");
        source["transform"] = json!({"jsonPath": name});
        json!({
            "@type": "cr:Field", "@id": id(&format!("messages/{name}")), "name": name, "description": about,
            "dataType": "sc:Text", "source": source,
        })
    };
    vec![
        text("id", "Name of the row: a hash of its words and its group."),
        text("group", "Name of the fact; rows of one fact are in one split."),
        text("kind", "What sort of row."),
        json!({
            "@type": "cr:Field", "@id": id("messages"), "name": "messages",
            "description": "The conversation.", "repeated": true, "source": source("messages"),
            "subField": [part("role", "Who speaks."), part("content", "What is said.")],
        }),
        text("text", "A text, in rows that are no conversation."),
        text("value", "What a right answer must contain, where that is known."),
    ]
}

/// The files that a description names, with their SHA-256.
///
/// # Errors
/// No description, or one without files inside its folder.
pub fn files(folder: &Path) -> anyhow::Result<Vec<(String, Option<String>)>> {
    let path = folder.join(FILE);
    let text = std::fs::read_to_string(&path).map_err(|error| crate::about(&path, error))?;
    let dataset: Value =
        serde_json::from_str(&text).map_err(|error| anyhow::anyhow!("{}: not JSON ({error})", path.display()))?;
    let list = dataset.get("distribution").and_then(Value::as_array);
    let list = list.ok_or_else(|| anyhow::anyhow!("{}: there is no list `distribution`", path.display()))?;
    let mut files = Vec::new();
    for file in list {
        let text = |key: &str| file.get(key).and_then(Value::as_str).map(str::to_owned);
        if text("encodingFormat").as_deref() != Some("application/jsonlines") {
            continue;
        }
        let name =
            text("contentUrl").filter(|name| !name.contains("://") && !name.contains("..") && !name.starts_with('/'));
        let name = name.ok_or_else(|| {
            anyhow::anyhow!(
                "{}: a file lies outside this folder; fetch it first and correct contentUrl",
                path.display()
            )
        })?;
        files.push((name, text("sha256")));
    }
    anyhow::ensure!(
        !files.is_empty(),
        "{}: it names no JSONL file; this program reads application/jsonlines only",
        path.display()
    );
    Ok(files)
}
