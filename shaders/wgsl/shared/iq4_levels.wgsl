// The 16 levels of IQ4_NL and IQ4_XS, four signed bytes per word: -127 -104 -83 -65, -49 -35 -22 -10,
// 1 13 25 38, 53 69 89 113.
fn level(nibble: u32) -> f32 {
    let words = vec4<u32>(0xbfad9881u, 0xf6eaddcfu, 0x26190d01u, 0x71594535u);
    let word = words[nibble >> 2u];
    return f32(bitcast<i32>(word << (24u - (nibble & 3u) * 8u)) >> 24u);
}

// Levels of the nibbles at bit `shift` of four bytes.
fn levels(word: u32, shift: u32) -> vec4<f32> {
    let nibbles = unpack4xU8((word >> shift) & 0x0f0f0f0fu);
    return vec4<f32>(level(nibbles.x), level(nibbles.y), level(nibbles.z), level(nibbles.w));
}
