// Q4_K: scale and minimum halves, 12 bytes of group scales, 256 nibbles in 144 bytes. `element` is a
// multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 8u) * 144u;
    let i = element & 255u;
    let group = scale_and_minimum(at + 4u, i >> 5u);
    let word = word_at(at + 16u + (i >> 6u) * 32u + (i & 31u)) >> ((i >> 3u) & 4u);
    return half_at(at) * group.x * unsigned_bytes(word & 0x0f0f0f0fu) - half_at(at + 2u) * group.y;
}
