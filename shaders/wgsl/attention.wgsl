// out [t, h, d] = softmax(scale q k^T) v per head, query i over the keys it sees, and
// log_sum_exp [h, t]; FlashAttention-2 (arXiv 2307.08691): running maximum and sum, no t x t tensor.
//
// A workgroup takes 32 queries of one head and walks blocks of 32 keys from the first visible one.
struct Params {
    rows: u32,
    heads: u32,
    kv_heads: u32,
    head_dim: u32,
    scale: f32,
    window: u32,
    cap: f32,
}

@group(0) @binding(0) var<storage, read> q: array<f32>;
@group(0) @binding(1) var<storage, read> k: array<f32>;
@group(0) @binding(2) var<storage, read> v: array<f32>;
@group(0) @binding(3) var<storage, read> starts: array<u32>;
@group(0) @binding(4) var<storage, read_write> out: array<f32>;
@group(0) @binding(5) var<storage, read_write> log_sum_exp: array<f32>;
var<immediate> params: Params;

// First key that a query sees: that of its segment, or the oldest one in its window.
fn first_key(query: u32) -> u32 {
    return max(starts[query], query + 1u - min(params.window, query + 1u));
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let head = group.y;
    let kv_head = head / (params.heads / params.kv_heads);
    let first = group.x * BLOCK;
    let past = min(first + BLOCK, params.rows);
    let row = thread / 8u;
    let lane = thread % 8u;
    let query = first + row;
    var low = first;
    for (var i = first; i < past; i++) {
        low = min(low, first_key(i));
    }
    // A row past the end sees no key.
    var start = params.rows;
    if query < params.rows {
        start = first_key(query);
    }
    var highest = LOWEST;
    var total = 0.0;
    var sums = array<vec4<f32>, 2u * CHUNKS>();
    for (var key0 = low; key0 < past; key0 += BLOCK) {
        var scores = vec4<f32>();
        for (var c0 = 0u; c0 < params.head_dim; c0 += NARROW) {
            workgroupBarrier();
            for (var i = thread; i < BLOCK * NARROW; i += 256u) {
                let line = i / NARROW;
                let c = c0 + i % NARROW;
                var left = 0.0;
                var right = 0.0;
                if first + line < params.rows && c < params.head_dim {
                    left = q[((first + line) * params.heads + head) * params.head_dim + c];
                }
                if key0 + line < params.rows && c < params.head_dim {
                    right = k[((key0 + line) * params.kv_heads + kv_head) * params.head_dim + c];
                }
                staged[line * LINE + i % NARROW] = left;
                staged[RIGHT + line * LINE + i % NARROW] = right;
            }
            workgroupBarrier();
            scores += multiply_narrow(row, lane);
        }
        let keys = vec4<u32>(key0 + lane) + vec4<u32>(0u, 8u, 16u, 24u);
        let visible = (keys >= vec4<u32>(start)) & (keys <= vec4<u32>(query));
        scores = select(vec4<f32>(LOWEST), soft_cap(params.cap, scores * params.scale), visible);
        keep(row, lane, scores);
        workgroupBarrier();
        var new_highest = highest;
        for (var i = 0u; i < BLOCK; i++) {
            new_highest = max(new_highest, block[row * LINE + i]);
        }
        workgroupBarrier();
        keep(row, lane, select(vec4<f32>(), exp(scores - new_highest), visible));
        let shrink = exp(highest - new_highest);
        highest = new_highest;
        total *= shrink;
        for (var i = 0u; i < 2u * CHUNKS; i++) {
            sums[i] *= shrink;
        }
        for (var chunk = 0u; chunk < CHUNKS; chunk++) {
            workgroupBarrier();
            for (var i = thread; i < BLOCK * WIDE; i += 256u) {
                let line = key0 + i / WIDE;
                let c = chunk * WIDE + i % WIDE;
                var value = 0.0;
                if line < params.rows && c < params.head_dim {
                    value = v[(line * params.kv_heads + kv_head) * params.head_dim + c];
                }
                staged[i] = value;
            }
            workgroupBarrier();
            multiply_wide(row, lane, chunk, &sums);
        }
        for (var i = 0u; i < BLOCK; i++) {
            total += block[row * LINE + i];
        }
    }
    if query >= params.rows {
        return;
    }
    if lane == 0u {
        log_sum_exp[head * params.rows + query] = highest + log(total);
    }
    let base = (query * params.heads + head) * params.head_dim;
    for (var i = 0u; i < 8u * CHUNKS; i++) {
        let c = lane + 8u * i;
        if c < params.head_dim {
            out[base + c] = sums[i / 4u][i % 4u] / total;
        }
    }
}
