//! Writing GGUF files through the writer of `gguf-rs`, whole or not at all.
//!
//! That writer computes wrong sizes for BF16 and IQ4_NL (see `ggml_type`). Such a tensor is announced to
//! it as a type of the same block size (F16, Q4_0), and the type id in the header is set right before
//! the file takes its place. Every file is read back through our own header walk before it is renamed.

use std::fs::OpenOptions;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use gguf_rs::writer::{GGUFWriter, MetadataValue, TensorInfo};

use super::atomic_file::{WriteError, write_atomically};
use super::ggml_type::GgmlType;
use super::preflight;

/// One tensor to write.
#[derive(Clone, Debug)]
pub struct TensorData<'a> {
    /// Name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Dimensions in ggml order, the contiguous one first.
    pub shape: Vec<usize>,
    /// How the elements are stored.
    pub ggml_type: GgmlType,
    /// The stored bytes; as many as shape and type say.
    pub bytes: &'a [u8],
}

/// Writes a GGUF version 3 file: metadata, then the tensors in the given order.
///
/// Metadata is stored sorted by key; of two entries with one key the last counts.
///
/// # Errors
/// [`WriteError::Content`] where shape, type and bytes of a tensor disagree or a name occurs twice;
/// otherwise what the system refused. The file at `path` is then as it was.
pub fn write_gguf(
    path: impl AsRef<Path>,
    metadata: Vec<(String, MetadataValue)>,
    tensors: &[TensorData<'_>],
) -> Result<(), WriteError> {
    let path = path.as_ref();
    let content = |reason: String| WriteError::Content { path: path.to_path_buf(), reason };
    for tensor in tensors {
        let expected = tensor.ggml_type.tensor_bytes(&tensor.shape);
        if expected != Some(tensor.bytes.len()) {
            return Err(content(format!(
                "tensor `{}` of shape {:?} and type {} takes {} bytes, {} were given; pass matching data",
                tensor.name,
                tensor.shape,
                tensor.ggml_type,
                expected.map_or("an impossible number of".to_string(), |bytes| bytes.to_string()),
                tensor.bytes.len()
            )));
        }
        if stand_in(tensor.ggml_type).is_none() {
            return Err(content(format!(
                "tensor `{}` has type {}, which cannot be written; use another type",
                tensor.name, tensor.ggml_type
            )));
        }
    }
    if let Some((key, value)) = metadata.iter().find(|(_, value)| !can_be_written(value)) {
        return Err(content(format!(
            "metadata key `{key}`: the value {value:?} has a type that cannot be written; \
             use a 32-bit or unsigned 64-bit number"
        )));
    }
    write_atomically(path, |temporary| {
        GGUFWriter::new(temporary, 3)
            .and_then(|mut writer| {
                for (key, value) in metadata {
                    add_metadata(&mut writer, &key, value);
                }
                for tensor in tensors {
                    writer.add_tensor(announce(tensor));
                }
                writer.write()?;
                for (index, tensor) in tensors.iter().enumerate() {
                    writer.write_tensor_data(index, tensor.bytes)?;
                }
                writer.finalize()
            })
            .map_err(|error| match error.downcast::<io::Error>() {
                Ok(source) => WriteError::from_io(path, source),
                Err(other) => content(format!("{other}; correct the metadata")),
            })?;
        set_types(path, temporary, tensors)
    })
}

/// The type that the writer lays out with the right number of bytes, `None` where there is none.
fn stand_in(ggml_type: GgmlType) -> Option<GgmlType> {
    match ggml_type {
        GgmlType::BF16 => Some(GgmlType::F16),
        GgmlType::IQ4_NL => Some(GgmlType::Q4_0),
        GgmlType::Unsupported(_) => None,
        same => Some(same),
    }
}

fn announce(tensor: &TensorData<'_>) -> TensorInfo {
    TensorInfo {
        name: tensor.name.clone(),
        shape: tensor.shape.iter().map(|&size| size as u64).collect(),
        dtype: stand_in(tensor.ggml_type).map_or(u32::MAX, GgmlType::id),
    }
}

fn can_be_written(value: &MetadataValue) -> bool {
    matches!(
        value,
        MetadataValue::String(_)
            | MetadataValue::Uint32(_)
            | MetadataValue::Int32(_)
            | MetadataValue::Uint64(_)
            | MetadataValue::Float32(_)
            | MetadataValue::Bool(_)
            | MetadataValue::Array(_)
    )
}

/// Adds one entry; the writer has no way in for the types that [`can_be_written`] refuses.
fn add_metadata(writer: &mut GGUFWriter, key: &str, value: MetadataValue) {
    match value {
        MetadataValue::String(text) => writer.add_metadata(key, &text),
        MetadataValue::Uint32(number) => writer.add_metadata_u32(key, number),
        MetadataValue::Int32(number) => writer.add_metadata_i32(key, number),
        MetadataValue::Uint64(number) => writer.add_metadata_u64(key, number),
        MetadataValue::Float32(number) => writer.add_metadata_f32(key, number),
        MetadataValue::Bool(flag) => writer.add_metadata_bool(key, flag),
        MetadataValue::Array(items) => writer.add_metadata_array(key, items),
        MetadataValue::Uint8(_)
        | MetadataValue::Int8(_)
        | MetadataValue::Uint16(_)
        | MetadataValue::Int16(_)
        | MetadataValue::Int64(_)
        | MetadataValue::Float64(_) => {}
    }
}

/// Walks the header that was just written and puts the true type ids where stand-ins are.
fn set_types(path: &Path, temporary: &Path, tensors: &[TensorData<'_>]) -> Result<(), WriteError> {
    let failed = |source| WriteError::from_io(path, source);
    let mut file = OpenOptions::new().read(true).write(true).open(temporary).map_err(failed)?;
    // SAFETY: the temporary file belongs to this call alone, and only its type ids change below, after the
    // last use of the map.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
    let header = preflight::walk(&map).map_err(|fault| WriteError::Content {
        path: path.to_path_buf(),
        reason: format!("the content makes no sound GGUF file: {fault}; correct it"),
    })?;
    drop(map);
    for (written, tensor) in header.tensors.iter().zip(tensors) {
        if written.ggml_type != tensor.ggml_type {
            file.seek(SeekFrom::Start(written.type_position as u64))
                .and_then(|_| file.write_all(&tensor.ggml_type.id().to_le_bytes()))
                .map_err(failed)?;
        }
    }
    Ok(())
}
