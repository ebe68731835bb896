//! Our decoders of block formats against ggml itself: llama.cpp writes a model of random and adversarial blocks as
//! F32, and every value must have the bits that we decode.

use halligan_finetune::{
    gguf::{GgmlType, GgufFile},
    random_model::{self, RandomShape},
};
use halligan_runtime::quantize::{QuantType, Recipe, quantize};
use halligan_shaders::{Format, format::decode};
use halligan_tests::noise;

const SHAPE: RandomShape = RandomShape {
    architecture: "llama",
    layers: 1,
    hidden: 256,
    heads: 8,
    kv_heads: 8,
    head_dim: 32,
    feed_forward: 512,
    vocabulary: 320,
    context_tokens: 128,
    rope_base: 10_000.0,
    tied: true,
};

/// The matrix that holds the blocks: 512 rows of 256 values.
const TENSOR: &str = "blk.0.ffn_up.weight";

/// Halves that a scale may be and still give finite values: zeros of both signs, the smallest and the largest
/// subnormal, the smallest normal, one, and the largest.
const SCALES: [u16; 12] =
    [0x0000, 0x8000, 0x0001, 0x8001, 0x03ff, 0x83ff, 0x0400, 0x8400, 0x3c00, 0xbc00, 0x7bff, 0xfbff];

/// Where the halves lie in a block (`ggml-common.h`).
fn scales_of(format: Format) -> &'static [usize] {
    match format {
        Format::F32 | Format::F16 | Format::BF16 => &[],
        Format::Q8_0 | Format::Q4_0 | Format::Q5_0 | Format::IQ4_NL | Format::IQ4_XS => &[0],
        Format::Q4_1 | Format::Q5_1 | Format::Q4_K | Format::Q5_K => &[0, 2],
        Format::Q2_K => &[80, 82],
        Format::Q3_K => &[108],
        Format::Q6_K => &[208],
    }
}

/// Blocks of random bits, all zeros and all ones, each with every scale of [`SCALES`] in every place, and blocks with
/// random finite scales in between.
fn blocks(format: Format, bytes: usize) -> Vec<u8> {
    let mut noise = noise(31);
    let mut random = || (noise() * 32768.0) as i32 as u32;
    let mut bytes: Vec<u8> = (0..bytes).map(|_| random() as u8).collect();
    for (number, block) in bytes.chunks_exact_mut(format.block_bytes()).enumerate() {
        match number % 4 {
            0 => block.fill(0x00),
            1 => block.fill(0xff),
            _ => {}
        }
        for (place, &at) in scales_of(format).iter().enumerate() {
            let turn = number / 4 / SCALES.len().pow(place as u32) % SCALES.len();
            // An exponent of all ones is infinity or no number.
            let finite = random() as u16 & !0x4000;
            let scale = if number % 4 == 3 { finite } else { SCALES[turn] };
            block[at..at + 2].copy_from_slice(&scale.to_le_bytes());
        }
    }
    bytes
}

#[test]
fn every_block_format_decodes_bit_for_bit_as_ggml_does() {
    let folder = tempfile::tempdir().unwrap();
    let formats: Vec<Format> = Format::ALL.into_iter().filter(|format| format.block_elements() > 1).collect();
    assert_eq!(formats.len(), 12);
    for format in formats {
        let (from, to) = (folder.path().join(format!("{format}.gguf")), folder.path().join("f32.gguf"));
        random_model::write(&from, &SHAPE, format, 5).unwrap();
        let place = GgufFile::open(&from).unwrap().mapped_tensor(TENSOR).unwrap().1;
        let stored = blocks(format, place.len());
        let mut model = std::fs::read(&from).unwrap();
        model[place].copy_from_slice(&stored);
        std::fs::write(&from, model).unwrap();

        let kind: QuantType = "F32".parse().unwrap();
        let recipe = Recipe { allow_requantize: true, threads: 2, ..Recipe::new(kind) };
        quantize(&from, &to, &recipe, None, &mut |_| true).unwrap();
        let theirs = GgufFile::open(&to).unwrap();
        let theirs = theirs.tensor(TENSOR).unwrap();
        assert_eq!(theirs.ggml_type, GgmlType::F32);
        let mut ours = vec![f32::NAN; SHAPE.hidden * SHAPE.feed_forward];
        decode(format, &stored, &mut ours);
        assert_eq!(theirs.bytes.len(), 4 * ours.len());
        for (i, (ours, theirs)) in ours.iter().zip(theirs.bytes.as_chunks::<4>().0).enumerate() {
            let theirs = f32::from_le_bytes(*theirs);
            let block = i / format.block_elements();
            assert_eq!(ours.to_bits(), theirs.to_bits(), "{format} value {i} of block {block}: {ours} is not {theirs}");
            assert!(ours.is_finite(), "{format} value {i}");
        }
        assert!(ours.iter().any(|value| value.abs() > 1e5) && ours.contains(&0.0), "{format}: the extremes are there");
    }
}
