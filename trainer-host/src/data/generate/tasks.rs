//! What a model is asked: one task for each chunk of a kind, and tasks over chunks of several sources that share
//! uncommon words. A pure function of chunks, settings and seed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::prompts::Category;
use crate::data::build::split::draw;
use crate::data::canonical::{content_id, sha256_hex};
use crate::data::chunk::{Chunk, ChunkKind};
use crate::data::words::{content_words, has_digit};

/// Words that stand in more than this share of all chunks are too common to connect two of them.
const COMMON_SHARE: f64 = 0.2;
/// Fewest letters of a word that connects.
const TERM_LETTERS_MIN: usize = 4;
/// Fewest words that two chunks must share.
const SHARED_MIN: usize = 2;
/// Chunks with one word that are compared with each other; a word in more connects too loosely.
const CHUNKS_OF_TERM_MAX: usize = 64;

/// One question to have written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Name: by category, chunks and repetition.
    pub id: String,
    /// What is asked for.
    pub category: Category,
    /// Places of its chunks.
    pub chunks: Vec<usize>,
    /// Seed of its first try.
    pub seed: u64,
}

/// What to ask for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Categories to ask for.
    pub categories: Vec<Category>,
    /// Tasks for each chunk.
    pub per_chunk: usize,
    /// Most tasks over several sources.
    pub cross: usize,
    /// Chunks of a task over several sources.
    pub cross_chunks: usize,
    /// Fewest tokens of a chunk that is asked about.
    pub tokens_min: u32,
    /// The seed.
    pub seed: u64,
}

/// Why a chunk is not asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// No category that is asked for is about chunks of its kind.
    Kind,
    /// It has too few tokens.
    Short,
}

impl Wanted {
    /// What is asked about a chunk alone, or why nothing is.
    ///
    /// # Errors
    /// The reason.
    pub fn category(&self, chunk: &Chunk) -> Result<Category, Passed> {
        let category = Category::of(chunk.kind).filter(|category| self.categories.contains(category));
        let category = category.ok_or(Passed::Kind)?;
        if chunk.tokens < self.tokens_min { Err(Passed::Short) } else { Ok(category) }
    }
}

/// Says whether a prompt of this category about these chunks leaves room for its reply.
pub type Fits<'a> = &'a mut dyn FnMut(Category, &[&Chunk]) -> anyhow::Result<bool>;

/// All tasks, in the order of their chunks; those over several sources come last. With them the places of the chunks
/// whose prompt does not fit.
///
/// # Errors
/// What `fits` says.
pub fn tasks(chunks: &[Chunk], wanted: &Wanted, fits: Fits<'_>) -> anyhow::Result<(Vec<Task>, Vec<usize>)> {
    let (mut tasks, mut too_long) = (Vec::new(), Vec::new());
    for (place, chunk) in chunks.iter().enumerate() {
        let Ok(category) = wanted.category(chunk) else { continue };
        if fits(category, &[chunk])? {
            tasks.extend((0..wanted.per_chunk).map(|turn| task(category, vec![place], chunks, turn, wanted.seed)));
        } else {
            too_long.push(place);
        }
    }
    if wanted.categories.contains(&Category::CrossDomain) {
        let groups = across_sources(chunks, wanted, fits)?;
        tasks.extend(groups.into_iter().map(|group| task(Category::CrossDomain, group, chunks, 0, wanted.seed)));
    }
    Ok((tasks, too_long))
}

fn task(category: Category, places: Vec<usize>, chunks: &[Chunk], turn: usize, seed: u64) -> Task {
    let mut parts: Vec<&[u8]> = vec![category.kind().as_bytes()];
    parts.extend(places.iter().map(|place| chunks[*place].id.as_bytes()));
    let turn = turn.to_le_bytes();
    parts.push(&turn);
    let id = content_id(&parts);
    Task { seed: seed_of(seed, &id), id, category, chunks: places }
}

/// The seed of a name under a seed. 53 bits: a number that every reader of JSON keeps.
pub fn seed_of(seed: u64, name: &str) -> u64 {
    let digest = sha256_hex(format!("{seed} {name}").as_bytes());
    u64::from_str_radix(&digest[..16], 16).unwrap_or(seed) >> 11
}

/// Groups of chunks of different sources that share uncommon words, the closest of those first that fit into one
/// prompt. Each chunk begins at most one group.
fn across_sources(chunks: &[Chunk], wanted: &Wanted, fits: Fits<'_>) -> anyhow::Result<Vec<Vec<usize>>> {
    let usable = |chunk: &Chunk| chunk.kind != ChunkKind::Table && chunk.tokens >= wanted.tokens_min;
    let places: Vec<usize> = (0..chunks.len()).filter(|place| usable(&chunks[*place])).collect();
    let terms: HashMap<usize, BTreeSet<String>> = places.iter().map(|place| (*place, terms(&chunks[*place]))).collect();
    let mut chunks_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for place in &places {
        terms[place].iter().for_each(|term| chunks_of.entry(term).or_default().push(*place));
    }
    let common = ((places.len() as f64 * COMMON_SHARE) as usize).clamp(SHARED_MIN, CHUNKS_OF_TERM_MAX);
    let mut shared: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for with_term in chunks_of.values().filter(|with_term| (2..=common).contains(&with_term.len())) {
        // An uncommon word connects more.
        let weight = (places.len() as f64 / with_term.len() as f64).ln();
        for (index, first) in with_term.iter().enumerate() {
            for second in &with_term[index + 1..] {
                if chunks[*first].source != chunks[*second].source {
                    *shared.entry((*first, *second)).or_default() += weight;
                    *counts.entry((*first, *second)).or_default() += 1;
                }
            }
        }
    }
    let mut pairs: Vec<((usize, usize), f64)> =
        shared.into_iter().filter(|(pair, _)| counts[pair] >= SHARED_MIN).collect();
    let name = |(first, second): (usize, usize)| format!("{} {}", chunks[first].id, chunks[second].id);
    // Equal pairs are ordered by the seed.
    pairs.sort_by(|(a, close_a), (b, close_b)| {
        close_b.total_cmp(close_a).then_with(|| draw(wanted.seed, &name(*a)).cmp(&draw(wanted.seed, &name(*b))))
    });
    let mut used = BTreeSet::new();
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for ((first, second), _) in &pairs {
        if groups.len() == wanted.cross {
            break;
        }
        let free = !used.contains(first) && !used.contains(second);
        if !free || !fits(Category::CrossDomain, &[&chunks[*first], &chunks[*second]])? {
            continue;
        }
        let group = widened(vec![*first, *second], &pairs, chunks, wanted, &used, fits)?;
        used.extend(group.iter().copied());
        groups.push(group);
    }
    Ok(groups)
}

/// The group with further chunks of other sources that are close to one of its own, as many as are wanted and fit.
fn widened(
    mut group: Vec<usize>,
    pairs: &[((usize, usize), f64)],
    chunks: &[Chunk],
    wanted: &Wanted,
    used: &BTreeSet<usize>,
    fits: Fits<'_>,
) -> anyhow::Result<Vec<usize>> {
    for ((first, second), _) in pairs {
        if group.len() >= wanted.cross_chunks {
            break;
        }
        let other = match (group.contains(first), group.contains(second)) {
            (true, false) => *second,
            (false, true) => *first,
            _ => continue,
        };
        let new_source = group.iter().all(|place| chunks[*place].source != chunks[other].source);
        let together: Vec<&Chunk> = group.iter().chain([&other]).map(|place| &chunks[*place]).collect();
        if new_source && !used.contains(&other) && fits(Category::CrossDomain, &together)? {
            group.push(other);
        }
    }
    Ok(group)
}

/// Words of a chunk that can connect it with another.
fn terms(chunk: &Chunk) -> BTreeSet<String> {
    let words = content_words(&chunk.text).filter(|word| word.chars().count() >= TERM_LETTERS_MIN && !has_digit(word));
    // `valves` and `valve` are one term.
    words.map(|word| word.strip_suffix('s').map_or(word.clone(), str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::chunk::{Measured, Place};

    fn chunk(source: &str, number: u64, kind: ChunkKind, text: &str) -> Chunk {
        let bytes = [number, number + 1];
        Chunk {
            cleaned: Vec::new(),
            fields: Vec::new(),
            heading: Vec::new(),
            id: Chunk::name(source, bytes, text),
            kind,
            language: None,
            path: format!("{source}.md"),
            place: Place { bytes, lines: bytes, measured: Measured::File, page: None },
            source: source.to_owned(),
            text: text.to_owned(),
            tokens: 40,
        }
    }

    fn wanted() -> Wanted {
        Wanted { categories: Category::ALL.to_vec(), per_chunk: 1, cross: 10, cross_chunks: 2, tokens_min: 8, seed: 1 }
    }

    /// Tasks whose chunks have at most so many tokens together.
    fn made(chunks: &[Chunk], wanted: &Wanted, tokens_max: u32) -> Vec<Task> {
        let mut fits = |_, shown: &[&Chunk]| Ok(shown.iter().map(|chunk| chunk.tokens).sum::<u32>() <= tokens_max);
        tasks(chunks, wanted, &mut fits).unwrap().0
    }

    fn library() -> Vec<Chunk> {
        let mut chunks = vec![
            chunk("a", 0, ChunkKind::Prose, "Chlorine corrodes pump valves; keep the seals greased."),
            chunk("b", 0, ChunkKind::Prose, "A pump with worn seals and valves leaks chlorine."),
            chunk("b", 1, ChunkKind::Code, "fn main() { open(); }"),
            chunk("b", 2, ChunkKind::Equation, "$$ p = h / 2 $$ The pressure grows with height."),
            chunk("b", 3, ChunkKind::Table, "name: x"),
        ];
        let fillers = ["grass", "helmet", "ladder", "radio", "wind", "smoke", "rope", "water", "stone", "shelter"];
        chunks.extend(fillers.iter().enumerate().map(|(index, word)| {
            chunk(
                if index % 2 == 0 { "a" } else { "b" },
                10 + index as u64,
                ChunkKind::Prose,
                &format!("About {word} only."),
            )
        }));
        chunks
    }

    #[test]
    fn each_kind_of_chunk_has_its_category_and_tables_have_none() {
        let categories: Vec<Category> = made(&library(), &wanted(), 100).iter().map(|task| task.category).collect();
        let count = |wanted| categories.iter().filter(|category| **category == wanted).count();
        assert_eq!(Category::ALL.map(count), [12, 1, 1, 1]);
    }

    #[test]
    fn chunks_of_different_sources_meet_by_the_uncommon_words_they_share() {
        let tasks = made(&library(), &wanted(), 100);
        assert_eq!(tasks.last().unwrap().chunks, [0, 1]);
        let mut same = library();
        same.iter_mut().for_each(|chunk| chunk.source = "a".to_owned());
        assert!(made(&same, &wanted(), 100).iter().all(|task| task.category != Category::CrossDomain));
        assert!(made(&library(), &wanted(), 79).iter().all(|task| task.category != Category::CrossDomain));
    }

    #[test]
    fn where_the_closest_chunks_do_not_fit_into_one_prompt_smaller_ones_are_asked_about() {
        let mut chunks = library();
        let smaller = "Chlorine corrodes the valves of a pump.";
        chunks.push(Chunk { tokens: 20, ..chunk("c", 0, ChunkKind::Prose, smaller) });
        let large = chunks[0].text.clone();
        chunks[0] = Chunk { tokens: 90, ..chunk("a", 0, ChunkKind::Prose, &large) };
        assert_eq!(made(&chunks, &wanted(), 100).last().unwrap().chunks, [1, 15]);
        let too_long = super::tasks(&chunks, &wanted(), &mut |_, shown| Ok(shown[0].tokens < 90)).unwrap().1;
        assert_eq!(too_long, [0]);
    }

    #[test]
    fn names_and_seeds_of_tasks_come_from_their_content() {
        let twice = made(&library(), &Wanted { per_chunk: 2, ..wanted() }, 100);
        let ids: BTreeSet<&str> = twice.iter().map(|task| task.id.as_str()).collect();
        assert_eq!(ids.len(), twice.len());
        let mut shifted = library();
        shifted.remove(2);
        let name = |tasks: Vec<Task>| tasks.into_iter().map(|task| (task.id, task.seed)).collect::<BTreeMap<_, _>>();
        let (all, fewer) = (name(made(&library(), &wanted(), 100)), name(made(&shifted, &wanted(), 100)));
        assert!(fewer.iter().all(|(id, seed)| all.get(id) == Some(seed)));
        assert_ne!(all, name(made(&library(), &Wanted { seed: 2, ..wanted() }, 100)));
    }
}
