// Rotates pairs of channels of x [t, h, d] by positions[t] * frequencies[i], times a magnitude, in place; a
// thread per pair.
//
// Drivers promise little about sin and cos of large angles, so the kernel reduces the angle itself, to
// [-pi/4, pi/4] in three exact steps (Cody and Waite), and evaluates the Taylor series there.
struct Params {
    rows: u32,
    heads: u32,
    head_dim: u32,
    rotated: u32,
    interleaved: u32,
    inverse: u32,
    magnitude: f32,
}

@group(0) @binding(0) var<storage, read> positions: array<u32>;
@group(0) @binding(1) var<storage, read> frequencies: array<f32>;
@group(0) @binding(2) var<storage, read_write> x: array<f32>;
var<immediate> params: Params;

// (sin, cos) of a non-negative angle below 2^16 quarter turns.
fn sine_and_cosine(angle: f32) -> vec2<f32> {
    let turns = floor(angle * 0.63661977 + 0.5);
    // pi/2 in parts of few bits, so that each product with `turns` is exact.
    let r = ((angle - turns * 1.5703125) - turns * 4.837512969970703e-4) - turns * 7.549789948768648e-8;
    let r2 = r * r;
    let sine = r + r * r2 * (-0.16666667 + r2 * (0.008333333 + r2 * (-0.00019841270 + r2 * 2.7557319e-6)));
    let cosine = 1.0 + r2 * (-0.5 + r2 * (0.041666668 + r2 * (-0.0013888889 + r2 * 2.4801587e-5)));
    switch u32(turns) & 3u {
        case 0u: { return vec2<f32>(sine, cosine); }
        case 1u: { return vec2<f32>(cosine, -sine); }
        case 2u: { return vec2<f32>(-sine, -cosine); }
        default: { return vec2<f32>(-cosine, sine); }
    }
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let half = params.rotated / 2u;
    let pairs = params.heads * half;
    for (var i = id.x; i < params.rows * pairs; i += groups.x * 256u) {
        let row = i / pairs;
        let head = (i % pairs) / half;
        let pair = i % half;
        var turn = params.magnitude * sine_and_cosine(f32(positions[row]) * frequencies[pair]);
        turn.x = select(turn.x, -turn.x, params.inverse != 0u);
        let base = (row * params.heads + head) * params.head_dim;
        let a = base + select(pair, 2u * pair, params.interleaved != 0u);
        let b = select(a + half, a + 1u, params.interleaved != 0u);
        let first = x[a];
        let second = x[b];
        x[a] = first * turn.y - second * turn.x;
        x[b] = first * turn.x + second * turn.y;
    }
}
