//! What a run reads and writes, so that it never writes over what it reads.

use std::path::Path;

use super::{TrainArgs, args::Settings, resume};
use crate::outputs::{self, Place};

/// Files of a PEFT adapter.
const PEFT_FILES: [&str; 3] = ["adapter_config.json", "adapter_model.safetensors", "halligan.json"];

/// Refuses a run that would write over one of its inputs, or two results to one place. `name` names a setting as the
/// user gave it.
///
/// # Errors
/// Names the two settings.
pub(super) fn check(
    args: &TrainArgs,
    settings: &Settings,
    checkpoint_dir: &Path,
    name: impl Fn(&str) -> String,
) -> anyhow::Result<()> {
    let mut inputs = Vec::new();
    let mut read = |key: &str, path: &Path| inputs.push(Place::new(name(key), path));
    settings.base.iter().for_each(|path| read("base", path));
    settings.data.iter().flatten().for_each(|source| read("data", &source.path));
    settings.replay.iter().flatten().for_each(|path| read("replay", path));
    settings.eval_data.iter().for_each(|path| read("eval-data", path));
    // The checkpoint of an earlier run may be in the folder of this one: it is kept as the previous one.
    if let Some(path) = &settings.init_adapter {
        read("init-adapter", path);
        PEFT_FILES.iter().for_each(|file| read("init-adapter", &path.join(file)));
    }
    args.config.iter().for_each(|path| inputs.push(Place::new("--config", path)));

    let mut outputs = Vec::new();
    let mut write = |key: &str, path: &Path| outputs.push(Place::new(name(key), path));
    settings.output.iter().for_each(|path| write("output", path));
    settings.save_last.iter().for_each(|path| write("save-last", path));
    settings.log.iter().for_each(|path| write("log", path));
    if let Some(folder) = &settings.save_peft {
        write("save-peft", folder);
        PEFT_FILES.iter().for_each(|file| write("save-peft", &folder.join(file)));
    }
    resume::FILES.iter().for_each(|file| write("checkpoint-dir", &checkpoint_dir.join(file)));
    if let Some(log) = &settings.log {
        outputs.push(Place::new(format!("the chart of {}", name("log")), log.with_extension("svg")));
    }
    outputs::check_apart(&inputs, &outputs)
}
