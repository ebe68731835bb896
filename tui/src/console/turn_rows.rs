//! Turns one entry of the conversation into styled rows.
//!
//! Pure: the same item, width and theme give the same rows. Meaning is carried by words, so the
//! rows read the same without colours and aloud.

use halligan_runtime::{Feedback, Passage, Turn};
use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::assessment::{self, Tone, tool_words};
use super::item::{Item, NoteKind, TurnView};
use super::markdown;
use super::source::Source;
use super::theme::Theme;
use super::wrap::{cut, wrap};
use crate::figures::{answerer, counted, duration};

/// Rows of a question that are shown while its turn is not chosen.
const QUESTION_ROWS: usize = 5;
/// Rows of a passage that are shown while its turn is not chosen.
const PASSAGE_ROWS: usize = 3;
/// Rows of a tool's result that are shown while its turn is not chosen.
const TOOL_ROWS: usize = 2;

/// Rows of `item`, `width` cells wide, with an empty row at the end.
pub fn rows(item: &Item, width: u16, expanded: bool, theme: Theme) -> Vec<Line<'static>> {
    let mut rows = Vec::new();
    match item {
        Item::Turn(turn) => turn_rows(turn, width, expanded, theme, &mut rows),
        Item::Note(kind, text) => {
            let style = match kind {
                NoteKind::Information => theme.aside(),
                NoteKind::Learned => theme.learned(),
                NoteKind::Error => theme.bad(),
            };
            push(text, width, style, &mut rows);
        }
    }
    rows.push(Line::default());
    rows
}

fn push(text: &str, width: u16, style: Style, rows: &mut Vec<Line<'static>>) {
    rows.extend(wrap(text, width).into_iter().map(|row| Line::from(Span::styled(row, style))));
}

fn turn_rows(view: &TurnView, width: u16, expanded: bool, theme: Theme, rows: &mut Vec<Line<'static>>) {
    let style = theme.question();
    let inner = width.saturating_sub(2).max(1);
    let mut asked = wrap(&view.question, inner);
    if !expanded {
        cut(&mut asked, QUESTION_ROWS, inner);
    }
    for (index, row) in asked.into_iter().enumerate() {
        let mark = if index == 0 { "> " } else { "  " };
        rows.push(Line::from(Span::styled(format!("{mark}{row}"), style)));
    }
    for used in &view.tools {
        let (tone, words) = tool_words(used, &view.answer);
        push_cut(&words, width, expanded, tone_style(tone, theme), rows);
    }
    match (&view.recorded, view.answer.trim()) {
        (None, "") if view.failed => {}
        (None, "") => push(&waiting_words(view), width, theme.aside(), rows),
        (_, "") => push("(no answer)", width, theme.aside(), rows),
        (_, answer) => {
            rows.extend(markdown::rows(answer, width, theme));
            if view.tool.is_some() {
                push(&waiting_words(view), width, theme.aside(), rows);
            }
        }
    }
    if view.failed && !view.answer.trim().is_empty() {
        for (tone, words) in assessment::unrecorded_lines(view.assessment.as_ref()) {
            push(&words, width, tone_style(tone, theme), rows);
        }
    }
    if let Some(turn) = &view.recorded {
        // Straight below the answer, so that it is seen on small screens too.
        for (tone, words) in assessment::lines(turn) {
            push(&words, width, tone_style(tone, theme), rows);
        }
        citation_rows(turn, width, expanded, theme, rows);
    }
    if let Some(passage) = &view.passage {
        // While the answer grows, the excerpt would jump with every word.
        let answer = view.recorded.as_ref().map_or("", |turn| turn.answer.as_str());
        passage_rows(passage, answer, width, expanded, theme, rows);
    }
    if let Some(turn) = &view.recorded {
        record_rows(turn, width, theme, rows);
    }
}

fn waiting_words(view: &TurnView) -> String {
    match &view.tool {
        Some(tool) => format!("using {tool} ..."),
        None if view.held > 0 => {
            format!("{} so far; it is shown as far as it is sure ...", counted(view.held, "token"))
        }
        None => "...".to_owned(),
    }
}

fn tone_style(tone: Tone, theme: Theme) -> Style {
    match tone {
        Tone::Good => theme.good(),
        Tone::Plain => theme.aside(),
        Tone::Bad => theme.bad(),
    }
}

/// Text that takes two rows at most unless its turn is chosen.
fn push_cut(text: &str, width: u16, expanded: bool, style: Style, rows: &mut Vec<Line<'static>>) {
    let mut shown = wrap(text, width);
    if !expanded {
        cut(&mut shown, TOOL_ROWS, width);
    }
    rows.extend(shown.into_iter().map(|row| Line::from(Span::styled(row, style))));
}

/// The cited words, one place each.
fn citation_rows(turn: &Turn, width: u16, expanded: bool, theme: Theme, rows: &mut Vec<Line<'static>>) {
    for (index, citation) in turn.citations.iter().enumerate() {
        let source = Source::of_citation(citation);
        push(&format!("[{}] {}", index + 1, source.place()), width, theme.source(), rows);
        if expanded {
            let quote = source.quote.split_whitespace().collect::<Vec<_>>().join(" ");
            push(&format!("    \"{quote}\""), width, theme.aside(), rows);
        }
    }
}

fn passage_rows(
    passage: &Passage,
    answer: &str,
    width: u16,
    expanded: bool,
    theme: Theme,
    rows: &mut Vec<Line<'static>>,
) {
    let edge = theme.marks().edge;
    let inner = width.saturating_sub(2).max(1);
    let place = if passage.heading.is_empty() {
        passage.document.clone()
    } else {
        format!("{}: {}", passage.document, passage.heading)
    };
    let mut edged = |row: String, style: Style| {
        rows.push(Line::from(vec![Span::styled(edge, theme.aside()), Span::styled(row, style)]));
    };
    for row in wrap(&place, inner) {
        edged(row, theme.source());
    }
    // The line breaks of a source file mean nothing on a narrower screen.
    let text = passage.text.split_whitespace().collect::<Vec<_>>().join(" ");
    let shown = if expanded { text } else { from_fitting_sentence(&text, answer) };
    let mut text_rows = wrap(&shown, inner);
    if !expanded {
        cut(&mut text_rows, PASSAGE_ROWS, inner);
    }
    for row in text_rows {
        edged(row, theme.aside());
    }
}

/// `text` from the sentence on that shares most with the answer, so that the rows shown are the
/// ones to check it against.
fn from_fitting_sentence(text: &str, answer: &str) -> String {
    let wanted: Vec<String> = words(answer).collect();
    let mut best = (0, 0);
    let mut start = 0;
    for sentence in text.split_inclusive(". ") {
        let score = words(sentence)
            .filter(|word| wanted.contains(word))
            .map(|word| if word.bytes().any(|byte| byte.is_ascii_digit()) { 3 } else { 1 })
            .sum();
        if score > best.0 {
            best = (score, start);
        }
        start += sentence.len();
    }
    match best.1 {
        0 => text.to_owned(),
        start => format!("... {}", &text[start..]),
    }
}

fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| word.len() > 2 || word.bytes().any(|byte| byte.is_ascii_digit()))
        .map(str::to_lowercase)
}

/// Number and origin of the answer, and what the user said about it.
fn record_rows(turn: &Turn, width: u16, theme: Theme, rows: &mut Vec<Line<'static>>) {
    push(
        &format!("turn {}, {}, {}", turn.id.0, answerer(&turn.generation), duration(turn.seconds)),
        width,
        theme.aside(),
        rows,
    );
    let reasons: Vec<&str> = turn.reasons.iter().map(|reason| reason.name()).collect();
    let why = if reasons.is_empty() { String::new() } else { format!(" ({})", reasons.join(", ")) };
    match &turn.feedback {
        Some(Feedback::Good) => push(&format!("[+] marked good{why}"), width, theme.good(), rows),
        Some(Feedback::Bad) => push(&format!("[x] marked bad{why}"), width, theme.bad(), rows),
        Some(Feedback::Correction(text)) => {
            push(&format!("corrected{why}: {}", text.trim()), width, theme.learned(), rows);
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_excerpt_starts_at_the_sentence_that_holds_the_answer() {
        let text = "Stay upwind. Gasoline needs 150 feet. Chlorine needs 200 feet. Call early.";
        assert_eq!(from_fitting_sentence(text, "Chlorine: 200 feet."), "... Chlorine needs 200 feet. Call early.");
        assert_eq!(from_fitting_sentence(text, "Nothing in common"), text);
        assert_eq!(from_fitting_sentence("", "x"), "");
    }
}
