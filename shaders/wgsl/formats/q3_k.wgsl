// Q3_K: 256 third bits, 256 levels of 2 bits, 16 scales of 6 bits, a half in 110 bytes. `element` is a
// multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 8u) * 110u;
    let i = element & 255u;
    let group = i >> 4u;
    let low = (byte_at(at + 96u + (group & 7u)) >> ((group >> 3u) * 4u)) & 15u;
    let high = (byte_at(at + 104u + (group & 3u)) >> ((group >> 2u) * 2u)) & 3u;
    let scale = half_at(at + 108u) * (f32(low | (high << 4u)) - 32.0);
    let word = word_at(at + 32u + (i >> 7u) * 32u + (i & 31u)) >> ((i >> 4u) & 6u);
    let third = (word_at(at + (i & 31u)) >> (i >> 5u)) & 0x01010101u;
    // A set third bit adds 4 to a level that starts at -4.
    return scale * (unsigned_bytes((word & 0x03030303u) | (third << 2u)) - 4.0);
}
