//! Packing blocks into chunks: neighbours under one heading together, up to the size; a block that is larger is
//! cut between sentences or lines, and inside one only where a single sentence is larger than a chunk.

use std::ops::Range;
use std::sync::Arc;

use super::super::chunk::{Chunk, ChunkKind, Measured, Place};
use super::block::{Block, Cut, trimmed};
use super::decode::Offsets;
use super::sentences::sentences;
use super::tokens::{Counter, Tally};

/// Blocks with fewer tokens are joined to the definition beside them: an attribute, a closing brace.
const SCRAP_TOKENS: usize = 24;

/// What the chunks of a document share.
pub struct Sheet<'a> {
    /// Id of the source.
    pub source: &'a str,
    /// Path for readers.
    pub path: &'a str,
    /// The text.
    pub text: &'a str,
    /// Byte of the file at which the text begins.
    pub first_byte: u64,
    /// Line of the file at which it begins, from 1.
    pub first_line: u64,
    /// What offsets count.
    pub measured: Measured,
}

/// Packs `blocks` of a document into chunks of at most `limit` tokens; `tally` is of the text of `sheet`.
pub fn pack(
    sheet: &Sheet<'_>,
    blocks: Vec<Block>,
    limit: usize,
    counter: &mut Counter<'_>,
    tally: &Tally,
    offsets: &mut Offsets<'_>,
) -> Vec<Chunk> {
    let mut packer = Packer {
        sheet,
        limit,
        counter,
        tally,
        offsets,
        line_ends: sheet.text.match_indices('\n').map(|(at, _)| at).collect(),
        chunks: Vec::new(),
    };
    let mut open: Vec<Block> = Vec::new();
    let mut tokens = 0;
    for block in packer.joined_equations(blocks) {
        let size = packer.size(&block);
        if let Some(last) = open.last() {
            let scrap = size <= SCRAP_TOKENS || open.iter().all(|block| block.opening) || tokens <= SCRAP_TOKENS;
            let second = block.alone && open.iter().any(|block| block.alone);
            if tokens + size + 1 > limit || second || !goes_with(last, &block, scrap) {
                packer.close(std::mem::take(&mut open));
                tokens = 0;
            }
        }
        if size > limit {
            packer.close(std::mem::take(&mut open));
            tokens = 0;
            packer.cut(block);
        } else {
            tokens += size + usize::from(!open.is_empty());
            open.push(block);
        }
    }
    packer.close(open);
    packer.chunks
}

/// Whether `next` may stand in one chunk with `last`. A scrap may join a definition.
fn goes_with(last: &Block, next: &Block, scrap: bool) -> bool {
    let code = (last.kind == ChunkKind::Code) == (next.kind == ChunkKind::Code) && last.language == next.language;
    let records = !last.fields.is_empty() || !next.fields.is_empty();
    let alone = last.alone || next.alone;
    if records || last.page != next.page && alone {
        return false;
    }
    if last.opening && !last.alone {
        // A heading goes with what stands under it, of any kind.
        return next.heading.starts_with(&last.heading) || alone && code;
    }
    if alone {
        return code && scrap && next.kind == ChunkKind::Code;
    }
    last.heading == next.heading && (code || next.kind != ChunkKind::Table)
}

/// Two neighbours as one block.
fn both(first: &Block, second: &Block, text: &str) -> Block {
    let mut block = first.clone();
    block.range = first.range.start.min(second.range.start)..first.range.end.max(second.range.end);
    if first.text.is_some() || second.text.is_some() {
        block.text = Some(format!("{}\n\n{}", first.text(text), second.text(text)));
    }
    for step in &second.cleaned {
        if !block.cleaned.contains(step) {
            block.cleaned.push(step);
        }
    }
    block
}

struct Packer<'a, 'b, 'c> {
    sheet: &'a Sheet<'a>,
    limit: usize,
    counter: &'a mut Counter<'b>,
    tally: &'a Tally,
    offsets: &'a mut Offsets<'c>,
    /// Offsets of the line ends.
    line_ends: Vec<usize>,
    chunks: Vec<Chunk>,
}

impl Packer<'_, '_, '_> {
    /// Tokens of a block.
    fn size(&mut self, block: &Block) -> usize {
        match &block.text {
            Some(text) => self.counter.count(text),
            None => self.counter.count_in(self.sheet.text, self.tally, block.range.clone()),
        }
    }

    /// An equation becomes one block with the text before it, and with the text after it where that goes on in
    /// lower case (`where m is the mass`).
    fn joined_equations(&mut self, blocks: Vec<Block>) -> Vec<Block> {
        let text = self.sheet.text;
        let mut joined: Vec<Block> = Vec::with_capacity(blocks.len());
        for block in blocks {
            let goes_on = |last: &Block| {
                let lower = block.text(text).chars().next().is_some_and(char::is_lowercase);
                let touches = block.kind == ChunkKind::Equation || last.kind == ChunkKind::Equation && lower;
                touches
                    && last.heading == block.heading
                    && last.kind != ChunkKind::Code
                    && block.kind != ChunkKind::Code
                    && !last.opening
            };
            if let Some(last) = joined.last_mut()
                && goes_on(last)
            {
                let both = both(last, &block, text);
                if self.size(&both) <= self.limit {
                    *last = Block { kind: ChunkKind::Equation, ..both };
                    continue;
                }
            }
            joined.push(block);
        }
        joined
    }

    /// One chunk of these blocks.
    fn close(&mut self, blocks: Vec<Block>) {
        let Some(first) = blocks.first() else { return };
        let (sheet, range) = (self.sheet, first.range.start..blocks[blocks.len() - 1].range.end);
        // The text between two blocks is white space or a mark that was left out.
        let whole = blocks.iter().all(|block| block.text.is_none())
            && blocks.windows(2).all(|pair| {
                pair[0].range.end <= pair[1].range.start
                    && sheet.text[pair[0].range.end..pair[1].range.start].trim().is_empty()
            });
        let (text, tokens) = if whole {
            (sheet.text[range.clone()].to_owned(), self.counter.count_in(sheet.text, self.tally, range.clone()))
        } else {
            let text = blocks.iter().map(|block| block.text(sheet.text)).collect::<Vec<_>>().join("\n\n");
            let tokens = self.counter.count(&text);
            (text, tokens)
        };
        let mut shape = blocks.iter().find(|block| !block.opening).unwrap_or(first).clone();
        shape.page = blocks.iter().find_map(|block| block.page);
        shape.heading = deepest(&blocks);
        shape.cleaned = blocks.iter().flat_map(|block| block.cleaned.iter().copied()).collect();
        shape.cleaned.dedup();
        if let Some(equation) = blocks.iter().find(|block| block.kind == ChunkKind::Equation) {
            shape.kind = equation.kind;
        }
        self.push(&shape, range, text, tokens);
    }

    /// Cuts a block that is larger than a chunk.
    fn cut(&mut self, mut block: Block) {
        let head = block.repeat.clone().filter(|head| self.counter.count(head) * 2 < self.limit);
        let head_tokens = head.as_ref().map_or(0, |head| self.counter.count(head) + 1);
        let limit = self.limit - head_tokens.min(self.limit / 2);
        let own = block.text.take();
        let own_tally = own.as_ref().map(|text| self.counter.tally(text));
        let (text, tally, range) = match (&own, &own_tally) {
            (Some(text), Some(tally)) => (text.as_str(), tally, 0..text.len()),
            _ => (self.sheet.text, self.tally, block.range.clone()),
        };
        for (index, part) in self.parts(text, tally, range, block.cut, limit).into_iter().enumerate() {
            let piece = &text[part.clone()];
            let (whole, tokens) = match &head {
                Some(head) if index > 0 => {
                    let whole = format!("{head}\n{piece}");
                    let tokens = self.counter.count(&whole);
                    (whole, tokens)
                }
                _ => (piece.to_owned(), self.counter.count_in(text, tally, part.clone())),
            };
            // A part of a rewritten text has no bytes of its own; the block's are the nearest truth.
            let range = if own.is_some() { block.range.clone() } else { part };
            self.push(&block, range, whole, tokens);
        }
    }

    /// Ranges of at most `limit` tokens each that make up `whole`, a range of `text`, cut between units.
    fn parts(&mut self, text: &str, tally: &Tally, whole: Range<usize>, cut: Cut, limit: usize) -> Vec<Range<usize>> {
        let units: Vec<Range<usize>> = match cut {
            Cut::Sentences => sentences(&text[whole.clone()]).collect(),
            Cut::Lines => lines(&text[whole.clone()]).collect(),
        };
        let mut parts: Vec<Range<usize>> = Vec::new();
        let mut size = 0;
        for unit in units {
            let unit = whole.start + unit.start..whole.start + unit.end;
            let tokens = self.counter.count_in(text, tally, unit.clone());
            if tokens > limit {
                let pieces = if cut == Cut::Sentences || unit.len() > limit * 16 {
                    self.words(text, unit, limit)
                } else {
                    vec![unit]
                };
                parts.extend(pieces);
                size = limit;
                continue;
            }
            match parts.last_mut() {
                Some(last) if size + tokens <= limit => {
                    last.end = unit.end;
                    size += tokens;
                }
                _ => {
                    parts.push(unit);
                    size = tokens;
                }
            }
        }
        parts.into_iter().filter_map(|part| cut_ends(text, part, cut)).collect()
    }

    /// A sentence that is larger than a chunk, cut between words, or anywhere if it has none.
    fn words(&mut self, text: &str, unit: Range<usize>, limit: usize) -> Vec<Range<usize>> {
        let mut parts: Vec<Range<usize>> = Vec::new();
        let mut size = 0;
        let mut at = unit.start;
        while at < unit.end {
            let rest = &text[at..unit.end];
            let space = rest.char_indices().skip(1).find(|(_, c)| c.is_whitespace()).map_or(rest.len(), |(end, _)| end);
            let mut end = space.min(limit.max(8) * 2);
            while !rest.is_char_boundary(end) {
                end += 1;
            }
            let tokens = self.counter.count(&rest[..end]);
            match parts.last_mut() {
                Some(last) if size + tokens <= limit => {
                    last.end = at + end;
                    size += tokens;
                }
                _ => {
                    parts.push(at..at + end);
                    size = tokens;
                }
            }
            at += end;
        }
        parts
    }

    fn push(&mut self, shape: &Block, range: Range<usize>, text: String, tokens: usize) {
        if text.trim().is_empty() {
            return;
        }
        let sheet = self.sheet;
        let bytes = [range.start, range.end].map(|at| sheet.first_byte + self.offsets.byte(at));
        let last = range.end.saturating_sub(1).max(range.start);
        let lines = [range.start, last].map(|at| shape.row.map_or_else(|| self.line_of(at), u64::from));
        self.chunks.push(Chunk {
            cleaned: shape.cleaned.iter().map(|step| (*step).to_owned()).collect(),
            fields: shape.fields.clone(),
            heading: shape.heading.to_vec(),
            id: Chunk::name(sheet.source, bytes, &text),
            kind: shape.kind,
            language: shape.language.clone(),
            path: sheet.path.to_owned(),
            place: Place { bytes, lines, measured: sheet.measured, page: shape.page },
            source: sheet.source.to_owned(),
            text,
            tokens: u32::try_from(tokens).unwrap_or(u32::MAX),
        });
    }

    fn line_of(&self, at: usize) -> u64 {
        self.sheet.first_line + self.line_ends.partition_point(|end| *end < at) as u64
    }
}

/// The chain that all blocks stand under; the deepest where one holds the others.
fn deepest(blocks: &[Block]) -> Arc<[String]> {
    let mut chain = Arc::clone(&blocks[0].heading);
    for block in blocks {
        if block.heading.starts_with(&chain) || blocks.len() > 1 && block.alone {
            chain = Arc::clone(&block.heading);
        } else if !chain.starts_with(&block.heading) {
            let same = chain.iter().zip(block.heading.iter()).take_while(|(a, b)| a == b).count();
            chain = chain[..same].into();
        }
    }
    chain
}

fn lines(text: &str) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    text.split_inclusive('\n').map(move |line| {
        at += line.len();
        at - line.len()..at
    })
}

/// White space at the ends goes; lines keep their indent.
fn cut_ends(text: &str, part: Range<usize>, cut: Cut) -> Option<Range<usize>> {
    let inner = trimmed(text, part.clone())?;
    match cut {
        Cut::Sentences => Some(inner),
        Cut::Lines => {
            let line = text[part.start..inner.start].rfind('\n').map_or(part.start, |at| part.start + at + 1);
            Some(line..inner.end)
        }
    }
}
