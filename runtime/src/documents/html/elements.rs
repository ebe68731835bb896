//! Elements by what they do to the text.

/// Elements whose content is no text.
pub const SILENT: &[&str] = &["script", "style", "noscript", "template", "svg", "head", "iframe", "object", "canvas"];
/// Elements that begin and end a block.
pub const BLOCKS: &[&str] = &[
    "p",
    "div",
    "section",
    "article",
    "main",
    "aside",
    "nav",
    "header",
    "footer",
    "ul",
    "ol",
    "li",
    "dl",
    "dt",
    "dd",
    "blockquote",
    "figure",
    "figcaption",
    "table",
    "form",
    "fieldset",
    "hr",
    "body",
    "html",
    "address",
    "details",
    "summary",
];
