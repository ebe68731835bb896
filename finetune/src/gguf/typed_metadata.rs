//! Metadata with the types that the file gives it, to write it into another file without a change.
//!
//! [`super::metadata`] hands values out as JSON, where `u8` and `i64` are one kind of number; a copy must keep
//! them apart, since readers of GGUF insist on the type. The header has passed our walk before.

use super::{GgufError, GgufFile, MetadataValue};

impl GgufFile {
    /// All metadata in file order, each value in its own type.
    ///
    /// # Errors
    /// [`GgufError::Decode`] for text that is not UTF-8.
    pub fn metadata(&self) -> Result<Vec<(String, MetadataValue)>, GgufError> {
        // Magic, version, tensor count.
        let mut cursor = Cursor { bytes: &self.map[..], position: 16 };
        let entries = |cursor: &mut Cursor<'_>| {
            let count = cursor.u64()?;
            (0..count).map(|_| cursor.entry()).collect::<Option<Vec<_>>>()
        };
        entries(&mut cursor).ok_or_else(|| GgufError::Decode {
            path: self.path.clone(),
            reason: "a text in it is not UTF-8".to_owned(),
        })
    }
}

/// Reads forward; `None` beyond the end or for a type that does not exist.
struct Cursor<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl Cursor<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let found = self.bytes.get(self.position..self.position.checked_add(N)?)?.try_into().ok()?;
        self.position += N;
        Some(found)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let length = usize::try_from(self.u64()?).ok()?;
        let bytes = self.bytes.get(self.position..self.position.checked_add(length)?)?;
        self.position += length;
        String::from_utf8(bytes.to_vec()).ok()
    }

    fn entry(&mut self) -> Option<(String, MetadataValue)> {
        let key = self.text()?;
        let value = match self.u32()? {
            9 => {
                let kind = self.u32()?;
                let count = self.u64()?;
                MetadataValue::Array((0..count).map(|_| self.scalar(kind)).collect::<Option<_>>()?)
            }
            kind => self.scalar(kind)?,
        };
        Some((key, value))
    }

    fn scalar(&mut self, kind: u32) -> Option<MetadataValue> {
        Some(match kind {
            0 => MetadataValue::Uint8(u8::from_le_bytes(self.take()?)),
            1 => MetadataValue::Int8(i8::from_le_bytes(self.take()?)),
            2 => MetadataValue::Uint16(u16::from_le_bytes(self.take()?)),
            3 => MetadataValue::Int16(i16::from_le_bytes(self.take()?)),
            4 => MetadataValue::Uint32(self.u32()?),
            5 => MetadataValue::Int32(i32::from_le_bytes(self.take()?)),
            6 => MetadataValue::Float32(f32::from_le_bytes(self.take()?)),
            7 => MetadataValue::Bool(self.take::<1>()? != [0]),
            8 => MetadataValue::String(self.text()?),
            10 => MetadataValue::Uint64(self.u64()?),
            11 => MetadataValue::Int64(i64::from_le_bytes(self.take()?)),
            12 => MetadataValue::Float64(f64::from_le_bytes(self.take()?)),
            _ => return None,
        })
    }
}
