//! Looking for the weight that made a loss NaN. Opening a base checks its small tensors only, since decoding the
//! large ones takes a while; a run whose loss is no number looks at all of them, to blame the right file.

use halligan_shaders::{Format, format::decode};

use crate::model::BaseModel;

/// Elements decoded at a time; a whole number of blocks of every format.
const CHUNK_ELEMENTS: usize = 256 * 1024;

/// The first tensor of the base that holds a value that is not finite.
pub(super) fn damaged_weight(base: &BaseModel) -> Option<String> {
    let mut values = vec![0.0; CHUNK_ELEMENTS];
    let damaged = |tensor: &crate::gguf::TensorView<'_>, values: &mut Vec<f32>| {
        let named = |format: &Format| format.to_string() == tensor.ggml_type.name();
        let Some(format) = Format::ALL.into_iter().find(named) else { return false };
        let (elements, bytes) = (tensor.ggml_type.block_elements(), tensor.ggml_type.block_bytes());
        tensor.bytes.chunks(CHUNK_ELEMENTS / elements * bytes).any(|chunk| {
            let values = &mut values[..chunk.len() / bytes * elements];
            decode(format, chunk, values);
            values.iter().any(|value| !value.is_finite())
        })
    };
    base.file.tensors().find(|tensor| damaged(tensor, &mut values)).map(|tensor| tensor.name.to_owned())
}
