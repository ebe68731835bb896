// Hyperbolic tangent; a series near zero, where the quotient would cancel, and no overflow far from it.
fn tangent(x: f32) -> f32 {
    let x2 = x * x;
    let series = x * (1.0 + x2 * (-0.33333334 + x2 * (0.13333334 + x2 * (-0.053968254 + x2 * 0.021869488))));
    let e = exp(-2.0 * abs(x));
    return select(sign(x) * (1.0 - e) / (1.0 + e), series, x2 < 0.0625);
}

// Bounds four scores to +-cap; a cap of 0 leaves them.
fn soft_cap(cap: f32, scores: vec4<f32>) -> vec4<f32> {
    if cap == 0.0 {
        return scores;
    }
    let x = scores / cap;
    return cap * vec4<f32>(tangent(x.x), tangent(x.y), tangent(x.z), tangent(x.w));
}

// Slope of soft_cap where it gave `capped`.
fn soft_cap_slope(cap: f32, capped: vec4<f32>) -> vec4<f32> {
    if cap == 0.0 {
        return vec4<f32>(1.0);
    }
    let bent = capped / cap;
    return 1.0 - bent * bent;
}
