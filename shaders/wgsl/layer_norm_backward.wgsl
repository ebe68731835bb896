// Adds the gradient of layer_norm by x to d_x, per row of [t, c]; a workgroup of 64 takes a row.
//
// With s = 1 / sqrt(variance + epsilon), n = (x - mean) s and g = gain * d_out:
// d_x += s * (g - mean(g) - n * mean(g n)).
struct Params {
    rows: u32,
    columns: u32,
    epsilon: f32,
}

const WIDTH: u32 = 64u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> gain: array<f32>;
@group(0) @binding(2) var<storage, read> d_out: array<f32>;
@group(0) @binding(3) var<storage, read_write> d_x: array<f32>;
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
        var total_slope = 0.0;
        for (var c = thread; c < params.columns; c += WIDTH) {
            total += x[base + c];
            total_slope += gain[c] * d_out[base + c];
        }
        let mean = sum_over_group(thread, total) / f32(params.columns);
        let mean_slope = sum_over_group(thread, total_slope) / f32(params.columns);
        var squares = 0.0;
        var products = 0.0;
        for (var c = thread; c < params.columns; c += WIDTH) {
            let value = x[base + c] - mean;
            squares += value * value;
            products += value * gain[c] * d_out[base + c];
        }
        let variance = sum_over_group(thread, squares) / f32(params.columns);
        let slope = sum_over_group(thread, products) / f32(params.columns);
        let scale = 1.0 / sqrt(variance + params.epsilon);
        let pull = scale * scale * slope;
        for (var c = thread; c < params.columns; c += WIDTH) {
            d_x[base + c] += scale * (gain[c] * d_out[base + c] - mean_slope - (x[base + c] - mean) * pull);
        }
    }
}
