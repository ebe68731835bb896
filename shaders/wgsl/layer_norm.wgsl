// out = (x - mean) / sqrt(variance + epsilon) * gain + bias per row of [t, c]; a workgroup of 64 takes a row.
struct Params {
    rows: u32,
    columns: u32,
    epsilon: f32,
}

const WIDTH: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gain: array<f32>;
@group(0) @binding(2) var<storage, read> bias: array<f32>;
@group(0) @binding(3) var<storage, read_write> out: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    for (var row = group.x; row < params.rows; row += groups.x) {
        let base = row * params.columns;
        var total = 0.0;
        for (var c = thread; c < params.columns; c += WIDTH) {
            total += x[base + c];
        }
        let mean = sum_over_group(thread, total) / f32(params.columns);
        var squares = 0.0;
        for (var c = thread; c < params.columns; c += WIDTH) {
            let value = x[base + c] - mean;
            squares += value * value;
        }
        let variance = sum_over_group(thread, squares) / f32(params.columns);
        let scale = 1.0 / sqrt(variance + params.epsilon);
        for (var c = thread; c < params.columns; c += WIDTH) {
            out[base + c] = (x[base + c] - mean) * scale * gain[c] + bias[c];
        }
    }
}
