// BF16: the upper halves of f32, four weights from any element.
fn weights_at(element: u32) -> vec4<f32> {
    let low = word_at(element * 2u);
    let high = word_at(element * 2u + 4u);
    return vec4<f32>(
        bitcast<f32>(low << 16u),
        bitcast<f32>(low & 0xffff0000u),
        bitcast<f32>(high << 16u),
        bitcast<f32>(high & 0xffff0000u),
    );
}
