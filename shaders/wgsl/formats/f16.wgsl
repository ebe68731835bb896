// F16: four weights from any element.
fn weights_at(element: u32) -> vec4<f32> {
    let low = word_at(element * 2u);
    let high = word_at(element * 2u + 4u);
    return vec4<f32>(
        half_value(low & 0xffffu),
        half_value(low >> 16u),
        half_value(high & 0xffffu),
        half_value(high >> 16u),
    );
}
