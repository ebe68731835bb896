// Q2_K: 16 (scale, minimum) nibbles, 256 levels of 2 bits, two halves in 84 bytes. `element` is a multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 8u) * 84u;
    let i = element & 255u;
    let scale = byte_at(at + (i >> 4u));
    let word = word_at(at + 16u + (i >> 7u) * 32u + (i & 31u)) >> ((i >> 4u) & 6u);
    let minimum = half_at(at + 82u) * f32(scale >> 4u);
    return half_at(at + 80u) * f32(scale & 15u) * unsigned_bytes(word & 0x03030303u) - minimum;
}
