// 1 / (1 + exp(-x)) without overflow: the exponential is of a negative number.
fn logistic(x: f32) -> f32 {
    let e = exp(-abs(x));
    return select(e, 1.0, x >= 0.0) / (1.0 + e);
}
