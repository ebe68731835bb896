//! Running heads: lines that the pages of a book repeat at their top.
//!
//! A line that is taken for one is lost to the reader, so only whole lines go, never a part of a sentence, and each is
//! named with its page.

use std::collections::{HashMap, HashSet};

use super::block::{BlockKind, Note, Reading};

/// Pages with the same line at their head before it counts as a running head.
const PAGES_MIN: usize = 3;
/// Running heads stand on at least this share of all pages.
const SHARE: f64 = 0.3;
/// Longest running head in words.
const WORDS: usize = 16;
/// First lines of a page that may be running heads.
const LINES: usize = 3;
/// Words that a full stop shortens, at the end of a running head; any other last word with one ends a sentence.
const SHORTENED: [&str; 16] = [
    "dept.", "inc.", "ltd.", "co.", "corp.", "no.", "vol.", "rev.", "ed.", "div.", "assn.", "jr.", "sr.", "st.",
    "gov.", "bros.",
];
/// Removals that the report lists one by one; the rest are counted.
const LISTED: usize = 20;

/// Words before the number of a page or a part.
const NUMBERED: [&str; 3] = ["page", "chapter", "section"];

/// Takes whole lines off the head of pages where many pages have the same line there, but for the number of the page or
/// the part. A line that is a sentence, or that the next line goes on with, is text whatever it looks like, and a page
/// that would be left without a word keeps all it has.
pub fn remove(reading: &mut Reading, text: &str) {
    let pages = first_lines(reading, text);
    let mut shared: HashMap<&str, usize> = HashMap::new();
    for page in &pages {
        let shapes: HashSet<&str> = page.lines.iter().map(|line| line.shape.as_str()).collect();
        shapes.into_iter().for_each(|shape| *shared.entry(shape).or_default() += 1);
    }
    let often = |line: &&First| {
        let count = shared[line.shape.as_str()];
        count >= PAGES_MIN && count as f64 >= SHARE * pages.len() as f64
    };
    let mut removed: Vec<String> = Vec::new();
    for page in &pages {
        let count = page.lines.iter().take_while(often).count();
        let words_left = page.worded || page.lines[count..].iter().any(|line| has_words(&line.shape));
        if !words_left {
            continue;
        }
        for line in &page.lines[..count] {
            let block = &mut reading.blocks[line.block];
            let all = block.text(text);
            let (head, rest) = all.split_once('\n').unwrap_or((all, ""));
            removed.push(format!("page {} {:?}", page.number, super::one_line(head)));
            block.text = Some(rest.to_owned());
            if !block.cleaned.contains(&"running_heads") {
                block.cleaned.push("running_heads");
            }
        }
    }
    if !removed.is_empty() {
        let more = removed.len().saturating_sub(LISTED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let listed = removed[..removed.len().min(LISTED)].join(", ");
        let detail = format!("{} lines were taken off the heads of pages: {listed}{more}", removed.len());
        reading.notes.push(Note::part("running_heads", detail));
    }
}

/// A line at the head of a page that could be a running head.
struct First {
    /// Place of its block.
    block: usize,
    /// Its words, with the numbers of pages and parts blurred so that they look alike.
    shape: String,
}

/// The head of a page.
struct Head {
    number: u32,
    lines: Vec<First>,
    /// Whether the page holds more than these lines.
    goes_on: bool,
    /// Whether there is a word in what it holds more.
    worded: bool,
}

/// The first lines of each page up to the first that is text for sure.
fn first_lines(reading: &Reading, text: &str) -> Vec<Head> {
    let mut pages: Vec<Head> = Vec::new();
    for (index, block) in reading.blocks.iter().enumerate() {
        let Some(number) = block.page else { continue };
        if pages.last().is_none_or(|page| page.number != number) {
            pages.push(Head { number, lines: Vec::new(), goes_on: false, worded: false });
        }
        let Some(page) = pages.last_mut().filter(|page| !page.worded) else { continue };
        let mut lines = block.text(text).lines().peekable();
        // The head of a table says what its cells are; only a row of its own can be a running head.
        let table = block.kind != BlockKind::Prose && block.text(text).contains('\n');
        while let Some(line) = lines.next() {
            page.goes_on = page.goes_on || table || page.lines.len() == LINES || !may_run(line, lines.peek().copied());
            if !page.goes_on {
                page.lines.push(First { block: index, shape: shape(line) });
            } else if has_words(line) {
                page.worded = true;
                break;
            }
        }
    }
    pages
}

/// Whether a line may be a running head: it is short, holds no end of a sentence, and none goes on behind it.
fn may_run(line: &str, next: Option<&str>) -> bool {
    let words: Vec<&str> = line.split_whitespace().collect();
    let bare = |word: &str| word.trim_end_matches([')', ']', '"', '\'', '\u{2019}', '\u{201d}']).to_owned();
    let ends = |word: &&str| bare(word).ends_with(['.', '!', '?', ';']) && word.starts_with(char::is_lowercase);
    // Of the last word also a name and a number end a sentence (`call channel 3.`); `U.S.` and `Dept.` end none.
    let closes = |word: &&str| {
        let word = bare(word).to_lowercase();
        let inner = word.trim_end_matches(['.', '!', '?']);
        inner.len() < word.len()
            && !SHORTENED.contains(&word.as_str())
            && (!inner.contains('.') || inner.ends_with(|c: char| c.is_ascii_digit()))
    };
    let closes = words.len() > 1 && words.last().is_some_and(closes);
    let goes_on = next.is_some_and(|next| next.trim_start().starts_with(char::is_lowercase));
    let breaks_off = words.last().is_some_and(|word| word.ends_with([',', '-']));
    (1..=WORDS).contains(&words.len()) && !closes && !words.iter().any(ends) && !goes_on && !breaks_off
}

fn has_words(line: &str) -> bool {
    line.contains(char::is_alphabetic)
}

/// The words of a line with each number of a page or a part as one `#`: one at either end of the line, or behind a word
/// such as `Chapter`, or before the count of pages (`3 of 40`). Another number is what the line tells (`Close valve 3
/// before the pump`).
fn shape(line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut shape = String::with_capacity(line.len());
    for (place, word) in words.iter().enumerate() {
        let counts = || place + 3 == words.len() && words[place + 1] == "of";
        let at_end = place == 0 || place + 1 == words.len();
        let numbers = at_end || counts() || NUMBERED.iter().any(|name| words[place - 1].eq_ignore_ascii_case(name));
        for character in word.chars() {
            let blurred = if numbers && character.is_ascii_digit() { '#' } else { character };
            if blurred != '#' || !shape.ends_with('#') {
                shape.push(blurred);
            }
        }
        shape.push(' ');
    }
    shape
}

#[cfg(test)]
mod tests {
    fn cleaned(text: &str) -> (Vec<String>, Vec<&'static str>) {
        let mut reading = super::super::plain::read(text, true);
        super::super::clean::clean(&mut reading, text, true, true);
        let texts = reading.blocks.iter().map(|block| block.text(text).to_owned()).collect();
        (texts, reading.notes.iter().map(|note| note.reason).collect())
    }

    #[test]
    fn page_heads_that_are_sentences_or_begin_one_stay() {
        let kept = [
            "Table {} lists pumps by size. Each has a hose.",
            "Table {} lists pumps by size.",
            "Pump {} moves the water that the crew\nneeds on the hill.",
            "At step {} the crew opens the valve,\nThen it waits.",
            "Open valve {} and call channel {}.\nThe crew waits.",
            "Go to Point {}.1, then to Camp Alpha.\nThe crew waits.",
            "Close valve {} (see Table 2.1).",
            "Valve {} Open",
        ];
        for body in kept {
            let text: String =
                (1..=5).map(|n| format!("Page {n}\n{}\n\n", body.replace("{}", &n.to_string()))).collect();
            let (texts, reasons) = cleaned(&text);
            assert_eq!(texts.get(1), Some(&super::super::one_line(&body.replace("{}", "2"))));
            assert!(!reasons.contains(&"running_heads"), "{body}: {texts:?}");
        }
    }

    #[test]
    fn lines_that_differ_in_a_number_inside_are_instructions() {
        let page = |n| format!("Page {n}\nClose valve {n} before the pump\nThe crew of engine waits here long.\n\n");
        let (texts, reasons) = cleaned(&(1..=5).map(page).collect::<String>());
        assert!(texts[1].starts_with("Close valve 2 before the pump"), "{texts:?}");
        assert!(!reasons.contains(&"running_heads"));
    }

    #[test]
    fn page_of_which_only_a_number_would_stay_keeps_its_lines() {
        let page = |n| format!("Page {n}\nGuide\nStep {n}\n{n}\n\n");
        let (texts, reasons) = cleaned(&(1..=5).map(page).collect::<String>());
        assert!(texts.join(" ").contains("Guide") && texts.join(" ").contains("Step 2"), "{texts:?}");
        assert!(!reasons.contains(&"running_heads"));
        let guide = |n| format!("Page {n}\nGuide\nTurn knob number {n} by hand\n{n}\n\n");
        let (texts, _) = cleaned(&(1..=5).map(guide).collect::<String>());
        assert!(texts.join(" ").contains("Turn knob number 2 by hand"), "{texts:?}");
    }

    #[test]
    fn numbers_of_pages_and_parts_make_no_other_running_head() {
        for head in ["{} Pumps and Hoses", "Pumps and Hoses {}", "Manual Chapter {} Pumps"] {
            let page = |(n, word): (usize, &str)| {
                format!("Page {n}\n{}\n{word} is what page {n} tells of.\n\n", head.replace("{}", &n.to_string()))
            };
            let text: String = (1..).zip(["Smoke", "Water", "Wind", "Rope"]).map(page).collect();
            assert_eq!(cleaned(&text).0[1], "Water is what page 2 tells of.", "{head}");
        }
    }

    #[test]
    fn running_head_is_taken_off_alone_and_named_with_its_page() {
        let words = ["Smoke", "Water", "Wind", "Rope"];
        let page =
            |(n, word)| format!("Page {n}\nChapter 1: Pumps\n{word} is what page {n} tells of. More\nfollows.\n\n");
        let text: String = (1..).zip(words).map(page).collect();
        let mut reading = super::super::plain::read(&text, true);
        super::super::clean::clean(&mut reading, &text, true, true);
        assert_eq!(reading.blocks[1].text(&text), "Water is what page 2 tells of. More follows.");
        let note = reading.notes.iter().find(|note| note.reason == "running_heads").unwrap();
        assert!(note.lost && note.detail.contains("page 2 \"Chapter 1: Pumps\""), "{note:?}");
    }

    #[test]
    fn shortened_words_end_no_running_head() {
        for head in ["U.S. Forest Dept.", "Fire Service of the U.S.", "Section 3. Pumps and Hoses"] {
            let page = |(n, word)| format!("Page {n}\n{head}\n{word} is what page {n} tells of.\n\n");
            let text: String = (1..).zip(["Smoke", "Water", "Wind", "Rope"]).map(page).collect();
            assert_eq!(cleaned(&text).0[1], "Water is what page 2 tells of.", "{head}");
        }
    }

    #[test]
    fn line_at_the_head_of_few_pages_of_many_stays() {
        let page = |n: usize| {
            let first =
                if n <= 3 { format!("Annex {n}") } else { format!("Text {}", "abcdefghijklmnopqrst".split_at(n).1) };
            format!("Page {n}\n{first}\nThe rest of it.\n\n")
        };
        let text: String = (1..=20).map(page).collect();
        assert_eq!(cleaned(&text).0[0], "Annex 1 The rest of it.");
    }
}
