//! A stage for the console: events go in, and what a terminal would show comes out.
//!
//! The frames pass through the real crossterm backend into a VT100 parser, so the tests see escape
//! sequences and not only cells.

use std::cell::RefCell;
use std::io::{self, Write};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::rc::Rc;

use halligan_runtime::{
    AnswerEvent, Feedback, Generation, LearnEvent, LearnReport, Origin, Passage, SessionId, Status, Turn, TurnId,
};
use halligan_tui::console::app::App;
use halligan_tui::console::draw::draw;
use halligan_tui::console::event::{Command, Event, Report};
use halligan_tui::console::theme::Theme;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::crossterm::style::force_color_output;
use ratatui::layout::{Rect, Size};
use ratatui::{Terminal, TerminalOptions, Viewport};

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

pub const ADAPTER: &str = "3f2a91c07d5e4b6a8c1f0e9d2b3a4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d";

pub fn status(corrections_waiting: usize) -> Status {
    Status {
        home: PathBuf::from("/field/halligan"),
        model: Some("halligan-base".to_owned()),
        model_path: Some(PathBuf::from("/field/halligan/model.gguf")),
        model_sha256: Some("ab".repeat(32)),
        model_bytes: Some(5_900_000),
        generation: carried(),
        previous_generation: None,
        profile: "laptop-cpu".to_owned(),
        context_tokens: 1024,
        corrections_waiting,
        turns: 3,
        documents: 1,
        passages: 214,
    }
}

pub fn carried() -> Generation {
    Generation {
        id: ADAPTER.to_owned(),
        parent: Some("base".to_owned()),
        created_at: 1_795_190_459,
        origin: Origin::Carried,
        gate_accuracy: None,
        corrected_accuracy: None,
        rejected: None,
        active: true,
        size_bytes: 1_400_000,
    }
}

pub fn generations() -> Vec<Generation> {
    vec![
        Generation {
            id: "base".to_owned(),
            parent: None,
            created_at: 0,
            origin: Origin::Base,
            size_bytes: 0,
            active: false,
            ..carried()
        },
        Generation { active: false, ..carried() },
        Generation {
            id: "c0ffee12".repeat(8),
            parent: Some(ADAPTER.to_owned()),
            created_at: 1_795_194_059,
            origin: Origin::Learned,
            gate_accuracy: Some(0.925),
            corrected_accuracy: Some(1.0),
            ..carried()
        },
        Generation {
            id: "deadfa11".repeat(8),
            parent: Some("c0ffee12".repeat(8)),
            created_at: 1_795_194_659,
            origin: Origin::Learned,
            gate_accuracy: Some(0.7),
            corrected_accuracy: Some(1.0),
            rejected: Some("the gate dropped by 22 points".to_owned()),
            active: false,
            ..carried()
        },
    ]
}

pub fn passage() -> Passage {
    Passage {
        document: "field-guide.md".to_owned(),
        page: None,
        heading: "Hazardous materials > Chlorine (UN 1017)".to_owned(),
        text: "Chlorine is a green-yellow gas, heavier than air. For a small spill, isolate the\n\
               spill area for at least 60 metres in all directions. Protect people downwind for\n\
               0.3 km by day and 1.1 km by night. Stay upwind and out of low places. Wear\n\
               positive-pressure breathing apparatus. Do not put water on the leak itself."
            .to_owned(),
        start_byte: 18_220,
        end_byte: 18_533,
        score: 7.25,
    }
}

pub fn turn(number: i64) -> Turn {
    Turn {
        id: TurnId(number),
        session: SessionId(1),
        question: "How far do I isolate a small chlorine spill?".to_owned(),
        answer: "Isolate the spill area for at least 60 metres in all directions.".to_owned(),
        confidence: Some(0.934),
        assessment: None,
        passage: Some(passage()),
        supported: true,
        citations: Vec::new(),
        tools: Vec::new(),
        model: None,
        generation: ADAPTER.to_owned(),
        tokens: 17,
        seconds: 0.84,
        feedback: None,
        reasons: Vec::new(),
        created_at: 1_795_190_459,
    }
}

pub fn doubtful_turn(number: i64) -> Turn {
    Turn {
        question: "Which fire shelter do I carry?".to_owned(),
        answer: "Carry the 2014 pattern shelter.".to_owned(),
        confidence: Some(0.41),
        supported: false,
        feedback: Some(Feedback::Bad),
        ..turn(number)
    }
}

pub fn step(step: usize, steps: usize, loss: f32) -> LearnEvent {
    LearnEvent::Step { step, steps, loss, tokens_per_second: 850.0, seconds_left: 41.6 }
}

pub fn learned() -> LearnReport {
    LearnReport {
        candidate: "c0ffee12".repeat(8),
        activated: true,
        reason: "corrected questions 3 of 3 right, before 0 of 3; gate 37 of 40 right, before 37 of 40".to_owned(),
        corrections: 3,
        corrected_before: 0.0,
        corrected_after: 1.0,
        gate_before: 0.93,
        gate_after: 0.92,
        gate_questions: 40,
        train_seconds: 42.0,
        tokens_per_second: 850.0,
        device: "CPU".to_owned(),
    }
}
