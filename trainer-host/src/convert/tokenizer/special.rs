//! Tokens with a role: begin, end, unknown, padding; and whether begin and end are put around a text.

use std::path::Path;

use serde_json::Value;

use super::files::TokenizerFiles;
use super::pre_tokenizer::{kind, parts};
use super::vocabulary::Vocabulary;
use super::{flag, id};
use crate::convert::config::{Config, read_json};
use crate::convert::hyperparameters::Entries;

/// Texts that end a turn, in the order in which the trainer looks for them. llama.cpp looks in no order.
const TURN_ENDS: &[&str] = &[
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<end_of_utterance>",
    "<\u{ff5c}end\u{2581}of\u{2581}sentence\u{ff5c}>",
];
/// Texts at which llama.cpp stops as well.
const OTHER_ENDS: &[&str] = &["<|return|>", "<|call|>", "</s>", "<|eom_id|>", "[EOS]", "<eos>"];

/// `(role in tokenizer_config.json, key in the file)`.
const ROLES: &[(&str, &str)] = &[
    ("bos", "bos"),
    ("eos", "eos"),
    ("unk", "unknown"),
    ("sep", "seperator"),
    ("pad", "padding"),
    ("cls", "cls"),
    ("mask", "mask"),
];

/// The tokens with a role.
pub struct Roles {
    found: Vec<(&'static str, u32)>,
}

impl Roles {
    /// Looks in the tokenizer's own files, then in `config.json`.
    ///
    /// # Errors
    /// An id in `config.json` that is no number.
    pub fn find(files: &TokenizerFiles, config: &Config, vocabulary: &Vocabulary) -> anyhow::Result<Self> {
        let mut found = Vec::new();
        for (role, key) in ROLES {
            let named = files.role(&format!("{role}_token")).and_then(|text| vocabulary.id(text));
            let configured = || -> Option<u32> {
                let value = config.find(&[&format!("{role}_token_id")])?;
                let first = value.as_array().and_then(|list| list.first()).unwrap_or(value);
                u32::try_from(first.as_u64()?).ok()
            };
            let number = named.or_else(configured).filter(|number| vocabulary.text(*number).is_some());
            found.extend(number.map(|number| (*key, number)));
        }
        Ok(Self { found })
    }

    fn get(&self, key: &str) -> Option<u32> {
        self.found.iter().find(|(name, _)| *name == key).map(|(_, number)| *number)
    }

    /// The metadata.
    ///
    /// # Errors
    /// A text that begins with a token which is not named.
    pub fn entries(
        &self,
        files: &TokenizerFiles,
        model: &str,
        vocabulary: &Vocabulary,
        template: Option<&str>,
    ) -> anyhow::Result<Entries> {
        let mut entries: Entries = self.found.iter().map(|(key, number)| id(key, *number)).collect();
        if model == "bert" {
            // llama.cpp puts "begin" in front and "separator" behind, and knows no other name for BERT's first token.
            if let Some(first) = self.get("cls") {
                entries.retain(|(key, _)| !key.ends_with(".bos_token_id"));
                entries.push(id("bos", first));
            }
            return Ok(entries);
        }
        let (begins, ends) = around(files, self.get("bos"), self.get("eos"), vocabulary);
        entries.push(flag("add_bos_token", begins));
        entries.push(flag("add_eos_token", ends));
        let turn_end = |text: &&&str| template.is_some_and(|template| template.contains(**text));
        let turn_end = TURN_ENDS.iter().filter(turn_end).find_map(|text| vocabulary.id(text));
        entries.extend(turn_end.map(|number| id("eot", number)));
        Ok(entries)
    }

    /// A note about ends that `generation_config.json` names and llama.cpp does not stop at.
    ///
    /// # Errors
    /// A damaged file.
    pub fn uncovered_ends(&self, folder: &Path, vocabulary: &Vocabulary) -> anyhow::Result<Option<String>> {
        let generation = read_json(&folder.join("generation_config.json"))?.unwrap_or_default();
        let listed = generation.get("eos_token_id").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let texts: Vec<&str> = (listed.iter().filter_map(Value::as_u64))
            .filter_map(|number| u32::try_from(number).ok())
            .filter(|number| self.get("eos") != Some(*number))
            .filter_map(|number| vocabulary.text(number))
            .filter(|text| !TURN_ENDS.contains(text) && !OTHER_ENDS.contains(text))
            .collect();
        Ok((!texts.is_empty()).then(|| {
            format!("generation ends at {} too, which llama.cpp does not know and goes on after", texts.join(" and "))
        }))
    }
}

/// Whether the begin token is put in front of a text, and the end token behind it.
fn around(files: &TokenizerFiles, bos: Option<u32>, eos: Option<u32>, vocabulary: &Vocabulary) -> (bool, bool) {
    let setting = |name: &str| files.settings.get(name).and_then(Value::as_bool);
    let class = files.settings.get("tokenizer_class").and_then(Value::as_str).unwrap_or_default();
    let family = ["Llama", "CodeLlama", "Gemma"].iter().any(|start| class.starts_with(start));
    let template = files.json.as_ref().and_then(|json| single(&json.post_processor));
    let at = |places: &[&str], number: Option<u32>| {
        places.iter().any(|text| number.is_some() && vocabulary.id(text) == number)
    };
    let begins = match (&template, setting("add_bos_token")) {
        // These classes write the template by their own settings when they are loaded.
        (_, Some(adds)) if family => adds,
        (Some(template), _) => at(&template.before, bos),
        (None, Some(adds)) => adds,
        (None, None) => family && files.json.is_none(),
    };
    let ends = match (&template, setting("add_eos_token")) {
        (_, Some(adds)) if family => adds,
        (Some(template), _) => at(&template.after, eos),
        (None, adds) => adds.unwrap_or(false),
    };
    (begins && bos.is_some(), ends && eos.is_some())
}

/// Texts of the tokens in front of a text and behind it.
struct Template<'a> {
    before: Vec<&'a str>,
    after: Vec<&'a str>,
}

/// The template for a single text in a post-processor.
fn single(value: &Value) -> Option<Template<'_>> {
    match kind(value) {
        "Sequence" => parts(value, "processors").iter().find_map(single),
        "TemplateProcessing" => {
            let mut template = Template { before: Vec::new(), after: Vec::new() };
            let mut inside = false;
            for part in parts(value, "single") {
                if part.get("Sequence").is_some() {
                    inside = true;
                } else if let Some(text) = part.get("SpecialToken").and_then(|token| token.get("id")?.as_str()) {
                    if inside { template.after.push(text) } else { template.before.push(text) }
                }
            }
            Some(template)
        }
        _ => None,
    }
}
