// Q8_0: a half and 32 signed bytes in 34 bytes. `element` is a multiple of 4.
fn weights_at(element: u32) -> vec4<f32> {
    let at = (element >> 5u) * 34u;
    let levels = unpack4xI8(word_at(at + 2u + (element & 31u)));
    return vec4<f32>(levels) * half_at(at);
}
