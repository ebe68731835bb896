//! A folder as `datasets.DatasetDict.save_to_disk` writes it and `datasets.load_from_disk` opens it.
//!
//! `dataset_dict.json` names the splits; each split is a folder with Arrow stream files, `state.json` that
//! names them and `dataset_info.json` with the features. Observed from datasets 5.2.0.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_ipc::reader::StreamReader;
use arrow_ipc::writer::StreamWriter;
use halligan_finetune::gguf::atomic_file::{write_atomically, write_bytes_atomically};
use serde_json::{Value, json};

use super::record::Record;
use super::table::{batch, in_batches, schema};
use crate::data::canonical::sha256_hex;

/// Names the splits.
pub const DICT: &str = "dataset_dict.json";
/// Names the files of a split.
pub const STATE: &str = "state.json";
/// Features of a split.
const INFO: &str = "dataset_info.json";
/// The one file of a split.
const SHARD: &str = "data-00000-of-00001.arrow";
/// All files of a split.
pub const FILES: [&str; 3] = [SHARD, INFO, STATE];
/// Digits of a fingerprint.
const FINGERPRINT_DIGITS: usize = 16;

/// Features of the table in the words of `datasets`.
fn features() -> Value {
    let text = json!({"dtype": "string", "_type": "Value"});
    json!({
        "id": text, "group": text, "kind": text, "split": text,
        "messages": {"feature": {"role": text, "content": text}, "_type": "List"},
        "text": text, "value": text,
        "contradicts": {"feature": text, "_type": "List"},
        "lineage": text,
    })
}

/// Writes one split; returns its rows.
///
/// # Errors
/// A record that cannot be read, a disk that takes no more.
pub fn write_split(
    folder: &Path,
    split: &str,
    records: impl Iterator<Item = anyhow::Result<Record>>,
) -> anyhow::Result<usize> {
    let folder = folder.join(split);
    std::fs::create_dir_all(&folder).map_err(|error| crate::about(&folder, error))?;
    let features = features();
    let metadata = json!({"info": {"features": features}}).to_string();
    let schema = Arc::new(schema().with_metadata(HashMap::from([("huggingface".to_owned(), metadata)])));
    let path = folder.join(SHARD);
    let mut rows = 0;
    write_atomically(&path, |temporary| -> anyhow::Result<()> {
        let file = BufWriter::new(File::create(temporary).map_err(|error| crate::about(&path, error))?);
        let mut writer = StreamWriter::try_new(file, &schema)?;
        in_batches(records, |part| {
            rows += part.len();
            Ok(writer.write(&batch(part, schema.clone())?)?)
        })?;
        writer.finish()?;
        writer.get_mut().flush().map_err(|error| crate::about(&path, error))
    })?;
    let sha256 = halligan_finetune::gguf::file_sha256(&path).map_err(|error| crate::about(&path, error))?;
    let info = json!({"citation": "", "description": "", "features": features, "homepage": "", "license": ""});
    let state = json!({
        "_data_files": [{"filename": SHARD}],
        "_fingerprint": sha256_hex(sha256.as_bytes())[..FINGERPRINT_DIGITS],
        "_format_columns": null, "_format_kwargs": {}, "_format_type": null,
        "_output_all_columns": false, "_split": split,
    });
    for (name, value) in [(INFO, info), (STATE, state)] {
        write_bytes_atomically(&folder.join(name), serde_json::to_string_pretty(&value)?.as_bytes())?;
    }
    Ok(rows)
}

/// Writes the list of splits, which makes the folder a DatasetDict.
///
/// # Errors
/// A disk that takes no more.
pub fn write_dict(folder: &Path, splits: &[String]) -> anyhow::Result<()> {
    Ok(write_bytes_atomically(&folder.join(DICT), json!({"splits": splits}).to_string().as_bytes())?)
}

/// The splits of a folder, each with its Arrow files in order; a folder of one split has the name `train`
/// unless its state names another.
///
/// # Errors
/// A file that is missing or holds something else.
pub fn files(folder: &Path) -> anyhow::Result<Vec<(String, Vec<PathBuf>)>> {
    let dict = folder.join(DICT);
    if !dict.exists() {
        let (name, files) = split_files(folder)?;
        return Ok(vec![(name.unwrap_or_else(|| "train".to_owned()), files)]);
    }
    let splits = json_file(&dict)?;
    let names = splits.get("splits").and_then(Value::as_array);
    let names = names.ok_or_else(|| anyhow::anyhow!("{}: there is no list `splits`", dict.display()))?;
    let name = |name: &Value| {
        let name = name.as_str().filter(|name| is_file_name(name));
        let name = name.ok_or_else(|| anyhow::anyhow!("{}: a split has no usable name", dict.display()))?;
        Ok((name.to_owned(), split_files(&folder.join(name))?.1))
    };
    names.iter().map(name).collect()
}

fn split_files(folder: &Path) -> anyhow::Result<(Option<String>, Vec<PathBuf>)> {
    let path = folder.join(STATE);
    let state = json_file(&path)?;
    anyhow::ensure!(
        state.get("_indices_data_files").is_none_or(|files| files.as_array().is_none_or(Vec::is_empty)),
        "{}: the split selects rows by indices; save it again after `flatten_indices()`",
        path.display()
    );
    let files = state.get("_data_files").and_then(Value::as_array);
    let files = files.ok_or_else(|| anyhow::anyhow!("{}: there is no list `_data_files`", path.display()))?;
    let file = |file: &Value| {
        let name = file.get("filename").and_then(Value::as_str).filter(|name| is_file_name(name));
        let name = name.ok_or_else(|| anyhow::anyhow!("{}: a data file has no usable name", path.display()))?;
        Ok(folder.join(name))
    };
    let name = state.get("_split").and_then(Value::as_str).map(str::to_owned);
    Ok((name, files.iter().map(file).collect::<anyhow::Result<_>>()?))
}

/// Names from a file must stay inside its folder.
fn is_file_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    matches!((parts.next(), parts.next()), (Some(std::path::Component::Normal(_)), None))
}

fn json_file(path: &Path) -> anyhow::Result<Value> {
    let text = std::fs::read_to_string(path).map_err(|error| crate::about(path, error))?;
    serde_json::from_str(&text).map_err(|error| anyhow::anyhow!("{}: not JSON ({error})", path.display()))
}

/// The batches of an Arrow stream file.
///
/// # Errors
/// A file that is no Arrow stream.
pub fn batches(path: &Path) -> anyhow::Result<impl Iterator<Item = anyhow::Result<RecordBatch>> + use<>> {
    let file = BufReader::new(File::open(path).map_err(|error| crate::about(path, error))?);
    let name = path.to_path_buf();
    let broken =
        move |error| anyhow::anyhow!("{}: not an Arrow stream ({error}); save the dataset again", name.display());
    let reader = StreamReader::try_new(file, None).map_err(&broken)?;
    Ok(reader.map(move |batch| batch.map_err(&broken)))
}
