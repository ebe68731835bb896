//! A bounded walk over a GGUF header, before any decoder trusts a count in it.
//!
//! Every length is compared with the bytes that are left in the file before anything is allocated, so
//! a hostile header costs at most what the file itself backs. Only a header that passed is handed to
//! `gguf-rs`, which allocates by the counts it reads and panics on one tensor type.

use std::collections::HashSet;

use super::ggml_type::GgmlType;

/// Most metadata entries, and most tensors, that a header may announce.
pub const ENTRIES_MAX: u64 = 65_536;
/// Most array elements over all metadata arrays: a vocabulary of 500,000 with merges, scores and types
/// has 2.5 million. Each decodes into some 60 bytes of memory.
pub const ARRAY_ELEMENTS_MAX: u64 = 4_194_304;
/// Longest metadata string in bytes.
pub const STRING_BYTES_MAX: u64 = 16 << 20;
/// Longest key or tensor name in bytes, as llama.cpp has it for keys.
pub const NAME_BYTES_MAX: u64 = 65_535;
/// Most dimensions of a tensor.
pub const DIMENSIONS_MAX: u32 = 4;
/// Alignment of tensor data where the file names none.
const ALIGNMENT_DEFAULT: u64 = 32;

/// What is wrong with a header.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderFault {
    /// The first four bytes are not `GGUF`.
    #[error("it does not start with the letters GGUF")]
    Magic,
    /// The version is not 2 or 3, or the file is big-endian.
    #[error("GGUF version {0} is not supported (2 and 3 are, little-endian)")]
    Version(u32),
    /// The file ends inside the header.
    #[error("the file ends inside {what}: {needed} bytes needed, {left} left")]
    Truncated {
        /// What was being read.
        what: String,
        /// Bytes that it takes.
        needed: u64,
        /// Bytes that the file still has.
        left: u64,
    },
    /// A count or length is beyond the limit.
    #[error("{what} is {count}, the limit is {limit}")]
    TooMany {
        /// What was counted.
        what: String,
        /// The count in the file.
        count: u64,
        /// The limit.
        limit: u64,
    },
    /// A key or tensor name is not UTF-8.
    #[error("{0} is not UTF-8 text")]
    NotUtf8(String),
    /// A metadata value has a type that does not exist.
    #[error("metadata key `{key}` has the unknown value type {value_type}")]
    ValueType {
        /// The key.
        key: String,
        /// The type id in the file.
        value_type: u32,
    },
    /// An array holds arrays, which no GGUF reader supports.
    #[error("metadata key `{0}` is an array of arrays")]
    NestedArray(String),
    /// A boolean is neither 0 nor 1.
    #[error("metadata key `{key}` holds the boolean {value}")]
    Boolean {
        /// The key.
        key: String,
        /// The byte in the file.
        value: u8,
    },
    /// A key or a tensor name occurs twice.
    #[error("{what} `{name}` occurs twice")]
    Duplicate {
        /// "metadata key" or "tensor".
        what: &'static str,
        /// The name.
        name: String,
    },
    /// `general.alignment` is not a u32 power of two of at least 8.
    #[error("general.alignment is {0}: it must be a power of two from 8 up")]
    Alignment(String),
    /// A tensor has no dimension or more than four.
    #[error("tensor `{name}` has {dimensions} dimensions (1 to 4 are possible)")]
    Dimensions {
        /// The tensor.
        name: String,
        /// The count in the file.
        dimensions: u32,
    },
    /// A dimension is zero.
    #[error("tensor `{0}` has a dimension of zero")]
    ZeroDimension(String),
    /// The type id is not one of ggml's.
    #[error("tensor `{name}` has the unknown type {id}")]
    TensorType {
        /// The tensor.
        name: String,
        /// The type id in the file.
        id: u32,
    },
    /// The first dimension is not a whole number of blocks, or the size does not fit.
    #[error("tensor `{name}` of shape {shape:?} cannot be stored as {kind}")]
    TensorShape {
        /// The tensor.
        name: String,
        /// The shape in ggml order.
        shape: Vec<u64>,
        /// The type name.
        kind: &'static str,
    },
    /// The data of a tensor does not start at a multiple of the alignment.
    #[error("tensor `{name}` starts at offset {offset}, which is not a multiple of {alignment}")]
    Unaligned {
        /// The tensor.
        name: String,
        /// Offset in the data section.
        offset: u64,
        /// The alignment in bytes.
        alignment: u64,
    },
    /// The data of a tensor is not inside the file.
    #[error("tensor `{name}` ends at byte {end} of a file of {length} bytes")]
    OutsideFile {
        /// The tensor.
        name: String,
        /// One past its last byte, saturated.
        end: u64,
        /// Length of the file.
        length: u64,
    },
    /// Two tensors share bytes.
    #[error("tensors `{first}` and `{second}` overlap")]
    Overlap {
        /// The one that starts first.
        first: String,
        /// The one that starts before the first ends.
        second: String,
    },
}

/// A header that passed.
#[derive(Debug)]
pub(super) struct Header {
    pub version: u32,
    pub alignment: u64,
    pub tensors: Vec<HeaderTensor>,
}

/// One tensor of a header that passed.
#[derive(Debug)]
pub(super) struct HeaderTensor {
    pub name: String,
    pub shape: Vec<usize>,
    pub ggml_type: GgmlType,
    /// Where the data is in the file.
    pub bytes: std::ops::Range<usize>,
}

/// Checks the header of a whole file.
pub(super) fn walk(file: &[u8]) -> Result<Header, HeaderFault> {
    let mut cursor = Cursor { file, position: 0 };
    if cursor.take(4, "the magic").map_err(|_| HeaderFault::Magic)? != b"GGUF" {
        return Err(HeaderFault::Magic);
    }
    let version = cursor.u32("the version")?;
    if !(2..=3).contains(&version) {
        return Err(HeaderFault::Version(version));
    }
    let tensor_count = cursor.u64("the tensor count")?;
    let entry_count = cursor.u64("the metadata count")?;
    // The smallest entry takes 13 bytes, the smallest tensor 33.
    cursor.check_count("the metadata count", entry_count, ENTRIES_MAX, 13)?;
    cursor.check_count("the tensor count", tensor_count, ENTRIES_MAX, 33)?;
    let alignment = walk_metadata(&mut cursor, entry_count)?;
    let tensors = walk_tensors(&mut cursor, tensor_count, alignment)?;
    check_overlaps(&tensors)?;
    Ok(Header { version, alignment, tensors })
}

fn walk_metadata(cursor: &mut Cursor<'_>, count: u64) -> Result<u64, HeaderFault> {
    let mut keys = HashSet::new();
    let mut elements = 0u64;
    let mut alignment = ALIGNMENT_DEFAULT;
    for index in 0..count {
        let key = cursor.name(&format!("metadata key {index}"))?;
        if !keys.insert(key) {
            return Err(HeaderFault::Duplicate { what: "metadata key", name: key.to_string() });
        }
        let value_type = cursor.u32(key)?;
        if key == "general.alignment" {
            if value_type != 4 {
                return Err(HeaderFault::Alignment(format!("not an unsigned 32-bit number (type {value_type})")));
            }
            let value = cursor.u32(key)?;
            if !value.is_power_of_two() || value < 8 {
                return Err(HeaderFault::Alignment(value.to_string()));
            }
            alignment = u64::from(value);
        } else if value_type == 9 {
            walk_array(cursor, key, &mut elements)?;
        } else {
            walk_scalar(cursor, key, value_type)?;
        }
    }
    Ok(alignment)
}

fn walk_array(cursor: &mut Cursor<'_>, key: &str, total: &mut u64) -> Result<(), HeaderFault> {
    let element_type = cursor.u32(key)?;
    let count = cursor.u64(key)?;
    let what = format!("the length of array `{key}`");
    let smallest = match element_type {
        8 => 8,
        9 => return Err(HeaderFault::NestedArray(key.to_string())),
        other => {
            scalar_bytes(other).ok_or_else(|| HeaderFault::ValueType { key: key.to_string(), value_type: other })?
        }
    };
    let room = ARRAY_ELEMENTS_MAX - *total;
    cursor.check_count(&what, count, room, smallest)?;
    *total += count;
    if matches!(element_type, 7 | 8) {
        for _ in 0..count {
            walk_scalar(cursor, key, element_type)?;
        }
    } else {
        // `check_count` has shown that the product fits in the file.
        cursor.take(count * smallest, key)?;
    }
    Ok(())
}

fn walk_scalar(cursor: &mut Cursor<'_>, key: &str, value_type: u32) -> Result<(), HeaderFault> {
    if value_type == 8 {
        cursor.string(key, STRING_BYTES_MAX)?;
        return Ok(());
    }
    let size = scalar_bytes(value_type).ok_or_else(|| HeaderFault::ValueType { key: key.to_string(), value_type })?;
    let bytes = cursor.take(size, key)?;
    if value_type == 7 && bytes[0] > 1 {
        return Err(HeaderFault::Boolean { key: key.to_string(), value: bytes[0] });
    }
    Ok(())
}

fn scalar_bytes(value_type: u32) -> Option<u64> {
    match value_type {
        0 | 1 | 7 => Some(1),
        2 | 3 => Some(2),
        4..=6 => Some(4),
        10..=12 => Some(8),
        _ => None,
    }
}

fn walk_tensors(cursor: &mut Cursor<'_>, count: u64, alignment: u64) -> Result<Vec<HeaderTensor>, HeaderFault> {
    let mut found = Vec::new();
    let mut names = HashSet::new();
    for index in 0..count {
        let name = cursor.name(&format!("the name of tensor {index}"))?;
        if !names.insert(name) {
            return Err(HeaderFault::Duplicate { what: "tensor", name: name.to_string() });
        }
        found.push(walk_tensor(cursor, name, alignment)?);
    }
    let length = cursor.file.len() as u64;
    let start = (cursor.position as u64).next_multiple_of(alignment);
    let mut tensors = Vec::new();
    for (mut tensor, offset, size) in found {
        let first = start.checked_add(offset);
        let end = first.and_then(|first| first.checked_add(size));
        match (first, end) {
            (Some(first), Some(end)) if end <= length => {
                tensor.bytes = first as usize..end as usize;
            }
            _ => {
                return Err(HeaderFault::OutsideFile { name: tensor.name, end: end.unwrap_or(u64::MAX), length });
            }
        }
        tensors.push(tensor);
    }
    Ok(tensors)
}

/// One tensor with its offset in the data section and its size; its `bytes` are not known yet.
fn walk_tensor(cursor: &mut Cursor<'_>, name: &str, alignment: u64) -> Result<(HeaderTensor, u64, u64), HeaderFault> {
    let dimensions = cursor.u32(name)?;
    if !(1..=DIMENSIONS_MAX).contains(&dimensions) {
        return Err(HeaderFault::Dimensions { name: name.to_string(), dimensions });
    }
    let mut shape = Vec::new();
    for _ in 0..dimensions {
        shape.push(cursor.u64(name)?);
    }
    if shape.contains(&0) {
        return Err(HeaderFault::ZeroDimension(name.to_string()));
    }
    let id = cursor.u32(name)?;
    let ggml_type = GgmlType::from_id(id).ok_or_else(|| HeaderFault::TensorType { name: name.to_string(), id })?;
    let offset = cursor.u64(name)?;
    if !offset.is_multiple_of(alignment) {
        return Err(HeaderFault::Unaligned { name: name.to_string(), offset, alignment });
    }
    let sizes: Option<Vec<usize>> = shape.iter().map(|&d| usize::try_from(d).ok()).collect();
    let size = sizes.and_then(|sizes| {
        // The element count must fit as well: readers multiply before they divide by the block.
        sizes.iter().try_fold(1u64, |all, &d| all.checked_mul(d as u64))?;
        let bytes = ggml_type.tensor_bytes(&sizes)?;
        Some((sizes, bytes))
    });
    let Some((shape, size)) = size else {
        return Err(HeaderFault::TensorShape { name: name.to_string(), shape, kind: ggml_type.name() });
    };
    let tensor = HeaderTensor { name: name.to_string(), shape, ggml_type, bytes: 0..0 };
    Ok((tensor, offset, size as u64))
}

fn check_overlaps(tensors: &[HeaderTensor]) -> Result<(), HeaderFault> {
    let mut order: Vec<&HeaderTensor> = tensors.iter().collect();
    order.sort_by_key(|tensor| tensor.bytes.start);
    for pair in order.windows(2) {
        if pair[1].bytes.start < pair[0].bytes.end {
            return Err(HeaderFault::Overlap { first: pair[0].name.clone(), second: pair[1].name.clone() });
        }
    }
    Ok(())
}

/// Reads forward through the file; every step is checked against its end.
struct Cursor<'a> {
    file: &'a [u8],
    position: usize,
}

impl<'a> Cursor<'a> {
    fn left(&self) -> u64 {
        (self.file.len() - self.position) as u64
    }

    fn take(&mut self, count: u64, what: &str) -> Result<&'a [u8], HeaderFault> {
        if count > self.left() {
            return Err(HeaderFault::Truncated { what: what.to_string(), needed: count, left: self.left() });
        }
        let bytes = &self.file[self.position..self.position + count as usize];
        self.position += count as usize;
        Ok(bytes)
    }

    fn u32(&mut self, what: &str) -> Result<u32, HeaderFault> {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(self.take(4, what)?);
        Ok(u32::from_le_bytes(bytes))
    }

    fn u64(&mut self, what: &str) -> Result<u64, HeaderFault> {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.take(8, what)?);
        Ok(u64::from_le_bytes(bytes))
    }

    fn string(&mut self, what: &str, limit: u64) -> Result<&'a [u8], HeaderFault> {
        let length = self.u64(what)?;
        self.check_count(&format!("the length of {what}"), length, limit, 1)?;
        self.take(length, what)
    }

    fn name(&mut self, what: &str) -> Result<&'a str, HeaderFault> {
        let bytes = self.string(what, NAME_BYTES_MAX)?;
        std::str::from_utf8(bytes).map_err(|_| HeaderFault::NotUtf8(what.to_string()))
    }

    /// Refuses a count beyond `limit`, or whose items of at least `smallest` bytes are not all there.
    fn check_count(&self, what: &str, count: u64, limit: u64, smallest: u64) -> Result<(), HeaderFault> {
        if count > limit {
            return Err(HeaderFault::TooMany { what: what.to_string(), count, limit });
        }
        let needed = count.saturating_mul(smallest);
        if needed > self.left() {
            return Err(HeaderFault::Truncated { what: what.to_string(), needed, left: self.left() });
        }
        Ok(())
    }
}
