//! A story as a tree for a reader.

use super::super::chunk::{Chunk, Measured};
use super::super::places::State;
use super::super::review::rating::Rating;
use super::super::row::Row;
use super::stages::{Fate, Stage};
use super::story::{ChunkPlace, FilePlace, Trace};
use super::tree::{Node, Tone};
use crate::progress::count;

/// Characters of a text that are shown.
const SHOWN: usize = 160;
/// Ids and chunks that are listed.
const LISTED: usize = 8;

/// The tree of a story.
pub fn tree(trace: &Trace) -> Node {
    let mut root = title(trace);
    if let Some(row) = &trace.row {
        words(row, &mut root);
    }
    if let Some(skipped) = &trace.left_out {
        root.add(
            Node::new(Tone::Bad, format!("left out by {}: {}", skipped.stage, skipped.reason))
                .and(Tone::Plain, &skipped.detail),
        );
    }
    for was in &trace.was {
        let mut node = Node::new(Tone::Plain, "made from row").and(Tone::Quiet, &was.id);
        words(was, &mut node);
        root.add(node);
    }
    makers(trace, &mut root);
    for file in &trace.sources {
        root.add(source(trace, file));
    }
    if !trace.unknown_chunks.is_empty() {
        let ids = trace.unknown_chunks.join(", ");
        root.add(Node::new(Tone::Unknown, "chunks of the dataset it was exported from").and(Tone::Quiet, ids));
    }
    experts(&trace.ratings, "experts said", &mut root);
    experts(&trace.ratings_since, "experts said since, for the next `data resolve`", &mut root);
    ids(&trace.rows, "rows made from it", &mut root);
    ids(&trace.rows_left_out, "rows made from it and left out", &mut root);
    if !trace.stages.is_empty() {
        let mut node = Node::new(Tone::Plain, "stages");
        let width = |of: fn(&Stage) -> &str| trace.stages.iter().map(|stage| of(stage).chars().count()).max();
        let widths = [width(|stage| &stage.stage).unwrap_or(0), width(|stage| &stage.dataset).unwrap_or(0)];
        trace.stages.iter().for_each(|one| node.add(stage(one, widths)));
        root.add(node);
    }
    root
}

fn title(trace: &Trace) -> Node {
    let mut root = Node::new(Tone::Title, format!("{} {}", trace.what, trace.id));
    if let Some(row) = &trace.row {
        let split = row.split.as_ref().map_or_else(String::new, |split| format!(", {split}"));
        root = root.and(Tone::Plain, format!("{}{split}", row.kind));
    }
    if let ("chunk", [only]) = (trace.what, &trace.chunks[..]) {
        root = root.and(Tone::Plain, format!("{}, {} tokens", kind(&only.chunk), count(only.chunk.tokens as usize)));
    }
    root.and(Tone::Quiet, format!("in {} {}", trace.dataset, trace.version))
}

fn words(row: &Row, node: &mut Node) {
    match &row.messages {
        Some(_) => {
            node.add(Node::new(Tone::Quiet, "question").and(Tone::Plain, short(row.question())));
            node.add(Node::new(Tone::Quiet, "answer  ").and(Tone::Plain, short(row.answer())));
        }
        None => node.add(Node::new(Tone::Quiet, "text    ").and(Tone::Plain, short(row.answer()))),
    }
}

/// Template, model, seed, imported file.
fn makers(trace: &Trace, root: &mut Node) {
    if let Some(place) = &trace.origin {
        let line = format!("{}:{}", place.file.path, place.origin.line);
        let bytes = place.origin.bytes.map_or_else(String::new, range);
        root.add(state(
            Node::new(Tone::Plain, "imported from").and(Tone::Title, line).and(Tone::Plain, bytes),
            &place.file,
        ));
    }
    if let Some(template) = &trace.template {
        let name = format!("template {}", template.id);
        let mut node = Node::new(Tone::Plain, name).and(Tone::Plain, format!("{} `{}`", template.kind, template.name));
        node.add(Node::new(Tone::Quiet, short(&template.text)));
        root.add(node);
    }
    if let Some(model) = &trace.model {
        root.add(state(Node::new(Tone::Plain, "model").and(Tone::Title, &model.path), model));
    }
    if let Some(seed) = trace.seed {
        root.add(Node::new(Tone::Plain, format!("seed {seed}")));
    }
}

fn source(trace: &Trace, file: &FilePlace) -> Node {
    let facts = match (&file.encoding, &file.revision) {
        (_, Some(revision)) => format!("commit {}", revision.chars().take(12).collect::<String>()),
        (Some(encoding), None) if encoding != "UTF-8" => encoding.clone(),
        _ => String::new(),
    };
    let mut node = state(Node::new(Tone::Title, &file.path).and(Tone::Plain, facts), file);
    let own: Vec<&ChunkPlace> =
        trace.chunks.iter().filter(|place| file.id.as_ref() == Some(&place.chunk.source)).collect();
    for place in own.iter().take(LISTED) {
        node.add(chunk(place, trace.what == "chunk"));
    }
    if own.len() > LISTED {
        node.add(Node::new(Tone::Quiet, format!("and {} more chunks; --json lists all", count(own.len() - LISTED))));
    }
    for note in &trace.notes {
        node.add(Node::new(Tone::Unknown, &note.reason).and(Tone::Plain, &note.detail));
    }
    node
}

fn state(node: Node, file: &FilePlace) -> Node {
    let node = node.and(Tone::Quiet, format!("sha256 {}", &file.sha256[..file.sha256.len().min(12)]));
    match file.state {
        State::Unchanged => node.and(Tone::Good, "unchanged"),
        State::Changed => node.and(Tone::Bad, "the file has other bytes now"),
        State::Missing => node.and(Tone::Unknown, format!("not found at {}", file.file.display())),
    }
}

fn chunk(place: &ChunkPlace, itself: bool) -> Node {
    let chunk = &place.chunk;
    let mut node = match itself {
        true => Node::new(Tone::Plain, location(chunk)),
        false => Node::new(Tone::Plain, format!("chunk {}", chunk.id)).and(Tone::Plain, location(chunk)),
    };
    if !chunk.heading.is_empty() {
        node.add(Node::new(Tone::Quiet, "under").and(Tone::Plain, chunk.heading.join(" > ")));
    }
    node.add(Node::new(Tone::Plain, format!("\"{}\"", short(&chunk.text))));
    if !chunk.cleaned.is_empty() {
        node.add(Node::new(Tone::Quiet, format!("cleaned: {}", chunk.cleaned.join(", "))));
    }
    range_note(place).into_iter().for_each(|said| node.add(said));
    if let Some(at) = place.text_now_at {
        let still = at == chunk.place.bytes[0];
        let text = if still {
            "these bytes are still the same".to_owned()
        } else {
            format!("this text stands at byte {at} now")
        };
        node.add(Node::new(Tone::Good, text));
    }
    node
}

/// Where the range says less than it seems to.
fn range_note(place: &ChunkPlace) -> Option<Node> {
    let ChunkPlace { chunk, chunks_of_range, .. } = place;
    let [first, end] = chunk.place.bytes;
    let repaired = !chunk.cleaned.is_empty() && chunk.fields.is_empty();
    let said = if *chunks_of_range > 1 {
        format!(
            "the range is that of {chunks_of_range} chunks: their text was rewritten, and none has bytes of its own"
        )
    } else if repaired && end - first > chunk.text.len() as u64 {
        "the range is wider than the text, which was repaired".to_owned()
    } else {
        return None;
    };
    Some(Node::new(Tone::Quiet, said))
}

fn location(chunk: &Chunk) -> String {
    let page = chunk.place.page.map_or_else(String::new, |page| format!("page {page}, "));
    let [first, last] = chunk.place.lines;
    let sheet = chunk.heading.first().filter(|_| chunk.place.measured == Measured::Extracted && page.is_empty());
    if let Some(sheet) = sheet {
        return format!("row {first} of sheet {sheet:?}, {} of the extracted text", range(chunk.place.bytes));
    }
    let lines = if first == last { format!("line {first}") } else { format!("lines {first} to {last}") };
    let of = match chunk.place.measured {
        Measured::File => "",
        Measured::Extracted => " of the extracted text",
    };
    format!("{page}{lines}, {}{of}", range(chunk.place.bytes))
}

fn range([first, end]: [u64; 2]) -> String {
    format!("bytes {} to {}", count(first as usize), count(end as usize))
}

fn kind(chunk: &Chunk) -> String {
    let kind = format!("{:?}", chunk.kind).to_lowercase();
    chunk.language.as_ref().map_or(kind.clone(), |language| format!("{kind} ({language})"))
}

fn experts(ratings: &[Rating], title: &str, root: &mut Node) {
    if ratings.is_empty() {
        return;
    }
    let mut node = Node::new(Tone::Plain, title);
    for rating in ratings {
        let tone = if rating.verdict.name() == "good" { Tone::Good } else { Tone::Bad };
        let mut one = Node::new(Tone::Title, &rating.expert)
            .and(tone, rating.verdict.name())
            .and(Tone::Plain, format!("confidence {}", rating.confidence))
            .and(Tone::Quiet, format!("{}  {}", rating.time, rating.id));
        for (name, said) in [("answer", &rating.answer), ("context", &rating.context), ("comment", &rating.comment)] {
            if let Some(said) = said {
                one.add(Node::new(Tone::Quiet, name).and(Tone::Plain, short(said)));
            }
        }
        node.add(one);
    }
    root.add(node);
}

fn ids(ids: &[String], title: &str, root: &mut Node) {
    if !ids.is_empty() {
        let mut listed: Vec<&str> = ids.iter().take(LISTED).map(String::as_str).collect();
        if ids.len() > LISTED {
            listed.push("..");
        }
        root.add(Node::new(Tone::Plain, format!("{} {title}", count(ids.len()))).and(Tone::Quiet, listed.join(" ")));
    }
}

fn stage(stage: &Stage, widths: [usize; 2]) -> Node {
    let (tone, fate) = match stage.fate {
        Fate::Read => (Tone::Plain, "read here"),
        Fate::Made => (Tone::Good, "made here"),
        Fate::Kept => (Tone::Good, "kept"),
        Fate::EarlierForm => (Tone::Plain, "in an earlier form"),
        Fate::LeftOut => (Tone::Bad, "left out"),
        Fate::Gone => (Tone::Quiet, "left out before"),
        Fate::NotHere => (Tone::Quiet, "-"),
        Fate::Unknown => (Tone::Unknown, "unknown"),
    };
    let seed = stage.seed.map_or_else(String::new, |seed| format!("seed {seed}"));
    Node::new(Tone::Plain, format!("{:<1$}", stage.stage, widths[0]))
        .and(Tone::Plain, format!("{:<1$}", stage.dataset, widths[1]))
        .and(Tone::Quiet, &stage.version)
        .and(tone, fate)
        .and(Tone::Plain, stage.at.join(", "))
        .and(Tone::Plain, stage.detail.clone().unwrap_or_default())
        .and(Tone::Quiet, seed)
}

/// A text on one line, cut.
fn short(text: &str) -> String {
    let line = crate::one_line(text);
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{} ..", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_of_a_workbook_is_found_by_sheet_and_row() {
        let mut chunk = Chunk::paragraph("name: Axe", "Log");
        chunk.place.measured = Measured::Extracted;
        chunk.place.lines = [5, 5];
        assert_eq!(location(&chunk), "row 5 of sheet \"Log\", bytes 0 to 1 of the extracted text");
        chunk.place.page = Some(2);
        assert!(location(&chunk).starts_with("page 2, line 5"), "{}", location(&chunk));
    }
}
