//! Sound files round-trip; every hostile shape is refused by name, without a panic or a large allocation.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// A GGUF file put together byte by byte, so that it can be wrong.
#[derive(Default)]
struct Raw {
    metadata: Vec<u8>,
    entries: u64,
    tensors: Vec<u8>,
    tensor_count: u64,
    data: Vec<u8>,
}

fn text(value: &str) -> Vec<u8> {
    let mut bytes = (value.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(value.as_bytes());
    bytes
}

impl Raw {
    fn entry(mut self, key: &str, value_type: u32, value: &[u8]) -> Self {
        self.metadata.extend(text(key));
        self.metadata.extend(value_type.to_le_bytes());
        self.metadata.extend_from_slice(value);
        self.entries += 1;
        self
    }

    fn tensor(mut self, name: &str, shape: &[u64], kind: u32, offset: u64) -> Self {
        self.tensors.extend(text(name));
        self.tensors.extend((shape.len() as u32).to_le_bytes());
        for dimension in shape {
            self.tensors.extend(dimension.to_le_bytes());
        }
        self.tensors.extend(kind.to_le_bytes());
        self.tensors.extend(offset.to_le_bytes());
        self.tensor_count += 1;
        self
    }

    fn data(mut self, bytes: usize) -> Self {
        self.data = vec![7; bytes];
        self
    }

    fn bytes(&self) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3u32.to_le_bytes());
        file.extend(self.tensor_count.to_le_bytes());
        file.extend(self.entries.to_le_bytes());
        file.extend_from_slice(&self.metadata);
        file.extend_from_slice(&self.tensors);
        file.resize(file.len().next_multiple_of(32), 0);
        file.extend_from_slice(&self.data);
        file
    }
}

fn open_bytes(bytes: &[u8]) -> Result<GgufFile, GgufError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file.gguf");
    std::fs::write(&path, bytes).unwrap();
    GgufFile::open(path)
}

fn fault(bytes: &[u8]) -> HeaderFault {
    match open_bytes(bytes) {
        Err(GgufError::Header { fault, .. }) => fault,
        other => panic!("expected a header fault, got {other:?}"),
    }
}

fn sound() -> Raw {
    let mut tokens = 8u32.to_le_bytes().to_vec();
    tokens.extend(2u64.to_le_bytes());
    tokens.extend(text("a"));
    tokens.extend(text("bc"));
    Raw::default()
        .entry("general.architecture", 8, &text("llama"))
        .entry("llama.block_count", 4, &6u32.to_le_bytes())
        .entry("llama.rope.freq_base", 6, &0.1f32.to_le_bytes())
        .entry("flag", 7, &[1])
        .entry("tokenizer.ggml.tokens", 9, &tokens)
        .tensor("x", &[4, 2], 0, 0)
        .tensor("y", &[32], 8, 32)
        .data(66)
}

#[test]
fn sound_file_gives_its_metadata_and_tensors() {
    let file = open_bytes(&sound().bytes()).unwrap();
    assert_eq!(file.str("general.architecture").unwrap(), "llama");
    assert_eq!(file.u32("llama.block_count").unwrap(), 6);
    assert_eq!(file.f32("llama.rope.freq_base").unwrap().to_bits(), 0.1f32.to_bits());
    assert!(file.bool("flag").unwrap());
    assert_eq!(file.strings("tokenizer.ggml.tokens").unwrap(), ["a", "bc"]);
    assert_eq!(file.find_u32("absent").unwrap(), None);
    let tensor = file.tensor("y").unwrap();
    assert_eq!((tensor.shape, tensor.bytes.len()), (&[32usize][..], 34));
    assert_eq!(file.tensors().len(), 2);
    assert!(file.tensor("z").is_none());
    assert_eq!(file.sha256(), lower_hex(&Sha256::digest(sound().bytes())));
}

#[test]
fn wrong_and_missing_keys_are_named_with_both_types() {
    let file = open_bytes(&sound().bytes()).unwrap();
    let text = file.u32("general.architecture").unwrap_err().to_string();
    assert!(text.contains("general.architecture") && text.contains("below 2^32"), "{text}");
    assert!(text.contains("\"llama\""), "{text}");
    assert!(matches!(file.str("absent"), Err(GgufError::MissingKey { .. })));
    let text = file.f32s("tokenizer.ggml.tokens").unwrap_err().to_string();
    assert!(text.contains("an array of 2"), "{text}");
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let file = Raw::default().entry("eps", 6, &f32::NAN.to_le_bytes());
    let text = open_bytes(&file.bytes()).unwrap().f32("eps").unwrap_err().to_string();
    assert!(text.contains("not finite"), "{text}");
}

#[test]
fn missing_file_and_folder_are_refused() {
    assert!(matches!(GgufFile::open("/no/such/file.gguf"), Err(GgufError::Io { .. })));
    let folder = tempfile::tempdir().unwrap();
    assert!(GgufFile::open(folder.path()).is_err());
}

#[test]
fn empty_and_foreign_files_are_refused() {
    for bytes in [&b""[..], b"GG", b"PK\x03\x04 something else"] {
        assert_eq!(fault(bytes), HeaderFault::Magic);
    }
    let mut big_endian = sound().bytes();
    big_endian[4..8].copy_from_slice(&3u32.to_be_bytes());
    assert!(matches!(fault(&big_endian), HeaderFault::Version(_)));
}

#[test]
fn every_truncation_is_refused() {
    let whole = sound().bytes();
    for length in 0..whole.len() {
        assert!(open_bytes(&whole[..length]).is_err(), "length {length}");
    }
}

#[test]
fn huge_counts_are_refused() {
    for position in [8, 16] {
        let mut file = sound().bytes();
        file[position..position + 8].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(matches!(fault(&file), HeaderFault::TooMany { .. }));
        file[position..position + 8].copy_from_slice(&60_000u64.to_le_bytes());
        assert!(matches!(fault(&file), HeaderFault::Truncated { .. }));
    }
}

#[test]
fn string_of_length_u64_max_is_refused() {
    let file = Raw::default().entry("k", 8, &u64::MAX.to_le_bytes());
    assert!(matches!(fault(&file.bytes()), HeaderFault::TooMany { .. }));
    let file = Raw::default().entry("k", 8, &(1u64 << 20).to_le_bytes());
    assert!(matches!(fault(&file.bytes()), HeaderFault::Truncated { .. }));
}

#[test]
fn huge_and_nested_arrays_are_refused() {
    let array = |element: u32, count: u64| {
        let mut value = element.to_le_bytes().to_vec();
        value.extend(count.to_le_bytes());
        Raw::default().entry("k", 9, &value).bytes()
    };
    for element in [0, 4, 8, 12] {
        assert!(matches!(fault(&array(element, u64::MAX)), HeaderFault::TooMany { .. }));
        assert!(matches!(fault(&array(element, 1 << 20)), HeaderFault::Truncated { .. }));
    }
    assert_eq!(fault(&array(9, 1)), HeaderFault::NestedArray("k".to_string()));
    assert!(matches!(fault(&array(13, 1)), HeaderFault::ValueType { .. }));
}

#[test]
fn unknown_value_types_and_odd_booleans_are_refused() {
    let file = Raw::default().entry("k", 99, &[0; 8]);
    assert!(matches!(fault(&file.bytes()), HeaderFault::ValueType { value_type: 99, .. }));
    let file = Raw::default().entry("k", 7, &[2]);
    assert!(matches!(fault(&file.bytes()), HeaderFault::Boolean { value: 2, .. }));
}

#[test]
fn duplicate_keys_and_tensors_are_refused() {
    let file = Raw::default().entry("k", 7, &[1]).entry("k", 7, &[0]);
    assert!(matches!(fault(&file.bytes()), HeaderFault::Duplicate { what: "metadata key", .. }));
    let file = Raw::default().tensor("t", &[1], 0, 0).tensor("t", &[1], 0, 32).data(64);
    assert!(matches!(fault(&file.bytes()), HeaderFault::Duplicate { what: "tensor", .. }));
}

#[test]
fn keys_that_are_not_text_are_refused() {
    let mut file = Raw::default().entry("kk", 7, &[1]).bytes();
    file[32] = 0xff;
    assert!(matches!(fault(&file), HeaderFault::NotUtf8(_)));
}

#[test]
fn odd_alignments_are_refused() {
    for value in [0u32, 1, 7, 24, u32::MAX] {
        let file = Raw::default().entry("general.alignment", 4, &value.to_le_bytes());
        assert!(matches!(fault(&file.bytes()), HeaderFault::Alignment(_)), "{value}");
    }
    let file = Raw::default().entry("general.alignment", 8, &text("32"));
    assert!(matches!(fault(&file.bytes()), HeaderFault::Alignment(_)));
}

#[test]
fn tensors_of_impossible_shape_are_refused() {
    let one = |shape: &[u64], kind| fault(&Raw::default().tensor("t", shape, kind, 0).data(64).bytes());
    assert!(matches!(one(&[], 0), HeaderFault::Dimensions { dimensions: 0, .. }));
    assert!(matches!(one(&[1; 5], 0), HeaderFault::Dimensions { dimensions: 5, .. }));
    assert!(matches!(one(&[0], 0), HeaderFault::ZeroDimension(_)));
    assert!(matches!(one(&[4, 0], 0), HeaderFault::ZeroDimension(_)));
    assert!(matches!(one(&[33], 8), HeaderFault::TensorShape { .. }));
    assert!(matches!(one(&[1 << 33, 1 << 33], 0), HeaderFault::TensorShape { .. }));
    assert!(matches!(one(&[u64::MAX, 2, 2, 2], 24), HeaderFault::TensorShape { .. }));
    for kind in [4, 31, 36, 43, u32::MAX] {
        assert!(matches!(one(&[256], kind), HeaderFault::TensorType { .. }), "{kind}");
    }
}

#[test]
fn tensors_outside_the_file_are_refused() {
    let at = |offset| fault(&Raw::default().tensor("t", &[8], 0, offset).data(63).bytes());
    assert!(matches!(at(32), HeaderFault::OutsideFile { .. }));
    assert!(matches!(at(1 << 40), HeaderFault::OutsideFile { .. }));
    assert!(matches!(at(u64::MAX - 31), HeaderFault::OutsideFile { .. }));
    assert!(matches!(at(8), HeaderFault::Unaligned { .. }));
}

#[test]
fn overlapping_tensors_are_refused_by_name() {
    let file = Raw::default().tensor("a", &[16], 0, 0).tensor("b", &[8], 0, 32).data(64);
    assert_eq!(fault(&file.bytes()), HeaderFault::Overlap { first: "a".to_string(), second: "b".to_string() });
}

fn written(tensors: &[TensorData<'_>]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("out.gguf");
    let metadata = vec![
        ("general.architecture".to_string(), MetadataValue::String("llama".to_string())),
        ("scale".to_string(), MetadataValue::Float32(1.0e-6)),
        ("big".to_string(), MetadataValue::Uint64(1 << 40)),
    ];
    write_gguf(&path, metadata, tensors).unwrap();
    (folder, path)
}

#[test]
fn written_files_read_back_with_every_type() {
    let kinds = [
        GgmlType::F32,
        GgmlType::F16,
        GgmlType::BF16,
        GgmlType::Q4_0,
        GgmlType::Q4_1,
        GgmlType::Q5_0,
        GgmlType::Q5_1,
        GgmlType::Q8_0,
        GgmlType::Q2_K,
        GgmlType::Q3_K,
        GgmlType::Q4_K,
        GgmlType::Q5_K,
        GgmlType::Q6_K,
        GgmlType::IQ4_NL,
        GgmlType::IQ4_XS,
    ];
    let contents: Vec<Vec<u8>> = (kinds.iter().enumerate())
        .map(|(index, kind)| vec![index as u8 + 1; kind.tensor_bytes(&[256, 3]).unwrap()])
        .collect();
    let tensors: Vec<TensorData<'_>> = (kinds.iter().zip(&contents))
        .map(|(kind, bytes)| TensorData { name: format!("t.{kind}"), shape: vec![256, 3], ggml_type: *kind, bytes })
        .collect();
    let (_folder, path) = written(&tensors);
    let file = GgufFile::open(&path).unwrap();
    for tensor in &tensors {
        let view = file.tensor(&tensor.name).unwrap();
        assert_eq!((view.shape, view.ggml_type), (&tensor.shape[..], tensor.ggml_type));
        assert_eq!(view.bytes, tensor.bytes);
    }
    assert_eq!(file.f32("scale").unwrap().to_bits(), 1.0e-6f32.to_bits());
    assert!(file.u32("big").is_err());
    assert_eq!(file_sha256(&path).unwrap(), file.sha256());
}

#[test]
fn tensors_whose_bytes_disagree_with_their_shape_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let tensor = TensorData { name: "t".to_string(), shape: vec![4], ggml_type: GgmlType::F32, bytes: &[0; 15] };
    let error = write_gguf(folder.path().join("x.gguf"), Vec::new(), &[tensor]).unwrap_err();
    assert!(error.to_string().contains("16 bytes, 15 were given"), "{error}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn streamed_tensors_may_come_in_pieces_and_must_be_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.gguf");
    let layouts: Vec<TensorLayout> = (["a", "b"].iter())
        .map(|name| TensorLayout { name: name.to_string(), shape: vec![5], ggml_type: GgmlType::BF16 })
        .collect();
    let pieces = |_: usize, sink: &mut TensorSink<'_>| {
        sink.write(&[1; 3])?;
        sink.write(&[2; 7])
    };
    write_gguf_streamed(&path, Vec::new(), &layouts, pieces).unwrap();
    let file = GgufFile::open(&path).unwrap();
    assert_eq!(file.tensor("b").unwrap().bytes, [1, 1, 1, 2, 2, 2, 2, 2, 2, 2]);
    for (given, complaint) in [(9, "`a` lacks 1 of 10 bytes"), (11, "11 bytes were given for a tensor with 10 left")] {
        let short = |_: usize, sink: &mut TensorSink<'_>| sink.write(&vec![0; given]);
        let error = write_gguf_streamed(&path, Vec::new(), &layouts, short).unwrap_err();
        assert!(error.to_string().contains(complaint), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
    assert_eq!(GgufFile::open(&path).unwrap().sha256(), file.sha256());
}

#[test]
fn arrays_of_mixed_types_are_not_written() {
    let folder = tempfile::tempdir().unwrap();
    let mixed = MetadataValue::Array(vec![MetadataValue::Uint32(1), MetadataValue::Bool(true)]);
    let error = write_gguf(folder.path().join("x.gguf"), vec![("k".to_string(), mixed)], &[]).unwrap_err();
    assert!(error.to_string().contains("`k`") && error.to_string().contains("one plain type"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn mutated_files_never_panic(
        edits in prop::collection::vec((0usize..420, any::<u8>()), 1..6),
        cut in 0usize..420,
    ) {
        let mut file = sound().bytes();
        let length = file.len();
        for (position, value) in edits {
            file[position % length] = value;
        }
        for file in [&file[..], &file[..cut.min(length)]] {
            if let Ok(opened) = open_bytes(file) {
                for tensor in opened.tensors() {
                    prop_assert_eq!(
                        tensor.ggml_type.tensor_bytes(tensor.shape), Some(tensor.bytes.len())
                    );
                }
            }
        }
    }

    #[test]
    fn random_headers_never_panic(body in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut file = b"GGUF\x03\0\0\0".to_vec();
        file.extend(body);
        let _ = open_bytes(&file);
    }

    #[test]
    fn single_precision_metadata_is_exact(bits in any::<u32>()) {
        let value = f32::from_bits(bits);
        prop_assume!(value.is_finite());
        let file = Raw::default().entry("v", 6, &value.to_le_bytes());
        let opened = open_bytes(&file.bytes()).unwrap();
        prop_assert_eq!(opened.f32("v").unwrap().to_bits(), bits);
    }
}
