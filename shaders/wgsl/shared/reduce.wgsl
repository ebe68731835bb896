// Sum or maximum over the WIDTH threads of a workgroup, as a tree of fixed shape: the same bits each run.
var<workgroup> partial: array<f32, WIDTH>;

fn sum_over_group(thread: u32, value: f32) -> f32 {
    workgroupBarrier();
    partial[thread] = value;
    workgroupBarrier();
    for (var half = WIDTH / 2u; half > 0u; half /= 2u) {
        if thread < half {
            partial[thread] += partial[thread + half];
        }
        workgroupBarrier();
    }
    return partial[0];
}
