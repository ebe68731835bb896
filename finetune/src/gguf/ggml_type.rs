//! The storage types of GGUF tensors and the size of their blocks.
//!
//! This table is the one place that turns a shape into bytes: the sizes that `gguf-rs` computes are
//! wrong for every type whose id is above 9 but whose block is not 256 elements (BF16, IQ4_NL, MXFP4,
//! integers). Ids and sizes are those of `ggml.h`.

/// How the elements of a tensor are stored.
///
/// The named variants are the types that Halligan computes with. Any other type that ggml knows is
/// [`GgmlType::Unsupported`]: its bytes can be located and hashed, but not used.
#[allow(non_camel_case_types, reason = "the names are those of the file format")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GgmlType {
    /// IEEE single precision.
    F32,
    /// IEEE half precision.
    F16,
    /// Upper half of an IEEE single.
    BF16,
    /// 4 bits, one scale per 32.
    Q4_0,
    /// 4 bits, scale and minimum per 32.
    Q4_1,
    /// 5 bits, one scale per 32.
    Q5_0,
    /// 5 bits, scale and minimum per 32.
    Q5_1,
    /// 8 bits, one scale per 32.
    Q8_0,
    /// 2 bits, super-blocks of 256.
    Q2_K,
    /// 3 bits, super-blocks of 256.
    Q3_K,
    /// 4 bits, super-blocks of 256.
    Q4_K,
    /// 5 bits, super-blocks of 256.
    Q5_K,
    /// 6 bits, super-blocks of 256.
    Q6_K,
    /// 4 bits by a non-linear table, one scale per 32.
    IQ4_NL,
    /// 4 bits by a non-linear table, super-blocks of 256.
    IQ4_XS,
    /// Another type of ggml, by its id.
    Unsupported(u32),
}

/// `(id, name, elements per block, bytes per block)` of every type that a file may hold.
const LAYOUTS: &[(u32, &str, usize, usize)] = &[
    (0, "F32", 1, 4),
    (1, "F16", 1, 2),
    (2, "Q4_0", 32, 18),
    (3, "Q4_1", 32, 20),
    (6, "Q5_0", 32, 22),
    (7, "Q5_1", 32, 24),
    (8, "Q8_0", 32, 34),
    (9, "Q8_1", 32, 36),
    (10, "Q2_K", 256, 84),
    (11, "Q3_K", 256, 110),
    (12, "Q4_K", 256, 144),
    (13, "Q5_K", 256, 176),
    (14, "Q6_K", 256, 210),
    (15, "Q8_K", 256, 292),
    (16, "IQ2_XXS", 256, 66),
    (17, "IQ2_XS", 256, 74),
    (18, "IQ3_XXS", 256, 98),
    (19, "IQ1_S", 256, 50),
    (20, "IQ4_NL", 32, 18),
    (21, "IQ3_S", 256, 110),
    (22, "IQ2_S", 256, 82),
    (23, "IQ4_XS", 256, 136),
    (24, "I8", 1, 1),
    (25, "I16", 1, 2),
    (26, "I32", 1, 4),
    (27, "I64", 1, 8),
    (28, "F64", 1, 8),
    (29, "IQ1_M", 256, 56),
    (30, "BF16", 1, 2),
    (34, "TQ1_0", 256, 54),
    (35, "TQ2_0", 256, 66),
    (39, "MXFP4", 32, 17),
    (40, "NVFP4", 64, 36),
    (41, "Q1_0", 128, 18),
    (42, "Q2_0", 64, 18),
];

impl GgmlType {
    /// The type with this id in the file, `None` where ggml has no such type or removed it.
    pub fn from_id(id: u32) -> Option<Self> {
        LAYOUTS.iter().find(|layout| layout.0 == id)?;
        Some(match id {
            0 => Self::F32,
            1 => Self::F16,
            2 => Self::Q4_0,
            3 => Self::Q4_1,
            6 => Self::Q5_0,
            7 => Self::Q5_1,
            8 => Self::Q8_0,
            10 => Self::Q2_K,
            11 => Self::Q3_K,
            12 => Self::Q4_K,
            13 => Self::Q5_K,
            14 => Self::Q6_K,
            20 => Self::IQ4_NL,
            23 => Self::IQ4_XS,
            30 => Self::BF16,
            other => Self::Unsupported(other),
        })
    }

    /// The type of this name in any case, `None` where ggml has no such type.
    pub fn from_name(name: &str) -> Option<Self> {
        LAYOUTS.iter().find(|layout| layout.1.eq_ignore_ascii_case(name)).and_then(|layout| Self::from_id(layout.0))
    }

    /// The id in the file.
    pub fn id(self) -> u32 {
        match self {
            Self::F32 => 0,
            Self::F16 => 1,
            Self::Q4_0 => 2,
            Self::Q4_1 => 3,
            Self::Q5_0 => 6,
            Self::Q5_1 => 7,
            Self::Q8_0 => 8,
            Self::Q2_K => 10,
            Self::Q3_K => 11,
            Self::Q4_K => 12,
            Self::Q5_K => 13,
            Self::Q6_K => 14,
            Self::IQ4_NL => 20,
            Self::IQ4_XS => 23,
            Self::BF16 => 30,
            Self::Unsupported(id) => id,
        }
    }

    fn layout(self) -> Option<&'static (u32, &'static str, usize, usize)> {
        let id = self.id();
        LAYOUTS.iter().find(|layout| layout.0 == id)
    }

    /// The name as ggml prints it, `unknown` for an id that ggml does not have.
    pub fn name(self) -> &'static str {
        self.layout().map_or("unknown", |layout| layout.1)
    }

    /// Elements per block: 1 for plain numbers, 32 or 256 for quantized types.
    /// An id that ggml does not have counts as 1.
    pub fn block_elements(self) -> usize {
        self.layout().map_or(1, |layout| layout.2)
    }

    /// Bytes per block; 0 for an id that ggml does not have.
    pub fn block_bytes(self) -> usize {
        self.layout().map_or(0, |layout| layout.3)
    }

    /// Bytes of a tensor of this shape (ggml order: the first dimension is contiguous), `None` where
    /// the first dimension is not a whole number of blocks or the product does not fit in `usize`.
    pub fn tensor_bytes(self, shape: &[usize]) -> Option<usize> {
        let first = *shape.first()?;
        if !first.is_multiple_of(self.block_elements()) {
            return None;
        }
        let row = (first / self.block_elements()).checked_mul(self.block_bytes())?;
        shape[1..].iter().try_fold(row, |bytes, dimension| bytes.checked_mul(*dimension))
    }
}

impl std::fmt::Display for GgmlType {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unsupported(id) => write!(formatter, "{} (type {id})", self.name()),
            named => formatter.write_str(named.name()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_round_trip_through_the_enum() {
        for (id, name, elements, bytes) in LAYOUTS {
            let kind = GgmlType::from_id(*id).unwrap();
            assert_eq!(kind.id(), *id);
            assert_eq!(kind.name(), *name);
            assert_eq!(GgmlType::from_name(&name.to_lowercase()), Some(kind));
            assert_eq!((kind.block_elements(), kind.block_bytes()), (*elements, *bytes));
        }
    }

    #[test]
    fn ids_that_ggml_removed_or_never_had_are_refused() {
        for id in [4, 5, 31, 32, 33, 36, 37, 38, 43, u32::MAX] {
            assert_eq!(GgmlType::from_id(id), None, "id {id}");
        }
    }

    #[test]
    fn tensor_bytes_count_blocks_of_the_first_dimension() {
        assert_eq!(GgmlType::Q8_0.tensor_bytes(&[64, 3]), Some(2 * 34 * 3));
        assert_eq!(GgmlType::BF16.tensor_bytes(&[5]), Some(10));
        assert_eq!(GgmlType::Q4_K.tensor_bytes(&[128, 4]), None);
        assert_eq!(GgmlType::F32.tensor_bytes(&[usize::MAX, 2]), None);
        assert_eq!(GgmlType::F32.tensor_bytes(&[]), None);
    }
}
