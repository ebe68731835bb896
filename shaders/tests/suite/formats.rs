//! Decoding against golden blocks that the `gguf` Python package decoded (`tests/golden/make_formats.py`), and the GPU's
//! decoding against the CPU's, value by value. `tests/suite/decoding.rs` compares with ggml itself.

use halligan_shaders::{Executor as _, Format, WeightSource, format::decode};

use super::harness::{Inputs, gpu};

const GOLDEN: &[u8] = include_bytes!("../golden/formats.bin");
/// Blocks per quantized format in the golden file; single values come in groups of 32.
const BLOCKS: usize = 3;

#[test]
fn every_format_decodes_bit_for_bit_as_the_gguf_package_does() {
    let mut rest = GOLDEN;
    for format in Format::ALL {
        let elements = BLOCKS * format.block_elements().max(32);
        let (bytes, after) = rest.split_at(format.row_bytes(elements).unwrap());
        let (expected, after) = after.split_at(elements * 4);
        rest = after;
        let mut found = vec![f32::NAN; elements];
        decode(format, bytes, &mut found);
        for (i, (found, expected)) in found.iter().zip(expected.as_chunks::<4>().0).enumerate() {
            let expected = f32::from_le_bytes(*expected);
            assert_eq!(found.to_bits(), expected.to_bits(), "{format} weight {i}: {found} is not {expected}");
        }
    }
    assert!(rest.is_empty(), "golden file is longer than the formats need");
}

/// Of each value, not of the largest: rounding of one product and, in formats with a minimum, of one difference whose
/// multiplication a GPU may fuse.
const GPU_TOLERANCE: f64 = 1e-6;
/// Halves: zeros, subnormals, the smallest normal, one, the largest.
const SCALES: [u16; 9] = [0x0000, 0x8000, 0x0001, 0x83ff, 0x0400, 0x3c00, 0xbc00, 0x7bff, 0xfbff];

#[test]
fn gpu_decodes_every_format_as_the_cpu_does_value_by_value() {
    const ROWS: usize = 64;
    let mut device = gpu();
    for format in Format::ALL {
        let columns = format.block_elements().max(32);
        let mut bytes = Inputs::new(9).blocks(format, ROWS, columns);
        if format.block_elements() > 1 {
            for (number, block) in bytes.chunks_exact_mut(format.block_bytes()).enumerate().skip(ROWS / 4) {
                let scale = SCALES[number % SCALES.len()].to_le_bytes();
                match number % 4 {
                    0 => block.fill(0x00),
                    1 => block.fill(0xff),
                    _ => {}
                }
                // The same scale in every place, as a block with an infinite one would have no values to compare.
                for &at in super::harness::scale_offsets(format) {
                    block[at..at + 2].copy_from_slice(&scale);
                }
            }
        }
        let mut expected = vec![0.0; ROWS * columns];
        decode(format, &bytes, &mut expected);
        let source = WeightSource { format, rows: ROWS, columns, bytes: bytes.into() };
        let table = device.weight(&source).unwrap();
        let mut tokens = device.indices(ROWS).unwrap();
        device.write_indices(&mut tokens, &(0..ROWS as u32).collect::<Vec<u32>>());
        let mut out = device.zeros(ROWS * columns).unwrap();
        device.embedding(&table, &tokens, ROWS, 1.0, &mut out);
        let found = device.read(&out, ROWS * columns).unwrap();
        for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
            let (found, expected) = (f64::from(*found), f64::from(*expected));
            let off = (found - expected).abs();
            assert!(off <= GPU_TOLERANCE * expected.abs(), "{format} weight {i}: {found} is not {expected}");
        }
    }
}
