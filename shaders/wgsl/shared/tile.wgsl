// Tiled product: a workgroup of 256 computes 64 x 64 outputs, a thread 4 x 4 of them in registers.
// Both operands pass through workgroup memory in steps of 16 along the summed dimension, stored with
// that dimension outermost. Thread (r, c) owns rows r + 16i and columns c + 16j, so that neighbouring
// threads read neighbouring words. The line of 66 words spreads the transposing writes over the banks.
const TILE: u32 = 64u;
const STEP: u32 = 16u;
const LINE: u32 = 66u;

var<workgroup> left: array<f32, STEP * LINE>;
var<workgroup> right: array<f32, STEP * LINE>;

// Adds the product of the staged tiles to the 4 x 4 sums of the thread.
fn multiply_staged(thread: u32, sums: ptr<function, array<vec4<f32>, 4>>) {
    let row = thread / 16u;
    let column = thread % 16u;
    for (var s = 0u; s < STEP; s++) {
        let a = s * LINE + row;
        let b = s * LINE + column;
        let values = vec4<f32>(right[b], right[b + 16u], right[b + 32u], right[b + 48u]);
        (*sums)[0] += left[a] * values;
        (*sums)[1] += left[a + 16u] * values;
        (*sums)[2] += left[a + 32u] * values;
        (*sums)[3] += left[a + 48u] * values;
    }
}
