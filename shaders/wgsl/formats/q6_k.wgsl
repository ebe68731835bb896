// Q6_K: 256 low nibbles, 256 high bit pairs, 16 signed scales, a half in 210 bytes. `element` is a multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 8u) * 210u;
    let i = element & 255u;
    let quarter = (i >> 5u) & 3u;
    let low = word_at(at + (i >> 7u) * 64u + (quarter & 1u) * 32u + (i & 31u)) >> ((quarter >> 1u) * 4u);
    let high = word_at(at + 128u + (i >> 7u) * 32u + (i & 31u)) >> (quarter * 2u);
    let group = byte_at(at + 192u + (i >> 4u));
    let scale = half_at(at + 208u) * f32(bitcast<i32>(group << 24u) >> 24u);
    return scale * (unsigned_bytes((low & 0x0f0f0f0fu) | ((high & 0x03030303u) << 4u)) - 32.0);
}
