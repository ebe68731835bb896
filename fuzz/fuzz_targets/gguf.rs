//! Any bytes as a model or vocabulary: an error or a file, never a panic.
#![no_main]

use std::io::Write as _;

use halligan_finetune::{gguf::GgufFile, model::BaseModel, tokenizer::Tokenizer};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    file.write_all(bytes).expect("room for it");
    let Ok(gguf) = GgufFile::open(file.path()) else { return };
    for tensor in gguf.tensors() {
        std::hint::black_box(tensor.bytes.len());
    }
    if let Ok(tokenizer) = Tokenizer::from_gguf(&gguf) {
        let _ = tokenizer.encode("a line, 42 times", true);
    }
    let _ = BaseModel::open(file.path());
});
