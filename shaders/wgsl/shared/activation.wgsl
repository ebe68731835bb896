// Value and slope of an activation: 0 is SiLU, 1 is GELU by its tanh approximation, x logistic(2u) with
// u = sqrt(2/pi) (x + 0.044715 x^3).
fn activation(kind: u32, x: f32) -> vec2<f32> {
    var inner = x;
    var inner_slope = 1.0;
    if kind == 1u {
        inner = 1.5957691 * (x + 0.044715 * x * x * x);
        inner_slope = 1.5957691 * (1.0 + 0.134145 * x * x);
    }
    // Logistic function without overflow: the exponential is of a negative number.
    let e = exp(-abs(inner));
    let s = select(e, 1.0, inner >= 0.0) / (1.0 + e);
    return vec2<f32>(x * s, s + x * s * (1.0 - s) * inner_slope);
}
