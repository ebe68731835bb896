// out[slot] = sum of x over `len` elements, one workgroup: the second half of sum_of_squares.
struct Params {
    len: u32,
    slot: u32,
}

const WIDTH: u32 = 256u;

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> out: array<f32>;
var<immediate> params: Params;

@compute @workgroup_size(WIDTH)
fn main(@builtin(local_invocation_index) thread: u32) {
    var total = 0.0;
    for (var i = thread; i < params.len; i += WIDTH) {
        total += x[i];
    }
    total = sum_over_group(thread, total);
    if thread == 0u {
        out[params.slot] = total;
    }
}
