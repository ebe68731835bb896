// The `len` values that pack_half wrote.
struct Params {
    len: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; 2u * i < params.len; i += groups.x * 256u) {
        let pair = unpack2x16float(x[i]);
        out[2u * i] = pair.x;
        if 2u * i + 1u < params.len {
            out[2u * i + 1u] = pair.y;
        }
    }
}
