//! A stage for the console: events go in, and what a terminal would show comes out.
//!
//! The frames pass through the real crossterm backend into a VT100 parser, so the tests see escape
//! sequences and not only cells.

use std::cell::RefCell;
use std::io::{self, Write};
use std::num::NonZeroU16;
use std::rc::Rc;

use halligan_runtime::{AnswerEvent, Turn};
use halligan_tui::console::app::App;
use halligan_tui::console::draw::draw;
use halligan_tui::console::event::{Command, Event, Report};
use halligan_tui::console::source::SourceText;
use halligan_tui::console::theme::Theme;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::crossterm::style::force_color_output;
use ratatui::layout::{Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};

pub use super::samples::*;

struct Tape {
    parser: vt100::Parser,
    bytes: Vec<u8>,
}

#[derive(Clone)]
struct Recorder(Rc<RefCell<Tape>>);

impl Write for Recorder {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut tape = self.0.borrow_mut();
        tape.parser.process(bytes);
        tape.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The console in a terminal made of memory.
pub struct Stage {
    pub app: App,
    terminal: Terminal<CrosstermBackend<Recorder>>,
    recorder: Recorder,
}

impl Stage {
    pub fn new(width: u16, height: u16) -> Stage {
        Stage::with_theme(width, height, Theme::new(true))
    }

    pub fn with_theme(width: u16, height: u16, theme: Theme) -> Stage {
        // The theme alone decides about colours, whatever the environment of the test says.
        force_color_output(true);
        let parser = vt100::Parser::new(cells(height), cells(width), 0);
        let recorder = Recorder(Rc::new(RefCell::new(Tape { parser, bytes: Vec::new() })));
        let viewport = Viewport::Fixed(Rect::new(0, 0, width, height));
        let terminal =
            Terminal::with_options(CrosstermBackend::new(recorder.clone()), TerminalOptions { viewport }).unwrap();
        Stage { app: App::new(theme, Size::new(width, height)), terminal, recorder }
    }

    /// A stage whose device is open and whose model is loaded.
    pub fn ready(width: u16, height: u16) -> Stage {
        let mut stage = Stage::new(width, height);
        stage.open();
        stage
    }

    pub fn open(&mut self) {
        self.report(Report::Opened { status: status(0), turns: Vec::new() });
        self.report(Report::ModelLoaded);
    }

    pub fn report(&mut self, report: Report) -> Vec<Command> {
        self.app.update(Event::Worker(report))
    }

    /// Sends a line, as the faces without keys do.
    pub fn line(&mut self, line: &str) -> Vec<Command> {
        self.app.update(Event::Line(line.to_owned()))
    }

    pub fn press(&mut self, code: KeyCode) -> Vec<Command> {
        self.press_with(code, KeyModifiers::NONE)
    }

    pub fn press_with(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Vec<Command> {
        self.app.update(Event::Key(KeyEvent::new(code, modifiers)))
    }

    pub fn type_text(&mut self, text: &str) {
        for character in text.chars() {
            let commands = self.press(KeyCode::Char(character));
            assert!(commands.is_empty(), "typing gives no commands");
        }
    }

    /// Reports what a willing worker would report about a command.
    pub fn answer(&mut self, command: &Command, number: i64) {
        let reports = match command {
            Command::Ask(question) if number % 3 == 0 => {
                vec![Report::ApprovalNeeded(log_call()), Report::Answer(AnswerEvent::Text(question.clone()))]
            }
            Command::Ask(question) | Command::AskAnyway(question) => vec![
                Report::Answer(AnswerEvent::Text(question.clone())),
                Report::Answered(Turn { question: question.clone(), ..thorough_turn(number) }),
            ],
            Command::Approve(_) | Command::Stop => {
                vec![Report::Answered(turn(number)), Report::LearningCancelled, Report::StatusChanged(status(1))]
            }
            Command::Rate { turn, feedback, reasons } => vec![
                Report::FeedbackKept { turn: *turn, feedback: feedback.clone(), reasons: reasons.clone() },
                Report::StatusChanged(status(1)),
            ],
            Command::Learn => vec![Report::Learning(step(3, 9, 1.5)), Report::Learned(learned())],
            Command::Pause(paused) => vec![Report::Paused(*paused)],
            Command::ListGenerations => vec![Report::Generations(generations())],
            Command::Activate(_) | Command::RollBack => vec![Report::Activated(carried())],
            Command::ListDocuments => vec![Report::Documents(documents())],
            Command::AddDocuments(_) => {
                vec![Report::Indexing(reading()), Report::Indexed(indexed())]
            }
            Command::RemoveDocument(name) => vec![Report::DocumentsRemoved(vec![name.clone()])],
            Command::ReadSource(source) => {
                vec![Report::SourceRead(SourceText { source: source.clone(), ..source_text() })]
            }
            Command::Search(query) => {
                vec![Report::Found { query: query.clone(), turns: vec![turn(1), thorough_turn(2)] }]
            }
            Command::OpenSession(session) => {
                vec![Report::SessionOpened { session: *session, turns: vec![thorough_turn(number)] }]
            }
            Command::Examine => vec![Report::Examined(Box::new(doctor_report()))],
            Command::NewSession | Command::Copy(_) | Command::Quit => Vec::new(),
        };
        for report in reports {
            for command in self.report(report) {
                // What follows a report (a list to be shown again) is answered too, and asks no more.
                if !matches!(command, Command::Search(_)) {
                    self.answer(&command, number);
                }
            }
        }
    }

    /// Asks a question with the keyboard.
    pub fn ask(&mut self, question: &str) {
        self.type_text(question);
        assert_eq!(self.press(KeyCode::Enter), [Command::Ask(question.to_owned())]);
    }

    /// Asks and lets the worker answer.
    pub fn converse(&mut self, turn: Turn) {
        self.ask(&turn.question);
        if let Some(passage) = &turn.passage {
            self.report(Report::Answer(AnswerEvent::Passage(passage.clone())));
        }
        self.report(Report::Answer(AnswerEvent::Text(turn.answer.clone())));
        self.report(Report::Answered(turn));
    }

    pub fn resize(&mut self, width: u16, height: u16) {
        self.app.update(Event::Resized { width, height });
        self.recorder.0.borrow_mut().parser.screen_mut().set_size(cells(height), cells(width));
        self.terminal.resize(Rect::new(0, 0, width, height)).unwrap();
    }

    pub fn draw(&mut self) {
        let app = &self.app;
        self.terminal.draw(|frame| draw(frame, app)).unwrap();
    }

    /// What the terminal shows, one line per row, with the cursor's place below.
    pub fn screen(&mut self) -> String {
        self.draw();
        let tape = self.recorder.0.borrow();
        let screen = tape.parser.screen();
        let (_, width) = screen.size();
        let mut text = String::new();
        for row in screen.rows(0, width.get()) {
            text.push_str(row.trim_end());
            text.push('\n');
        }
        if screen.hide_cursor() {
            text.push_str("[cursor hidden]");
        } else {
            let (row, column) = screen.cursor_position();
            text.push_str(&format!("[cursor in row {row}, column {column}]"));
        }
        text
    }

    /// Every run of cells that is not plain, as `row:first-last style "text"`.
    pub fn styles(&mut self) -> String {
        self.draw();
        let tape = self.recorder.0.borrow();
        let screen = tape.parser.screen();
        let (height, width) = screen.size();
        let (height, width) = (height.get(), width.get());
        let mut runs = String::new();
        for row in 0..height {
            let mut column = 0;
            while column < width {
                let first = column;
                let style = cell_style(screen, row, column);
                let mut text = String::new();
                while column < width && cell_style(screen, row, column) == style {
                    text.push_str(screen.cell(row, column).map_or("", |cell| cell.contents()));
                    column += 1;
                }
                if !style.is_empty() {
                    runs.push_str(&format!("{row}:{first}-{} {style} {text:?}\n", column - 1));
                }
            }
        }
        runs
    }

    /// Forgets the bytes so far; a long run would fill the memory with them.
    pub fn forget_bytes(&mut self) {
        self.recorder.0.borrow_mut().bytes.clear();
    }

    /// All bytes the terminal was sent so far.
    pub fn bytes(&self) -> Vec<u8> {
        self.recorder.0.borrow().bytes.clone()
    }
}

fn cells(side: u16) -> NonZeroU16 {
    NonZeroU16::new(side).expect("the emulator should have at least one cell")
}

fn cell_style(screen: &vt100::Screen, row: u16, column: u16) -> String {
    let Some(cell) = screen.cell(row, column) else { return String::new() };
    let mut words = Vec::new();
    if cell.fgcolor() != vt100::Color::Default {
        words.push(format!("fg {:?}", cell.fgcolor()));
    }
    if cell.bgcolor() != vt100::Color::Default {
        words.push(format!("bg {:?}", cell.bgcolor()));
    }
    for (set, word) in
        [(cell.bold(), "bold"), (cell.dim(), "dim"), (cell.underline(), "underline"), (cell.inverse(), "reverse")]
    {
        if set {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}
