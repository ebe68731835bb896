//! The context that fits into the memory of a profile.

use halligan_finetune::gguf::GgufFile;

use super::settings::{InferenceSettings, KvType};

/// Contexts are shortened in steps of this many tokens, the unit of llama.cpp's cache.
const STEP_TOKENS: u64 = 256;
/// A context is never shortened below this: it would hold no question and answer.
const CONTEXT_MIN: u64 = 512;
/// What the process takes without a model.
const OVERHEAD_BYTES: u64 = 16 << 20;

/// Numbers of a model that decide what a context takes.
#[derive(Debug, Clone, PartialEq)]
struct Shape {
    weights: u64,
    /// Width of the keys and of the values of each layer.
    layers: Vec<(u64, u64)>,
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

/// Shortens the context of the settings to what fits; says so where it did.
pub(super) fn fit(file: &GgufFile, settings: &mut InferenceSettings) -> Option<String> {
    let budget = settings.memory_bytes?;
    let shape = Shape::of(file)?;
    let wanted = settings.context_tokens;
    let fitting = fitting_tokens(&shape, settings, budget);
    if fitting >= u64::from(wanted) {
        return None;
    }
    settings.context_tokens = u32::try_from(fitting.max(CONTEXT_MIN)).unwrap_or(u32::MAX).min(wanted);
    let mib = |bytes: u64| bytes >> 20;
    let needed = shape.bytes(settings, u64::from(settings.context_tokens));
    Some(if fitting < CONTEXT_MIN {
        format!(
            "the model needs about {} MiB with a context of {} tokens, the profile allows {} MiB; take a smaller model or \
             a larger profile (--profile)",
            mib(needed),
            settings.context_tokens,
            mib(budget)
        )
    } else {
        format!(
            "the context is {} tokens instead of {wanted}, which is what {} MiB of memory hold beside the model; a larger \
             profile (--profile) holds more",
            settings.context_tokens,
            mib(budget)
        )
    })
}

/// About what the model takes with its whole context; `None` where the file does not say it.
pub(super) fn needed_bytes(file: &GgufFile, settings: &InferenceSettings) -> Option<u64> {
    Some(Shape::of(file)?.bytes(settings, u64::from(settings.context_tokens)))
}

fn fitting_tokens(shape: &Shape, settings: &InferenceSettings, budget: u64) -> u64 {
    let left = budget.saturating_sub(shape.bytes(settings, 0));
    let tokens = left / shape.token_bytes(settings.kv_type).max(1);
    tokens / STEP_TOKENS * STEP_TOKENS
}

impl Shape {
    /// From the metadata; `None` where they do not say it, as for models that hold no keys and values.
    fn of(file: &GgufFile) -> Option<Shape> {
        let architecture = file.find_str("general.architecture").ok()??;
        let number = |key: &str| {
            let value = file.json(&format!("{architecture}.{key}"))?;
            value.as_u64().or_else(|| value.as_array()?.iter().filter_map(serde_json::Value::as_u64).max())
        };
        let layers = number("block_count")?;
        let hidden = number("embedding_length")?;
        let heads = number("attention.head_count").filter(|heads| *heads > 0)?;
        let head = hidden / heads;
        let key = number("attention.key_length").unwrap_or(head);
        let value = number("attention.value_length").unwrap_or(head);
        let kv_heads = |layer: u64| {
            let value = file.json(&format!("{architecture}.attention.head_count_kv"));
            match value {
                Some(serde_json::Value::Array(each)) => each.get(layer as usize)?.as_u64(),
                Some(one) => one.as_u64(),
                None => Some(heads),
            }
        };
        // Bounded, because the number comes with a file.
        let layers = (0..layers.min(4096)).map(|layer| kv_heads(layer).map(|heads| (heads * key, heads * value)));
        Some(Shape {
            weights: file.file_bytes() as u64,
            layers: layers.collect::<Option<Vec<_>>>()?,
            hidden,
            feed_forward: number("feed_forward_length").unwrap_or(4 * hidden),
            vocabulary: file.find_array_length("tokenizer.ggml.tokens").ok().flatten().unwrap_or(0) as u64,
        })
    }

    /// Bytes of keys and values for each token of the context.
    fn token_bytes(&self, kv_type: KvType) -> u64 {
        self.layers.iter().map(|(keys, values)| kv_type.bytes(*keys) + kv_type.bytes(*values)).sum()
    }

    /// About what everything takes. The buffers of a step hold some copies of the hidden state and of the
    /// feed-forward state, and the logits of a few rows.
    fn bytes(&self, settings: &InferenceSettings, tokens: u64) -> u64 {
        let step = u64::from(settings.micro_batch_tokens.min(settings.batch_tokens)) * 4;
        let buffers = step * (6 * self.hidden + 3 * self.feed_forward) + 2 * 4 * 16 * self.vocabulary;
        self.weights + buffers + OVERHEAD_BYTES + tokens * self.token_bytes(settings.kv_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn small() -> Shape {
        // 30 layers of 3 heads of 64: 23,040 bytes a token in F16.
        Shape { weights: 145 << 20, layers: vec![(192, 192); 30], hidden: 576, feed_forward: 1536, vocabulary: 49_152 }
    }

    #[test]
    fn a_token_takes_its_keys_and_values_in_every_layer() {
        assert_eq!(small().token_bytes(KvType::F16), 23_040);
        assert_eq!(small().token_bytes(KvType::F32), 46_080);
        assert_eq!(small().token_bytes(KvType::Q8_0), 30 * 2 * 6 * 34);
    }

    #[test]
    fn the_context_is_what_the_memory_leaves() {
        let settings = InferenceSettings::default();
        let shape = small();
        let fitting = fitting_tokens(&shape, &settings, 300 << 20);
        assert_eq!(fitting % STEP_TOKENS, 0);
        assert!(shape.bytes(&settings, fitting) <= 300 << 20);
        assert!(shape.bytes(&settings, fitting + STEP_TOKENS) > 300 << 20);
        assert_eq!(fitting_tokens(&shape, &settings, 100 << 20), 0);
    }
}
