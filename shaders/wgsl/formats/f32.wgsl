// F32: four weights from any element.
fn weights_at(element: u32) -> vec4<f32> {
    return vec4<f32>(
        bitcast<f32>(weight[element]),
        bitcast<f32>(weight[element + 1u]),
        bitcast<f32>(weight[element + 2u]),
        bitcast<f32>(weight[element + 3u]),
    );
}
