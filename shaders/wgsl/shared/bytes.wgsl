// Bytes of a frozen weight, which is bound as words. Blocks start at even bytes, not always at words.

// Four bytes from byte `at`. The buffer has a spare word at its end.
fn word_at(at: u32) -> u32 {
    let shift = (at & 3u) * 8u;
    let low = weight[at >> 2u];
    if shift == 0u {
        return low;
    }
    return (low >> shift) | (weight[(at >> 2u) + 1u] << (32u - shift));
}

fn byte_at(at: u32) -> u32 {
    return (weight[at >> 2u] >> ((at & 3u) * 8u)) & 255u;
}

// Half to single in integers: drivers may flush subnormal halves in `unpack2x16float`, and the scales of
// K-quants are subnormal often. Weights are finite, so infinities need no case.
fn half_value(bits: u32) -> f32 {
    let magnitude = bits & 0x7fffu;
    let normal = bitcast<f32>((magnitude << 13u) + (112u << 23u));
    let value = select(normal, f32(magnitude) * 5.9604644775390625e-8, magnitude < 0x400u);
    return select(value, -value, (bits & 0x8000u) != 0u);
}

// The half at the even byte `at`.
fn half_at(at: u32) -> f32 {
    return half_value((weight[at >> 2u] >> ((at & 2u) * 8u)) & 0xffffu);
}

// Bits 0..3 of `bits` as the lowest bits of four bytes.
fn spread(bits: u32) -> u32 {
    return (bits & 1u) | ((bits & 2u) << 7u) | ((bits & 4u) << 14u) | ((bits & 8u) << 21u);
}

fn unsigned_bytes(word: u32) -> vec4<f32> {
    return vec4<f32>(unpack4xU8(word));
}
