//! Cleaning text that came out of a PDF. Each step has a name, chunks name the steps that changed them, and the
//! report says how often each did something.

use std::collections::HashMap;

use super::block::{Block, BlockKind, Note, Reading};
use super::ligatures::Repairs;
use super::running_heads;
use super::vocabulary::vocabulary;

/// Repaired words that the report lists one by one.
const REPAIRS_LISTED: usize = 200;

/// Cleans the blocks of a document. `derived` says that it came out of a PDF; otherwise only characters that no one
/// types are replaced. `lines` says that line ends are those of the page, not of the author.
pub fn clean(reading: &mut Reading, text: &str, derived: bool, lines: bool) {
    let mut steps: HashMap<&'static str, (usize, String)> = HashMap::new();
    let prose = |block: &Block| block.kind != BlockKind::Code && block.fields.is_empty();
    let (mut words, mut repairs) = (HashMap::new(), Repairs::default());
    if derived {
        running_heads::remove(reading, text);
        words = vocabulary(reading.blocks.iter().filter(|block| prose(block)).map(|block| block.text(text)));
        repairs = Repairs::find(&words);
    }
    for block in reading.blocks.iter_mut().filter(|block| prose(block)) {
        let mut step = |name: &'static str, block: &mut Block, clean: Option<(String, usize)>| {
            let Some((clean, count)) = clean else { return };
            let entry = steps.entry(name).or_insert_with(|| (0, example(block.text(text), &clean)));
            entry.0 += count;
            block.text = Some(clean);
            if !block.cleaned.contains(&name) {
                block.cleaned.push(name);
            }
        };
        let changed = ligature_characters(block.text(text));
        step("ligatures", block, changed);
        let changed = symbols(block.text(text));
        step("symbols", block, changed);
        if derived {
            let changed = repairs.apply(block.text(text));
            step("broken_ligatures", block, changed);
            let changed = hyphens(block.text(text), &words);
            step("hyphens", block, changed);
            let changed = rules(block.text(text));
            step("rules", block, changed);
            if lines && block.kind == BlockKind::Prose {
                let joined = block.text(text).split('\n').map(str::trim).collect::<Vec<_>>().join(" ");
                let count = block.text(text).matches('\n').count();
                step("line_ends", block, (count > 0).then_some((joined, count)));
            }
        }
    }
    reading.blocks.retain(|block| !block.text(text).trim().is_empty());
    let mut steps: Vec<_> = steps.into_iter().collect();
    steps.sort();
    for (name, (count, example)) in steps {
        // A word that was changed may mean another thing; the reader must be able to check each.
        let detail = match name {
            "broken_ligatures" => format!("{count} times: {}", repairs.made(REPAIRS_LISTED)),
            _ => format!("{count} times; first: {example}"),
        };
        reading.notes.push(Note::remark(name, detail));
    }
}

/// Where two texts first differ, for the report.
fn example(before: &str, after: &str) -> String {
    let at = before.bytes().zip(after.bytes()).position(|(a, b)| a != b).unwrap_or(before.len().min(after.len()));
    let piece = |text: &str| {
        let mut start = at.min(text.len()).saturating_sub(12);
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        super::one_line(&text[start..].chars().take(36).collect::<String>())
    };
    format!("{:?} became {:?}", piece(before), piece(after))
}

/// Characters that stand for several letters.
fn ligature_characters(text: &str) -> Option<(String, usize)> {
    const LIGATURES: [(char, &str); 7] = [
        ('\u{fb00}', "ff"),
        ('\u{fb01}', "fi"),
        ('\u{fb02}', "fl"),
        ('\u{fb03}', "ffi"),
        ('\u{fb04}', "ffl"),
        ('\u{fb05}', "st"),
        ('\u{fb06}', "st"),
    ];
    // Their first byte in UTF-8; most texts have none.
    if !text.as_bytes().contains(&0xef) {
        return None;
    }
    let count = text.chars().filter(|c| ('\u{fb00}'..='\u{fb06}').contains(c)).count();
    (count > 0).then(|| {
        let spelled = text.chars().fold(String::with_capacity(text.len()), |mut out, c| {
            match LIGATURES.iter().find(|(ligature, _)| *ligature == c) {
                Some((_, letters)) => out.push_str(letters),
                None => out.push(c),
            }
            out
        });
        (spelled, count)
    })
}

/// Glyphs of symbol fonts, soft hyphens and characters without width.
fn symbols(text: &str) -> Option<(String, usize)> {
    // First bytes in UTF-8 of the private use area and of the byte order mark; most texts have none of all these.
    let may_begin = |byte: u8| matches!(byte, 0 | 0xee | 0xef);
    if !text.bytes().any(may_begin) && !['\u{ad}', '\u{200b}', '\u{2060}'].iter().any(|c| text.contains(*c)) {
        return None;
    }
    let odd = |c: char| matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' | '\0');
    let count = text.chars().filter(|c| odd(*c)).count();
    (count > 0).then(|| {
        let out = text.chars().filter_map(|c| match c {
            // Bullets of Wingdings and Symbol.
            '\u{f0a7}' | '\u{f0b7}' | '\u{f06f}' | '\u{f0a8}' | '\u{f0d8}' => Some('\u{2022}'),
            _ if odd(c) => None,
            _ => Some(c),
        });
        (out.collect(), count)
    })
}

/// Words that were cut at the end of a line. They are joined without the hyphen if the document has the whole
/// word, or with it (`well- being`) if not.
fn hyphens(text: &str, words: &HashMap<String, usize>) -> Option<(String, usize)> {
    let (mut out, mut count, mut at) = (String::new(), 0, 0);
    for (hyphen, _) in text.match_indices('-') {
        let rest = &text[hyphen + 1..];
        let gap = rest.len() - rest.trim_start_matches([' ', '\n', '\t']).len();
        let before = text[..hyphen].rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        let after = rest[gap..].split(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
        let conjunction = matches!(after, "and" | "or" | "to" | "nor");
        if gap == 0
            || hyphen < at
            || before.len() < 2
            || after.is_empty()
            || conjunction
            || after.starts_with(char::is_uppercase) != before.chars().all(char::is_uppercase)
                && after.starts_with(char::is_uppercase)
        {
            continue;
        }
        let whole = format!("{before}{after}").to_lowercase();
        let line_end = rest[..gap].contains('\n');
        let known = words.contains_key(&whole);
        let halves = words.get(&before.to_lowercase()).is_some_and(|n| *n > 1)
            && words.get(&after.to_lowercase()).is_some_and(|n| *n > 1);
        out.push_str(&text[at..hyphen]);
        if !known && (!line_end || halves) {
            out.push('-');
        }
        at = hyphen + 1 + gap;
        count += 1;
    }
    (count > 0).then(|| {
        out.push_str(&text[at..]);
        (out, count)
    })
}

/// Long runs of underscores and of dots: lines to write on, and leaders of a table of contents.
fn rules(text: &str) -> Option<(String, usize)> {
    if !text.contains("_____") && !text.contains(".....") {
        return None;
    }
    let (mut out, mut count) = (String::new(), 0);
    let mut rest = text;
    while let Some(start) = rest.find(['_', '.']) {
        let mark = rest.as_bytes()[start];
        let run = rest.as_bytes()[start..].iter().take_while(|byte| **byte == mark).count();
        out.push_str(&rest[..start]);
        if run >= 5 {
            out.push_str(if mark == b'_' { "__" } else { "..." });
            count += 1;
        } else {
            out.push_str(&rest[start..start + run]);
        }
        rest = &rest[start + run..];
    }
    (count > 0).then(|| {
        out.push_str(rest);
        // A page of empty lines is one.
        while out.contains("__ __") {
            out = out.replace("__ __", "__");
        }
        (out, count)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cleaned(text: &str) -> (Vec<String>, Vec<&'static str>) {
        let mut reading = super::super::plain::read(text, true);
        clean(&mut reading, text, true, true);
        let texts = reading.blocks.iter().map(|block| block.text(text).to_owned()).collect();
        (texts, reading.notes.iter().map(|note| note.reason).collect())
    }

    #[test]
    fn page_heads_hyphens_and_glyphs_are_repaired_and_named() {
        let page = |(number, word)| {
            format!(
                "Page {number}\nField Guide (Green) {number} of 40\n{word}: the o\u{fb03}cer stays, a well- being of \u{f0a7} \
                 fire-\nfighters; firefighters go ......... {number}\nhome.\n\n"
            )
        };
        let text: String = (1..).zip(["Alpha", "Bravo", "Charlie", "Delta"]).map(page).collect();
        let (texts, reasons) = cleaned(&text);
        let whole = "Charlie: the officer stays, a well-being of \u{2022} firefighters; firefighters go ... 3 home.";
        assert_eq!(texts[2], whole);
        assert_eq!(reasons, ["running_heads", "hyphens", "ligatures", "line_ends", "rules", "symbols"]);
    }

    #[test]
    fn hanging_hyphens_stay() {
        assert_eq!(hyphens("short- and long-term, 10 - 20, x - y", &HashMap::new()), None);
    }
}
