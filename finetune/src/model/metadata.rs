//! Typed reading of an architecture's metadata keys, with the bounds that later code relies on.

use super::{ModelError, description::Window};
use crate::gguf::{GgufError, GgufFile};

/// Reads keys `<architecture>.<name>`.
pub(super) struct Reader<'a> {
    pub file: &'a GgufFile,
    pub architecture: &'a str,
}

impl Reader<'_> {
    pub fn key(&self, name: &str) -> String {
        format!("{}.{name}", self.architecture)
    }

    pub fn has(&self, name: &str) -> bool {
        self.file.has(&self.key(name))
    }

    pub fn size(&self, name: &str) -> Result<usize, ModelError> {
        let value = self.file.u32(&self.key(name))? as usize;
        // No model that exists comes near; sizes that do are damage and would overflow products.
        let plausible = (1..=1 << 24).contains(&value);
        self.require(plausible, name, value, "is not between 1 and 16777216")?;
        Ok(value)
    }

    pub fn size_or(&self, name: &str, default: usize) -> Result<usize, ModelError> {
        if self.has(name) { self.size(name) } else { Ok(default) }
    }

    /// A finite value.
    pub fn float(&self, name: &str) -> Result<f32, ModelError> {
        let value = self.file.f32(&self.key(name))?;
        if value.is_finite() {
            return Ok(value);
        }
        Err(ModelError::BadValue { key: self.key(name), found: value.to_string(), problem: "is no finite number" })
    }

    pub fn float_or(&self, name: &str, default: f32) -> Result<f32, ModelError> {
        if self.has(name) { self.float(name) } else { Ok(default) }
    }

    pub fn require(&self, holds: bool, name: &str, found: usize, problem: &'static str) -> Result<(), ModelError> {
        if holds {
            return Ok(());
        }
        Err(ModelError::BadValue { key: self.key(name), found: found.to_string(), problem })
    }

    pub fn vocabulary(&self) -> Result<usize, ModelError> {
        let name = "token_embd.weight";
        let tensor = self.file.tensor(name).ok_or_else(|| ModelError::MissingTensor(name.to_owned()))?;
        match tensor.shape {
            [_, rows] => Ok(*rows),
            other => Err(ModelError::WrongShape { name: name.to_owned(), expected: vec![0, 0], found: other.to_vec() }),
        }
    }

    /// A soft cap; zero or absence mean none, except that `always` asks for the architecture's own default.
    pub fn softcap(&self, name: &str, always: bool, default: f32) -> Result<Option<f32>, ModelError> {
        let cap = self.float_or(name, if always { default } else { 0.0 })?;
        Ok((cap > 0.0).then_some(cap))
    }

    /// The sliding window of a Gemma model: 4096 tokens where an early Gemma 2 file does not say.
    ///
    /// The pattern is a flag a layer (true or 1 for the window), or a period whose last layer sees everything.
    pub fn window(&self, layers: usize, period: usize) -> Result<Option<Window>, ModelError> {
        const SIZE: &str = "attention.sliding_window";
        const PATTERN: &str = "attention.sliding_window_pattern";
        if !self.has(SIZE) && self.architecture != "gemma2" {
            return Ok(None);
        }
        let key = self.key(PATTERN);
        let local = if self.file.json(&key).is_some_and(serde_json::Value::is_array) {
            let numbers = |_| Ok::<_, GgufError>(self.file.u32s(&key)?.into_iter().map(|flag| flag != 0).collect());
            let flags: Vec<bool> = self.file.bools(&key).or_else(numbers)?;
            self.require(flags.len() == layers, PATTERN, flags.len(), "is not the number of blocks")?;
            flags
        } else {
            let period = self.size_or(PATTERN, period)?;
            (0..layers).map(|layer| layer % period != period - 1).collect()
        };
        Ok(Some(Window { tokens: self.size_or(SIZE, 4096)?, local }))
    }
}
