// gate and up become their gradients, given d_out of swiglu: with s the logistic function of the gate,
// d silu / d gate = s + gate s (1 - s).
struct Params {
    len: u32,
}

@group(0) @binding(0) var<storage, read> d_out: array<f32>;
@group(0) @binding(1) var<storage, read_write> gate: array<f32>;
@group(0) @binding(2) var<storage, read_write> up: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < params.len; i += groups.x * 256u) {
        let probability = logistic(gate[i]);
        let silu = gate[i] * probability;
        gate[i] = d_out[i] * up[i] * (probability + silu * (1.0 - probability));
        up[i] = d_out[i] * silu;
    }
}
