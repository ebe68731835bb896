//! Typed access to the metadata of an open file.
//!
//! `gguf-rs` hands values out as JSON. It builds `serde_json` with arbitrary precision, where a number is
//! its shortest decimal text, so an f32 is read back by parsing that text as f32: exact to the bit.
//! Numbers that are not finite become null there, and are reported as such here.
//!
//! Each type has `find_x` (`None` where the key is missing) and `x` (an error where it is missing).

use serde_json::{Number, Value};

use super::{GgufError, GgufFile};

impl GgufFile {
    /// Whether the key exists.
    pub fn has(&self, key: &str) -> bool {
        self.model.metadata().contains_key(key)
    }

    /// All keys in alphabetical order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.model.metadata().keys().map(String::as_str)
    }

    /// The value as JSON, for printing.
    pub fn json(&self, key: &str) -> Option<&Value> {
        self.model.metadata().get(key)
    }

    /// Text, or `None` where the key is missing.
    ///
    /// # Errors
    /// [`GgufError::WrongType`] where the value is not text.
    pub fn find_str(&self, key: &str) -> Result<Option<&str>, GgufError> {
        self.find(key, "text", Value::as_str)
    }

    /// Text.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`], [`GgufError::WrongType`].
    pub fn str(&self, key: &str) -> Result<&str, GgufError> {
        self.need(key, self.find_str(key)?)
    }

    /// A whole number from 0 to 2^32 - 1 of any integer width, or `None` where the key is missing.
    ///
    /// # Errors
    /// [`GgufError::WrongType`] where the value is not such a number.
    pub fn find_u32(&self, key: &str) -> Result<Option<u32>, GgufError> {
        self.find(key, "a whole number below 2^32", |value| u32::try_from(value.as_u64()?).ok())
    }

    /// A whole number from 0 to 2^32 - 1 of any integer width.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`], [`GgufError::WrongType`].
    pub fn u32(&self, key: &str) -> Result<u32, GgufError> {
        self.need(key, self.find_u32(key)?)
    }

    /// A finite number as f32, exact for a stored f32, or `None` where the key is missing.
    ///
    /// # Errors
    /// [`GgufError::WrongType`] where the value is not a finite number.
    pub fn find_f32(&self, key: &str) -> Result<Option<f32>, GgufError> {
        self.find(key, "a finite number", as_f32)
    }

    /// A finite number as f32, exact for a stored f32.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`], [`GgufError::WrongType`].
    pub fn f32(&self, key: &str) -> Result<f32, GgufError> {
        self.need(key, self.find_f32(key)?)
    }

    /// A boolean, or `None` where the key is missing.
    ///
    /// # Errors
    /// [`GgufError::WrongType`] where the value is not a boolean.
    pub fn find_bool(&self, key: &str) -> Result<Option<bool>, GgufError> {
        self.find(key, "true or false", Value::as_bool)
    }

    /// A boolean.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`], [`GgufError::WrongType`].
    pub fn bool(&self, key: &str) -> Result<bool, GgufError> {
        self.need(key, self.find_bool(key)?)
    }

    /// Length of an array, or `None` where the key is missing.
    ///
    /// # Errors
    /// [`GgufError::WrongType`] where the value is not an array.
    pub fn find_array_length(&self, key: &str) -> Result<Option<usize>, GgufError> {
        self.find(key, "an array", |value| Some(value.as_array()?.len()))
    }

    /// An array of texts.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`], [`GgufError::WrongType`].
    pub fn strings(&self, key: &str) -> Result<Vec<&str>, GgufError> {
        let found = self.find(key, "an array of texts", |value| all(value, Value::as_str))?;
        self.need(key, found)
    }

    /// An array of whole numbers from 0 to 2^32 - 1.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`], [`GgufError::WrongType`].
    pub fn u32s(&self, key: &str) -> Result<Vec<u32>, GgufError> {
        let found = self.find(key, "an array of whole numbers below 2^32", |value| {
            all(value, |item| u32::try_from(item.as_u64()?).ok())
        })?;
        self.need(key, found)
    }

    /// An array of finite numbers.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`], [`GgufError::WrongType`].
    pub fn f32s(&self, key: &str) -> Result<Vec<f32>, GgufError> {
        let found = self.find(key, "an array of finite numbers", |value| all(value, as_f32))?;
        self.need(key, found)
    }

    /// An array of booleans.
    ///
    /// # Errors
    /// [`GgufError::MissingKey`], [`GgufError::WrongType`].
    pub fn bools(&self, key: &str) -> Result<Vec<bool>, GgufError> {
        let found = self.find(key, "an array of true or false", |value| all(value, Value::as_bool))?;
        self.need(key, found)
    }

    fn find<'a, T>(
        &'a self,
        key: &str,
        expected: &'static str,
        convert: impl FnOnce(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, GgufError> {
        let Some(value) = self.json(key) else {
            return Ok(None);
        };
        convert(value).map(Some).ok_or_else(|| GgufError::WrongType {
            path: self.path.clone(),
            key: key.to_string(),
            expected,
            found: describe(value),
        })
    }

    fn need<T>(&self, key: &str, found: Option<T>) -> Result<T, GgufError> {
        found.ok_or_else(|| GgufError::MissingKey { path: self.path.clone(), key: key.to_string() })
    }
}

fn all<'a, T>(value: &'a Value, convert: impl Fn(&'a Value) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(convert).collect()
}

fn as_f32(value: &Value) -> Option<f32> {
    let number: &Number = value.as_number()?;
    let parsed: f32 = number.to_string().parse().ok()?;
    parsed.is_finite().then_some(parsed)
}

fn describe(value: &Value) -> String {
    match value {
        Value::Null => "a number that is not finite".to_string(),
        Value::Bool(value) => format!("the boolean {value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => {
            let shown: String = text.chars().take(40).collect();
            format!("the text {shown:?}")
        }
        Value::Array(items) => match items.first() {
            Some(Value::Array(_)) | None => format!("an array of {} elements", items.len()),
            Some(first) => format!("an array of {} with {} first", items.len(), describe(first)),
        },
        Value::Object(_) => "an object".to_string(),
    }
}
