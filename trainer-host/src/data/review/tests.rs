//! The review screen as an expert sees it, and what the keys do.

use std::collections::HashMap;

use insta::assert_snapshot;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::draw::{Look, draw, extent};
use super::rating::{Rating, Verdict};
use super::screen::{Action, Mode, Screen};
use super::*;

struct Stage {
    screen: Screen,
    width: u16,
    height: u16,
}

fn items() -> Vec<Item> {
    let item = |question: &str, answer: &str, source: &str| Item {
        row: Row::of_answer("record", question, question, answer),
        source: source.to_owned(),
    };
    vec![
        item(
            "How far do I isolate a small chlorine spill?",
            "Isolate a small chlorine spill for 150 feet in all directions.",
            "guide.md, lines 12 to 14, page 3\nChlorine. Small spill: isolate 150 feet in all directions; \
             at night protect people downwind for 0.5 mile.",
        ),
        item("Which suit is vapor tight?", "Level A.", ""),
        item(
            "\u{706b}\u{707d}\u{306e}\u{3068}\u{304d}\u{306f}?\u{1b}[31m",
            "\u{98a8}\u{4e0a}\u{306b}\u{79fb}\u{52d5}",
            &"A long source line that goes on. ".repeat(40),
        ),
    ]
}

impl Stage {
    fn new(width: u16, height: u16) -> Self {
        Self { screen: Screen::new(items(), "ann", HashMap::new()), width, height }
    }

    fn press(&mut self, code: KeyCode) -> Option<Action> {
        let (page, lines) = extent(&self.screen, self.width, self.height, Look::new(false));
        self.screen.update(KeyEvent::new(code, KeyModifiers::NONE), page, lines)
    }

    fn write(&mut self, words: &str) {
        words.chars().for_each(|letter| assert_eq!(self.press(KeyCode::Char(letter)), None));
    }

    fn text(&self) -> String {
        let mut terminal = Terminal::new(TestBackend::new(self.width, self.height)).unwrap();
        terminal.draw(|frame| draw(frame, &self.screen, Look::new(false))).unwrap();
        terminal.backend().to_string()
    }
}

fn rating(action: Option<Action>) -> Rating {
    match action {
        Some(Action::Rate(rating)) => rating,
        other => panic!("no rating but {other:?}"),
    }
}

#[test]
fn row_is_shown_with_its_answer_and_source() {
    assert_snapshot!("reading_80x24", Stage::new(80, 24).text());
    assert_snapshot!("reading_40x12", Stage::new(40, 12).text());
}

#[test]
fn answer_is_corrected_in_a_box() {
    let mut stage = Stage::new(80, 24);
    stage.press(KeyCode::Char('f'));
    stage.write(" At night 300 feet.");
    assert_snapshot!("fixing_80x24", stage.text());
    let mut small = Stage::new(40, 12);
    small.press(KeyCode::Char('c'));
    small.write("at night");
    assert_snapshot!("context_40x12", small.text());
    let fixed = rating(stage.press(KeyCode::Enter));
    assert_eq!(fixed.verdict, Verdict::Fix);
    assert_eq!(
        fixed.answer.as_deref(),
        Some("Isolate a small chlorine spill for 150 feet in all directions. At night 300 feet.")
    );
}

#[test]
fn help_names_every_key() {
    let mut stage = Stage::new(80, 24);
    stage.press(KeyCode::Char('?'));
    assert_snapshot!("help_80x24", stage.text());
    stage.press(KeyCode::Char('g'));
    assert!(matches!(stage.screen.mode, Mode::Reading) && stage.screen.own.is_empty());
}

#[test]
fn every_word_of_the_help_can_be_reached_on_a_small_screen() {
    for (width, height) in [(40, 12), (20, 8)] {
        let mut stage = Stage::new(width, height);
        stage.press(KeyCode::Char('?'));
        let mut seen = stage.text();
        for _ in 0..80 {
            assert_eq!(stage.press(KeyCode::Down), None);
            seen += &stage.text();
        }
        for word in ["elsewhere", "confidence", "judgement", "Alt+Enter", "everything", "already"] {
            assert!(seen.contains(word), "{width} columns: {word}");
        }
        stage.press(KeyCode::Esc);
        assert!(matches!(stage.screen.mode, Mode::Reading) && stage.screen.scroll == 0);
    }
}

#[test]
fn interrupt_ends_the_review_and_asks_before_it_throws_words_away() {
    let mut stage = Stage::new(80, 24);
    let interrupt =
        |stage: &mut Stage| stage.screen.update(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL), 20, 20);
    assert_eq!(interrupt(&mut stage), Some(Action::Interrupt));
    stage.press(KeyCode::Char('f'));
    stage.write(" At night 300 feet.");
    assert_eq!(interrupt(&mut stage), None);
    assert!(stage.text().contains("Ctrl-C again") && stage.text().contains("At night"));
    // Whoever writes on has kept the text.
    stage.write(" Or more.");
    assert_eq!(interrupt(&mut stage), None);
    assert_eq!(interrupt(&mut stage), Some(Action::Interrupt));
}

#[test]
fn rows_without_a_decision_wait_for_a_third_expert_or_for_a_talk() {
    let rated = |row: &str, experts: &[(&str, Verdict)]| {
        let rating = |(expert, verdict): &(&str, Verdict)| Rating::new(row, expert, *verdict, "2026-01-02T03:04:05Z");
        experts.iter().map(rating).collect::<Vec<_>>()
    };
    let (good, bad) = (Verdict::Good, Verdict::Bad);
    let mut ratings = rated("a", &[("ann", good), ("bob", bad)]);
    ratings.extend(rated("b", &[("ann", good), ("bob", bad), ("cy", good), ("dee", bad)]));
    ratings.extend(rated("c", &[("ann", good), ("bob", good)]));
    let lines = waiting(&undecided(&ratings));
    assert_eq!(lines.len(), 2);
    assert!(
        lines[0].starts_with("1 rows wait for a third expert") && lines[1].starts_with("1 rows have three experts")
    );
}

#[test]
fn judgements_move_on_to_the_next_row_without_one() {
    let mut stage = Stage::new(80, 24);
    let first = rating(stage.press(KeyCode::Char('g')));
    assert_eq!((first.verdict, first.confidence, stage.screen.at), (Verdict::Good, 1.0, 1));
    stage.press(KeyCode::Char('-'));
    stage.press(KeyCode::Char('-'));
    let second = rating(stage.press(KeyCode::Char('b')));
    assert_eq!((second.verdict, second.confidence, stage.screen.at), (Verdict::Bad, 0.8, 2));
    assert_eq!(second.row, items()[1].row.id);
    stage.press(KeyCode::Char('g'));
    assert_eq!(stage.screen.rated(), 3);
    assert!(stage.text().contains("bad") || stage.text().contains("good"));
    assert_eq!(stage.press(KeyCode::Char('q')), Some(Action::Quit));
}

#[test]
fn row_can_be_judged_again_and_noted() {
    let mut stage = Stage::new(80, 24);
    stage.press(KeyCode::Char('n'));
    assert!(stage.text().contains("judge the row first"));
    stage.press(KeyCode::Char('b'));
    stage.press(KeyCode::Left);
    stage.press(KeyCode::Char('n'));
    stage.write("wrong unit");
    let noted = rating(stage.press(KeyCode::Enter));
    assert_eq!((noted.verdict, noted.comment.as_deref()), (Verdict::Bad, Some("wrong unit")));
}

#[test]
fn context_asks_for_circumstances_and_then_for_the_answer() {
    let mut stage = Stage::new(80, 24);
    stage.press(KeyCode::Char('c'));
    assert_eq!(stage.press(KeyCode::Enter), None);
    assert!(stage.text().contains("write something"));
    stage.write("at night");
    assert_eq!(stage.press(KeyCode::Enter), None);
    stage.write(" 300 feet.");
    let view = rating(stage.press(KeyCode::Enter));
    assert_eq!((view.verdict, view.context.as_deref()), (Verdict::Context, Some("at night")));
    assert_eq!(view.check(), Ok(()));
}

#[test]
fn unchanged_answer_is_no_fix_and_escape_leaves_everything() {
    let mut stage = Stage::new(80, 24);
    stage.press(KeyCode::Char('f'));
    assert_eq!(stage.press(KeyCode::Enter), None);
    assert!(stage.text().contains("the answer is as it was"));
    stage.press(KeyCode::Esc);
    assert!(stage.screen.own.is_empty());
}

#[test]
fn long_texts_scroll_to_their_end_and_no_further() {
    let mut stage = Stage::new(40, 12);
    stage.press(KeyCode::End);
    for _ in 0..100 {
        stage.press(KeyCode::PageDown);
    }
    let (page, lines) = extent(&stage.screen, 40, 12, Look::new(false));
    assert_eq!(stage.screen.scroll, lines - page);
    assert!(stage.text().contains("goes on."));
    stage.press(KeyCode::Home);
    assert_eq!(stage.screen.scroll, 0);
}

#[test]
fn control_characters_of_a_row_do_not_reach_the_terminal() {
    let mut stage = Stage::new(80, 24);
    stage.press(KeyCode::End);
    let text = stage.text();
    assert!(text.contains("?[31m") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn every_size_of_terminal_is_drawn() {
    for (width, height) in [(1, 1), (2, 3), (10, 4), (200, 5), (3, 60)] {
        let mut stage = Stage::new(width, height);
        for code in [KeyCode::Char('f'), KeyCode::Esc, KeyCode::Char('?'), KeyCode::Esc, KeyCode::Char('g')] {
            stage.press(code);
            stage.text();
        }
    }
}
