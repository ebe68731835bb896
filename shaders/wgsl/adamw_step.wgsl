// One AdamW step over `len` parameters (arXiv 1711.05101); the bias corrections come from the host.
struct Params {
    len: u32,
    learning_rate: f32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    weight_decay: f32,
    correction1: f32,
    correction2: f32,
    gradient_scale: f32,
}

@group(0) @binding(0) var<storage, read> gradient: array<f32>;
@group(0) @binding(1) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(2) var<storage, read_write> first_moment: array<f32>;
@group(0) @binding(3) var<storage, read_write> second_moment: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < params.len; i += groups.x * 256u) {
        let g = gradient[i] * params.gradient_scale;
        let m = params.beta1 * first_moment[i] + (1.0 - params.beta1) * g;
        let v = params.beta2 * second_moment[i] + (1.0 - params.beta2) * g * g;
        let update = (m / params.correction1) / (sqrt(v / params.correction2) + params.epsilon);
        first_moment[i] = m;
        second_moment[i] = v;
        parameter[i] -= params.learning_rate * (params.weight_decay * parameter[i] + update);
    }
}
