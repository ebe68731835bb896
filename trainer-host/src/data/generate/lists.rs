//! Facts of lists in a text, without a model: what belongs to a list, and which item has a number.
//!
//! Items are found by the lines they stand on, or by their marks where a list arrives as one line. A list is named by
//! the line or sentence before it if that is a name, otherwise by its heading.

mod lines;
mod running;

use std::collections::HashMap;

use super::fact::{Ask, Fact, Worded};
use super::marks::without_marks;
use super::sink::Left;
use super::subjects::begins_as_thing;
use crate::data::chunk::{Chunk, ChunkKind};

/// Fewest and most items of a list that is asked for.
const ITEMS: std::ops::RangeInclusive<usize> = 2..=24;
/// Longest list in words that is asked for as a whole.
const WHOLE_WORDS_MAX: usize = 48;
/// Longest item in words that is asked for by its number.
const ITEM_WORDS_MAX: usize = 16;
/// Longest name of a list in words.
const NAME_WORDS_MAX: usize = 8;
/// Marks of items.
const BULLETS: [char; 4] = ['\u{2022}', '\u{25aa}', '\u{25cf}', '\u{2023}'];
/// Words that make the line before a list a sentence, not a name.
const SENTENCE: [&str; 29] = [
    "are",
    "be",
    "can",
    "carries",
    "carry",
    "contains",
    "do",
    "does",
    "following",
    "has",
    "have",
    "include",
    "includes",
    "is",
    "may",
    "must",
    "need",
    "needs",
    "should",
    "these",
    "they",
    "this",
    "those",
    "use",
    "uses",
    "was",
    "were",
    "will",
    "you",
];

/// A list with the text that stands before it.
struct List {
    /// The last line, paragraph or sentence before it.
    lead: String,
    /// Whether its heading may name it.
    by_heading: bool,
    items: Vec<String>,
    /// Places of the items that say more than their text.
    partly: Vec<usize>,
    numbered: bool,
    /// Whether these are all items.
    whole: bool,
}

/// A list under its name.
struct Named<'a> {
    chunk: &'a Chunk,
    name: String,
    /// Whether the name is the heading's.
    by_heading: bool,
    list: List,
}

/// Facts of the lists among `chunks`; `left` gets those that share a name.
pub fn facts(chunks: &[Chunk], left: &mut Vec<Left>) -> Vec<Fact> {
    let running = |chunk: &&Chunk| matches!(chunk.kind, ChunkKind::Prose | ChunkKind::Equation);
    let prose: Vec<&Chunk> = chunks.iter().filter(|chunk| chunk.fields.is_empty()).filter(running).collect();
    let mut all: Vec<Named<'_>> = Vec::new();
    for (place, chunk) in prose.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| prose[place]);
        all.extend(of_chunk(chunk, before, prose.get(place + 1).copied()));
    }
    let mut of_heading: HashMap<(&str, &[String]), usize> = HashMap::new();
    for named in all.iter().filter(|named| named.by_heading) {
        *of_heading.entry((&named.chunk.path, &named.chunk.heading)).or_default() += 1;
    }
    let mut facts = Vec::new();
    for named in &all {
        let lists = of_heading.get(&(named.chunk.path.as_str(), named.chunk.heading.as_slice())).copied();
        if let Some(lists) = lists.filter(|lists| named.by_heading && *lists > 1) {
            let detail = format!("{lists} lists stand under {:?} without names of their own", named.name);
            let content = Some(named.list.items.join("; "));
            left.push(Left { content, ..Left::of(named.chunk, "ambiguous", detail) });
        } else {
            facts.extend(named.facts());
        }
    }
    facts
}

/// The lists of a chunk that something can be asked about.
fn of_chunk<'a>(chunk: &'a Chunk, before: Option<&Chunk>, after: Option<&Chunk>) -> Vec<Named<'a>> {
    let mut lists: Vec<List> = lines::lists(&chunk.text);
    lists.retain(|list| list.items.len() >= *ITEMS.start());
    if lists.is_empty() {
        lists = running::lists(&chunk.text);
    }
    // A list that is longer than a chunk stands in several.
    let together = |other: &&Chunk| other.source == chunk.source && other.heading == chunk.heading;
    let (before, after) = (before.filter(together), after.filter(together));
    if let Some(first) = lists.first_mut() {
        first.whole &= !(before.is_some_and(|before| ends_in_item(&before.text)) && begins_with_item(&chunk.text));
    }
    if let Some(last) = lists.last_mut() {
        last.whole &= !(after.is_some_and(|after| begins_with_item(&after.text)) && ends_in_item(&chunk.text));
    }
    let named = |list: List| {
        let lead = without_marks(&list.lead);
        let lead = lead.trim().trim_start_matches('#').trim().trim_end_matches([':', '.', '-']).trim();
        let heading = chunk.heading.last().map(String::as_str).unwrap_or_default().trim_end_matches(':');
        // A heading stands before the list as a line of the text, too.
        let by_heading = !is_name(lead) || !begins_as_thing(lead) || lead == heading;
        let name = if by_heading { heading } else { lead }.to_owned();
        let known = is_name(&name) && (!by_heading || list.by_heading || lead == heading);
        let sound = known && list.is_sound();
        sound.then_some(Named { chunk, name, by_heading, list })
    };
    lists.into_iter().filter_map(named).collect()
}

impl List {
    fn is_sound(&self) -> bool {
        // Links are the furniture of a page.
        let is_said = |item: &String| !item.is_empty() && !item.contains("](") && !item.contains("://");
        ITEMS.contains(&self.items.len()) && self.items.iter().all(is_said) && (self.numbered || self.whole)
    }
}

impl Named<'_> {
    fn facts(&self) -> Vec<Fact> {
        let (name, list) = (self.name.as_str(), &self.list);
        let fact = |about: &str, phrase: Worded, answer: Worded, value: Option<String>| Fact {
            kind: "definition",
            about: vec!["list".to_owned(), self.chunk.path.clone(), name.to_owned(), about.to_owned()],
            turns_round: None,
            asks: vec![Ask::Phrase(phrase)],
            plural: false,
            answer,
            value,
            contradicts: Vec::new(),
            chunks: vec![self.chunk.id.clone()],
            sources: vec![self.chunk.source.clone()],
        };
        let mut facts = Vec::new();
        let all = list.items.join("; ");
        if list.whole && all.split_whitespace().count() <= WHOLE_WORDS_MAX {
            let parts = [("list", name), ("items", all.as_str())];
            let phrase = Worded::fill("the list of {{ list }}", &parts);
            facts.push(fact("all", phrase, Worded::fill("{{ list }}: {{ items }}.", &parts), None));
        }
        for (index, item) in list.items.iter().enumerate().filter(|_| list.numbered) {
            let number = (index + 1).to_string();
            if item.split_whitespace().count() > ITEM_WORDS_MAX || list.partly.contains(&index) {
                continue;
            }
            let parts = [("list", name), ("number", number.as_str()), ("item", item.as_str())];
            let phrase = Worded::fill("number {{ number }} of {{ list }}", &parts);
            let answer = Worded::fill("Number {{ number }} of {{ list }}: {{ item }}.", &parts);
            facts.push(fact(&number, phrase, answer, Some(item.clone())));
        }
        facts
    }
}

/// An item without the mark at its end.
fn item(text: &str) -> String {
    crate::one_line(&without_marks(text)).trim_end_matches(['.', ';', ',']).to_owned()
}

fn begins_with_item(text: &str) -> bool {
    text.lines().next().is_some_and(lines::is_item)
}

/// Whether the last paragraph is an item, or ends in one.
fn ends_in_item(text: &str) -> bool {
    let last = text.trim_end().rsplit("\n\n").next().unwrap_or_default();
    last.lines().any(lines::is_item) || last.contains(BULLETS)
}

fn is_name(text: &str) -> bool {
    let words = text.split_whitespace().count();
    let letters = text.chars().filter(|c| c.is_alphabetic()).count();
    (1..=NAME_WORDS_MAX).contains(&words)
        && letters * 2 > text.chars().count()
        && text.starts_with(|c: char| c.is_uppercase())
        && !text.contains(['.', ';', '?', ':'])
        && !text.split_whitespace().any(|word| SENTENCE.contains(&word.to_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(text: &str, heading: &str) -> Vec<String> {
        let facts = facts(&[Chunk::paragraph(text, heading)], &mut Vec::new());
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

    #[test]
    fn what_follows_a_list_is_no_part_of_its_last_item() {
        let said = answers(
            "## Starting the pump\n\n1. Open the valve.\n2. Check the gauge.\n\nThe crew waits. It must never pass 200 psi.",
            "Starting the pump",
        );
        let expected = [
            "Starting the pump: Open the valve; Check the gauge.",
            "Number 1 of Starting the pump: Open the valve.",
            "Number 2 of Starting the pump: Check the gauge.",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_list_is_named_by_the_line_before_it_or_by_its_heading_where_that_is_a_sentence() {
        let text = "## Tools\n\nThe truck carries these tools:\n\n- Axe\n- Saw\n\nClean them.\n\n**Power tools**:\n\n- Pump\n- Drill\n";
        assert_eq!(answers(text, "Tools"), ["Tools: Axe; Saw.", "Power tools: Pump; Drill."]);
        assert!(answers("A pump has many parts, among them 1. a valve 2. a hose.", "Pumps").is_empty());
    }

    #[test]
    fn lists_that_only_a_shared_heading_names_are_left_with_the_reason() {
        let text = "The truck carries these:\n- Axe\n- Saw\n\nOthers need fuel:\n- Pump\n- Drill";
        let mut left = Vec::new();
        assert!(facts(&[Chunk::paragraph(text, "Tools")], &mut left).is_empty());
        assert_eq!(left.iter().map(|one| one.reason).collect::<Vec<_>>(), ["ambiguous", "ambiguous"]);
    }

    #[test]
    fn a_list_that_goes_on_in_the_next_chunk_is_not_asked_for_as_a_whole() {
        let chunks = [Chunk::paragraph("- Axe\n- Saw", "Tools"), Chunk::paragraph("- Pump\n- Drill", "Tools")];
        assert!(facts(&chunks, &mut Vec::new()).is_empty());
        let chunks = [Chunk::paragraph("1. Open it.\n2. Wait.", "Pumps"), Chunk::paragraph("3. Close it.", "Pumps")];
        assert_eq!(facts(&chunks, &mut Vec::new()).len(), 2);
    }
}
