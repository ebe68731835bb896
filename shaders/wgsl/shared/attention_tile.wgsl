// Blocks of 32 queries by 32 keys for the attention kernels; a workgroup of 256 threads takes one block.
//
// Thread i belongs to row i / 8 of the block and to its columns i % 8 + 8j. Scores are made from channels
// staged 32 at a time (both operands, lines of 33 words against bank conflicts), products with values from
// channels staged 64 at a time. CHUNKS, the number of 64-channel chunks of a head, comes from the
// composition (1, 2 or 4), so that the sums of a thread are an array of constant size.
const BLOCK: u32 = 32u;
const LINE: u32 = 33u;
const NARROW: u32 = 32u;
const WIDE: u32 = 64u;
const RIGHT: u32 = 1056u;
// Below every score; finite, so that a difference of two is zero and not NaN.
const LOWEST: f32 = -3.0e38;

var<workgroup> staged: array<f32, 2112>;
var<workgroup> block: array<f32, 1056>;

// Products of staged row `row` on the left with four staged rows on the right, over the staged channels.
fn multiply_narrow(row: u32, lane: u32) -> vec4<f32> {
    var sums = vec4<f32>();
    let b = RIGHT + lane * LINE;
    for (var c = 0u; c < NARROW; c++) {
        let values = vec4<f32>(
            staged[b + c],
            staged[b + 8u * LINE + c],
            staged[b + 16u * LINE + c],
            staged[b + 24u * LINE + c],
        );
        sums += staged[row * LINE + c] * values;
    }
    return sums;
}

// Writes four values of the thread into its row of the block.
fn keep(row: u32, lane: u32, values: vec4<f32>) {
    for (var j = 0u; j < 4u; j++) {
        block[row * LINE + lane + 8u * j] = values[j];
    }
}

// Adds the block's row times the staged values to the sums of one chunk: channels lane + 8s.
fn multiply_wide(row: u32, lane: u32, chunk: u32, sums: ptr<function, array<vec4<f32>, 2u * CHUNKS>>) {
    var low = (*sums)[2u * chunk];
    var high = (*sums)[2u * chunk + 1u];
    for (var k = 0u; k < BLOCK; k++) {
        let factor = block[row * LINE + k];
        let b = k * WIDE + lane;
        low += factor * vec4<f32>(staged[b], staged[b + 8u], staged[b + 16u], staged[b + 24u]);
        high += factor * vec4<f32>(staged[b + 32u], staged[b + 40u], staged[b + 48u], staged[b + 56u]);
    }
    (*sums)[2u * chunk] = low;
    (*sums)[2u * chunk + 1u] = high;
}
