// IQ4_XS: 256 level numbers with a 6-bit scale per 32 in 136 bytes. `element` is a multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 8u) * 136u;
    let i = element & 255u;
    let group = i >> 5u;
    let head = weight[at >> 2u];
    let low = (weight[(at >> 2u) + 1u] >> (group * 4u)) & 15u;
    let high = (head >> (16u + group * 2u)) & 3u;
    let scale = half_value(head & 0xffffu) * (f32(low | (high << 4u)) - 32.0);
    return scale * levels(word_at(at + 8u + group * 16u + (i & 15u)), (i & 16u) >> 2u);
}
