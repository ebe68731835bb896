//! Token ids of real tokenizers against llama.cpp's own test vectors.
//!
//! The vocabularies are large and not ours, so the folder is given: `HALLIGAN_VOCABULARIES` names one with
//! `NAME.gguf`, `NAME.gguf.inp` and `NAME.gguf.out` as in llama.cpp's `models/`.

use std::fs;
use std::path::{Path, PathBuf};

use halligan_finetune::gguf::GgufFile;
use halligan_finetune::tokenizer::Tokenizer;

const SEPARATOR: &str = "\n__ggml_vocab_test__\n";

/// Vocabularies of the folder that have test vectors, in the order of their names.
fn vocabularies(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "gguf"))
        .filter(|path| path.with_extension("gguf.inp").exists())
        .collect();
    found.sort();
    found
}

#[test]
#[ignore = "HALLIGAN_VOCABULARIES names a folder of vocabularies with test vectors"]
fn real_vocabularies_give_the_token_ids_of_llama_cpp() {
    let folder = std::env::var_os("HALLIGAN_VOCABULARIES").expect("set HALLIGAN_VOCABULARIES to the folder");
    let mut differences = Vec::new();
    let mut compared = 0;
    for path in vocabularies(Path::new(&folder)) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file = GgufFile::open(&path).unwrap();
        if file.str("tokenizer.ggml.model").unwrap() == "bert" {
            // The trainer takes no sentence encoders; `convert` proves their tokenizers.
            continue;
        }
        let tokenizer = Tokenizer::from_gguf(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let texts = fs::read_to_string(path.with_extension("gguf.inp")).unwrap();
        let expected = fs::read_to_string(path.with_extension("gguf.out")).unwrap();
        for (text, ids) in texts.split(SEPARATOR).zip(expected.lines()) {
            let ids: Vec<u32> = ids.split_whitespace().map(|id| id.parse().unwrap()).collect();
            let ours = tokenizer.encode(text, false).unwrap();
            compared += 1;
            if ours != ids {
                differences.push(format!("{name}: {text:?}\n  llama.cpp {ids:?}\n  ours      {ours:?}"));
            }
        }
    }
    assert!(compared > 0, "no vocabulary with test vectors in {}", folder.display());
    assert!(differences.is_empty(), "{} of {compared} texts differ:\n{}", differences.len(), differences.join("\n"));
}
