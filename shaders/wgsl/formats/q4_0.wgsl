// Q4_0: a half and 32 nibbles in 18 bytes, low nibbles first. `element` is a multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 5u) * 18u;
    let nibbles = word_at(at + 2u + (element & 15u)) >> ((element & 16u) >> 2u);
    return (unsigned_bytes(nibbles & 0x0f0f0f0fu) - 8.0) * half_at(at);
}
