//! What the range of a chunk says: whether it is its own, and where its text stands in a file that has changed.

use std::io::{Read as _, Seek as _, SeekFrom};

use super::super::chunk::{Chunk, Measured};
use super::super::places::State;
use super::story::FilePlace;

/// Largest changed file in which the words of a chunk are looked for.
const SEARCHED_BYTES_MAX: u64 = 64 << 20;

/// Gives each chunk to `each`, with how many there are of its range: the parts of a passage whose text was rewritten
/// have no bytes of their own, and stand one after the other in a dataset.
///
/// # Errors
/// The first chunk that cannot be read.
pub fn with_shares(
    chunks: impl Iterator<Item = anyhow::Result<Chunk>>,
    mut each: impl FnMut(Chunk, usize),
) -> anyhow::Result<()> {
    let mut run: Vec<Chunk> = Vec::new();
    let mut close = |run: &mut Vec<Chunk>| {
        let parts = run.len();
        run.drain(..).for_each(|chunk| each(chunk, parts));
    };
    for chunk in chunks {
        let chunk = chunk?;
        let goes_on = |first: &Chunk| first.source == chunk.source && first.place.bytes == chunk.place.bytes;
        if !run.first().is_some_and(goes_on) {
            close(&mut run);
        }
        run.push(chunk);
    }
    close(&mut run);
    Ok(())
}

/// Where a file that has changed holds the chunk's own text.
pub fn text_now_at(chunk: &Chunk, file: &FilePlace) -> Option<u64> {
    let own = chunk.place.measured == Measured::File && chunk.cleaned.is_empty() && chunk.fields.is_empty();
    if file.state != State::Changed || !own {
        return None;
    }
    let text = chunk.text.as_bytes();
    let mut opened = std::fs::File::open(&file.file).ok()?;
    let mut there = vec![0; text.len()];
    let same_place = opened.seek(SeekFrom::Start(chunk.place.bytes[0])).and_then(|_| opened.read_exact(&mut there));
    if same_place.is_ok() && there == text {
        return Some(chunk.place.bytes[0]);
    }
    if std::fs::metadata(&file.file).ok()?.len() > SEARCHED_BYTES_MAX {
        return None;
    }
    let now = String::from_utf8(std::fs::read(&file.file).ok()?).ok()?;
    now.find(&chunk.text).map(|at| at as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_one_passage_are_counted_and_neighbours_are_not() {
        let chunk = |source: &str, start: u64, text: &str| {
            let mut chunk = Chunk::paragraph(text, "");
            chunk.source = source.to_owned();
            chunk.place.bytes = [start, 9];
            Ok(chunk)
        };
        let chunks = [chunk("a", 0, "1"), chunk("a", 5, "2"), chunk("a", 5, "3"), chunk("b", 5, "4")];
        let mut seen = Vec::new();
        with_shares(chunks.into_iter(), |chunk, parts| seen.push((chunk.text, parts))).unwrap();
        let expected = [("1", 1), ("2", 2), ("3", 2), ("4", 1)].map(|(text, parts)| (text.to_owned(), parts));
        assert_eq!(seen, expected);
    }
}
