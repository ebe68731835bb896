//! Cutting a document into passages: by heading first, then by blank lines, never inside a word.

/// A passage joins paragraphs under one heading until it has this many bytes.
const PASSAGE_BYTES: usize = 500;

/// A single paragraph longer than this is cut at line or sentence ends.
const PARAGRAPH_BYTES_MAX: usize = 1000;

/// A passage as a byte range of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// Headings above it, outermost first, joined by ` > `.
    pub heading: String,
    /// Start of the range, at a character boundary.
    pub start_byte: usize,
    /// End of the range, exclusive.
    pub end_byte: usize,
}

/// Splits Markdown or plain text. Every character that is not white space or a heading line is in
/// exactly one passage, in document order.
pub fn split(text: &str) -> Vec<Cut> {
    let mut cuts = Vec::new();
    let mut headings: Vec<(usize, String)> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut paragraphs: Vec<(usize, usize)> = Vec::new();
    let mut open: Option<(usize, usize)> = None;
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let (start, end) = (offset, offset + line.len());
        offset = end;
        let bare = line.trim();
        if let Some(mark) = fence {
            open = Some((open.map_or(start, |(first, _)| first), end));
            if bare.starts_with(mark) {
                fence = None;
            }
            continue;
        }
        if let Some((level, title)) = heading_of(bare) {
            paragraphs.extend(open.take());
            emit(text, &headings, &mut paragraphs, &mut cuts);
            headings.retain(|(above, _)| *above < level);
            headings.push((level, title.to_owned()));
        } else if bare.is_empty() {
            paragraphs.extend(open.take());
        } else {
            open = Some((open.map_or(start, |(first, _)| first), end));
            fence = ["```", "~~~"].into_iter().find(|mark| bare.starts_with(mark));
        }
    }
    paragraphs.extend(open);
    emit(text, &headings, &mut paragraphs, &mut cuts);
    cuts
}

fn heading_of(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    let title = line.get(level..)?;
    let is_heading = (1..=6).contains(&level) && title.starts_with([' ', '\t']);
    let title = title.trim().trim_end_matches('#').trim_end();
    (is_heading && !title.is_empty()).then_some((level, title))
}

/// Joins short paragraphs, cuts long ones, and moves them from `paragraphs` to `cuts`.
fn emit(text: &str, headings: &[(usize, String)], paragraphs: &mut Vec<(usize, usize)>, cuts: &mut Vec<Cut>) {
    let titles: Vec<&str> = headings.iter().map(|(_, title)| title.as_str()).collect();
    let heading = titles.join(" > ");
    let mut push = |start: usize, end: usize| {
        let piece = &text[start..end];
        let start_byte = start + (piece.len() - piece.trim_start().len());
        let end_byte = start + piece.trim_end().len();
        if start_byte < end_byte {
            cuts.push(Cut { heading: heading.clone(), start_byte, end_byte });
        }
    };
    let mut joined: Option<(usize, usize)> = None;
    for (start, end) in paragraphs.drain(..) {
        if let Some((first, last)) = joined {
            if end - first <= PASSAGE_BYTES {
                joined = Some((first, end));
                continue;
            }
            push(first, last);
        }
        joined = None;
        if end - start <= PARAGRAPH_BYTES_MAX {
            joined = Some((start, end));
            continue;
        }
        let mut from = start;
        while from < end {
            let to = cut_point(text, from, end);
            push(from, to);
            from = to;
        }
    }
    if let Some((first, last)) = joined {
        push(first, last);
    }
}

/// Where to end a piece of a long paragraph that starts at `from`: the last line end, sentence end
/// or space within the limit, else the last character that fits.
fn cut_point(text: &str, from: usize, end: usize) -> usize {
    if end - from <= PARAGRAPH_BYTES_MAX {
        return end;
    }
    let mut limit = from + PARAGRAPH_BYTES_MAX;
    while !text.is_char_boundary(limit) {
        limit -= 1;
    }
    let window = &text[from..limit];
    let after = |found: Option<usize>, width: usize| found.map(|at| from + at + width);
    after(window.rfind('\n'), 1)
        .or_else(|| after(window.rfind(". "), 2))
        .or_else(|| after(window.rfind(' '), 1))
        .filter(|point| *point > from)
        .unwrap_or(limit)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<(String, &str)> {
        split(text).into_iter().map(|cut| (cut.heading, &text[cut.start_byte..cut.end_byte])).collect()
    }

    #[test]
    fn passages_carry_the_headings_above_them() {
        let text = "Preface.\n# Hazmat\nStay back.\n## Chlorine ##\n150 feet.\n\n# Fire\nRun.\n";
        let expected =
            [("", "Preface."), ("Hazmat", "Stay back."), ("Hazmat > Chlorine", "150 feet."), ("Fire", "Run.")];
        let expected: Vec<(String, &str)> =
            expected.iter().map(|(heading, text)| ((*heading).to_owned(), *text)).collect();
        assert_eq!(pieces(text), expected);
    }

    #[test]
    fn hash_signs_in_code_and_in_words_are_no_headings() {
        let text = "# Radio\n```\n# not a heading\n```\n#hashtag\n";
        assert_eq!(pieces(text), [("Radio".to_owned(), "```\n# not a heading\n```\n#hashtag")]);
    }

    #[test]
    fn short_paragraphs_join_and_long_ones_are_cut() {
        let short = "One two three.\n\nFour five six.\n";
        assert_eq!(pieces(short).len(), 1);
        let long = "A sentence of words. ".repeat(200);
        let cuts = pieces(&long);
        assert!(cuts.len() >= 4);
        assert!(cuts.iter().all(|(_, text)| text.len() <= PARAGRAPH_BYTES_MAX));
        assert!(cuts.iter().all(|(_, text)| text.ends_with('.')));
    }

    #[test]
    fn every_word_lands_in_exactly_one_passage_whatever_the_bytes() {
        let mut text = String::from("\u{feff}intro \u{1f525}\r\n\r\n# T\u{e9}te\r\n");
        for number in 0..400 {
            text.push_str(&format!("w{number}\u{4e2d}\u{6587}"));
            text.push_str(["", " ", "\n", "\r\n\r\n"][number % 4]);
        }
        text.push_str(&"\u{1f525}".repeat(900));
        let cuts = split(&text);
        let mut end = 0;
        let mut kept = String::new();
        for cut in &cuts {
            assert!(cut.start_byte >= end && cut.end_byte > cut.start_byte);
            end = cut.end_byte;
            kept.push_str(&text[cut.start_byte..cut.end_byte]);
        }
        let squeeze = |text: &str| text.split_whitespace().collect::<String>();
        assert_eq!(squeeze(&kept), squeeze(&text.replace("# T\u{e9}te", "")));
    }

    #[test]
    fn empty_text_has_no_passages() {
        assert!(split("").is_empty());
        assert!(split(" \n\r\n\t").is_empty());
        assert!(split("# Only a heading\n").is_empty());
    }
}
