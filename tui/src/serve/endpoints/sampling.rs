//! The fields of chat and text completions that say how tokens are chosen.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::unhonoured;
use crate::serve::body::{fields, whole};
use crate::serve::error::ApiError;
use crate::serve::task::{Format, Sampling};

/// Stop texts of one request.
const STOPS_MAX: usize = 64;
/// Choices of one prompt.
const CHOICES_MAX: u32 = 16;

/// As they come over the wire.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct SamplingFields {
    temperature: Option<f32>,
    top_p: Option<f32>,
    #[serde(default, deserialize_with = "whole")]
    seed: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    max_tokens: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    max_completion_tokens: Option<i64>,
    stop: Option<Value>,
    #[serde(default, deserialize_with = "whole")]
    n: Option<u32>,
    // Understood only as far as to say that they are not honoured.
    frequency_penalty: Option<f32>,
    presence_penalty: Option<f32>,
    logit_bias: Option<Value>,
    #[serde(default, deserialize_with = "whole")]
    best_of: Option<u32>,
}

/// A body that has sampling fields beside its own.
pub trait Sampled: DeserializeOwned {
    /// Fields that only another route takes.
    const ELSEWHERE: &'static [&'static str];

    /// Takes them in.
    fn set_sampling(&mut self, sampling: SamplingFields);
}

/// Reads a body with its sampling fields. `#[serde(flatten)]` would not do: it keeps numbers in a form that serde_json
/// does not read back where its feature `arbitrary_precision` is on, as it is with gguf-rs.
///
/// # Errors
/// A field of another type, one that is missing, one that cannot be honoured.
pub fn with_sampling<T: Sampled>(body: &Value) -> Result<T, ApiError> {
    unhonoured::refuse(body, T::ELSEWHERE)?;
    let mut own: T = fields(body)?;
    own.set_sampling(fields(body)?);
    Ok(own)
}

impl SamplingFields {
    /// Choices for each prompt.
    ///
    /// # Errors
    /// None, and more than 16.
    pub fn choices(&self) -> Result<u32, ApiError> {
        match self.n.unwrap_or(1) {
            choices @ 1..=CHOICES_MAX => Ok(choices),
            other => Err(ApiError::invalid(format!("n is {other}; ask for 1 to {CHOICES_MAX} choices")).about("n")),
        }
    }

    /// Checked, for choice number `choice`. Without a temperature the most probable token is taken each
    /// time, as everywhere on the device.
    ///
    /// # Errors
    /// Values outside their range, and fields that the device does not honour.
    pub fn sampling(
        &self,
        choice: u32,
        default_max_tokens: Option<usize>,
        logprobs: Option<usize>,
        format: Format,
    ) -> Result<Sampling, ApiError> {
        for (name, value) in
            [("frequency_penalty", self.frequency_penalty), ("presence_penalty", self.presence_penalty)]
        {
            if value.is_some_and(|value| value != 0.0) {
                return Err(ApiError::unsupported(name, format!("{name} is not supported; leave it out")));
            }
        }
        if self.logit_bias.as_ref().is_some_and(|bias| bias.as_object().is_none_or(|bias| !bias.is_empty())) {
            return Err(ApiError::unsupported("logit_bias", "logit_bias is not supported; leave it out"));
        }
        if self.best_of.is_some_and(|best_of| best_of != self.n.unwrap_or(1)) {
            return Err(ApiError::unsupported(
                "best_of",
                "best_of is not supported; use n and choose among the answers",
            ));
        }
        let temperature = within("temperature", self.temperature.unwrap_or(0.0), 0.0, 2.0)?;
        let top_p = within("top_p", self.top_p.unwrap_or(1.0), 0.0, 1.0)?;
        let seed = (self.seed.unwrap_or(0) as u64).wrapping_add(u64::from(choice));
        let max_tokens = match (self.max_completion_tokens, self.max_tokens) {
            (Some(tokens), _) => Some(count("max_completion_tokens", tokens)?),
            (None, Some(tokens)) => Some(count("max_tokens", tokens)?),
            (None, None) => default_max_tokens,
        };
        Ok(Sampling { max_tokens, temperature, top_p, seed, stop: self.stops()?, logprobs, format })
    }

    /// A field that says more than how long the answer may be.
    pub fn beyond_length(&self) -> Option<&'static str> {
        let fields = [
            ("temperature", self.temperature.is_some_and(|temperature| temperature != 0.0)),
            ("top_p", self.top_p.is_some_and(|top_p| top_p != 1.0)),
            ("stop", self.stops().is_ok_and(|stops| !stops.is_empty())),
            ("n", self.n.is_some_and(|n| n != 1)),
        ];
        fields.into_iter().find(|(_, used)| *used).map(|(name, _)| name)
    }

    fn stops(&self) -> Result<Vec<String>, ApiError> {
        let wrong = || ApiError::invalid("stop must be a text or a list of texts").about("stop");
        let texts = match &self.stop {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(texts)) => {
                texts.iter().map(|text| text.as_str().map(str::to_owned).ok_or_else(wrong)).collect::<Result<_, _>>()?
            }
            Some(_) => return Err(wrong()),
        };
        if texts.len() > STOPS_MAX {
            return Err(ApiError::invalid(format!("stop has {} texts, at most {STOPS_MAX} are taken", texts.len()))
                .about("stop"));
        }
        // An empty text would stop before the first word; some clients send it for "none".
        Ok(texts.into_iter().filter(|text| !text.is_empty()).collect())
    }
}

fn within(name: &str, value: f32, low: f32, high: f32) -> Result<f32, ApiError> {
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(ApiError::invalid(format!("{name} is {value}; it must lie between {low} and {high}")).about(name))
    }
}

fn count(name: &str, value: i64) -> Result<usize, ApiError> {
    usize::try_from(value)
        .map_err(|_| ApiError::invalid(format!("{name} is {value}; it must be 0 or more")).about(name))
}
