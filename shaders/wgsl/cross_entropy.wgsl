// Per row of logits [t, v]: losses[t] = -log softmax(logits)[target], and the row becomes
// weight * (softmax - onehot). A workgroup of 256 takes a row: maximum, sum, gradient. With a cap c > 0 the loss
// is that of c tanh(logits / c), and the gradient carries the slope 1 - tanh^2.
struct Params {
    rows: u32,
    vocabulary: u32,
    weight: f32,
    cap: f32,
}

const WIDTH: u32 = 256u;

@group(0) @binding(0) var<storage, read> targets: array<u32>;
@group(0) @binding(1) var<storage, read_write> logits: array<f32>;
@group(0) @binding(2) var<storage, read_write> losses: array<f32>;
var<immediate> params: Params;

fn capped(logit: f32) -> f32 {
    if params.cap == 0.0 {
        return logit;
    }
    return params.cap * tangent(logit / params.cap);
}

@compute @workgroup_size(WIDTH)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) thread: u32,
) {
    for (var row = group.x; row < params.rows; row += groups.x) {
        let base = row * params.vocabulary;
        let correct = targets[row];
        // Thread 0 reads the target's logit before any thread overwrites the row: the reductions between
        // are barriers.
        let correct_logit = capped(logits[base + correct]);
        var highest = -3.0e38;
        for (var i = thread; i < params.vocabulary; i += WIDTH) {
            highest = max(highest, capped(logits[base + i]));
        }
        highest = maximum_over_group(thread, highest);
        var total = 0.0;
        for (var i = thread; i < params.vocabulary; i += WIDTH) {
            total += exp(capped(logits[base + i]) - highest);
        }
        total = sum_over_group(thread, total);
        if thread == 0u {
            losses[row] = log(total) + highest - correct_logit;
        }
        for (var i = thread; i < params.vocabulary; i += WIDTH) {
            let logit = capped(logits[base + i]);
            let probability = exp(logit - highest) / total;
            let slope = soft_cap_slope(params.cap, vec4<f32>(logit)).x;
            logits[base + i] = params.weight * (probability - select(0.0, 1.0, i == correct)) * slope;
        }
    }
}
