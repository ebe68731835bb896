// IQ4_NL: a half and 32 level numbers of 4 bits in 18 bytes. `element` is a multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 5u) * 18u;
    return half_at(at) * levels(word_at(at + 2u + (element & 15u)), (element & 16u) >> 2u);
}
