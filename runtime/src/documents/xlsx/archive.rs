//! The archive that a workbook is: how much it unpacks to, and what of it no sheet holds.

use std::io::{Cursor, Read as _};

use zip::ZipArchive;

use super::super::format::Unread;
use super::super::one_line;

/// Most bytes that a workbook may unpack to.
const UNPACKED_BYTES_MAX: u64 = 256 << 20;
/// Most parts of a workbook.
const PARTS_MAX: usize = 10_000;
/// Comments are counted in so many first bytes of their part.
const COMMENT_BYTES_MAX: u64 = 4 << 20;
/// What a comment begins with.
const COMMENT: &[u8] = b"<comment ";

/// Unpacks everything into nothing and counts, because sizes in an archive's directory may lie. Returns the number
/// of comments on cells.
///
/// # Errors
/// A damaged archive, or one that unpacks to too much.
pub fn check(bytes: &[u8]) -> Result<usize, Unread> {
    let broken =
        |error: String| Unread { reason: "broken", detail: format!("not a sound workbook: {}", one_line(&error)) };
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|error| broken(error.to_string()))?;
    let mut left = UNPACKED_BYTES_MAX;
    let bomb = || Unread {
        reason: "zip_bomb",
        detail: format!(
            "{} bytes unpack to more than {:.1} MB or to more than {PARTS_MAX} parts; if that is meant, export its sheets as CSV",
            bytes.len(),
            UNPACKED_BYTES_MAX as f64 / 1e6
        ),
    };
    if archive.len() > PARTS_MAX {
        return Err(bomb());
    }
    let mut comments = 0;
    for index in 0..archive.len() {
        let part = archive.by_index(index).map_err(|error| broken(error.to_string()))?;
        let holds_comments = part.name_raw().starts_with(b"xl/comments") && part.name_raw().ends_with(b".xml");
        let mut part = part.take(left + 1);
        let mut text = Vec::new();
        let kept = if holds_comments { COMMENT_BYTES_MAX } else { 0 };
        let read = part.by_ref().take(kept).read_to_end(&mut text);
        comments += text.windows(COMMENT.len()).filter(|bytes| *bytes == COMMENT).count();
        let rest = read.and_then(|_| std::io::copy(&mut part, &mut std::io::sink()));
        let count = text.len() as u64 + rest.map_err(|error| broken(error.to_string()))?;
        left = left.checked_sub(count).ok_or_else(bomb)?;
    }
    Ok(comments)
}
