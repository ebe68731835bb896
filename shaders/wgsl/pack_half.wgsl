// `len` values of x rounded to half precision, two in each word of out.
struct Params {
    len: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<u32>;
var<immediate> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let limit = vec2<f32>(65504.0);
    for (var i = id.x; 2u * i < params.len; i += groups.x * 256u) {
        var pair = vec2<f32>(x[2u * i], 0.0);
        if 2u * i + 1u < params.len {
            pair.y = x[2u * i + 1u];
        }
        out[i] = pack2x16float(clamp(pair, -limit, limit));
    }
}
