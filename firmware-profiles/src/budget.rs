//! Does it fit: model, key and value cache and training against a profile's memory budget.
//!
//! Pure integer arithmetic that saturates instead of wrapping, so that the counts of a hostile
//! model file end as "does not fit". The sums leave out what cannot be known from shapes: the
//! program itself and the runtime's compute buffers, for which a budget is set below the memory.

use crate::profile::{KvType, Profile};

/// llama.cpp rounds a context up to a multiple of this.
pub const CONTEXT_STEP_TOKENS: u32 = 256;

/// What a model needs memory for, as its file states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ModelShape {
    /// Bytes of all tensors, as stored.
    pub model_bytes: u64,
    /// Transformer blocks.
    pub layers: u32,
    /// Key and value heads of a block.
    pub kv_heads: u32,
    /// Values of one head.
    pub head_dim: u32,
}

impl ModelShape {
    /// Bytes of the key and value cache for `context_tokens`, rounded up to
    /// [`CONTEXT_STEP_TOKENS`]: for each token and layer one key row and one value row.
    pub fn kv_cache_bytes(&self, context_tokens: u32, kv_type: KvType) -> u64 {
        let steps = u64::from(context_tokens.div_ceil(CONTEXT_STEP_TOKENS));
        steps.saturating_mul(self.kv_step_bytes(kv_type))
    }

    fn kv_step_bytes(&self, kv_type: KvType) -> u64 {
        let row = u64::from(self.kv_heads) * u64::from(self.head_dim);
        kv_type.row_bytes(row).saturating_mul(2 * u64::from(CONTEXT_STEP_TOKENS)).saturating_mul(u64::from(self.layers))
    }
}

/// What an adapter and its training need memory for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AdapterShape {
    /// Inputs plus outputs of every adapted linear layer, summed over the model: an adapter of
    /// rank r has r times this many parameters.
    pub linear_widths: u64,
    /// Transformer blocks.
    pub layers: u32,
    /// Width of the residual stream.
    pub hidden: u32,
}

/// Bytes that training an adapter keeps for its whole run, at the profile's rank and sequence: 16
/// for each parameter (f32 weight, gradient and the two moments of AdamW), and the f32 input of
/// each block, kept for the backward pass. The scratch of the one block being computed is extra.
pub fn training_bytes(profile: &Profile, adapter: &AdapterShape) -> u64 {
    let state = adapter.linear_widths.saturating_mul(u64::from(profile.training_rank)).saturating_mul(16);
    let checkpoints = u64::from(adapter.layers)
        .saturating_mul(u64::from(adapter.hidden))
        .saturating_mul(u64::from(profile.training_sequence_tokens))
        .saturating_mul(4);
    state.saturating_add(checkpoints)
}

/// The parts of a memory plan, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// What the profile allows.
    pub limit_bytes: u64,
    /// The model's tensors.
    pub model_bytes: u64,
    /// The key and value cache.
    pub kv_cache_bytes: u64,
    /// Training, 0 for a device that only answers.
    pub training_bytes: u64,
}

impl Budget {
    /// The plan for one model at one context; `training_bytes` as [`training_bytes`] or the
    /// training engine counts it.
    pub fn new(profile: &Profile, model: &ModelShape, context_tokens: u32, training_bytes: u64) -> Budget {
        Budget {
            limit_bytes: profile.memory_budget_bytes(),
            model_bytes: model.model_bytes,
            kv_cache_bytes: model.kv_cache_bytes(context_tokens, profile.kv_type),
            training_bytes,
        }
    }

    /// Everything together.
    pub fn needed_bytes(&self) -> u64 {
        self.model_bytes.saturating_add(self.kv_cache_bytes).saturating_add(self.training_bytes)
    }

    /// Whether everything together is within the limit.
    pub fn fits(&self) -> bool {
        self.needed_bytes() <= self.limit_bytes
    }

    /// Bytes above the limit, 0 if it fits.
    pub fn shortfall_bytes(&self) -> u64 {
        self.needed_bytes().saturating_sub(self.limit_bytes)
    }
}

/// The largest context up to the profile's own that fits beside the model and training, a multiple
/// of [`CONTEXT_STEP_TOKENS`] unless it is the profile's; 0 if not even one step fits.
pub fn largest_context_tokens(profile: &Profile, model: &ModelShape, training_bytes: u64) -> u32 {
    let without_cache = Budget::new(profile, model, 0, training_bytes);
    if !without_cache.fits() {
        return 0;
    }
    let room = without_cache.limit_bytes - without_cache.needed_bytes();
    // A model without a cache has room for any context.
    let steps = room.checked_div(model.kv_step_bytes(profile.kv_type)).unwrap_or(u64::MAX);
    let tokens = steps.saturating_mul(u64::from(CONTEXT_STEP_TOKENS));
    u32::try_from(tokens).unwrap_or(u32::MAX).min(profile.context_tokens)
}
