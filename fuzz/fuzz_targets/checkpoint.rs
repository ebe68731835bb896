//! Any bytes as a training checkpoint.
#![no_main]

use halligan_finetune::train::{Checkpoint, TrainOptions};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("checkpoint.safetensors"), bytes).expect("room for it");
    let _ = Checkpoint::read(folder.path(), &TrainOptions::default(), "base", "data");
});
