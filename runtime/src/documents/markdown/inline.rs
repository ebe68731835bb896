//! HTML inside of a line of Markdown: raised text is written as such, scripts are no text.

use std::ops::Range;

use super::super::html;

/// Most elements in one another.
const OPEN_MAX: usize = 8;
/// Elements whose content is no text, in a line.
const SILENT: [&str; 2] = ["script", "style"];

/// Changes to the text of a block, collected as its tags come.
#[derive(Debug, Default)]
pub struct Inline {
    /// Open elements that matter, with the bytes of their opening tag.
    open: Vec<(&'static str, Range<usize>)>,
    /// Ranges of the document and what stands for them, in order of their ends.
    edits: Vec<(Range<usize>, String)>,
    /// Scripts and styles that were left out.
    pub left_out: usize,
}

impl Inline {
    /// A tag at `range` of `text`.
    pub fn tag(&mut self, tag: &str, text: &str, range: Range<usize>) {
        let Some((name, closing)) = known(tag) else { return };
        if !closing {
            if !self.in_script() && self.open.len() < OPEN_MAX {
                self.open.push((name, range));
            }
            return;
        }
        let Some(at) = self.open.iter().rposition(|(open, _)| *open == name) else { return };
        let (_, start) = self.open.swap_remove(at);
        self.open.truncate(at);
        let first = self.edits.partition_point(|(edit, _)| edit.start < start.start);
        let inside = changed(text, start.end..range.start, &self.edits.split_off(first));
        let written = match name {
            "sup" => html::raised(&text[..start.start], &inside, &text[range.end..]),
            "sub" => inside,
            _ => {
                self.left_out += 1;
                String::new()
            }
        };
        self.edits.push((start.start..range.end, written));
    }

    /// Whether the words that come now are no text.
    pub fn in_script(&self) -> bool {
        self.open.last().is_some_and(|(name, _)| SILENT.contains(name))
    }

    /// Forgets what came with a block that is no text.
    pub fn forget(&mut self) {
        self.open.clear();
        self.edits.clear();
    }

    /// The text of the block at `range`, where it was changed; what follows begins anew.
    pub fn finish(&mut self, text: &str, range: Range<usize>) -> Option<String> {
        self.edits.retain(|(edit, _)| edit.start >= range.start && edit.end <= range.end);
        let changed = (!self.edits.is_empty()).then(|| changed(text, range, &self.edits));
        self.forget();
        changed
    }
}

/// `range` of `text` with the changes in it.
fn changed(text: &str, range: Range<usize>, edits: &[(Range<usize>, String)]) -> String {
    let (mut out, mut at) = (String::new(), range.start);
    for (edit, written) in edits {
        out.push_str(&text[at..edit.start]);
        out.push_str(written);
        at = edit.end;
    }
    out.push_str(&text[at..range.end]);
    out
}

/// Name of a tag that matters, and whether it closes its element.
fn known(tag: &str) -> Option<(&'static str, bool)> {
    let inner = tag.strip_prefix('<')?.strip_suffix('>')?;
    let (inner, closing) = inner.strip_prefix('/').map_or((inner, false), |inner| (inner, true));
    let name = inner.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
    let mut all = SILENT.into_iter().chain(["sup", "sub"]);
    Some((all.find(|known| known.eq_ignore_ascii_case(name) && !inner.ends_with('/'))?, closing))
}
