// Q5_0: scale, 32 fifth bits and 32 nibbles in 22 bytes. `element` is a multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 5u) * 22u;
    let nibbles = word_at(at + 6u + (element & 15u)) >> ((element & 16u) >> 2u);
    let fifth = spread(word_at(at + 2u) >> (element & 31u)) << 4u;
    return (unsigned_bytes((nibbles & 0x0f0f0f0fu) | fifth) - 16.0) * half_at(at);
}
