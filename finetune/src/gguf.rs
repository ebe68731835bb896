//! GGUF files: models, vocabularies and adapters, read from a memory map and written whole.
//!
//! Reading has two steps. A bounded walk of our own ([`HeaderFault`] lists what it refuses) proves that
//! every count, length, shape and offset fits in the file. Only then does `gguf-rs` decode the metadata.
//! Tensor bytes are never copied: a [`TensorView`] points into the map.
//!
//! Shapes are in ggml order: `shape[0]` is the contiguous dimension, so a linear layer of `out x in`
//! weights in row-major order has shape `[in, out]`.

pub mod atomic_file;
mod ggml_type;
mod metadata;
mod preflight;
#[cfg(test)]
mod tests;
mod typed_metadata;
mod write;

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use memmap2::Mmap;
use sha2::{Digest as _, Sha256};

pub use ggml_type::GgmlType;
pub use gguf_rs::writer::MetadataValue;
pub use preflight::{ARRAY_ELEMENTS_MAX, DIMENSIONS_MAX, ENTRIES_MAX, HeaderFault, NAME_BYTES_MAX, STRING_BYTES_MAX};
pub use write::{TensorData, TensorLayout, TensorSink, write_gguf, write_gguf_streamed};

/// Why a GGUF file could not be read or does not hold what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GgufError {
    /// The file cannot be opened or mapped.
    #[error("{path}: cannot read the file ({source}); check the path and its permissions")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The header is refused.
    #[error("{path}: not a sound GGUF file: {fault}; fetch or make the file again")]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        fault: HeaderFault,
    },
    /// The metadata decoder refused a header that passed our walk.
    #[error("{path}: the metadata cannot be decoded ({reason}); fetch or make the file again")]
    Decode {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// A metadata key that is needed is not there.
    #[error("{path}: metadata key `{key}` is missing; convert the model again with a current converter")]
    MissingKey {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
    /// A metadata value has another type than needed.
    #[error(
        "{path}: metadata key `{key}` should be {expected}, found {found}; \
         convert the model again with a current converter"
    )]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
        /// The type that is needed.
        expected: &'static str,
        /// What the file has.
        found: String,
    },
}

/// Bytes that are hashed before the memory that holds them is given back.
const HASHED_BYTES: usize = 4 << 20;

/// A GGUF file, checked and mapped.
pub struct GgufFile {
    path: PathBuf,
    map: Arc<Mmap>,
    model: gguf_rs::GGUFModel,
    header: preflight::Header,
    index: HashMap<String, usize>,
    sha256: OnceLock<String>,
}

/// One tensor of an open file.
#[derive(Clone, Copy, Debug)]
pub struct TensorView<'a> {
    /// Name, such as `blk.0.attn_q.weight`.
    pub name: &'a str,
    /// Dimensions in ggml order, the contiguous one first; 1 to 4 of them, none zero.
    pub shape: &'a [usize],
    /// How the elements are stored.
    pub ggml_type: GgmlType,
    /// The stored bytes, aligned in the file to its alignment.
    pub bytes: &'a [u8],
}

impl GgufFile {
    /// Opens, checks and maps a file.
    ///
    /// # Errors
    /// [`GgufError::Io`] where it cannot be read, [`GgufError::Header`] where it is not a sound GGUF file.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, GgufError> {
        let path = path.as_ref().to_path_buf();
        let unreadable = |source| GgufError::Io { path: path.clone(), source };
        let file = File::open(&path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder; give the file in it")));
        }
        if metadata.len() == 0 {
            return Err(GgufError::Header { path, fault: HeaderFault::Magic });
        }
        // SAFETY: the map is read-only and private to this value. Another process that shortens the file
        // while it is mapped can still raise a bus error; Halligan itself replaces files by renaming,
        // which leaves the mapped one intact.
        let map = unsafe { Mmap::map(&file) }.map_err(unreadable)?;
        let header = preflight::walk(&map).map_err(|fault| GgufError::Header { path: path.clone(), fault })?;
        let map = Arc::new(map);
        // Tensors were read by our walk, which knows more types than the decoder; it is told that there are none.
        let mut start = [0; AfterCounts::START - 4];
        start.copy_from_slice(&map[4..AfterCounts::START]);
        start[4..12].fill(0);
        let reader = io::Cursor::new(start).chain(io::Cursor::new(AfterCounts(Arc::clone(&map))));
        // `u64::MAX`: the decoder shortens `tokenizer.*` arrays above this length, and we need them whole.
        let model = gguf_rs::GGUFContainer::new(gguf_rs::ByteOrder::LE, Box::new(reader), u64::MAX)
            .decode()
            .map_err(|error| GgufError::Decode { path: path.clone(), reason: error.to_string() })?;
        let index =
            (header.tensors.iter().enumerate()).map(|(position, tensor)| (tensor.name.clone(), position)).collect();
        Ok(Self { path, map, model, header, index, sha256: OnceLock::new() })
    }

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// GGUF version: 2 or 3.
    pub fn version(&self) -> u32 {
        self.header.version
    }

    /// Alignment of tensor data in bytes.
    pub fn alignment(&self) -> u64 {
        self.header.alignment
    }

    /// Length of the file in bytes.
    pub fn file_bytes(&self) -> usize {
        self.map.len()
    }

    /// All tensors in file order.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = TensorView<'_>> {
        self.header.tensors.iter().map(|tensor| self.view(tensor))
    }

    /// The tensor of this name.
    pub fn tensor(&self, name: &str) -> Option<TensorView<'_>> {
        let position = *self.index.get(name)?;
        Some(self.view(&self.header.tensors[position]))
    }

    /// The mapped file and where the tensor of this name lies in it, for holders that outlive `self`.
    pub fn mapped_tensor(&self, name: &str) -> Option<(Arc<Mmap>, std::ops::Range<usize>)> {
        let position = *self.index.get(name)?;
        Some((Arc::clone(&self.map), self.header.tensors[position].bytes.clone()))
    }

    /// SHA-256 of the whole file in lower hex. Computed once, then remembered; what was read for it does not stay
    /// in memory.
    pub fn sha256(&self) -> &str {
        self.sha256.get_or_init(|| {
            let mut digest = Sha256::new();
            let mut start = 0;
            for piece in self.map.chunks(HASHED_BYTES) {
                digest.update(piece);
                forget(&self.map, start, piece.len());
                start += piece.len();
            }
            lower_hex(&digest.finalize())
        })
    }

    fn view<'a>(&'a self, tensor: &'a preflight::HeaderTensor) -> TensorView<'a> {
        TensorView {
            name: &tensor.name,
            shape: &tensor.shape,
            ggml_type: tensor.ggml_type,
            bytes: &self.map[tensor.bytes.clone()],
        }
    }
}

impl std::fmt::Debug for GgufFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("GgufFile")
            .field("path", &self.path)
            .field("tensors", &self.header.tensors.len())
            .finish_non_exhaustive()
    }
}

/// Takes a part of a mapped file out of this process's memory; whoever reads it again reads the file again.
fn forget(map: &Mmap, start: usize, bytes: usize) {
    #[cfg(unix)]
    {
        // SAFETY: the map is a read-only view of a file without changes of its own, so nothing is lost.
        let forgotten = unsafe { map.unchecked_advise_range(memmap2::UncheckedAdvice::DontNeed, start, bytes) };
        // A system that keeps the pages costs memory and nothing else.
        drop(forgotten);
    }
    #[cfg(not(unix))]
    let _ = (map, start, bytes);
}

/// The map without the magic, the version and the two counts, which every sound file has.
struct AfterCounts(Arc<Mmap>);

impl AfterCounts {
    const START: usize = 24;
}

impl AsRef<[u8]> for AfterCounts {
    fn as_ref(&self) -> &[u8] {
        &self.0[Self::START..]
    }
}

/// SHA-256 of a file in lower hex, read in pieces.
///
/// # Errors
/// What the system said while opening or reading.
pub fn file_sha256(path: impl AsRef<Path>) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut digest = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(lower_hex(&digest.finalize())),
            count => digest.update(&buffer[..count]),
        }
    }
}

fn lower_hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
