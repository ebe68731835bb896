// Workgroup i sums x^2 over its `span` elements into out[slot + i], in a fixed order.
struct Params {
    len: u32,
    span: u32,
    slot: u32,
}

const WIDTH: u32 = 256u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(WIDTH)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let first = group.x * params.span;
    let past = min(first + params.span, params.len);
    var squares = 0.0;
    for (var i = first + thread; i < past; i += WIDTH) {
        squares += x[i] * x[i];
    }
    let total = sum_over_group(thread, squares);
    if thread == 0u {
        out[params.slot + group.x] = total;
    }
}
