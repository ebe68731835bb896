//! The context that fits into the memory of a profile.

use halligan_finetune::gguf::GgufFile;
use halligan_firmware_profiles::{CONTEXT_STEP_TOKENS, ModelShape};
use serde_json::Value;

use super::settings::InferenceSettings;

/// A context is never shortened below this: it would hold no question and answer.
const CONTEXT_MIN: u32 = 512;
/// What the process takes without a model.
const OVERHEAD_BYTES: u64 = 16 << 20;
/// Rows of logits that buffers hold, twice.
const LOGIT_ROWS: u64 = 2 * 16;

/// What became of the context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shortened {
    /// Whether everything fits with the shorter context.
    pub(crate) fits: bool,
    /// In one sentence for people, with the next step after a semicolon.
    pub(crate) note: String,
}

/// Numbers of a model that decide what it takes.
#[derive(Debug, Clone, PartialEq)]
struct Shape {
    model: ModelShape,
    hidden: u64,
    feed_forward: u64,
    vocabulary: u64,
}

/// Tokens of a context that the model was trained for.
pub(super) fn trained_context(file: &GgufFile) -> Option<u32> {
    let architecture = file.find_str("general.architecture").ok()??;
    let tokens = file.find_u32(&format!("{architecture}.context_length")).ok()??;
    (tokens > 0).then_some(tokens)
}

/// Shortens the context of the settings to what the model was trained for and to what fits; says so where memory was
/// the reason.
pub(crate) fn fit(file: &GgufFile, settings: &mut InferenceSettings) -> Option<Shortened> {
    settings.context_tokens = settings.context_tokens.min(trained_context(file).unwrap_or(u32::MAX));
    let budget = settings.memory_bytes?;
    let shape = Shape::of(file)?;
    let wanted = settings.context_tokens;
    let fitting = fitting_tokens(&shape, settings, budget);
    if fitting >= wanted {
        return None;
    }
    settings.context_tokens = fitting.max(CONTEXT_MIN).min(wanted);
    let context = settings.context_tokens;
    let (needed, allowed) = (shape.bytes(settings, context) >> 20, budget >> 20);
    let fits = fitting >= context;
    let note = match fits {
        true => format!(
            "the context is {context} tokens instead of {wanted}, which is what {allowed} MiB hold beside the model; \
             choose a larger profile (--profile) for a longer one"
        ),
        false => format!(
            "the model needs about {needed} MiB with a context of {context} tokens, the profile allows {allowed} MiB; \
             use a smaller model or a larger profile (--profile)"
        ),
    };
    Some(Shortened { fits, note })
}

/// About what the model takes with its whole context; `None` where the file does not say it.
pub(super) fn needed_bytes(file: &GgufFile, settings: &InferenceSettings) -> Option<u64> {
    Some(Shape::of(file)?.bytes(settings, settings.context_tokens))
}

fn fitting_tokens(shape: &Shape, settings: &InferenceSettings, budget: u64) -> u32 {
    let left = budget.saturating_sub(shape.bytes(settings, 0));
    let step = shape.model.kv_cache_bytes(CONTEXT_STEP_TOKENS, settings.kv_type.of_profiles());
    let tokens = left.checked_div(step).unwrap_or(u64::MAX).saturating_mul(u64::from(CONTEXT_STEP_TOKENS));
    u32::try_from(tokens).unwrap_or(u32::MAX)
}

impl Shape {
    /// From the metadata; `None` where they do not say it, as for models that hold no keys and values.
    fn of(file: &GgufFile) -> Option<Shape> {
        let architecture = file.find_str("general.architecture").ok()??;
        // Some models give a number for each layer; the largest is on the safe side.
        let number = |key: &str| match file.json(&format!("{architecture}.{key}"))? {
            Value::Array(each) => each.iter().filter_map(Value::as_u64).max(),
            one => one.as_u64(),
        };
        let small = |value: u64| u32::try_from(value).ok();
        let hidden = number("embedding_length")?;
        let heads = number("attention.head_count").filter(|heads| *heads > 0)?;
        let head = hidden / heads;
        let key = number("attention.key_length").unwrap_or(head);
        let value = number("attention.value_length").unwrap_or(head);
        Some(Shape {
            model: ModelShape {
                model_bytes: file.file_bytes() as u64,
                layers: small(number("block_count")?)?,
                kv_heads: small(number("attention.head_count_kv").unwrap_or(heads))?,
                head_dim: small(key.max(value))?,
            },
            hidden,
            feed_forward: number("feed_forward_length").unwrap_or(4 * hidden),
            vocabulary: file.find_array_length("tokenizer.ggml.tokens").ok().flatten().unwrap_or(0) as u64,
        })
    }

    /// About what everything takes. The buffers of a step hold some copies of the hidden state and of the
    /// feed-forward state, and the logits of a few rows.
    fn bytes(&self, settings: &InferenceSettings, tokens: u32) -> u64 {
        let values = 4 * u64::from(settings.micro_batch_tokens.min(settings.batch_tokens));
        let states = self.hidden.saturating_mul(6).saturating_add(self.feed_forward.saturating_mul(3));
        let parts = [
            self.model.model_bytes,
            self.model.kv_cache_bytes(tokens, settings.kv_type.of_profiles()),
            values.saturating_mul(states),
            self.vocabulary.saturating_mul(4 * LOGIT_ROWS),
            OVERHEAD_BYTES,
        ];
        parts.into_iter().fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_context_is_what_the_memory_leaves() {
        let settings = InferenceSettings::default();
        // 23,040 bytes a token in F16.
        let model = ModelShape { model_bytes: 145 << 20, layers: 30, kv_heads: 3, head_dim: 64 };
        let shape = Shape { model, hidden: 576, feed_forward: 1536, vocabulary: 49_152 };
        let fitting = fitting_tokens(&shape, &settings, 300 << 20);
        assert!(fitting.is_multiple_of(CONTEXT_STEP_TOKENS) && fitting > 4096);
        assert!(shape.bytes(&settings, fitting) <= 300 << 20);
        assert!(shape.bytes(&settings, fitting + CONTEXT_STEP_TOKENS) > 300 << 20);
        assert_eq!(fitting_tokens(&shape, &settings, 100 << 20), 0);
    }
}
