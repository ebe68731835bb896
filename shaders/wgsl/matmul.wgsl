// out [m, n] (+)= alpha * op(a) [m, k] * op(b) [k, n], dense f32.
//
// Strides say where a step along m, n or k goes, which covers all four transpositions; the staging loop
// lets neighbouring threads read neighbouring words in either case.
struct Params {
    m: u32,
    n: u32,
    k: u32,
    transpose_a: u32,
    transpose_b: u32,
    alpha: f32,
    accumulate: u32,
}

@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let row0 = group.y * TILE;
    let column0 = group.x * TILE;
    var sums = array<vec4<f32>, 4>();
    for (var k0 = 0u; k0 < params.k; k0 += STEP) {
        for (var i = thread; i < TILE * STEP; i += 256u) {
            // Stored as [m, k] unless transposed.
            var s = i % STEP;
            var line = i / STEP;
            if params.transpose_a != 0u {
                s = i / TILE;
                line = i % TILE;
            }
            let k = k0 + s;
            let row = row0 + line;
            var value = 0.0;
            if row < params.m && k < params.k {
                value = a[select(row * params.k + k, k * params.m + row, params.transpose_a != 0u)];
            }
            left[s * LINE + line] = value;
        }
        for (var i = thread; i < TILE * STEP; i += 256u) {
            // Stored as [k, n] unless transposed.
            var s = i / TILE;
            var line = i % TILE;
            if params.transpose_b != 0u {
                s = i % STEP;
                line = i / STEP;
            }
            let k = k0 + s;
            let column = column0 + line;
            var value = 0.0;
            if column < params.n && k < params.k {
                value = b[select(k * params.n + column, column * params.k + k, params.transpose_b != 0u)];
            }
            right[s * LINE + line] = value;
        }
        workgroupBarrier();
        multiply_staged(thread, &sums);
        workgroupBarrier();
    }
    for (var i = 0u; i < 4u; i++) {
        let row = row0 + thread / 16u + 16u * i;
        for (var j = 0u; j < 4u; j++) {
            let column = column0 + thread % 16u + 16u * j;
            if row < params.m && column < params.n {
                let at = row * params.n + column;
                out[at] = select(0.0, out[at], params.accumulate != 0u) + params.alpha * sums[i][j];
            }
        }
    }
}
