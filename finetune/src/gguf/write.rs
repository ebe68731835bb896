//! Writing GGUF files, whole or not at all, tensor by tensor.
//!
//! The header is laid out here, because the writer of `gguf-rs` fills the whole data section with zeros
//! before the first tensor (a model would be written twice) and computes wrong sizes for BF16 and IQ4_NL
//! (see `ggml_type`). Tensor bytes go straight to the disk in pieces of any size, so a model never has to be
//! in memory. Every file is read back through our own header walk before it takes its place.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use gguf_rs::writer::MetadataValue;

use super::TensorView;
use super::atomic_file::{WriteError, write_atomically};
use super::ggml_type::GgmlType;
use super::preflight;

/// Tensor data starts at multiples of this, as GGUF has it where a file names no other.
const ALIGNMENT: usize = 32;
const VERSION: u32 = 3;

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

impl<'a> From<TensorView<'a>> for TensorData<'a> {
    fn from(tensor: TensorView<'a>) -> Self {
        let TensorView { name, shape, ggml_type, bytes } = tensor;
        Self { name: name.to_owned(), shape: shape.to_vec(), ggml_type, bytes }
    }
}

/// One tensor whose bytes come later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorLayout {
    /// Name, such as `blk.0.attn_q.weight`.
    pub name: String,
    /// Dimensions in ggml order, the contiguous one first.
    pub shape: Vec<usize>,
    /// How the elements are stored.
    pub ggml_type: GgmlType,
}

/// Takes the bytes of one tensor, piece by piece.
#[derive(Debug)]
pub struct TensorSink<'a> {
    path: &'a Path,
    file: &'a mut BufWriter<File>,
    left: usize,
}

impl TensorSink<'_> {
    /// Appends bytes to the tensor.
    ///
    /// # Errors
    /// [`WriteError::Content`] beyond the end of the tensor, otherwise what the system refused.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), WriteError> {
        let left = self.left.checked_sub(bytes.len()).ok_or_else(|| WriteError::Content {
            path: self.path.to_path_buf(),
            reason: format!(
                "{} bytes were given for a tensor with {} left; pass matching data",
                bytes.len(),
                self.left
            ),
        })?;
        self.left = left;
        self.file.write_all(bytes).map_err(|source| WriteError::from_io(self.path, source))
    }

    /// Bytes that are still to come.
    pub fn left(&self) -> usize {
        self.left
    }
}

/// Writes a GGUF version 3 file: metadata, then the tensors in the given order.
///
/// Metadata is stored sorted by key; of two entries with one key the last counts.
///
/// # Errors
/// As [`write_gguf_streamed`].
pub fn write_gguf(
    path: impl AsRef<Path>,
    metadata: Vec<(String, MetadataValue)>,
    tensors: &[TensorData<'_>],
) -> Result<(), WriteError> {
    let path = path.as_ref();
    let mut layouts = Vec::with_capacity(tensors.len());
    for TensorData { name, shape, ggml_type, bytes } in tensors {
        let expected = ggml_type.tensor_bytes(shape);
        if expected != Some(bytes.len()) {
            let expected = expected.map_or("an impossible number of".to_string(), |bytes| bytes.to_string());
            let reason = format!(
                "tensor `{name}` of shape {shape:?} and type {ggml_type} takes {expected} bytes, {} were given; \
                 pass matching data",
                bytes.len()
            );
            return Err(WriteError::Content { path: path.to_path_buf(), reason });
        }
        layouts.push(TensorLayout { name: name.clone(), shape: shape.clone(), ggml_type: *ggml_type });
    }
    write_gguf_streamed(path, metadata, &layouts, |index, sink| sink.write(tensors[index].bytes))
}

/// Writes a GGUF version 3 file whose tensor data `fill` supplies: it is called with the index of each tensor
/// in turn and must give the sink as many bytes as shape and type say.
///
/// # Errors
/// [`WriteError::Content`] where shape, type and bytes of a tensor disagree, a name occurs twice or an array mixes
/// types; what the system refused; what `fill` returned. The file at `path` is then as it was.
pub fn write_gguf_streamed<E: From<WriteError>>(
    path: impl AsRef<Path>,
    metadata: Vec<(String, MetadataValue)>,
    tensors: &[TensorLayout],
    mut fill: impl FnMut(usize, &mut TensorSink<'_>) -> Result<(), E>,
) -> Result<(), E> {
    let path = path.as_ref();
    let content = |reason: String| WriteError::Content { path: path.to_path_buf(), reason };
    let failed = |source| WriteError::from_io(path, source);
    let sizes: Vec<usize> = tensors.iter().map(tensor_bytes).collect::<Result<_, _>>().map_err(content)?;
    let header = header(metadata.into_iter().collect(), tensors, &sizes).map_err(content)?;
    write_atomically(path, |temporary| {
        let mut file = BufWriter::with_capacity(1 << 20, File::create(temporary).map_err(failed)?);
        file.write_all(&header).map_err(failed)?;
        pad(&mut file, header.len()).map_err(failed)?;
        for (index, size) in sizes.iter().enumerate() {
            let mut sink = TensorSink { path, file: &mut file, left: *size };
            fill(index, &mut sink)?;
            if sink.left > 0 {
                let reason = format!("tensor `{}` lacks {} of {size} bytes", tensors[index].name, sink.left);
                return Err(E::from(content(format!("{reason}; pass matching data"))));
            }
            pad(&mut file, *size).map_err(failed)?;
        }
        let file = file.into_inner().map_err(|error| failed(error.into_error()))?;
        drop(file);
        read_back(path, temporary).map_err(E::from)
    })
}

fn tensor_bytes(tensor: &TensorLayout) -> Result<usize, String> {
    let TensorLayout { name, shape, ggml_type } = tensor;
    if matches!(ggml_type, GgmlType::Unsupported(_)) {
        return Err(format!("tensor `{name}` has type {ggml_type}, which cannot be written; use another type"));
    }
    ggml_type
        .tensor_bytes(shape)
        .ok_or_else(|| format!("tensor `{name}` of shape {shape:?} cannot be stored as {ggml_type}; use another type"))
}

fn header(
    metadata: BTreeMap<String, MetadataValue>,
    tensors: &[TensorLayout],
    sizes: &[usize],
) -> Result<Vec<u8>, String> {
    let mut header = b"GGUF".to_vec();
    header.extend(VERSION.to_le_bytes());
    header.extend((tensors.len() as u64).to_le_bytes());
    header.extend((metadata.len() as u64).to_le_bytes());
    for (key, value) in &metadata {
        put_text(&mut header, key);
        header.extend(type_id(value).to_le_bytes());
        match value {
            MetadataValue::Array(items) => put_array(&mut header, key, items)?,
            scalar => put_scalar(&mut header, scalar),
        }
    }
    let mut offset = 0;
    for (tensor, size) in tensors.iter().zip(sizes) {
        put_text(&mut header, &tensor.name);
        header.extend((tensor.shape.len() as u32).to_le_bytes());
        for dimension in &tensor.shape {
            header.extend((*dimension as u64).to_le_bytes());
        }
        header.extend(tensor.ggml_type.id().to_le_bytes());
        header.extend((offset as u64).to_le_bytes());
        offset = usize::checked_add(offset, *size)
            .and_then(|end| end.checked_next_multiple_of(ALIGNMENT))
            .ok_or("the tensors together are larger than a file can be")?;
    }
    Ok(header)
}

fn put_array(header: &mut Vec<u8>, key: &str, items: &[MetadataValue]) -> Result<(), String> {
    // An empty array has no type of its own; unsigned bytes are as good as any.
    let element = items.first().map_or(0, type_id);
    if element == 9 || items.iter().any(|item| type_id(item) != element) {
        return Err(format!("metadata key `{key}`: the elements of an array must have one plain type"));
    }
    header.extend(element.to_le_bytes());
    header.extend((items.len() as u64).to_le_bytes());
    for item in items {
        put_scalar(header, item);
    }
    Ok(())
}

fn put_scalar(header: &mut Vec<u8>, value: &MetadataValue) {
    match value {
        MetadataValue::Uint8(number) => header.push(*number),
        MetadataValue::Int8(number) => header.extend(number.to_le_bytes()),
        MetadataValue::Uint16(number) => header.extend(number.to_le_bytes()),
        MetadataValue::Int16(number) => header.extend(number.to_le_bytes()),
        MetadataValue::Uint32(number) => header.extend(number.to_le_bytes()),
        MetadataValue::Int32(number) => header.extend(number.to_le_bytes()),
        MetadataValue::Float32(number) => header.extend(number.to_le_bytes()),
        MetadataValue::Bool(flag) => header.push(u8::from(*flag)),
        MetadataValue::String(text) => put_text(header, text),
        MetadataValue::Uint64(number) => header.extend(number.to_le_bytes()),
        MetadataValue::Int64(number) => header.extend(number.to_le_bytes()),
        MetadataValue::Float64(number) => header.extend(number.to_le_bytes()),
        // `put_array` lets no array through.
        MetadataValue::Array(_) => {}
    }
}

fn put_text(header: &mut Vec<u8>, text: &str) {
    header.extend((text.len() as u64).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
}

fn type_id(value: &MetadataValue) -> u32 {
    match value {
        MetadataValue::Uint8(_) => 0,
        MetadataValue::Int8(_) => 1,
        MetadataValue::Uint16(_) => 2,
        MetadataValue::Int16(_) => 3,
        MetadataValue::Uint32(_) => 4,
        MetadataValue::Int32(_) => 5,
        MetadataValue::Float32(_) => 6,
        MetadataValue::Bool(_) => 7,
        MetadataValue::String(_) => 8,
        MetadataValue::Array(_) => 9,
        MetadataValue::Uint64(_) => 10,
        MetadataValue::Int64(_) => 11,
        MetadataValue::Float64(_) => 12,
    }
}

fn pad(file: &mut impl std::io::Write, written: usize) -> std::io::Result<()> {
    file.write_all(&[0; ALIGNMENT][..written.next_multiple_of(ALIGNMENT) - written])
}

/// Walks the header that was just written, as every reader of ours will.
fn read_back(path: &Path, temporary: &Path) -> Result<(), WriteError> {
    let failed = |source| WriteError::from_io(path, source);
    let file = File::open(temporary).map_err(failed)?;
    // SAFETY: the temporary file belongs to this call alone, and nothing writes to it while it is mapped.
    let map = unsafe { memmap2::Mmap::map(&file) }.map_err(failed)?;
    preflight::walk(&map).map(drop).map_err(|fault| WriteError::Content {
        path: path.to_path_buf(),
        reason: format!("the content makes no sound GGUF file: {fault}; correct it"),
    })
}
