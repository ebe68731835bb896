//! Facts of lists in a text, without a model: what belongs to a list, and which item has a number.
//!
//! Lists of PDFs arrive as one line with their marks in it, so items are found by the marks, not by lines.

use regex::Regex;

use super::fact::{Ask, Fact, Worded};
use crate::data::chunk::{Chunk, ChunkKind};

/// Fewest and most items of a list that is asked for.
const ITEMS: std::ops::RangeInclusive<usize> = 2..=24;
/// Longest list in words that is asked for as a whole.
const WHOLE_WORDS_MAX: usize = 48;
/// Longest item in words that is asked for by its number.
const ITEM_WORDS_MAX: usize = 16;
/// Longest name of a list in words.
const NAME_WORDS_MAX: usize = 8;
/// Numbers that a list may have lost before the one that ends it; a higher one is a number in the text.
const GAP_MAX: usize = 2;
/// Marks of items.
const BULLETS: [char; 4] = ['\u{2022}', '\u{25aa}', '\u{25cf}', '\u{2023}'];

/// Facts of the lists among `chunks`.
pub fn facts(chunks: &[Chunk]) -> Vec<Fact> {
    let running = |chunk: &&Chunk| matches!(chunk.kind, ChunkKind::Prose | ChunkKind::Equation);
    let prose = chunks.iter().filter(|chunk| chunk.fields.is_empty()).filter(running);
    prose.flat_map(of_chunk).collect()
}

/// A list with the text that stands before it.
struct List {
    name: String,
    items: Vec<String>,
    numbered: bool,
    /// Whether the last item is the last of the list.
    whole: bool,
}

fn of_chunk(chunk: &Chunk) -> Vec<Fact> {
    let Some(list) = bulleted(chunk).or_else(|| numbered(chunk)) else { return Vec::new() };
    if !ITEMS.contains(&list.items.len()) || !is_name(&list.name) {
        return Vec::new();
    }
    let fact = |about: &str, phrase: Worded, answer: Worded, value: Option<String>| Fact {
        kind: "definition",
        about: vec!["list".to_owned(), chunk.path.clone(), list.name.clone(), about.to_owned()],
        asks: vec![Ask::Phrase(phrase)],
        plural: false,
        answer,
        value,
        contradicts: Vec::new(),
        chunks: vec![chunk.id.clone()],
        sources: vec![chunk.source.clone()],
    };
    let mut facts = Vec::new();
    let all = list.items.join("; ");
    if list.whole && all.split_whitespace().count() <= WHOLE_WORDS_MAX {
        let parts = [("list", list.name.as_str()), ("items", all.as_str())];
        let phrase = Worded::fill("the list of {{ list }}", &parts);
        facts.push(fact("all", phrase, Worded::fill("{{ list }}: {{ items }}.", &parts), None));
    }
    if list.numbered {
        for (index, item) in list.items.iter().enumerate() {
            let number = (index + 1).to_string();
            if item.split_whitespace().count() > ITEM_WORDS_MAX {
                continue;
            }
            let parts = [("list", list.name.as_str()), ("number", number.as_str()), ("item", item.as_str())];
            let phrase = Worded::fill("number {{ number }} of {{ list }}", &parts);
            let answer = Worded::fill("Number {{ number }} of {{ list }}: {{ item }}.", &parts);
            facts.push(fact(&number, phrase, answer, Some(item.clone())));
        }
    }
    facts
}

/// `NAME * a * b * c`, on one line or on several.
fn bulleted(chunk: &Chunk) -> Option<List> {
    let dashed =
        chunk.text.lines().filter(|line| line.trim_start().starts_with(['-', '*', '+'])).count() >= *ITEMS.start();
    let marked = if dashed {
        // Marks of Markdown count at the beginning of a line only.
        let mark = |line: &str| {
            let item = line.trim_start().strip_prefix(['-', '*', '+']).filter(|rest| rest.starts_with(' '));
            item.map_or_else(|| line.to_owned(), |item| format!("{}{item}", BULLETS[0]))
        };
        chunk.text.lines().map(mark).collect::<Vec<_>>().join("\n")
    } else {
        chunk.text.clone()
    };
    let mut parts = marked.split(BULLETS);
    let before = parts.next().unwrap_or_default();
    let items: Vec<String> = parts.map(item).collect();
    let name = name(before, chunk);
    // Links are the furniture of a page.
    let is_said = |item: &String| !item.is_empty() && !item.contains("](") && !item.contains("://");
    (!items.is_empty() && items.iter().all(is_said)).then_some(List { name, items, numbered: false, whole: true })
}

/// `NAME 1. a 2. b 3. c`: numbers from 1 without a gap.
fn numbered(chunk: &Chunk) -> Option<List> {
    let mark = Regex::new(r"(?:^|\s)(\d{1,2})[.)]\s+").ok()?;
    let text = crate::one_line(&chunk.text);
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let mut end = text.len();
    for found in mark.captures_iter(&text) {
        let (whole, number) = (found.get(0)?, found.get(1)?);
        let number = number.as_str().parse::<usize>().ok()?;
        let next = starts.len() + 1;
        if number == next {
            starts.push((whole.start(), whole.end()));
        } else if !starts.is_empty() && (next + 1..=next + GAP_MAX).contains(&number) {
            // The text has lost an item; what follows belongs to none of those before.
            end = whole.start();
            break;
        }
    }
    let first = starts.first()?.0;
    let whole = end == text.len();
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([end]);
    let items: Vec<String> = starts.iter().zip(ends).map(|((_, start), end)| item(&text[*start..end])).collect();
    let name = name(&text[..first], chunk);
    (items.iter().all(|item| !item.is_empty())).then_some(List { name, items, numbered: true, whole })
}

/// An item without the mark at its end.
fn item(text: &str) -> String {
    crate::one_line(text).trim_end_matches(['.', ';', ',']).to_owned()
}

/// The text before a list is its name, if it is short; otherwise the heading is.
fn name(before: &str, chunk: &Chunk) -> String {
    let before = crate::one_line(before);
    let before = before.trim_start_matches('#').trim().trim_end_matches([':', '.', '-']).trim();
    let heading = chunk.heading.last().map(String::as_str).unwrap_or_default().trim_end_matches(':');
    (if before.is_empty() || !is_name(before) { heading } else { before }).to_owned()
}

fn is_name(text: &str) -> bool {
    let words = text.split_whitespace().count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    (1..=NAME_WORDS_MAX).contains(&words)
        && letters * 2 > text.chars().count()
        && text.starts_with(|c: char| c.is_uppercase())
        && !text.contains(['.', ';', '?'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(text: &str, heading: &str) -> Vec<String> {
        let facts = facts(&[Chunk::paragraph(text, heading)]);
        facts.into_iter().map(|fact| fact.answer.text).collect()
    }

    #[test]
    fn bullets_on_one_line_are_a_list_under_the_text_before_them() {
        let said = answers("SIZEUP REPORT \u{2022} Incident type \u{2022} Location \u{2022} Hazards.", "Page 2");
        assert_eq!(said, ["SIZEUP REPORT: Incident type; Location; Hazards."]);
    }

    #[test]
    fn markdown_items_are_a_list_under_the_heading() {
        assert_eq!(answers("- water\n- a well-kept pump\n", "Tools"), ["Tools: water; a well-kept pump."]);
    }

    #[test]
    fn numbered_items_are_asked_for_one_by_one() {
        let said = answers("Standing Orders 1. Stay awake. 2. Post 3 lookouts. 3. Keep calm.", "");
        assert_eq!(said[0], "Standing Orders: Stay awake; Post 3 lookouts; Keep calm.");
        assert_eq!(said[2], "Number 2 of Standing Orders: Post 3 lookouts.");
        assert_eq!(said.len(), 4);
    }

    #[test]
    fn list_that_lost_a_number_ends_before_the_next_one() {
        let said = answers("Shelves 1. Ropes 2. Pumps 3. Hoses, 12 of them 5. Nozzles 6. Ladders.", "");
        let expected =
            ["Number 1 of Shelves: Ropes.", "Number 2 of Shelves: Pumps.", "Number 3 of Shelves: Hoses, 12 of them."];
        assert_eq!(said, expected);
    }

    #[test]
    fn texts_without_a_list_or_without_a_name_give_nothing() {
        assert!(answers("The fire moved 1. It stopped.", "").is_empty());
        assert!(answers("A crew works in pairs.", "Crews").is_empty());
        assert!(answers("- [home](/index)\n- [news](/news)\n", "Links").is_empty());
        assert!(
            answers("\u{2022} one \u{2022} two", "see the long text of the page before this one, please.").is_empty()
        );
    }
}
