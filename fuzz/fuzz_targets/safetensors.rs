//! Any bytes as the weights of a model folder: an error or tensors inside of the file, never a panic.
#![no_main]

use halligan_trainer_host::convert::stored_tensors;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("model.safetensors"), bytes).expect("room for it");
    if let Ok(tensors) = stored_tensors(folder.path()) {
        assert!(tensors.iter().map(|tensor| tensor.bytes).sum::<usize>() <= bytes.len());
    }
});
