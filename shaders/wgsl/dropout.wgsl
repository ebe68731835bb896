// out = x * mask over `len` elements, added to out when `accumulate`; an element is kept, and grows by
// `factor`, when its hash (`Dropout::hash` of src/executor.rs) reaches the threshold.
struct Params {
    len: u32,
    seed: u32,
    threshold: u32,
    factor: f32,
    accumulate: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
var<immediate> params: Params;

fn hash(element: u32) -> u32 {
    var x = element ^ params.seed;
    x = (x ^ (x >> 16u)) * 0x7feb352du;
    x = (x ^ (x >> 15u)) * 0x846ca68bu;
    x ^= x >> 16u;
    x = ((x + ((params.seed << 16u) | (params.seed >> 16u))) ^ (x >> 13u)) * 0x9e3779b1u;
    return x ^ (x >> 16u);
}

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < params.len; i += groups.x * 256u) {
        let masked = select(0.0, x[i] * params.factor, hash(i) >= params.threshold);
        if params.accumulate != 0u {
            out[i] += masked;
        } else {
            out[i] = masked;
        }
    }
}
