// out [t, n] (+)= x [t, k] * weight [n, k]^T, with the weight in its block format.
//
// A workgroup computes a 64 x 64 tile of out and decodes each block of the weight once per 64 rows of x.
// The bound buffer holds `count` of the n rows, from row `first`.
struct Params {
    rows: u32,
    columns: u32,
    first: u32,
    count: u32,
    stride: u32,
    first_tile: u32,
    accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> weight: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row0 = group.y * TILE;
    let column0 = (group.x + params.first_tile) * TILE;
    var sums = array<vec4<f32>, 4>();
    for (var k0 = 0u; k0 < params.columns; k0 += STEP) {
        for (var i = thread; i < TILE * STEP; i += 256u) {
            let k = k0 + i % STEP;
            let row = row0 + i / STEP;
            var value = 0.0;
            if row < params.rows && k < params.columns {
                value = x[row * params.columns + k];
            }
            left[(i % STEP) * LINE + i / STEP] = value;
        }
        let n = thread / 4u;
        let quad = (thread % 4u) * 4u;
        var values = vec4<f32>();
        if column0 + n < params.count && k0 + quad < params.columns {
            values = weights_at((column0 + n) * params.columns + k0 + quad);
        }
        for (var i = 0u; i < 4u; i++) {
            right[(quad + i) * LINE + n] = values[i];
        }
        workgroupBarrier();
        multiply_staged(thread, &sums);
        workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
        let row = row0 + thread / 16u + 16u * i;
        for (var j = 0u; j < 4u; j++) {
            let n = column0 + thread % 16u + 16u * j;
            if row < params.rows && n < params.count {
                let at = row * params.stride + params.first + n;
                out[at] = select(0.0, out[at], params.accumulate != 0u) + sums[i][j];
            }
        }
    }
}
