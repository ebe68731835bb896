//! The JSON files of a model folder, asked for values by name.
//!
//! `config.json` of a multimodal model holds the description of its language model under `text_config`; that
//! part then answers, and the whole is asked for what the part leaves out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::architecture::Default;

/// Larger JSON files than this are no description of a model; the largest tokenizers known take 40 MB.
const JSON_BYTES_MAX: u64 = 256 << 20;

/// Reads a text file of the folder, or `None` where it is not there.
///
/// # Errors
/// A file that cannot be read, is too large or no UTF-8.
pub fn read_text(path: &Path) -> anyhow::Result<Option<String>> {
    let length = match fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => bail!("{}: cannot read the file ({error}); check its permissions", path.display()),
    };
    if length > JSON_BYTES_MAX {
        bail!(
            "{}: {length} bytes are more than the {JSON_BYTES_MAX} that are read; fetch the file again",
            path.display()
        );
    }
    let text = fs::read_to_string(path)
        .with_context(|| format!("{}: cannot be read as text; fetch the file again", path.display()))
        .map_err(|error| anyhow::anyhow!("{error:#}"))?;
    Ok(Some(text))
}

/// Reads a JSON file of the folder, or `None` where it is not there.
///
/// # Errors
/// As [`read_text`], and text that is no JSON.
pub fn read_json(path: &Path) -> anyhow::Result<Option<Value>> {
    let Some(text) = read_text(path)? else { return Ok(None) };
    match serde_json::from_str(&text) {
        Ok(value) => Ok(Some(value)),
        Err(error) => bail!("{}: no sound JSON ({error}); fetch the file again", path.display()),
    }
}

/// `config.json`.
pub struct Config {
    path: PathBuf,
    whole: Value,
    multimodal: bool,
    /// What the classes of transformers take where the file is silent.
    defaults: &'static [(&'static str, Default)],
}

impl Config {
    /// Reads `config.json` of a model folder.
    ///
    /// # Errors
    /// No folder, no such file, or no JSON object in it.
    pub fn open(folder: &Path) -> anyhow::Result<Self> {
        let path = folder.join("config.json");
        if !folder.is_dir() {
            bail!("{}: not a folder; give the folder of a model as the Hugging Face hub ships it", folder.display());
        }
        let Some(whole) = read_json(&path)? else {
            bail!("{}: there is no config.json; give the folder of a Hugging Face model", folder.display());
        };
        if !whole.is_object() {
            bail!("{}: not a JSON object; fetch the file again", path.display());
        }
        let multimodal = whole.get("text_config").is_some_and(Value::is_object);
        Ok(Self { path, whole, multimodal, defaults: &[] })
    }

    /// From now on `defaults` answer for keys that the file does not have.
    pub fn use_defaults(&mut self, defaults: &'static [(&'static str, Default)]) {
        self.defaults = defaults;
    }

    /// Whether the language model is one part of a larger one.
    pub fn is_multimodal(&self) -> bool {
        self.multimodal
    }

    /// The value of the first of these keys that has one; null counts as absent.
    pub fn find(&self, keys: &[&str]) -> Option<&Value> {
        let part = self.multimodal.then(|| &self.whole["text_config"]);
        let places = part.into_iter().chain([&self.whole]);
        places.into_iter().flat_map(|place| keys.iter().filter_map(|key| place.get(key))).find(|value| !value.is_null())
    }

    fn default(&self, keys: &[&str]) -> Option<Default> {
        self.defaults.iter().find(|(key, _)| keys.contains(key)).map(|(_, value)| *value)
    }

    /// A whole number.
    ///
    /// # Errors
    /// A value that is no whole number below 2^32.
    pub fn find_u32(&self, keys: &[&str]) -> anyhow::Result<Option<u32>> {
        match self.find(keys) {
            Some(value) => match value.as_u64().and_then(|number| u32::try_from(number).ok()) {
                Some(number) => Ok(Some(number)),
                None => self.wrong(keys, value, "a whole number below 2^32"),
            },
            None => Ok(match self.default(keys) {
                Some(Default::Count(number)) => Some(number),
                _ => None,
            }),
        }
    }

    /// A finite number.
    ///
    /// # Errors
    /// A value that is no finite number.
    pub fn find_f64(&self, keys: &[&str]) -> anyhow::Result<Option<f64>> {
        match self.find(keys) {
            Some(value) => match value.as_f64().filter(|number| number.is_finite()) {
                Some(number) => Ok(Some(number)),
                None => self.wrong(keys, value, "a finite number"),
            },
            None => Ok(match self.default(keys) {
                Some(Default::Count(number)) => Some(f64::from(number)),
                Some(Default::Number(number)) => Some(number),
                _ => None,
            }),
        }
    }

    /// A text.
    pub fn find_str(&self, keys: &[&str]) -> Option<&str> {
        match (self.find(keys), self.default(keys)) {
            (Some(value), _) => value.as_str(),
            (None, Some(Default::Text(text))) => Some(text),
            _ => None,
        }
    }

    /// Yes or no.
    pub fn find_bool(&self, keys: &[&str]) -> Option<bool> {
        match (self.find(keys), self.default(keys)) {
            (Some(value), _) => value.as_bool(),
            (None, Some(Default::Flag(flag))) => Some(flag),
            _ => None,
        }
    }

    /// As [`Config::find_u32`], for a value that must be there.
    ///
    /// # Errors
    /// A key that is missing or no whole number.
    pub fn u32(&self, keys: &[&str]) -> anyhow::Result<u32> {
        match self.find_u32(keys)? {
            Some(number) => Ok(number),
            None => self.missing(keys),
        }
    }

    /// As [`Config::find_f64`], for a value that must be there.
    ///
    /// # Errors
    /// A key that is missing or no finite number.
    pub fn f64(&self, keys: &[&str]) -> anyhow::Result<f64> {
        match self.find_f64(keys)? {
            Some(number) => Ok(number),
            None => self.missing(keys),
        }
    }

    fn missing<T>(&self, keys: &[&str]) -> anyhow::Result<T> {
        bail!("{}: `{}` is missing; fetch the file again", self.path.display(), keys[0])
    }

    fn wrong<T>(&self, keys: &[&str], value: &Value, wanted: &str) -> anyhow::Result<T> {
        bail!("{}: `{}` should be {wanted}, found {value}; correct it", self.path.display(), keys[0])
    }
}
