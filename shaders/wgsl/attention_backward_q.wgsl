// d_q of attention: with p the probabilities, d_q = scale * (p * (d_out v^T - delta)) k.
//
// A workgroup takes 32 queries of one head and walks blocks of 32 keys; probabilities come from
// log_sum_exp, so nothing of size t x t was kept.
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
@group(0) @binding(3) var<storage, read> d_out: array<f32>;
@group(0) @binding(4) var<storage, read> starts: array<u32>;
@group(0) @binding(5) var<storage, read> normalizers: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_q: array<f32>;
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
    var start = params.rows;
    var log_sum = 0.0;
    var delta = 0.0;
    if query < params.rows {
        start = first_key(query);
        log_sum = normalizers[head * params.rows + query];
        delta = normalizers[(params.heads + head) * params.rows + query];
    }
    var sums = array<vec4<f32>, 2u * CHUNKS>();
    for (var key0 = low; key0 < past; key0 += BLOCK) {
        // q k^T, then d_out v^T.
        var scores = vec4<f32>();
        var slopes = vec4<f32>();
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
            workgroupBarrier();
            for (var i = thread; i < BLOCK * NARROW; i += 256u) {
                let line = i / NARROW;
                let c = c0 + i % NARROW;
                var left = 0.0;
                var right = 0.0;
                if first + line < params.rows && c < params.head_dim {
                    left = d_out[((first + line) * params.heads + head) * params.head_dim + c];
                }
                if key0 + line < params.rows && c < params.head_dim {
                    right = v[((key0 + line) * params.kv_heads + kv_head) * params.head_dim + c];
                }
                staged[line * LINE + i % NARROW] = left;
                staged[RIGHT + line * LINE + i % NARROW] = right;
            }
            workgroupBarrier();
            slopes += multiply_narrow(row, lane);
        }
        let keys = vec4<u32>(key0 + lane) + vec4<u32>(0u, 8u, 16u, 24u);
        let visible = (keys >= vec4<u32>(start)) & (keys <= vec4<u32>(query));
        let capped = soft_cap(params.cap, scores * params.scale);
        let probabilities = select(vec4<f32>(), exp(capped - log_sum), visible);
        keep(row, lane, probabilities * (slopes - delta) * soft_cap_slope(params.cap, capped));
        for (var chunk = 0u; chunk < CHUNKS; chunk++) {
            workgroupBarrier();
            for (var i = thread; i < BLOCK * WIDE; i += 256u) {
                let line = key0 + i / WIDE;
                let c = chunk * WIDE + i % WIDE;
                var value = 0.0;
                if line < params.rows && c < params.head_dim {
                    value = k[(line * params.kv_heads + kv_head) * params.head_dim + c];
                }
                staged[i] = value;
            }
            workgroupBarrier();
            multiply_wide(row, lane, chunk, &sums);
        }
        // The next block overwrites `block` only after the barriers of its own score loop.
    }
    if query >= params.rows {
        return;
    }
    let base = (query * params.heads + head) * params.head_dim;
    for (var i = 0u; i < 8u * CHUNKS; i++) {
        let c = lane + 8u * i;
        if c < params.head_dim {
            d_q[base + c] = params.scale * sums[i / 4u][i % 4u];
        }
    }
}
