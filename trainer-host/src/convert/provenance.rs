//! Where a converted model comes from: its name, its licence, its makers' figures, and a hash of every input.

use std::path::{Path, PathBuf};

use halligan_finetune::gguf::MetadataValue::{self, Array, Float32, Int32, String as Text, Uint32};
use serde_json::Value;

use super::config::{Config, read_json};
use super::hyperparameters::Entries;
use crate::model_card::ModelCard;

/// What names a model.
pub struct Names {
    /// `general.name`.
    pub name: String,
    /// `owner/name` on the hub, where `config.json` says so.
    pub repository: Option<String>,
}

impl Names {
    /// From the card, `config.json`, or the name of the folder. llama.cpp takes a name with Phi-3 in it as a sign that
    /// control tokens swallow white space, so the name says so exactly where they do.
    pub fn find(folder: &Path, config: &Config, card: &ModelCard, swallows: bool) -> Self {
        let origin = config.find_str(&["_name_or_path"]).map(str::to_owned);
        // A path on somebody's machine is no name on the hub.
        let on_hub = |text: &String| text.split('/').count() == 2 && !text.starts_with(['/', '.', '~']);
        let repository = origin.filter(on_hub);
        let from_folder = || {
            let whole = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
            whole.file_name().map_or_else(|| "model".to_owned(), |name| name.to_string_lossy().into_owned())
        };
        let named = card.head.get("model_name").and_then(Value::as_str).map(str::to_owned);
        let last = |text: &String| text.rsplit('/').next().unwrap_or_default().to_owned();
        let name = named.or_else(|| repository.as_ref().map(last)).unwrap_or_else(from_folder);
        let lower = name.to_lowercase();
        let says_so = lower.contains("phi-3") || lower.contains("phi3");
        let name = match (swallows, says_so) {
            (true, false) => format!("Phi-3 {name}"),
            (false, true) => format!("Phi 3 ({} characters cut)", name.len()),
            _ => name,
        };
        Self { name, repository }
    }
}

/// Everything about the origin but the hashes.
///
/// # Errors
/// A damaged `generation_config.json`.
pub fn entries(folder: &Path, names: &Names, card: &ModelCard) -> anyhow::Result<Entries> {
    let mut entries: Entries = vec![("general.name".into(), Text(names.name.clone()))];
    let mut put = |key: &str, value: Option<MetadataValue>| entries.extend(value.map(|value| (key.to_owned(), value)));
    let one = |field: &str| card.head.get(field).and_then(Value::as_str).map(|text| Text(text.to_owned()));
    let list = |field: &str| {
        let texts = card.texts(field);
        (!texts.is_empty()).then(|| Array(texts.into_iter().map(Text).collect()))
    };
    put("general.license", card.licence.clone().map(Text));
    put("general.license.name", one("license_name"));
    put("general.license.link", one("license_link"));
    put("general.languages", list("language"));
    put("general.tags", list("tags"));
    put("general.datasets", list("datasets"));
    if let Some(repository) = &names.repository {
        put("general.source.huggingface.repository", Some(Text(repository.clone())));
        put("general.source.url", Some(Text(format!("https://huggingface.co/{repository}"))));
    }
    let bases = card.texts("base_model");
    if !bases.is_empty() {
        put("general.base_model.count", Some(Uint32(bases.len() as u32)));
        for (index, base) in bases.iter().enumerate() {
            let name = base.rsplit('/').next().unwrap_or(base);
            put(&format!("general.base_model.{index}.name"), Some(Text(name.to_owned())));
            let url = format!("https://huggingface.co/{base}");
            put(&format!("general.base_model.{index}.repo_url"), Some(Text(url)));
        }
    }
    entries.extend(generation_defaults(folder)?);
    Ok(entries)
}

/// Settings with which the makers want the model to be sampled.
fn generation_defaults(folder: &Path) -> anyhow::Result<Entries> {
    let generation = read_json(&folder.join("generation_config.json"))?.unwrap_or_default();
    let mut entries = Entries::new();
    if generation.get("do_sample").and_then(Value::as_bool) == Some(false) {
        return Ok(entries);
    }
    let numbers =
        [("temperature", "temp"), ("top_p", "top_p"), ("min_p", "min_p"), ("repetition_penalty", "penalty_repeat")];
    for (name, key) in numbers {
        if let Some(number) = generation.get(name).and_then(Value::as_f64) {
            entries.push((format!("general.sampling.{key}"), Float32(number as f32)));
        }
    }
    let top_k = generation.get("top_k").and_then(Value::as_i64).and_then(|number| i32::try_from(number).ok());
    entries.extend(top_k.map(|number| ("general.sampling.top_k".to_owned(), Int32(number))));
    Ok(entries)
}

/// The hashes of all inputs, one text `<sha256>  <file>` each, as `sha256sum` writes them.
pub fn hashes(inputs: &[(PathBuf, String)]) -> (String, MetadataValue) {
    let line = |(path, hash): &(PathBuf, String)| {
        Text(format!("{hash}  {}", path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()))
    };
    ("halligan.source.sha256".to_owned(), Array(inputs.iter().map(line).collect()))
}
