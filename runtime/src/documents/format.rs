//! What a file is: by its first bytes where they say so, by the ending of its name otherwise.

use super::language::Language;

/// First bytes that are looked at.
pub const SAMPLE_BYTES: usize = 8192;

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Running text.
    Text,
    /// Markdown.
    Markdown,
    /// reStructuredText.
    Rst,
    /// HTML.
    Html,
    /// Records with a separator.
    Table {
        /// The separator, where the ending says it; otherwise it is found in the first lines.
        separator: Option<u8>,
    },
    /// One JSON document.
    Json,
    /// One JSON document a line.
    JsonLines,
    /// Office Open XML workbook.
    Xlsx,
    /// Portable Document Format.
    Pdf,
    /// Source code with a grammar.
    Code(Language),
    /// Source code or configuration without a grammar here.
    OtherCode,
}

impl Format {
    /// Media type for the manifest.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Text => "text/plain",
            Format::Markdown => "text/markdown",
            Format::Rst => "text/x-rst",
            Format::Html => "text/html",
            Format::Table { separator: Some(b'\t') } => "text/tab-separated-values",
            Format::Table { .. } => "text/csv",
            Format::Json => "application/json",
            Format::JsonLines => "application/jsonl",
            Format::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Format::Pdf => "application/pdf",
            Format::Code(language) => language.media_type(),
            Format::OtherCode => "text/x-source",
        }
    }

    /// Whether it can be read in pieces, so that its size does not matter.
    pub fn in_windows(self) -> bool {
        matches!(self, Format::Text | Format::Table { .. } | Format::JsonLines)
    }
}

/// Why a file is not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// One word for a program.
    pub reason: &'static str,
    /// What was seen and what to do.
    pub detail: String,
}

/// Endings of code and configuration that has no grammar here.
const OTHER_CODE: &[&str] = &[
    "ts", "tsx", "go", "java", "kt", "swift", "cs", "rb", "php", "pl", "lua", "sh", "bash", "zsh", "ps1", "r", "jl",
    "scala", "hs", "ml", "ex", "erl", "clj", "sql", "toml", "yaml", "yml", "ini", "cfg", "cmake", "gradle", "proto",
    "wgsl", "glsl", "m", "mm", "f90", "f", "asm", "s", "zig", "nim", "dart", "vue", "css", "scss", "xml", "tf",
];

/// First bytes of formats that are no text, and what to call them.
const MAGIC: &[(&[u8], &str)] = &[
    (b"\x89PNG\r\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ\x90", "a program (PE)"),
    (b"\x1f\x8b", "a gzip archive; unpack it"),
    (b"BZh", "a bzip2 archive; unpack it"),
    (b"\xfd7zXZ", "an xz archive; unpack it"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it"),
    (b"Rar!", "a RAR archive; unpack it"),
    (b"GGUF", "a GGUF model"),
    (b"SQLite format 3", "an SQLite database; export its tables as CSV"),
    (b"PAR1", "a Parquet file; see `halligan-host data import`"),
    (b"\xff\xfe\0\0", "text in UTF-32; convert it to UTF-8"),
    (b"\0\0\xfe\xff", "text in UTF-32; convert it to UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Office file; save it as XLSX, PDF or text"),
];

/// The format of a file named `path` that begins with `sample`.
///
/// # Errors
/// What is no text and no format that is read here.
pub fn detect(path: &str, sample: &[u8]) -> Result<Format, Unread> {
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    if find(&sample[..sample.len().min(1024)], b"%PDF-") {
        return Ok(Format::Pdf);
    }
    if sample.starts_with(b"PK\x03\x04") {
        return match ending {
            "xlsx" | "xlsm" => Ok(Format::Xlsx),
            _ => Err(binary("a ZIP archive; unpack it, or name it .xlsx if it is a workbook")),
        };
    }
    if let Some((_, what)) = MAGIC.iter().find(|(magic, _)| sample.starts_with(magic)) {
        return Err(binary(what));
    }
    if matches!(ending, "pdf" | "xlsx" | "xlsm") {
        let detail = format!("named .{ending}, but its first bytes are not of that format; save it again");
        return Err(Unread { reason: "broken", detail });
    }
    if !looks_like_text(sample) {
        return Err(binary("binary data; if it is text, convert it to UTF-8"));
    }
    Ok(match ending {
        "md" | "markdown" | "mdx" => Format::Markdown,
        "rst" | "rest" => Format::Rst,
        "html" | "htm" | "xhtml" => Format::Html,
        "csv" => Format::Table { separator: None },
        "tsv" | "tab" => Format::Table { separator: Some(b'\t') },
        "json" | "geojson" => Format::Json,
        "jsonl" | "ndjson" => Format::JsonLines,
        _ if Language::of_ending(ending).is_some() => Language::of_ending(ending).map_or(Format::Text, Format::Code),
        _ if OTHER_CODE.contains(&ending) || matches!(&*name, "makefile" | "dockerfile") => Format::OtherCode,
        _ => Format::Text,
    })
}

fn binary(what: &str) -> Unread {
    Unread { reason: "binary", detail: format!("it is {what}") }
}

/// Text has no NUL bytes unless it is UTF-16, and few control characters.
pub fn looks_like_text(sample: &[u8]) -> bool {
    if super::decode::utf16_by_look(sample).is_some() {
        return true;
    }
    let control = |byte: &&u8| matches!(**byte, 0..=8 | 14..=26 | 28..=31 | 127);
    let controls = sample.iter().filter(control).count();
    !sample.contains(&0) && controls * 50 <= sample.len()
}

fn find(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_wins_over_the_ending() {
        assert_eq!(detect("a.txt", b"%PDF-1.7\n").unwrap(), Format::Pdf);
        let image = detect("notes.txt", b"\x89PNG\r\n\x1a\n\0\0").unwrap_err();
        assert_eq!((image.reason, image.detail.as_str()), ("binary", "it is a PNG image"));
        assert_eq!(detect("a.txt", &[1, 2, 0, 3, 0xfe]).unwrap_err().reason, "binary");
        for marked in [b"\xff\xfe\0\0W\0\0\0", b"\0\0\xfe\xff\0\0\0W"] {
            let utf32 = detect("a.txt", marked).unwrap_err();
            assert_eq!(utf32.detail, "it is text in UTF-32; convert it to UTF-8");
        }
        assert_eq!(detect("a.pdf", b"hello").unwrap_err().reason, "broken");
    }

    #[test]
    fn text_of_any_name_is_read() {
        assert_eq!(detect("LICENSE", b"You may").unwrap(), Format::Text);
        assert_eq!(detect("x/Guide.MD", b"# Hi").unwrap(), Format::Markdown);
        assert_eq!(detect("a.hpp", b"int x;").unwrap(), Format::Code(Language::Cpp));
        assert_eq!(detect("utf16.txt", b"\xff\xfeh\0i\0").unwrap(), Format::Text);
    }
}
