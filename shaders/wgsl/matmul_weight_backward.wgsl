// d_x [t, k] (+)= d_out [t, n] * weight [n, k], with the weight in its block format.
//
// A workgroup computes a 64 x 64 tile of d_x; the sum runs over n. The bound buffer holds `count` of the
// n rows, from row `first`; further buffers of the same weight are added by further dispatches.
struct Params {
    rows: u32,
    columns: u32,
    first: u32,
    count: u32,
    stride: u32,
    first_tile: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<storage, read> d_out: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<u32>;
@group(0) @binding(2) var<storage, read_write> d_x: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row0 = group.y * TILE;
    let column0 = (group.x + params.first_tile) * TILE;
    var sums = array<vec4<f32>, 4>();
    for (var n0 = 0u; n0 < params.count; n0 += STEP) {
        for (var i = thread; i < TILE * STEP; i += 256u) {
            let n = n0 + i % STEP;
            let row = row0 + i / STEP;
            var value = 0.0;
            if row < params.rows && n < params.count {
                value = d_out[row * params.stride + params.first + n];
            }
            left[(i % STEP) * LINE + i / STEP] = value;
        }
        let s = thread / 16u;
        let quad = (thread % 16u) * 4u;
        var values = vec4<f32>();
        if n0 + s < params.count && column0 + quad < params.columns {
            values = weights_at((n0 + s) * params.columns + column0 + quad);
        }
        for (var i = 0u; i < 4u; i++) {
            right[s * LINE + quad + i] = values[i];
        }
        workgroupBarrier();
        multiply_staged(thread, &sums);
        workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
        let row = row0 + thread / 16u + 16u * i;
        for (var j = 0u; j < 4u; j++) {
            let column = column0 + thread % 16u + 16u * j;
            if row < params.rows && column < params.columns {
                let at = row * params.columns + column;
                d_x[at] = select(0.0, d_x[at], params.accumulate != 0u) + sums[i][j];
            }
        }
    }
}
