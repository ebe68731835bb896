// out [t, k] = scale * table[tokens[t], k], four channels per thread.
//
// The bound buffer holds `count` rows of the table from row `first`; tokens of other rows are left to the
// dispatches of the other buffers.
struct Params {
    rows: u32,
    columns: u32,
    first: u32,
    count: u32,
    scale: f32,
}

@group(0) @binding(0) var<storage, read> tokens: array<u32>;
@group(0) @binding(1) var<storage, read> weight: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let quads = (params.columns + 3u) / 4u;
    for (var i = id.x; i < params.rows * quads; i += groups.x * 256u) {
        let row = i / quads;
        let column = (i % quads) * 4u;
        let token = tokens[row] - params.first;
        // A token before `first` wraps around and is not below `count` either.
        if token < params.count {
            let values = weights_at(token * params.columns + column);
            for (var j = 0u; j < 4u && column + j < params.columns; j++) {
                out[row * params.columns + column + j] = values[j] * params.scale;
            }
        }
    }
}
