//! Whether a run may go on from a checkpoint: the options that shape what is trained must be those of the checkpoint;
//! the others may change, and the caller is told.
//!
//! What may change: when checkpoints are written and rows are judged, when a run is called off, the way activations are
//! kept as long as the bits are the same, and where the run ends. A new end moves the learning rate of most schedules,
//! so that the rest of the run is that of no unbroken one; it is said, and refused only where the end has passed.

use serde_json::{Map, Value};

use super::TrainOptions;
use crate::engine::Recompute;

/// Options that may change alone. `recompute` may where it rounds nothing, and `warmup_steps` along with the end, which it
/// follows where it was not given.
const FREE: [&str; 6] = ["checkpoint_steps", "eval_steps", "patience", "threshold", "divergence_factor", "max_steps"];

/// What differs between the options of a checkpoint and those that are asked for, in words; empty for nothing.
///
/// # Errors
/// The differences that make it another run, in words.
pub(super) fn compare(stored: &TrainOptions, asked: &TrainOptions) -> Result<String, String> {
    let (there, now) = (fields(stored), fields(asked));
    let different: Vec<&String> = now.keys().filter(|name| there.get(*name) != now.get(*name)).collect();
    let new_end = different.iter().any(|name| *name == "max_steps");
    let may_change = |name: &str| match name {
        "recompute" => rounds(stored.recompute) == rounds(asked.recompute),
        "warmup_steps" => new_end,
        _ => FREE.contains(&name),
    };
    let words = |names: Vec<&String>| {
        let each = names.into_iter().map(|name| {
            let value = |fields: &Map<String, Value>| fields.get(name).unwrap_or(&Value::Null).to_string();
            format!("{name} {} there, {} now", value(&there), value(&now))
        });
        each.collect::<Vec<_>>().join("; ")
    };
    let (free, shaping): (Vec<&String>, Vec<&String>) = different.into_iter().partition(|name| may_change(name));
    if shaping.is_empty() { Ok(words(free)) } else { Err(words(shaping)) }
}

/// Activations in half precision round; the other ways give one another's bits.
fn rounds(recompute: Recompute) -> bool {
    recompute == Recompute::Half
}

fn fields(options: &TrainOptions) -> Map<String, Value> {
    match serde_json::to_value(options) {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_that_change_no_bit_may_change_and_are_told() {
        let stored = TrainOptions::default();
        assert_eq!(compare(&stored, &stored), Ok(String::new()));
        let asked = TrainOptions {
            checkpoint_steps: 7,
            eval_steps: 3,
            patience: Some(2),
            threshold: 0.1,
            divergence_factor: 0.0,
            max_steps: Some(90),
            recompute: Recompute::Blocks,
            ..TrainOptions::default()
        };
        let told = compare(&stored, &asked).unwrap();
        assert!(told.contains("checkpoint_steps 50 there, 7 now") && told.contains("max_steps null there"), "{told}");
    }

    #[test]
    fn options_that_shape_the_run_may_not_change() {
        let stored = TrainOptions::default();
        for asked in [
            TrainOptions { recompute: Recompute::Half, ..TrainOptions::default() },
            TrainOptions { warmup_steps: 3, ..TrainOptions::default() },
            TrainOptions { learning_rate: 1e-5, ..TrainOptions::default() },
            TrainOptions { epochs: 9.0, ..TrainOptions::default() },
        ] {
            assert!(compare(&stored, &asked).is_err());
        }
        let other = TrainOptions { seed: 99, eval_steps: 3, ..TrainOptions::default() };
        assert_eq!(compare(&stored, &other), Err("seed 1 there, 99 now".to_owned()));
    }
}
