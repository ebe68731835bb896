//! How a sentence encoder makes one vector of many: the settings of sentence-transformers.

use std::path::Path;

use anyhow::bail;
use halligan_finetune::gguf::MetadataValue::Uint32;
use serde_json::Value;

use super::config::read_json;
use super::hyperparameters::Entries;

/// `(setting of sentence-transformers, llama.cpp's number)`.
const POOLINGS: &[(&str, u32)] =
    &[("pooling_mode_mean_tokens", 1), ("pooling_mode_cls_token", 2), ("pooling_mode_lasttoken", 3)];

/// The pooling that `modules.json` leads to. Without one it is the mean, as sentence-transformers has it.
///
/// # Errors
/// A pooling that llama.cpp does not compute.
pub fn entries(folder: &Path, family: &str, notes: &mut Vec<String>) -> anyhow::Result<Entries> {
    let modules = read_json(&folder.join("modules.json"))?;
    let module = |ending: &str| {
        let list = modules.as_ref().and_then(Value::as_array)?;
        list.iter().find(|module| module["type"].as_str().is_some_and(|kind| kind.ends_with(ending)))
    };
    let entry = |number| Ok(vec![(format!("{family}.pooling_type"), Uint32(number))]);
    if module(".Normalize").is_some() {
        notes.push("the encoder normalizes its vectors to length 1; llama.cpp leaves that to the caller".to_owned());
    }
    if module(".Dense").is_some() {
        bail!("modules.json: a Dense layer follows the pooling, which llama.cpp does not compute for `{family}`");
    }
    let Some(pooling) = module(".Pooling") else {
        notes.push("no modules.json says how vectors are pooled: the mean of the tokens is taken".to_owned());
        return entry(1);
    };
    let path = pooling["path"].as_str().unwrap_or("1_Pooling");
    if Path::new(path).components().any(|part| !matches!(part, std::path::Component::Normal(_))) {
        bail!("modules.json: the path {path:?} leaves the folder; correct it");
    }
    let settings = read_json(&folder.join(path).join("config.json"))?.unwrap_or_default();
    let chosen: Vec<&str> = (settings.as_object().into_iter().flatten())
        .filter(|(key, value)| key.starts_with("pooling_mode_") && value.as_bool() == Some(true))
        .map(|(key, _)| key.as_str())
        .collect();
    let number = |one: &str| POOLINGS.iter().find(|(name, _)| *name == one).map(|(_, number)| *number);
    match (chosen.len(), chosen.first().and_then(|one| number(one))) {
        (1, Some(number)) => entry(number),
        _ => bail!(
            "{path}/config.json: vectors are pooled by {}; llama.cpp knows one of mean, cls and last token",
            if chosen.is_empty() { "nothing".to_owned() } else { chosen.join(" and ") }
        ),
    }
}
