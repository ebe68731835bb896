//! Which device profiles a model fits, by the arithmetic that the devices themselves use.

use halligan_firmware_profiles::{Budget, ModelShape, Profile, built_in, built_in_names, largest_context_tokens};
use serde::Serialize;

/// A context that is too short to ask anything does not count.
const CONTEXT_TOKENS_MIN: u32 = 1024;

/// One model on one profile.
#[derive(Debug, Clone, Serialize)]
pub struct Fit {
    /// The profile.
    pub profile: String,
    /// What it may use.
    pub limit_bytes: u64,
    /// Tensors, and the cache at `context_tokens`.
    pub needed_bytes: u64,
    /// The longest context that profile, model and memory allow; 0 where it does not fit.
    pub context_tokens: u32,
    /// Whether a useful context fits.
    pub fits: bool,
}

/// The model on each built-in profile; `trained_context` is the longest context the model was made for.
pub fn fits(model: &ModelShape, trained_context: Option<u32>) -> Vec<Fit> {
    profiles().iter().map(|profile| fit(profile, model, trained_context)).collect()
}

/// The model on one profile.
pub fn fit(profile: &Profile, model: &ModelShape, trained_context: Option<u32>) -> Fit {
    let wanted = profile.context_tokens.min(trained_context.unwrap_or(u32::MAX));
    let context_tokens = largest_context_tokens(profile, model, 0).min(wanted);
    let fits = context_tokens >= CONTEXT_TOKENS_MIN.min(wanted) && context_tokens > 0;
    let shown = if fits { context_tokens } else { wanted };
    let budget = Budget::new(profile, model, shown, 0);
    Fit {
        profile: profile.name.to_string(),
        limit_bytes: budget.limit_bytes,
        needed_bytes: budget.needed_bytes(),
        context_tokens: if fits { context_tokens } else { 0 },
        fits,
    }
}

/// The built-in profiles, smallest memory first.
pub fn profiles() -> Vec<Profile> {
    let mut profiles: Vec<Profile> = built_in_names().filter_map(|name| built_in(name).ok()).collect();
    profiles.sort_by_key(|profile| profile.memory_budget_mib);
    profiles
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_model_fits_everywhere_and_a_large_one_only_where_memory_is() {
        let small = ModelShape { model_bytes: 400_000_000, layers: 24, kv_heads: 2, head_dim: 64 };
        assert!(fits(&small, Some(32_768)).iter().all(|fit| fit.fits && fit.needed_bytes <= fit.limit_bytes));
        let large = ModelShape { model_bytes: 16_000_000_000, layers: 32, kv_heads: 8, head_dim: 128 };
        let names: Vec<String> = fits(&large, None).into_iter().filter(|fit| fit.fits).map(|fit| fit.profile).collect();
        assert_eq!(names, ["jetson-agx-orin", "apple-silicon-64gb"]);
    }

    #[test]
    fn context_is_that_of_the_model_where_it_is_shorter() {
        let model = ModelShape { model_bytes: 1, layers: 2, kv_heads: 1, head_dim: 8 };
        assert!(fits(&model, Some(512)).iter().all(|fit| fit.fits && fit.context_tokens == 512));
    }
}
