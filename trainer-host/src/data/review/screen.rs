//! The review screen as state: keys go in, ratings come out. Pure: no terminal, no file, no clock.

use std::collections::HashMap;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::style::Style;
use ratatui_textarea::{CursorMove, TextArea, WrapMode};

use super::Item;
use super::rating::{Rating, Verdict, WORDS_MAX};

/// Step of the confidence keys.
const CONFIDENCE_STEP: f64 = 0.1;

/// What the program has to do after a key.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Keep this rating; it has no time and no name yet.
    Rate(Rating),
    /// Leave.
    Quit,
    /// Leave, as Ctrl-C ends a program.
    Interrupt,
}

/// A field that is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// The right answer.
    Answer,
    /// The circumstances of a second view.
    Context,
    /// A remark.
    Comment,
}

/// What the keys mean at the moment.
#[derive(Debug)]
pub enum Mode {
    /// Reading and judging.
    Reading,
    /// Writing a field of a rating that is not complete yet.
    Writing {
        /// Which field.
        field: Field,
        /// The rating so far.
        draft: Box<Rating>,
        /// The text.
        editor: Box<TextArea<'static>>,
    },
    /// The list of keys.
    Help {
        /// First line of it that is shown.
        scroll: usize,
    },
}

/// The whole state.
#[derive(Debug)]
pub struct Screen {
    /// What is reviewed.
    pub items: Vec<Item>,
    /// The item that is shown.
    pub at: usize,
    /// Who reviews.
    pub expert: String,
    /// What the expert has said, by row.
    pub own: HashMap<String, Rating>,
    /// Confidence of the next rating.
    pub confidence: f64,
    /// What the keys mean.
    pub mode: Mode,
    /// First line of the text that is shown.
    pub scroll: usize,
    /// A word to the expert, until the next key.
    pub notice: Option<String>,
    /// Whether the last key was a Ctrl-C that would have thrown away what is being written.
    warned: bool,
}

impl Screen {
    /// Starts at the first item that the expert has not rated.
    pub fn new(items: Vec<Item>, expert: &str, own: HashMap<String, Rating>) -> Self {
        let at = items.iter().position(|item| !own.contains_key(&item.row.id)).unwrap_or(0);
        Self {
            items,
            at,
            expert: expert.to_owned(),
            own,
            confidence: 1.0,
            mode: Mode::Reading,
            scroll: 0,
            notice: None,
            warned: false,
        }
    }

    /// The item that is shown.
    pub fn item(&self) -> &Item {
        &self.items[self.at]
    }

    /// What the expert has said about it.
    pub fn rating(&self) -> Option<&Rating> {
        self.own.get(&self.item().row.id)
    }

    /// Items rated by the expert.
    pub fn rated(&self) -> usize {
        self.items.iter().filter(|item| self.own.contains_key(&item.row.id)).count()
    }

    /// Takes a key; `page` is the number of text lines on the screen, `lines` of the text.
    pub fn update(&mut self, key: KeyEvent, page: usize, lines: usize) -> Option<Action> {
        if key.kind == KeyEventKind::Release {
            return None;
        }
        self.notice = None;
        let warned = std::mem::take(&mut self.warned);
        if key.modifiers == KeyModifiers::CONTROL && key.code == KeyCode::Char('c') {
            if warned || !matches!(self.mode, Mode::Writing { .. }) {
                return Some(Action::Interrupt);
            }
            self.warned = true;
            self.notice = Some("Enter keeps it; Ctrl-C again leaves without it".to_owned());
            return None;
        }
        match std::mem::replace(&mut self.mode, Mode::Reading) {
            Mode::Help { mut scroll } => {
                // Any key closes it that does not move a page too long for the screen.
                if lines > page && moved(&mut scroll, key.code, page, lines) {
                    self.mode = Mode::Help { scroll };
                }
                None
            }
            Mode::Writing { field, draft, editor } => self.write(key, field, draft, editor),
            Mode::Reading => self.read(key, page, lines),
        }
    }

    /// A pasted text; line ends become line feeds.
    pub fn paste(&mut self, text: &str) {
        if let Mode::Writing { editor, .. } = &mut self.mode {
            let room = WORDS_MAX.saturating_sub(editor.lines().iter().map(String::len).sum());
            let clean = super::printable(text);
            let cut = clean.char_indices().map(|(at, _)| at).find(|at| *at >= room).unwrap_or(clean.len());
            editor.insert_str(&clean[..cut]);
        }
    }

    fn read(&mut self, key: KeyEvent, page: usize, lines: usize) -> Option<Action> {
        if moved(&mut self.scroll, key.code, page, lines) {
            return None;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc | KeyCode::F(10) => return Some(Action::Quit),
            KeyCode::Char('?') | KeyCode::F(1) => self.mode = Mode::Help { scroll: 0 },
            KeyCode::Char('g') => return self.rate(self.draft(Verdict::Good)),
            KeyCode::Char('b') => return self.rate(self.draft(Verdict::Bad)),
            KeyCode::Char('f') => self.open(Field::Answer, self.draft(Verdict::Fix)),
            KeyCode::Char('c') => self.open(Field::Context, self.draft(Verdict::Context)),
            KeyCode::Char('n') => match self.rating().cloned() {
                Some(rating) => self.open(Field::Comment, rating),
                None => self.notice = Some("judge the row first, then note why".to_owned()),
            },
            KeyCode::Char('+' | '=') => self.confidence = rounded((self.confidence + CONFIDENCE_STEP).min(1.0)),
            KeyCode::Char('-') => self.confidence = rounded((self.confidence - CONFIDENCE_STEP).max(0.0)),
            KeyCode::Left | KeyCode::Char('p') => self.go(self.at.checked_sub(1)),
            KeyCode::Right | KeyCode::Enter => self.go(Some(self.at + 1)),
            KeyCode::Tab => self.next_unrated(),
            KeyCode::Home => self.go(Some(0)),
            KeyCode::End => self.go(self.items.len().checked_sub(1)),
            _ => {}
        }
        None
    }

    fn draft(&self, verdict: Verdict) -> Rating {
        let mut rating = Rating::new(&self.item().row.id, &self.expert, verdict, "");
        rating.confidence = self.confidence;
        rating
    }

    fn open(&mut self, field: Field, draft: Rating) {
        let before = self.rating().filter(|rating| rating.verdict == draft.verdict);
        let text = match field {
            Field::Answer => {
                before.and_then(|rating| rating.answer.clone()).unwrap_or_else(|| self.item().row.answer().to_owned())
            }
            Field::Context => before.and_then(|rating| rating.context.clone()).unwrap_or_default(),
            Field::Comment => draft.comment.clone().unwrap_or_default(),
        };
        let mut editor = TextArea::from(text.split('\n').map(str::to_owned).collect::<Vec<_>>());
        editor.set_wrap_mode(WrapMode::WordOrGlyph);
        editor.set_cursor_line_style(Style::new());
        editor.set_cursor_style(Style::new());
        editor.move_cursor(CursorMove::Bottom);
        editor.move_cursor(CursorMove::End);
        self.mode = Mode::Writing { field, draft: Box::new(draft), editor: Box::new(editor) };
    }

    fn write(
        &mut self,
        key: KeyEvent,
        field: Field,
        mut draft: Box<Rating>,
        mut editor: Box<TextArea<'static>>,
    ) -> Option<Action> {
        let control = key.modifiers == KeyModifiers::CONTROL;
        match key.code {
            KeyCode::Esc => {
                self.notice = Some("left as it was".to_owned());
                return None;
            }
            KeyCode::Enter if key.modifiers.contains(KeyModifiers::ALT) => editor.insert_newline(),
            KeyCode::Enter => {
                let text = editor.lines().join("\n");
                let blank = text.trim().is_empty();
                if blank && field != Field::Comment {
                    self.notice = Some("write something, or leave with Esc".to_owned());
                } else {
                    let words = (!blank).then(|| text.trim().to_owned());
                    match field {
                        Field::Answer => draft.answer = words,
                        Field::Comment => draft.comment = words,
                        Field::Context => {
                            draft.context = words;
                            self.open(Field::Answer, *draft);
                            return None;
                        }
                    }
                    if draft.verdict == Verdict::Fix && draft.answer.as_deref() == Some(self.item().row.answer().trim())
                    {
                        self.notice =
                            Some("the answer is as it was; change it, or leave with Esc and press g".to_owned());
                    } else {
                        return self.rate(*draft);
                    }
                }
            }
            KeyCode::Char('u') if control => {
                editor.delete_line_by_head();
            }
            KeyCode::Char('z') if control => {
                editor.undo();
            }
            _ => {
                editor.input(key);
                if editor.lines().iter().map(String::len).sum::<usize>() > WORDS_MAX {
                    editor.undo();
                }
            }
        }
        self.mode = Mode::Writing { field, draft, editor };
        None
    }

    fn rate(&mut self, rating: Rating) -> Option<Action> {
        self.own.insert(rating.row.clone(), rating.clone());
        let words = match rating.verdict {
            Verdict::Good => "good",
            Verdict::Fix => "fixed",
            Verdict::Context => "two views",
            Verdict::Bad => "bad",
        };
        let number = self.at + 1;
        self.next_unrated();
        self.notice = Some(format!("row {number}: {words}"));
        Some(Action::Rate(rating))
    }

    fn go(&mut self, to: Option<usize>) {
        match to.filter(|to| *to < self.items.len()) {
            Some(to) => (self.at, self.scroll) = (to, 0),
            None => self.notice = Some("there is no further row".to_owned()),
        }
    }

    fn next_unrated(&mut self) {
        let unrated = |at: &usize| !self.own.contains_key(&self.items[*at].row.id);
        let next = (self.at + 1..self.items.len()).chain(0..=self.at).find(unrated);
        match next {
            Some(next) => (self.at, self.scroll) = (next, 0),
            None => self.notice = Some("all rows are rated; q leaves".to_owned()),
        }
    }
}

/// Moves a page over a text of so many lines, if the key does that.
fn moved(scroll: &mut usize, key: KeyCode, page: usize, lines: usize) -> bool {
    let last = lines.saturating_sub(page);
    *scroll = match key {
        KeyCode::Down => (*scroll + 1).min(last),
        KeyCode::Up => scroll.saturating_sub(1),
        KeyCode::PageDown | KeyCode::Char(' ') => (*scroll + page.max(1)).min(last),
        KeyCode::PageUp => scroll.saturating_sub(page.max(1)),
        _ => return false,
    };
    true
}

fn rounded(confidence: f64) -> f64 {
    (confidence * 10.0).round() / 10.0
}
