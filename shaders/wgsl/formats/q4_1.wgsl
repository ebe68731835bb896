// Q4_1: scale, minimum and 32 nibbles in 20 bytes. `element` is a multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 5u) * 20u;
    let nibbles = word_at(at + 4u + (element & 15u)) >> ((element & 16u) >> 2u);
    return unsigned_bytes(nibbles & 0x0f0f0f0fu) * half_at(at) + half_at(at + 2u);
}
