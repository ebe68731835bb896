//! A document's text around a place: what a citation opens, and what proves it.

use rusqlite::{Connection, params};
use serde::Serialize;

use super::Library;
use crate::error::RetrievalError;
use crate::turn::Citation;

/// A piece of a document with what stands around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Excerpt {
    /// Name of the document.
    pub document: String,
    /// Page of the piece, where the document has pages, from 1.
    pub page: Option<u32>,
    /// Heading path above the piece; empty if none.
    pub heading: String,
    /// The text, the piece and what is around it.
    pub text: String,
    /// Byte offset of `text` in the document's text.
    pub first_byte: usize,
    /// Byte offset of the piece in `text`.
    pub start: usize,
    /// Byte offset in `text` just after the piece.
    pub end: usize,
    /// Whether the document goes on before `text`.
    pub more_before: bool,
    /// Whether the document goes on after `text`.
    pub more_after: bool,
}

impl Library<'_> {
    /// The text of `document` from `around` bytes before `start_byte` to as many after `end_byte`; `None` if there is
    /// no such document or place.
    ///
    /// # Errors
    /// [`RetrievalError::Database`].
    pub fn open(
        &self,
        document: &str,
        start_byte: usize,
        end_byte: usize,
        around: usize,
    ) -> Result<Option<Excerpt>, RetrievalError> {
        self.database("read", |connection| {
            let Some(id) = Library::document_id(connection, document)? else { return Ok(None) };
            let wanted = start_byte.saturating_sub(around)..end_byte.saturating_add(around);
            let Some(mut span) = span(connection, id, wanted.start, wanted.end)? else { return Ok(None) };
            let inside = |at: usize| at.checked_sub(span.first_byte).filter(|at| span.text.is_char_boundary(*at));
            let (Some(start), Some(end)) = (inside(start_byte), inside(end_byte)) else { return Ok(None) };
            let (page, heading) = span.place_of(start_byte);
            // Down to what was asked for, at whole characters.
            let first = span.boundary(wanted.start);
            let last = span.boundary(wanted.end);
            let (more_before, more_after) = (span.first_byte + first > 0, last < span.text.len() || !span.at_end);
            span.text.truncate(last);
            span.text.drain(..first);
            Ok(Some(Excerpt {
                document: document.to_owned(),
                page,
                heading,
                text: span.text,
                first_byte: span.first_byte + first,
                start: start - first,
                end: end - first,
                more_before,
                more_after,
            }))
        })
    }

    /// Whether the document says at the citation's place what the citation quotes.
    ///
    /// # Errors
    /// [`RetrievalError::Database`].
    pub fn is_verbatim(&self, citation: &Citation) -> Result<bool, RetrievalError> {
        let excerpt = self.open(&citation.document, citation.start_byte, citation.end_byte, 0)?;
        Ok(excerpt.is_some_and(|excerpt| excerpt.text == citation.quote && !citation.quote.is_empty()))
    }

    /// The whole text of a document; `None` if there is none of this name.
    ///
    /// # Errors
    /// [`RetrievalError::Database`].
    pub fn text(&self, document: &str) -> Result<Option<String>, RetrievalError> {
        self.database("read", |connection| {
            let Some(id) = Library::document_id(connection, document)? else { return Ok(None) };
            Ok(span(connection, id, 0, usize::MAX)?.map(|span| span.text))
        })
    }
}

/// Consecutive passages with their gaps.
struct Span {
    text: String,
    /// Byte of the document at which the text begins.
    first_byte: usize,
    /// Whether the text goes to the end of the document.
    at_end: bool,
    /// End, page and heading of each passage.
    places: Vec<(usize, Option<u32>, String)>,
}

impl Span {
    fn place_of(&self, byte: usize) -> (Option<u32>, String) {
        let place = self.places.iter().find(|(end, ..)| byte < *end).or(self.places.last());
        place.map_or((None, String::new()), |(_, page, heading)| (*page, heading.clone()))
    }

    /// Offset in the text of the document's byte `at` or of the character around it.
    fn boundary(&self, at: usize) -> usize {
        let mut inside = at.saturating_sub(self.first_byte).min(self.text.len());
        while !self.text.is_char_boundary(inside) {
            inside -= 1;
        }
        inside
    }
}

/// The passages of a document that touch `start..end`, whole, with the gaps before them.
fn span(connection: &Connection, document: i64, start: usize, end: usize) -> rusqlite::Result<Option<Span>> {
    let mut statement = connection.prepare_cached(
        "SELECT gap, text, start_byte, end_byte, page, heading FROM passages
         WHERE document = ?1 AND end_byte > ?2 ORDER BY start_byte",
    )?;
    let mut rows = statement.query(params![document, i64::try_from(start).unwrap_or(i64::MAX)])?;
    let mut span = Span { text: String::new(), first_byte: 0, at_end: false, places: Vec::new() };
    let mut last = None;
    while let Some(row) = rows.next()? {
        let gap: String = row.get(0)?;
        let from = (row.get::<_, i64>(2)? as usize).saturating_sub(gap.len());
        if last.is_none() {
            span.first_byte = from;
        } else if from >= end {
            return Ok(Some(span));
        }
        span.text.push_str(&gap);
        span.text.push_str(row.get_ref(1)?.as_str()?);
        let to = row.get::<_, i64>(3)? as usize;
        span.places.push((to, row.get(4)?, row.get(5)?));
        last = Some(to);
    }
    let tail: String =
        connection.query_row("SELECT tail FROM documents WHERE id = ?1", [document], |row| row.get(0))?;
    if last.is_none() {
        // Only what follows the last passage is left.
        let ended: Option<i64> =
            connection
                .query_row("SELECT max(end_byte) FROM passages WHERE document = ?1", [document], |row| row.get(0))?;
        span.first_byte = ended.unwrap_or(0) as usize;
    }
    span.text.push_str(&tail);
    span.at_end = true;
    Ok(Some(span))
}
