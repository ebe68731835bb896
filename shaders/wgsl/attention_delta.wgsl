// First step of the backward pass of attention: normalizers [2, h, t] = log_sum_exp, then the row sums of
// d_out * out, which the softmax gradient subtracts. A thread per query and head.
struct Params {
    rows: u32,
    heads: u32,
    head_dim: u32,
}

@group(0) @binding(0) var<storage, read> out: array<f32>;
@group(0) @binding(1) var<storage, read> d_out: array<f32>;
@group(0) @binding(2) var<storage, read> log_sum_exp: array<f32>;
@group(0) @binding(3) var<storage, read_write> normalizers: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    let count = params.rows * params.heads;
    for (var i = id.x; i < count; i += groups.x * 256u) {
        let base = i * params.head_dim;
        var sum = 0.0;
        for (var c = 0u; c < params.head_dim; c++) {
            sum += out[base + c] * d_out[base + c];
        }
        let at = (i % params.heads) * params.rows + i / params.heads;
        normalizers[at] = log_sum_exp[at];
        normalizers[count + at] = sum;
    }
}
