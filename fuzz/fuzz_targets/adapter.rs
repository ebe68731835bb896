//! Any bytes as a GGUF adapter.
#![no_main]

use std::io::Write as _;

use halligan_finetune::adapter::Adapter;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let _ = Adapter::read_gguf(file.path());
});
