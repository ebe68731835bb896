// out[rows[i], :] = x[i, :] for rows of `columns`, all distinct; `len` elements in all.
struct Params {
    len: u32,
    columns: u32,
}

@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> rows: array<u32>;
@group(0) @binding(2) var<storage, read_write> out: array<u32>;
var<immediate> params: Params;

@compute @workgroup_size(256)
fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var i = id.x; i < params.len; i += groups.x * 256u) {
        out[rows[i / params.columns] * params.columns + i % params.columns] = x[i];
    }
}
