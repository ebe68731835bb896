//! The table of WGSL kernels: sources, bindings, parameters, variants.
//!
//! `build.rs` includes this file too and checks every row with naga, so it depends on nothing of the crate.

/// How a kernel uses a bound buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Read,
    /// Read and written.
    Write,
}
use Access::{Read, Write};

/// What else a kernel's source needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variants {
    /// One pipeline.
    Single,
    /// One pipeline per weight format: the source needs `weights_at`.
    Formats,
    /// One pipeline per number of 64-channel chunks of a head: the source needs `CHUNKS`.
    Chunks,
}

/// One kernel.
#[derive(Debug, Clone, Copy)]
pub struct Kernel {
    /// Stem of the WGSL file; also the label of its pipelines.
    pub name: &'static str,
    /// WGSL sources that are joined, the kernel's own last.
    pub sources: &'static [&'static str],
    /// Buffers in binding order.
    pub bindings: &'static [Access],
    /// 32-bit words of its parameters.
    pub words: u32,
    /// What completes the source.
    pub variants: Variants,
}

/// Name and WGSL sources of each weight format, in the order of `Format::ALL`.
pub const FORMATS: [(&str, &[&str]); 15] = [
    ("F32", &[include_str!("../../wgsl/formats/f32.wgsl")]),
    ("F16", &[include_str!("../../wgsl/formats/f16.wgsl")]),
    ("BF16", &[include_str!("../../wgsl/formats/bf16.wgsl")]),
    ("Q4_0", &[include_str!("../../wgsl/formats/q4_0.wgsl")]),
    ("Q4_1", &[include_str!("../../wgsl/formats/q4_1.wgsl")]),
    ("Q5_0", &[include_str!("../../wgsl/formats/q5_0.wgsl")]),
    ("Q5_1", &[include_str!("../../wgsl/formats/q5_1.wgsl")]),
    ("Q8_0", &[include_str!("../../wgsl/formats/q8_0.wgsl")]),
    ("Q2_K", &[include_str!("../../wgsl/formats/q2_k.wgsl")]),
    ("Q3_K", &[include_str!("../../wgsl/formats/q3_k.wgsl")]),
    ("Q4_K", &[SCALES_6_BIT, include_str!("../../wgsl/formats/q4_k.wgsl")]),
    ("Q5_K", &[SCALES_6_BIT, include_str!("../../wgsl/formats/q5_k.wgsl")]),
    ("Q6_K", &[include_str!("../../wgsl/formats/q6_k.wgsl")]),
    ("IQ4_NL", &[IQ4_LEVELS, include_str!("../../wgsl/formats/iq4_nl.wgsl")]),
    ("IQ4_XS", &[IQ4_LEVELS, include_str!("../../wgsl/formats/iq4_xs.wgsl")]),
];
const SCALES_6_BIT: &str = include_str!("../../wgsl/shared/scales_6_bit.wgsl");
const IQ4_LEVELS: &str = include_str!("../../wgsl/shared/iq4_levels.wgsl");
const BYTES: &str = include_str!("../../wgsl/shared/bytes.wgsl");

/// Numbers of 64-channel chunks that attention is compiled for: heads of up to 64, 128 and 256 channels.
pub const CHUNKS: [u32; 3] = [1, 2, 4];

const TILE: &str = include_str!("../../wgsl/shared/tile.wgsl");
const REDUCE: &str = include_str!("../../wgsl/shared/reduce.wgsl");
const REDUCE_MAXIMUM: &str = include_str!("../../wgsl/shared/reduce_maximum.wgsl");
const ACTIVATION: &str = include_str!("../../wgsl/shared/activation.wgsl");
const SOFT_CAP: &str = include_str!("../../wgsl/shared/soft_cap.wgsl");
const ATTENTION: &str = include_str!("../../wgsl/shared/attention_tile.wgsl");

/// A row of the table: constant, file stem, shared sources, bindings, words of parameters, variants.
macro_rules! kernels {
    ($($constant:ident $name:literal [$($shared:expr),*] [$($access:expr),*] $words:literal $variants:ident;)*) => {
        $(
            #[doc = concat!("`wgsl/", $name, ".wgsl`")]
            pub const $constant: Kernel = Kernel {
                name: $name,
                sources: &[$($shared,)* include_str!(concat!("../../wgsl/", $name, ".wgsl"))],
                bindings: &[$($access),*],
                words: $words,
                variants: Variants::$variants,
            };
        )*
        /// Every kernel.
        #[allow(dead_code, reason = "build.rs walks the table")]
        pub const KERNELS: &[Kernel] = &[$($constant),*];
    };
}

kernels! {
    EMBEDDING "embedding" [BYTES] [Read, Read, Write] 5 Formats;
    MATMUL_WEIGHT "matmul_weight" [BYTES, TILE] [Read, Read, Write] 7 Formats;
    MATMUL_WEIGHT_BACKWARD "matmul_weight_backward" [BYTES, TILE] [Read, Read, Write] 7 Formats;
    MATMUL "matmul" [TILE] [Read, Read, Write] 7 Single;
    RMS_NORM "rms_norm" [REDUCE] [Read, Read, Write] 3 Single;
    RMS_NORM_BACKWARD "rms_norm_backward" [REDUCE] [Read, Read, Read, Write] 3 Single;
    LAYER_NORM "layer_norm" [REDUCE] [Read, Read, Read, Write] 3 Single;
    LAYER_NORM_BACKWARD "layer_norm_backward" [REDUCE] [Read, Read, Read, Write] 3 Single;
    ADD_BIAS "add_bias" [] [Read, Write] 2 Single;
    ROPE "rope" [] [Read, Read, Write] 7 Single;
    ATTENTION_FORWARD "attention" [ATTENTION, SOFT_CAP] [Read, Read, Read, Read, Write, Write] 7 Chunks;
    ATTENTION_DELTA "attention_delta" [] [Read, Read, Read, Write] 3 Single;
    ATTENTION_BACKWARD_Q "attention_backward_q" [ATTENTION, SOFT_CAP]
        [Read, Read, Read, Read, Read, Read, Write] 7 Chunks;
    ATTENTION_BACKWARD_KV "attention_backward_kv" [ATTENTION, SOFT_CAP]
        [Read, Read, Read, Read, Read, Read, Write, Write] 7 Chunks;
    GLU "glu" [ACTIVATION] [Read, Read, Write] 2 Single;
    GLU_BACKWARD "glu_backward" [ACTIVATION] [Read, Write, Write] 2 Single;
    ACTIVATE "activate" [ACTIVATION] [Read, Write] 2 Single;
    ACTIVATE_BACKWARD "activate_backward" [ACTIVATION] [Read, Write] 2 Single;
    DROPOUT "dropout" [] [Read, Write] 5 Single;
    ADD "add" [] [Read, Write] 1 Single;
    FILL "fill" [] [Write] 2 Single;
    COPY "copy" [] [Read, Write] 1 Single;
    PACK_HALF "pack_half" [] [Read, Write] 1 Single;
    UNPACK_HALF "unpack_half" [] [Read, Write] 1 Single;
    GATHER_ROWS "gather_rows" [] [Read, Read, Write] 2 Single;
    SCATTER_ROWS "scatter_rows" [] [Read, Read, Write] 2 Single;
    CROSS_ENTROPY "cross_entropy" [REDUCE, REDUCE_MAXIMUM, SOFT_CAP] [Read, Write, Write] 4 Single;
    SUM_OF_SQUARES "sum_of_squares" [REDUCE] [Read, Write] 3 Single;
    SUM "sum" [REDUCE] [Read, Write] 2 Single;
    ADAMW_STEP "adamw_step" [] [Read, Write, Write, Write] 9 Single;
}

impl Kernel {
    /// Number of variants.
    #[allow(dead_code, reason = "build.rs walks the table")]
    pub fn variant_count(&self) -> usize {
        match self.variants {
            Variants::Single => 1,
            Variants::Formats => FORMATS.len(),
            Variants::Chunks => CHUNKS.len(),
        }
    }

    /// Name of a variant, for labels: `matmul_weight` + 7 = `matmul_weight_q8_0`.
    pub fn label(&self, variant: usize) -> String {
        match self.variants {
            Variants::Single => self.name.to_owned(),
            Variants::Formats => format!("{}_{}", self.name, FORMATS[variant].0.to_lowercase()),
            Variants::Chunks => format!("{}_{}", self.name, 64 * CHUNKS[variant]),
        }
    }

    /// WGSL of a variant.
    pub fn compose(&self, variant: usize) -> String {
        let mut source = match self.variants {
            Variants::Single => String::new(),
            Variants::Formats => FORMATS[variant].1.concat(),
            Variants::Chunks => format!("const CHUNKS: u32 = {}u;\n", CHUNKS[variant]),
        };
        self.sources.iter().for_each(|part| source.push_str(part));
        source
    }
}
