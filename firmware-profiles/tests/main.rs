//! Tests of the public interface, one binary; each file of `suite` is one subject.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod suite {
    mod budget;
    mod built_in;
    mod frame;
    mod hostile;
    mod link;
    mod no_std;
    mod read;
    mod select;
}

/// A valid profile as JSON with every field in file order.
const BENCH_JSON: &str = r#"{
  "name": "bench",
  "description": "Board on the bench",
  "context_tokens": 2048,
  "batch_tokens": 512,
  "micro_batch_tokens": 128,
  "threads": 4,
  "gpu_layers": 0,
  "kv_type": "q8_0",
  "training_rank": 8,
  "training_sequence_tokens": 256,
  "memory_budget_mib": 3000,
  "learn_only_on_mains_power": true,
  "temperature_ceiling_celsius": 80,
  "warn_below_percent": 60,
  "refuse_below_percent": 10,
  "false_refusals_percent": 3,
  "clarify_below_words": 2
}
"#;

fn bench() -> halligan_firmware_profiles::Profile {
    halligan_firmware_profiles::parse_profile(BENCH_JSON.as_bytes()).unwrap()
}
