//! What a run that failed leaves, and what its error says: the thing that is wrong by its name, what would take less
//! memory, and the adapter that is left.

use std::path::Path;

use halligan_finetune::{
    adapter::Adapter,
    device::DeviceKind,
    model::BaseModel,
    train::{
        Checkpoint, TrainError, TrainOptions,
        memory::{self, MemoryPlan},
    },
};

use super::{
    args::Settings,
    config::{self, ConfigFile},
    report,
    watch::Watch,
};
use crate::{about, progress::bytes};

/// An error of the engine by the setting, the base or the row that it is about.
pub(super) fn explain(
    error: TrainError,
    base: &BaseModel,
    file: Option<&ConfigFile>,
    flags: &Settings,
) -> anyhow::Error {
    match &error {
        TrainError::BadOption { .. } => config::explain(error, file, flags),
        TrainError::WeightNotFinite { .. } => about(base.file.path(), error),
        // Rows come with their file, all else with its own.
        _ => error.into(),
    }
}

/// What would take less, after a device had too little memory. How much it has is not known: drivers do not tell.
pub(super) fn smaller(
    error: &TrainError,
    base: &BaseModel,
    needed: &MemoryPlan,
    options: &TrainOptions,
    initial: Option<&Adapter>,
    device: DeviceKind,
) -> Option<String> {
    if !error.is_lack_of_memory() {
        return None;
    }
    let total = needed.total(device);
    let savings = memory::savings(base, options, needed.rows, initial, device).ok()?;
    let smaller = savings.iter().filter(|saving| saving.bytes < total);
    let words: Vec<String> = smaller.map(|saving| format!("{} ({})", bytes(saving.bytes), saving.change)).collect();
    match words.is_empty() {
        true => Some(format!("the run takes {}, and no setting makes it smaller", bytes(total))),
        false => Some(format!("the run takes {}; less: {}", bytes(total), words.join(", "))),
    }
}

/// Writes what a run that failed has to offer, the best adapter on held-out rows or, after an explosion, that of the
/// last checkpoint before it; in words, where there is one.
pub(super) fn keep(
    error: &TrainError,
    output: &Path,
    checkpoint_dir: &Path,
    settings: &Settings,
    base: &BaseModel,
    watch: &Watch,
) -> Option<String> {
    let (adapter, what) = match (error.best(), error) {
        (Some(best), _) if best.step > 0 => {
            let what = format!("the best adapter, of step {} with held-out loss {:.3},", best.step, best.loss);
            (best.adapter.clone(), what)
        }
        (None, TrainError::Diverged { .. }) => match Checkpoint::read_adapter(checkpoint_dir) {
            Ok((_, 0)) => {
                let text = "nothing is left of the run, whose last sound checkpoint is from before its first step";
                return Some(text.to_owned());
            }
            Ok((adapter, step)) => (adapter, format!("the adapter of step {step}, from the last sound checkpoint,")),
            Err(_) => return None,
        },
        _ => return None,
    };
    let written =
        report::write_adapter(&adapter, output, settings, base).and_then(|()| report::write_chart(settings, watch));
    Some(match written {
        Ok(()) => format!("{what} is in {}", output.display()),
        Err(error) => format!("{what} could not be written: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use halligan_finetune::engine::ExecutorError;

    use super::*;

    fn base() -> BaseModel {
        BaseModel::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join("base/halligan-base-q8_0.gguf")).unwrap()
    }

    fn out_of_memory() -> ExecutorError {
        ExecutorError::OutOfMemory { what: "activations".to_owned() }
    }

    #[test]
    fn lack_of_memory_is_answered_with_what_can_be_changed_also_in_the_middle_of_a_run() {
        let base = base();
        let options = TrainOptions::default();
        let adapter = options.first_adapter(&base).unwrap();
        let needed = MemoryPlan::new(&base, &adapter, 512, options.recompute, 0.0).unwrap();
        let advice = |error: &TrainError, initial| smaller(error, &base, &needed, &options, initial, DeviceKind::Gpu);
        let kept = "there is no checkpoint yet".to_owned();
        let late = TrainError::DeviceFailed { step: 3, source: out_of_memory(), kept, best: None };
        for error in [TrainError::from(out_of_memory()), late] {
            let text = advice(&error, None).unwrap();
            assert!(text.starts_with("the run takes ") && text.contains("(--recompute blocks)"), "{text}");
            assert!(text.contains("--rank 4 --targets q,v)"), "{text}");
            // The shape of an adapter that is brought along cannot be changed.
            let text = advice(&error, Some(&adapter)).unwrap();
            assert!(text.contains("--seq 256)") && !text.contains("--rank") && !text.contains("--targets"), "{text}");
        }
        let lost = ExecutorError::DeviceLost { reason: "gone".to_owned() };
        assert_eq!(advice(&TrainError::from(lost), None), None);
    }

    #[test]
    fn error_names_the_base_where_the_base_is_wrong_and_no_dataset_where_none_is() {
        let base = base();
        let text = |error| explain(error, &base, None, &Settings::default()).to_string();
        let damaged = text(TrainError::WeightNotFinite { tensor: "token_embd.weight".to_owned() });
        assert!(damaged.contains("halligan-base-q8_0.gguf: tensor token_embd.weight"), "{damaged}");
        let other = text(TrainError::CheckpointMismatch { path: "c".into(), what: "base model".to_owned() });
        assert!(other.starts_with("checkpoint c was made with another base model"), "{other}");
        let option = text(TrainError::BadOption { option: "--rank", problem: "must be 1 to 1024".to_owned() });
        assert_eq!(option, "--rank must be 1 to 1024");
    }
}
