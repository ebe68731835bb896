//! Chat templates, from the places where the hub keeps them.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::bail;
use halligan_finetune::gguf::MetadataValue::{Array, String as Text};
use serde_json::Value;

use crate::convert::config::read_text;
use crate::convert::hyperparameters::Entries;

/// The templates of a model.
#[derive(Debug, Default)]
pub struct Templates {
    /// The one that is used where none is asked for.
    pub default: Option<String>,
    named: BTreeMap<String, String>,
}

/// Reads `chat_template.jinja` and `additional_chat_templates/`, or what `tokenizer_config.json` holds.
///
/// # Errors
/// A template that is no text.
pub fn read(folder: &Path, settings: &Value) -> anyhow::Result<Templates> {
    let mut templates = Templates::default();
    match settings.get("chat_template") {
        None | Some(Value::Null) => {}
        Some(Value::String(text)) => templates.default = Some(text.clone()),
        Some(Value::Array(list)) => {
            for entry in list {
                let field = |name: &str| entry.get(name).and_then(Value::as_str).map(str::to_owned);
                match (field("name"), field("template")) {
                    (Some(name), Some(text)) if name == "default" => templates.default = Some(text),
                    (Some(name), Some(text)) => drop(templates.named.insert(name, text)),
                    _ => bail!("tokenizer_config.json: a chat template without name or text: {entry}; correct it"),
                }
            }
        }
        Some(other) => bail!("tokenizer_config.json: `chat_template` is neither text nor a list: {other}; correct it"),
    }
    if let Some(text) = read_text(&folder.join("chat_template.jinja"))? {
        templates.default = Some(text);
    }
    let more = folder.join("additional_chat_templates");
    for entry in std::fs::read_dir(&more).into_iter().flatten().flatten() {
        let path = entry.path();
        if let (Some("jinja"), Some(name)) = (path.extension().and_then(|end| end.to_str()), path.file_stem())
            && let Some(text) = read_text(&path)?
        {
            templates.named.insert(name.to_string_lossy().into_owned(), text);
        }
    }
    Ok(templates)
}

impl Templates {
    /// The metadata.
    pub fn entries(self) -> Entries {
        let mut entries = Entries::new();
        if let Some(text) = self.default {
            entries.push(("tokenizer.chat_template".into(), Text(text)));
        }
        if !self.named.is_empty() {
            let names = self.named.keys().map(|name| Text(name.clone())).collect();
            entries.push(("tokenizer.chat_templates".into(), Array(names)));
        }
        entries
            .extend(self.named.into_iter().map(|(name, text)| (format!("tokenizer.chat_template.{name}"), Text(text))));
        entries
    }
}
