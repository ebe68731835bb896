//! Programming languages that are told apart by the endings of file names.

/// A language with a grammar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Rust.
    Rust,
    /// Python.
    Python,
    /// C.
    C,
    /// C++.
    Cpp,
    /// JavaScript.
    JavaScript,
}

impl Language {
    /// The language of files with this ending.
    pub fn of_ending(ending: &str) -> Option<Self> {
        Some(match ending {
            "rs" => Self::Rust,
            "py" | "pyi" => Self::Python,
            "c" => Self::C,
            // Headers are read as C++, whose grammar takes nearly all of C.
            "h" | "cc" | "cpp" | "cxx" | "hpp" | "hh" | "hxx" | "cu" | "cuh" | "ino" => Self::Cpp,
            "js" | "mjs" | "cjs" | "jsx" => Self::JavaScript,
            _ => return None,
        })
    }

    /// Name for chunks.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Python => "python",
            Self::C => "c",
            Self::Cpp => "cpp",
            Self::JavaScript => "javascript",
        }
    }

    /// Media type for the manifest.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Rust => "text/x-rust",
            Self::Python => "text/x-python",
            Self::C => "text/x-c",
            Self::Cpp => "text/x-c++",
            Self::JavaScript => "text/javascript",
        }
    }
}
