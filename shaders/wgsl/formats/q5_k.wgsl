// Q5_K: as Q4_K with 32 bytes of fifth bits before the nibbles, 176 bytes. `element` is a multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 8u) * 176u;
    let i = element & 255u;
    let group = scale_and_minimum(at + 4u, i >> 5u);
    let word = word_at(at + 48u + (i >> 6u) * 32u + (i & 31u)) >> ((i >> 3u) & 4u);
    let fifth = ((word_at(at + 16u + (i & 31u)) >> (i >> 5u)) & 0x01010101u) << 4u;
    let levels = unsigned_bytes((word & 0x0f0f0f0fu) | fifth);
    return half_at(at) * group.x * levels - half_at(at + 2u) * group.y;
}
