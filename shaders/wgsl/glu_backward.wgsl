// gate and up become their gradients, given d_out of glu.
struct Params {
    len: u32,
    kind: u32,
}

@group(0) @binding(0) var<storage, read> d_out: array<f32>;
@group(0) @binding(1) var<storage, read_write> gate: array<f32>;
@group(0) @binding(2) var<storage, read_write> up: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < params.len; i += groups.x * 256u) {
        let derived = activation(params.kind, gate[i]);
        gate[i] = d_out[i] * up[i] * derived.y;
        up[i] = d_out[i] * derived.x;
    }
}
