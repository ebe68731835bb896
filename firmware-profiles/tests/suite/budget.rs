//! Memory arithmetic against figures worked out by hand, and its limits.

use halligan_firmware_profiles::{
    AdapterShape, Budget, CONTEXT_STEP_TOKENS, KvType, ModelShape, largest_context_tokens, training_bytes,
};
use proptest::prelude::*;

use crate::bench;

const MIB: u64 = 1 << 20;

/// A model of 0.5 B parameters: 24 layers, 2 key and value heads of 64.
const HALF_BILLION: ModelShape = ModelShape { model_bytes: 500 * MIB, layers: 24, kv_heads: 2, head_dim: 64 };

#[test]
fn cache_bytes_match_the_formula_for_each_type() {
    // 2048 tokens x 24 layers x (key + value) x 2 heads x 64 values.
    let values = 2048 * 24 * 2 * 2 * 64;
    let bytes = |kv_type| HALF_BILLION.kv_cache_bytes(2048, kv_type);
    assert_eq!(bytes(KvType::F32), values * 4);
    assert_eq!(bytes(KvType::F16), values * 2);
    assert_eq!(bytes(KvType::Q8_0), values / 32 * 34);
}

#[test]
fn context_is_rounded_up_to_whole_steps() {
    let bytes = |tokens| HALF_BILLION.kv_cache_bytes(tokens, KvType::F16);
    assert_eq!(bytes(0), 0);
    assert_eq!(bytes(1), bytes(CONTEXT_STEP_TOKENS));
    assert_eq!(bytes(CONTEXT_STEP_TOKENS + 1), 2 * bytes(CONTEXT_STEP_TOKENS));
}

#[test]
fn started_block_of_a_quantized_row_counts_whole() {
    assert_eq!(KvType::Q8_0.row_bytes(32), 34);
    assert_eq!(KvType::Q8_0.row_bytes(33), 68);
    assert_eq!(KvType::Q8_0.row_bytes(0), 0);
}

#[test]
fn training_bytes_count_state_and_block_inputs() {
    let adapter = AdapterShape { linear_widths: 10_000, layers: 6, hidden: 256 };
    // Rank 8, 16 bytes a parameter; 256 tokens of f32 for each of 6 blocks.
    let expected = 10_000 * 8 * 16 + 6 * 256 * 256 * 4;
    assert_eq!(training_bytes(&bench(), &adapter), expected);
}

#[test]
fn plan_fits_exactly_at_the_limit_and_not_one_byte_past_it() {
    let profile = bench();
    let used = Budget::new(&profile, &HALF_BILLION, 2048, 0).needed_bytes();
    let room = profile.memory_budget_bytes() - used;
    let full = Budget::new(&profile, &HALF_BILLION, 2048, room);
    assert!(full.fits());
    assert_eq!(full.shortfall_bytes(), 0);
    let over = Budget::new(&profile, &HALF_BILLION, 2048, room + 1);
    assert!(!over.fits());
    assert_eq!(over.shortfall_bytes(), 1);
}

#[test]
fn largest_context_shrinks_with_training_and_ends_at_zero() {
    let profile = bench();
    let step = HALF_BILLION.kv_cache_bytes(CONTEXT_STEP_TOKENS, profile.kv_type);
    let free = profile.memory_budget_bytes() - HALF_BILLION.model_bytes;
    let largest = |training| largest_context_tokens(&profile, &HALF_BILLION, training);
    assert_eq!(largest(0), profile.context_tokens);
    assert_eq!(largest(free - 3 * step), 3 * CONTEXT_STEP_TOKENS);
    assert_eq!(largest(free - 3 * step + 1), 2 * CONTEXT_STEP_TOKENS);
    assert_eq!(largest(free), 0);
    assert_eq!(largest(free + 1), 0);
}

#[test]
fn counts_of_a_hostile_model_do_not_fit_instead_of_wrapping() {
    let hostile = ModelShape { model_bytes: u64::MAX, layers: u32::MAX, kv_heads: u32::MAX, head_dim: u32::MAX };
    let budget = Budget::new(&bench(), &hostile, u32::MAX, u64::MAX);
    assert_eq!(budget.needed_bytes(), u64::MAX);
    assert!(!budget.fits());
    assert_eq!(largest_context_tokens(&bench(), &hostile, 0), 0);
}

#[test]
fn model_without_a_cache_gets_the_whole_context() {
    let model = ModelShape { layers: 0, ..HALF_BILLION };
    assert_eq!(largest_context_tokens(&bench(), &model, 0), 2048);
}

proptest! {
    #[test]
    fn largest_context_fits_and_the_next_step_does_not(
        model_mib in 0_u64..4_000,
        layers in 0_u32..200,
        kv_heads in 0_u32..200,
        head_dim in 0_u32..1_000,
        training_mib in 0_u64..4_000,
    ) {
        let model = ModelShape { model_bytes: model_mib * MIB, layers, kv_heads, head_dim };
        let (profile, training) = (bench(), training_mib * MIB);
        let tokens = largest_context_tokens(&profile, &model, training);
        prop_assert!(tokens <= profile.context_tokens);
        if tokens > 0 {
            prop_assert!(Budget::new(&profile, &model, tokens, training).fits());
        }
        if tokens < profile.context_tokens {
            let next = tokens + CONTEXT_STEP_TOKENS;
            prop_assert!(!Budget::new(&profile, &model, next, training).fits());
        }
    }
}
