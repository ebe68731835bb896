//! What a text says of its own encoding: an HTML page in a `meta` tag, XML and CSS in their first line, source code
//! in a comment of its first two lines, as Python and Emacs read it.

use encoding_rs::{Encoding, REPLACEMENT, UTF_16BE, UTF_16LE};

/// First bytes in which a declaration is looked for.
const HEAD_BYTES: usize = 4096;
/// Longest label of an encoding.
const LABEL_BYTES_MAX: usize = 40;

/// An encoding that a text names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declared {
    /// The label as written, in lower case.
    pub label: String,
    /// The encoding, if it is known and may be meant.
    pub encoding: Option<&'static Encoding>,
}

/// The encoding that a text beginning with `bytes` names.
pub fn declared(bytes: &[u8]) -> Option<Declared> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let ascii = |byte: &u8| if byte.is_ascii() { char::from(byte.to_ascii_lowercase()) } else { '?' };
    let head: String = bytes[..bytes.len().min(HEAD_BYTES)].iter().map(ascii).collect();
    let head = head.trim_start();
    let label = in_xml(head).or_else(|| in_css(head)).or_else(|| in_html(head)).or_else(|| in_comment(head))?;
    Some(Declared { encoding: encoding(label), label: label.to_owned() })
}

/// `<?xml version="1.0" encoding="iso-8859-2"?>`.
fn in_xml(head: &str) -> Option<&str> {
    value(head.strip_prefix("<?xml")?.split("?>").next()?, "encoding")
}

/// `@charset "iso-8859-2";`.
fn in_css(head: &str) -> Option<&str> {
    label(head.strip_prefix("@charset")?)
}

/// `<meta charset="iso-8859-2">`, or the same in the `content` of the tag.
fn in_html(head: &str) -> Option<&str> {
    if !head.starts_with('<') {
        return None;
    }
    head.split("<meta").skip(1).find_map(|tag| value(tag.split('>').next()?, "charset"))
}

/// `# -*- coding: iso-8859-2 -*-`.
fn in_comment(head: &str) -> Option<&str> {
    head.split(['\n', '\r']).filter(|line| !line.is_empty()).take(2).find_map(|line| {
        let rest = &line[line.find("coding")? + "coding".len()..];
        label(rest.strip_prefix([':', '='])?)
    })
}

/// What is given to `name` in a tag.
fn value<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    tag.match_indices(name).find_map(|(at, _)| label(tag[at + name.len()..].trim_start().strip_prefix('=')?))
}

/// The label at the head of `text`, with or without quotes.
fn label(text: &str) -> Option<&str> {
    let text = text.trim_start().trim_start_matches(['"', '\'']);
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && !"-_.:+".contains(c)).unwrap_or(text.len());
    (1..=LABEL_BYTES_MAX).contains(&end).then(|| &text[..end])
}

/// The encoding of a label, also in the spellings of Python and Emacs.
fn encoding(label: &str) -> Option<&'static Encoding> {
    let label = ["-unix", "-dos", "-mac"].iter().find_map(|ending| label.strip_suffix(ending)).unwrap_or(label);
    // Text with bytes above ASCII is not what it says, and no text in UTF-16 says so in single bytes.
    if matches!(label, "ascii" | "us-ascii") {
        return None;
    }
    let spelled = [label.to_owned(), label.replace('_', "-"), label.replace(['-', '_'], "")];
    let found = spelled.iter().find_map(|label| Encoding::for_label(label.as_bytes()))?;
    (![REPLACEMENT, UTF_16LE, UTF_16BE].contains(&found)).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_declaration_is_found() {
        for (text, name) in [
            ("<html><head><meta charset=\"windows-1251\"><title>x", "windows-1251"),
            ("\n<META charset=iso-8859-2>", "ISO-8859-2"),
            ("<meta http-equiv='Content-Type' content='text/html; charset=Shift_JIS'>", "Shift_JIS"),
            ("<?xml version=\"1.0\" encoding=\"iso-8859-15\"?><a/>", "ISO-8859-15"),
            ("<?xml version='1.0' encoding = 'koi8-r' ?>", "KOI8-R"),
            ("@charset \"big5\";", "Big5"),
            ("# -*- coding: latin-1 -*-\nx = 1", "windows-1252"),
            ("#!/usr/bin/python\n# vim: set fileencoding=koi8_r :\n", "KOI8-R"),
            ("% -*- coding: iso-8859-2-unix -*-", "ISO-8859-2"),
        ] {
            assert_eq!(
                declared(text.as_bytes()).and_then(|said| said.encoding).map(Encoding::name),
                Some(name),
                "{text}"
            );
        }
    }

    #[test]
    fn what_declares_nothing_or_cannot_be_meant_gives_no_encoding() {
        for text in ["Water.", "<p>charset=koi8-r</p>", "a\nb\n# coding: latin-1", "Good coding: an essay"] {
            let said = declared(text.as_bytes());
            assert!(said.as_ref().and_then(|said| said.encoding).is_none(), "{text}: {said:?}");
        }
        let said = declared(b"<meta charset='utf-16'>").unwrap();
        assert_eq!((said.label.as_str(), said.encoding), ("utf-16", None));
        assert_eq!(declared(b"# coding: cp437\n").unwrap().encoding, None);
    }
}
