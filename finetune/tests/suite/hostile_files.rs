//! Damaged GGUF and safetensors files: an error or a sound value, never a panic, and never more memory than the file
//! itself backs.

use std::path::PathBuf;
use std::sync::OnceLock;

use halligan_finetune::adapter::{Adapter, PeftBase};
use halligan_finetune::gguf::{GgmlType, GgufFile, TensorData, write_gguf};
use halligan_finetune::lora::{LoraOptions, Target, fresh_adapter};
use halligan_finetune::model::BaseModel;
use halligan_finetune::random_model::{self, Format, RandomShape};
use halligan_finetune::tokenizer::Tokenizer;
use halligan_finetune::train::{Checkpoint, TrainOptions};
use proptest::prelude::*;

use crate::allocation::peak_bytes;

/// Memory per byte of a file: the smallest element of a metadata array takes one byte and becomes a JSON value of some
/// 60 bytes, in a vector that may be moving to twice its size, and a tokenizer indexes its tokens once more.
const BYTES_PER_FILE_BYTE: usize = 200;
/// What readers take for a file of any size: regular expressions of a tokenizer, tables, error texts.
const FIXED_BYTES: usize = 8 << 20;
/// Files that each property tries.
const CASES: u32 = 192;

const SHAPE: RandomShape = RandomShape {
    architecture: "llama",
    layers: 1,
    hidden: 32,
    heads: 4,
    kv_heads: 2,
    head_dim: 8,
    feed_forward: 32,
    vocabulary: 260,
    context_tokens: 64,
    rope_base: 10_000.0,
    tied: true,
};

/// What happens to a sound file.
#[derive(Debug, Clone)]
enum Damage {
    /// It ends early.
    Cut(prop::sample::Index),
    /// Some bytes are others.
    Bytes(Vec<(prop::sample::Index, u8)>),
    /// A length, count or offset somewhere is extreme.
    Number(prop::sample::Index, u64),
    /// A piece stands twice.
    Repeat(prop::sample::Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let place = || any::<prop::sample::Index>();
    let extreme = prop_oneof![
        Just(u64::MAX),
        Just(u64::MAX / 2 + 1),
        Just(1u64 << 40),
        Just(u64::from(u32::MAX)),
        Just(1u64 << 31),
        0u64..100_000
    ];
    prop_oneof![
        place().prop_map(Damage::Cut),
        prop::collection::vec((place(), any::<u8>()), 1..6).prop_map(Damage::Bytes),
        (place(), extreme).prop_map(|(at, number)| Damage::Number(at, number)),
        (place(), 1usize..64).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

/// Damages the first `reach` bytes, where headers are; the rest is numbers of any value.
fn damaged(sound: &[u8], reach: usize, damages: &[Damage]) -> Vec<u8> {
    let mut bytes = sound.to_vec();
    for damage in damages {
        let reach = reach.min(bytes.len()).max(1);
        match damage {
            Damage::Cut(at) => bytes.truncate(at.index(reach)),
            Damage::Bytes(changes) => {
                for (at, value) in changes {
                    if let Some(byte) = bytes.get_mut(at.index(reach)) {
                        *byte = *value;
                    }
                }
            }
            Damage::Number(at, number) => {
                let at = at.index(reach);
                for (byte, value) in bytes.iter_mut().skip(at).zip(number.to_le_bytes()) {
                    *byte = value;
                }
            }
            Damage::Repeat(at, length) => {
                let at = at.index(reach).min(bytes.len());
                let piece = bytes[at..bytes.len().min(at + length)].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}

/// The bytes of each sound file, made once: models, adapters, PEFT tensors, checkpoints.
struct Sound {
    model: Vec<u8>,
    adapter: Vec<u8>,
    peft: Vec<u8>,
    peft_config: Vec<u8>,
    checkpoint: Vec<u8>,
}

fn peft_base() -> PeftBase {
    PeftBase { architecture: "llama".to_owned(), heads: 4, kv_heads: 2, name: None }
}

fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        random_model::write(&at("model.gguf"), &SHAPE, Format::Q8_0, 3).unwrap();
        let base = BaseModel::open(&at("model.gguf")).unwrap();
        let options = LoraOptions::new(&Target::ALL, 2, 4.0);
        let values = fresh_adapter(&base.description, &base.sha256, &options, 1).unwrap();
        values.write_gguf(at("adapter.gguf")).unwrap();
        values.write_peft(folder.path(), &peft_base()).unwrap();
        let checkpoint = Checkpoint::at_start(&TrainOptions::default(), values);
        let checkpoint = checkpoint.write(folder.path(), &TrainOptions::default(), "base", "data").unwrap();
        let read = |path: PathBuf| std::fs::read(path).unwrap();
        Sound {
            model: read(at("model.gguf")),
            adapter: read(at("adapter.gguf")),
            peft: read(at("adapter_model.safetensors")),
            peft_config: read(at("adapter_config.json")),
            checkpoint: read(checkpoint),
        }
    })
}

fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn check_memory(file: usize, peak: usize) -> Result<(), TestCaseError> {
    let limit = FIXED_BYTES + BYTES_PER_FILE_BYTE * file;
    prop_assert!(peak <= limit, "a file of {file} bytes made its reader hold {peak}");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_models_are_refused_or_read_within_their_own_size(damages in prop::collection::vec(damage(), 1..4)) {
        // Metadata and tensor table of this model end before its first 16 KiB do.
        let bytes = damaged(&sound().model, 16 << 10, &damages);
        let (folder, path) = file("damaged.gguf", &bytes);
        let ((), peak) = peak_bytes(|| {
            let Ok(file) = GgufFile::open(&path) else { return };
            file.tensors().for_each(|tensor| assert!(tensor.bytes.len() <= bytes.len()));
            if let Ok(tokenizer) = Tokenizer::from_gguf(&file) {
                let _ = tokenizer.encode("a line, 42 times", true);
            }
            let _ = BaseModel::open(&path);
        });
        drop(folder);
        check_memory(bytes.len(), peak)?;
    }

    #[test]
    fn damaged_adapters_are_refused_or_read_within_their_own_size(damages in prop::collection::vec(damage(), 1..4)) {
        let bytes = damaged(&sound().adapter, 4 << 10, &damages);
        let (_folder, path) = file("adapter.gguf", &bytes);
        let (_, peak) = peak_bytes(|| Adapter::read_gguf(&path));
        check_memory(bytes.len(), peak)?;
    }

    #[test]
    fn damaged_peft_folders_are_refused_or_read_within_their_own_size(damages in prop::collection::vec(damage(), 1..4)) {
        let bytes = damaged(&sound().peft, 2 << 10, &damages);
        let (folder, _) = file("adapter_model.safetensors", &bytes);
        std::fs::write(folder.path().join("adapter_config.json"), &sound().peft_config).unwrap();
        let (_, peak) = peak_bytes(|| Adapter::read_peft(folder.path(), &peft_base()));
        check_memory(bytes.len(), peak)?;
    }

    #[test]
    fn damaged_checkpoints_are_refused_or_read_within_their_own_size(damages in prop::collection::vec(damage(), 1..4)) {
        let bytes = damaged(&sound().checkpoint, 4 << 10, &damages);
        let (folder, _) = file("checkpoint.safetensors", &bytes);
        let (_, peak) = peak_bytes(|| Checkpoint::read(folder.path(), &TrainOptions::default(), "base", "data"));
        check_memory(bytes.len(), peak)?;
    }
}

/// The model with another type in the header for one tensor; its bytes stay.
fn retyped(tensor: &str, id: u32) -> String {
    let mut bytes = sound().model.clone();
    let name = bytes.windows(tensor.len()).position(|window| window == tensor.as_bytes()).unwrap();
    // Behind the name: a count of dimensions, as many u64, then the type.
    let at = name + tensor.len();
    let dimensions = u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()) as usize;
    let at = at + 4 + 8 * dimensions;
    bytes[at..at + 4].copy_from_slice(&id.to_le_bytes());
    let (_folder, path) = file("model.gguf", &bytes);
    BaseModel::open(&path).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn tensor_of_another_type_than_its_bytes_is_refused_by_name() {
    const F16: u32 = 1;
    const Q4_0: u32 = 2;
    const Q8_0: u32 = 8;
    let text = retyped("blk.0.attn_norm.weight", Q8_0);
    assert!(text.contains("blk.0.attn_norm.weight"), "{text}");
    // Half the bytes are left over, and then belong to nobody.
    let text = retyped("blk.0.attn_norm.weight", F16);
    assert!(text.contains("tensor blk.0.attn_norm.weight ends at byte") && text.contains("begins at byte"), "{text}");
    let text = retyped("blk.0.ffn_up.weight", Q4_0);
    assert!(text.contains("tensor blk.0.ffn_up.weight ends at byte"), "{text}");
    // Larger than it was, it overlaps the next one.
    let text = retyped("blk.0.ffn_up.weight", F16);
    assert!(text.contains("overlap"), "{text}");
}

#[test]
fn gain_in_a_block_format_is_refused_whatever_its_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("model.gguf"), folder.path().join("blocks.gguf"));
    std::fs::write(&from, &sound().model).unwrap();
    let model = GgufFile::open(&from).unwrap();
    let block = [0u8; 34];
    let tensors = model.tensors().map(|tensor| match tensor.name {
        "blk.0.attn_norm.weight" => TensorData { ggml_type: GgmlType::Q8_0, bytes: &block, ..TensorData::from(tensor) },
        _ => TensorData::from(tensor),
    });
    write_gguf(&to, model.metadata().unwrap(), &tensors.collect::<Vec<_>>()).unwrap();
    let text = BaseModel::open(&to).err().unwrap().to_string();
    assert!(text.contains("tensor blk.0.attn_norm.weight is stored as Q8_0; gains and biases are F32"), "{text}");
}

#[test]
fn sound_files_are_still_read() {
    let (_folder, path) = file("model.gguf", &sound().model);
    assert!(BaseModel::open(&path).is_ok());
    let (_folder, path) = file("adapter.gguf", &sound().adapter);
    assert!(Adapter::read_gguf(&path).is_ok());
    let (folder, _) = file("adapter_model.safetensors", &sound().peft);
    std::fs::write(folder.path().join("adapter_config.json"), &sound().peft_config).unwrap();
    assert!(Adapter::read_peft(folder.path(), &peft_base()).is_ok());
    let (folder, _) = file("checkpoint.safetensors", &sound().checkpoint);
    assert!(Checkpoint::read(folder.path(), &TrainOptions::default(), "base", "data").is_ok());
}

#[test]
fn the_meter_sees_what_a_thread_holds() {
    let (bytes, peak) = peak_bytes(|| vec![1u8; 3 << 20]);
    assert!(peak >= bytes.len() && peak < 2 * bytes.len(), "{peak}");
    let (_, later) = peak_bytes(|| drop(bytes));
    assert_eq!(later, 0);
}
