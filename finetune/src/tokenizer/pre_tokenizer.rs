//! How text is cut into words before byte-pair merging, by the name in `tokenizer.ggml.pre`.
//!
//! The expressions are those of the models' own tokenizers, in the form that llama.cpp applies them: one
//! after the other, each to the pieces that the one before left. Names that differ only in other respects
//! share a row. A name that is not here is refused, because a near miss trains a model on tokens that it
//! will never see again.

/// Cuts of one family of tokenizers.
pub(super) struct PreTokenizer {
    /// Names in `tokenizer.ggml.pre`.
    names: &'static [&'static str],
    /// Expressions in order of use.
    pub expressions: &'static [&'static str],
    /// A word that is a token is taken whole, without merging.
    pub ignore_merges: bool,
    /// Whether a text starts with the begin token where the file does not say.
    pub adds_bos: bool,
}

const GPT_2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)";

const LLAMA_3: &str = concat!(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

const QWEN_2: &str = concat!(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}",
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

const QWEN_35: &str = concat!(
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}",
    r"| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

const TEKKEN: &str = concat!(
    r"[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))*((?=[\p{L}])([^A-Z]))+",
    r"|[^\r\n\p{L}\p{N}]?((?=[\p{L}])([^a-z]))+((?=[\p{L}])([^A-Z]))*",
    r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

const DEEPSEEK_3_WORDS: &str = concat!(
    r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+"##,
    r"|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
);

const TABLE: &[PreTokenizer] = &[
    PreTokenizer {
        names: &["gpt-2", "phi-2", "olmo", "mpt", "exaone4", "trillion"],
        expressions: &[GPT_2],
        ignore_merges: false,
        adds_bos: false,
    },
    PreTokenizer {
        names: &["default"],
        expressions: &[r"[\p{P}\$\+<=>\^~\|]+", GPT_2, r"\p{N}+", r"[0-9][0-9][0-9]"],
        ignore_merges: false,
        adds_bos: false,
    },
    PreTokenizer {
        names: &["qwen2", "deepseek-r1-qwen", "megrez", "stablelm2", "hunyuan", "grok-2"],
        expressions: &[QWEN_2],
        ignore_merges: false,
        adds_bos: false,
    },
    PreTokenizer { names: &["qwen35"], expressions: &[QWEN_35], ignore_merges: false, adds_bos: false },
    PreTokenizer {
        names: &["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "lfm2"],
        expressions: &[LLAMA_3],
        ignore_merges: true,
        adds_bos: true,
    },
    PreTokenizer { names: &["dbrx", "smaug-bpe"], expressions: &[LLAMA_3], ignore_merges: false, adds_bos: false },
    PreTokenizer {
        names: &["starcoder", "refact", "command-r", "smollm", "codeshell", "exaone"],
        expressions: &[r"\p{N}", GPT_2],
        ignore_merges: false,
        adds_bos: false,
    },
    PreTokenizer {
        names: &["falcon"],
        expressions: &[r"[\p{P}\$\+<=>\^~\|`]+", GPT_2, r"[0-9][0-9][0-9]"],
        ignore_merges: false,
        adds_bos: false,
    },
    PreTokenizer { names: &["tekken"], expressions: &[TEKKEN], ignore_merges: true, adds_bos: true },
    PreTokenizer {
        names: &["deepseek-coder"],
        expressions: &[
            r"[\r\n]",
            r"\s?\p{L}+",
            r"\s?\p{P}+",
            r"[\x{4E00}-\x{9FA5}\x{0800}-\x{4E00}\x{AC00}-\x{D7FF}]+",
            r"\p{N}",
        ],
        ignore_merges: false,
        adds_bos: false,
    },
    PreTokenizer {
        names: &["deepseek-v3", "hunyuan-dense"],
        expressions: &[r"\p{N}{1,3}", r"[\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+", DEEPSEEK_3_WORDS],
        ignore_merges: false,
        adds_bos: false,
    },
];

/// The row of this name.
pub(super) fn find(name: &str) -> Option<&'static PreTokenizer> {
    TABLE.iter().find(|row| row.names.contains(&name))
}

/// All known names, comma-separated.
pub(super) fn known_names() -> String {
    let names: Vec<&str> = TABLE.iter().flat_map(|row| row.names).copied().collect();
    names.join(", ")
}
