//! Decoding against golden blocks that the `gguf` Python package decoded (`tests/golden/make_formats.py`).

use halligan_shaders::{Format, format::decode};

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
