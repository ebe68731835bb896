// Q5_1: scale, minimum, 32 fifth bits and 32 nibbles in 24 bytes. `element` is a multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 5u) * 24u;
    let nibbles = word_at(at + 8u + (element & 15u)) >> ((element & 16u) >> 2u);
    let fifth = spread(word_at(at + 4u) >> (element & 31u)) << 4u;
    return unsigned_bytes((nibbles & 0x0f0f0f0fu) | fifth) * half_at(at) + half_at(at + 2u);
}
