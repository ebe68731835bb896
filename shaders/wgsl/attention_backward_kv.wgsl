// d_k and d_v of attention: d_v = p^T d_out and d_k = scale * (p * (d_out v^T - delta))^T q, summed over
// the query heads that share a key head.
//
// A workgroup takes 32 keys of one key head and walks blocks of 32 queries, from its first key to the last
// end of its segments, head by head; so every sum has one owner and one order. Rows of the block are keys,
// columns are queries.
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
@group(0) @binding(4) var<storage, read> ends: array<u32>;
@group(0) @binding(5) var<storage, read> normalizers: array<f32>;
@group(0) @binding(6) var<storage, read_write> d_k: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_v: array<f32>;
var<immediate> params: Params;

// One past the last query that sees a key: the end of its segment or of its window.
fn last_query(key: u32) -> u32 {
    return min(min(ends[key], params.rows), key + params.window);
}

@compute @workgroup_size(256)
fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) thread: u32) {
    let kv_head = group.y;
    let shared_by = params.heads / params.kv_heads;
    let first = group.x * BLOCK;
    let row = thread / 8u;
    let lane = thread % 8u;
    let key = first + row;
    var past = first;
    for (var i = first; i < min(first + BLOCK, params.rows); i++) {
        past = max(past, last_query(i));
    }
    // A row past the end is seen by no query.
    var end = 0u;
    if key < params.rows {
        end = last_query(key);
    }
    var sums_k = array<vec4<f32>, 2u * CHUNKS>();
    var sums_v = array<vec4<f32>, 2u * CHUNKS>();
    for (var head = kv_head * shared_by; head < (kv_head + 1u) * shared_by; head++) {
        for (var query0 = first; query0 < past; query0 += BLOCK) {
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
                        left = k[((first + line) * params.kv_heads + kv_head) * params.head_dim + c];
                    }
                    if query0 + line < params.rows && c < params.head_dim {
                        right = q[((query0 + line) * params.heads + head) * params.head_dim + c];
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
                        left = v[((first + line) * params.kv_heads + kv_head) * params.head_dim + c];
                    }
                    if query0 + line < params.rows && c < params.head_dim {
                        right = d_out[((query0 + line) * params.heads + head) * params.head_dim + c];
                    }
                    staged[line * LINE + i % NARROW] = left;
                    staged[RIGHT + line * LINE + i % NARROW] = right;
                }
                workgroupBarrier();
                slopes += multiply_narrow(row, lane);
            }
            let queries = vec4<u32>(query0 + lane) + vec4<u32>(0u, 8u, 16u, 24u);
            let visible = (queries >= vec4<u32>(key)) & (queries < vec4<u32>(end));
            var log_sums = vec4<f32>();
            var deltas = vec4<f32>();
            for (var j = 0u; j < 4u; j++) {
                if queries[j] < params.rows {
                    log_sums[j] = normalizers[head * params.rows + queries[j]];
                    deltas[j] = normalizers[(params.heads + head) * params.rows + queries[j]];
                }
            }
            let capped = soft_cap(params.cap, scores * params.scale);
            let probabilities = select(vec4<f32>(), exp(capped - log_sums), visible);
            keep(row, lane, probabilities);
            for (var chunk = 0u; chunk < CHUNKS; chunk++) {
                workgroupBarrier();
                for (var i = thread; i < BLOCK * WIDE; i += 256u) {
                    let line = query0 + i / WIDE;
                    let c = chunk * WIDE + i % WIDE;
                    var value = 0.0;
                    if line < params.rows && c < params.head_dim {
                        value = d_out[(line * params.heads + head) * params.head_dim + c];
                    }
                    staged[i] = value;
                }
                workgroupBarrier();
                multiply_wide(row, lane, chunk, &sums_v);
            }
            workgroupBarrier();
            keep(row, lane, probabilities * (slopes - deltas) * soft_cap_slope(params.cap, capped));
            for (var chunk = 0u; chunk < CHUNKS; chunk++) {
                workgroupBarrier();
                for (var i = thread; i < BLOCK * WIDE; i += 256u) {
                    let line = query0 + i / WIDE;
                    let c = chunk * WIDE + i % WIDE;
                    var value = 0.0;
                    if line < params.rows && c < params.head_dim {
                        value = q[(line * params.heads + head) * params.head_dim + c];
                    }
                    staged[i] = value;
                }
                workgroupBarrier();
                multiply_wide(row, lane, chunk, &sums_k);
            }
        }
    }
    if key >= params.rows {
        return;
    }
    let base = (key * params.kv_heads + kv_head) * params.head_dim;
    for (var i = 0u; i < 8u * CHUNKS; i++) {
        let c = lane + 8u * i;
        if c < params.head_dim {
            d_k[base + c] = params.scale * sums_k[i / 4u][i % 4u];
            d_v[base + c] = sums_v[i / 4u][i % 4u];
        }
    }
}
