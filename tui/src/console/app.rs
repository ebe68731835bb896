//! The state of the console and how events change it.
//!
//! [`App::update`] is the only way in: it takes an event and returns commands for the worker. It
//! does no input or output and reads no clock, so tests drive it with scripted events.
//! `reports.rs` takes what the worker says, `keys.rs` and `chat.rs` what the user does, `orders.rs`
//! the lines of faces without keys.

use std::collections::VecDeque;

use halligan_runtime::{SessionId, Status, TurnId};
use ratatui::layout::Size;

use super::actions::{Action, Scope};
use super::editor::Editor;
use super::event::{Command, Event, Report};
use super::gauges::Gauges;
use super::keymap::Keymap;
use super::layout::{Areas, areas};
use super::learning::Lesson;
use super::orders::{Order, View};
use super::pages::Page;
use super::pages::approval::ApprovalPrompt;
use super::theme::Theme;
use super::transcript::Transcript;
use crate::figures::counted;

/// Said of what a running lesson lets in between two of its steps.
const AFTER_STEP: &str = "comes after the running step of the lesson";

/// What the box at the bottom is for.
#[derive(Debug)]
pub enum Mode {
    /// A question.
    Asking,
    /// The right answer of a turn.
    Correcting {
        /// The turn.
        turn: TurnId,
        /// The box that holds the answer.
        editor: Box<Editor>,
        /// What a box without a draft begins with: what the model or an earlier correction said.
        start: String,
    },
}

/// What the worker is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activity {
    /// Opening the home folder.
    Opening,
    /// Loading the model; questions wait for it.
    LoadingModel,
    /// Nothing.
    Ready,
    /// Answering.
    Answering,
    /// Answering, and the user asked to stop.
    StoppingAnswer,
    /// Learning; `App::lesson` has the progress.
    Learning,
    /// Switching generations.
    Switching,
    /// Adding documents; `App::adding` has the progress.
    AddingDocuments,
    /// Gone; only reading is possible.
    Dead,
}

/// Progress of adding documents.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Adding {
    /// Documents that are on the device.
    pub done: usize,
    /// Documents in all, where known.
    pub total: Option<usize>,
    /// Name of the latest one.
    pub latest: String,
}

impl Adding {
    /// `adding documents: 3 of 20, guide.md`.
    pub fn words(&self) -> String {
        let mut words = match self.total {
            Some(total) => format!("adding documents: {} of {total}", self.done),
            None => format!("adding documents: {} so far", self.done),
        };
        if !self.latest.is_empty() {
            words.push_str(", ");
            words.push_str(&self.latest);
        }
        words
    }
}

/// The whole state of the console.
#[derive(Debug)]
pub struct App {
    /// The conversation.
    pub transcript: Transcript,
    /// The question box.
    pub question: Editor,
    /// What the box at the bottom is for.
    pub mode: Mode,
    /// Pages over the conversation; the last one has the keys.
    pub pages: Vec<Page>,
    /// A tool that waits for the user's word.
    pub approval: Option<ApprovalPrompt>,
    /// What the worker does.
    pub activity: Activity,
    /// The running or latest lesson.
    pub lesson: Option<Lesson>,
    /// Documents that are being added.
    pub adding: Option<Adding>,
    /// State of the device, once known.
    pub status: Option<Status>,
    /// What was measured of the device.
    pub gauges: Gauges,
    /// Speed of the running or latest answer in tokens per second.
    pub speed: Option<f32>,
    /// Tokens of the context that the latest prompt and its answer took.
    pub context_used: Option<usize>,
    /// The conversation that the next question belongs to; `None` begins one.
    pub session: Option<SessionId>,
    /// A short word for the last key, shown in place of the hints until the next key.
    pub notice: Option<String>,
    /// Styles and marks.
    pub theme: Theme,
    /// Keys.
    pub keymap: Keymap,
    /// Size of the terminal.
    pub size: Size,
    /// Corrections that were left unsaved.
    pub(super) drafts: Vec<(TurnId, String)>,
    /// The correction that is being recorded.
    pub(super) saving: Option<(TurnId, String)>,
    /// The turn that a conversation was opened for.
    pub(super) sought: Option<TurnId>,
    /// Questions of this and earlier conversations, oldest first.
    pub(super) history: Vec<String>,
    /// How far back in the history the box is; 0 is not at all.
    pub(super) history_back: usize,
    /// Whether Ctrl-C was the last key, so that the next one ends the program.
    pub(super) interrupt_armed: bool,
    /// Orders of faces without keys that wait for a free worker.
    pub(super) orders: VecDeque<Order>,
    /// Whether no further line can come.
    pub(super) input_ended: bool,
    /// What orders asked to see, in their order; the face shows it and takes it.
    pub views: Vec<View>,
    /// Set when the screen may hold foreign characters and every cell should be drawn again.
    pub redraw: bool,
    /// Whether the lines come from a program or a file, so that leaving waits for what stands before it.
    pub scripted: bool,
    /// Whether the user writes lines and has no keys.
    pub by_lines: bool,
    /// Whether anything that was asked for has failed.
    pub has_failed: bool,
    /// Set once the program should end.
    pub quitting: bool,
    /// Whether the system asked for the end, not the user.
    pub interrupted: bool,
}

impl App {
    /// A console that has just started, with the default keys.
    pub fn new(theme: Theme, size: Size) -> App {
        App::with_keys(theme, Keymap::default(), size)
    }

    /// A console that has just started.
    pub fn with_keys(theme: Theme, keymap: Keymap, size: Size) -> App {
        let send = keymap.name(Action::Send, Scope::Chat);
        App {
            transcript: Transcript::new(theme),
            question: Editor::new(&format!("Ask a question, then press {send}"), theme),
            mode: Mode::Asking,
            pages: Vec::new(),
            approval: None,
            activity: Activity::Opening,
            lesson: None,
            adding: None,
            status: None,
            gauges: Gauges::default(),
            speed: None,
            context_used: None,
            session: None,
            notice: None,
            theme,
            keymap,
            size,
            drafts: Vec::new(),
            saving: None,
            sought: None,
            history: Vec::new(),
            history_back: 0,
            interrupt_armed: false,
            orders: VecDeque::new(),
            input_ended: false,
            views: Vec::new(),
            redraw: false,
            scripted: false,
            by_lines: false,
            has_failed: false,
            quitting: false,
            interrupted: false,
        }
    }

    /// Takes in one event and says what should be done about it.
    pub fn update(&mut self, event: Event) -> Vec<Command> {
        match event {
            Event::Key(key) => {
                let waits = self.notice.as_deref() == Some(AFTER_STEP);
                let commands = self.key(key);
                self.say_what_waits(&commands, waits);
                commands
            }
            Event::Paste(text) => self.paste(&text),
            Event::Line(line) => self.line(&line),
            Event::InputEnded => {
                self.input_ended = true;
                let mut commands = self.word_on_approval();
                commands.extend(self.work_off_orders());
                commands
            }
            Event::Resized { width, height } => {
                self.size = Size::new(width, height);
                Vec::new()
            }
            Event::ShutdownRequested => {
                self.interrupted = true;
                self.quit()
            }
            Event::Continued => {
                self.redraw = true;
                Vec::new()
            }
            Event::Measured(gauges) => {
                self.gauges = gauges;
                Vec::new()
            }
            Event::Worker(report) => {
                if self.notice.as_deref() == Some(AFTER_STEP) && !matches!(report, Report::Learning(_)) {
                    self.notice = None;
                }
                let mut commands = self.report(report);
                commands.extend(self.work_off_orders());
                commands
            }
        }
    }

    /// Where everything stands on the screen.
    pub fn areas(&self) -> Areas {
        areas(self)
    }

    /// Where the keys come from.
    pub fn scope(&self) -> Scope {
        match (self.asks_for_approval(), self.pages.last(), &self.mode) {
            (true, ..) => Scope::Approval,
            (false, Some(page), _) => page.scope(),
            (false, None, Mode::Correcting { .. }) => Scope::Writing,
            (false, None, Mode::Asking) => Scope::Chat,
        }
    }

    /// Size of the body of a page.
    pub fn page_size(&self) -> Size {
        let areas = self.areas();
        let page = areas.transcript.union(areas.input);
        // One row of the page is its title.
        Size::new(page.width, page.height.saturating_sub(1))
    }

    /// Whether a question or a lesson may start now.
    pub(super) fn may_start(&mut self) -> bool {
        let busy = self.busy_words();
        if busy.is_some() {
            self.notice = busy;
            return false;
        }
        true
    }

    /// Whether an earlier conversation may be opened now: a lesson does that between two of its steps.
    pub(super) fn may_open(&mut self) -> bool {
        self.activity == Activity::Learning || self.may_start()
    }

    /// Says why nothing is seen yet of what a key asked for, or an earlier one that still `waits`: a running lesson lets
    /// it in after a step, which may take a while.
    fn say_what_waits(&mut self, commands: &[Command], waits: bool) {
        let at_once = |command: &Command| {
            matches!(command, Command::Learn | Command::Stop | Command::Pause(_) | Command::Copy(_) | Command::Quit)
        };
        let learning = self.activity == Activity::Learning && !self.lesson_is_paused();
        if learning && self.notice.is_none() && (waits || !commands.iter().all(at_once)) {
            self.notice = Some(AFTER_STEP.to_owned());
        }
    }

    fn lesson_is_paused(&self) -> bool {
        self.lesson.as_ref().is_some_and(|lesson| lesson.paused)
    }

    /// Why nothing may start now.
    pub(super) fn busy_words(&self) -> Option<String> {
        let stop = self.key_name(Action::Stop, Scope::Chat);
        Some(match &self.activity {
            Activity::Ready | Activity::LoadingModel | Activity::Opening => return None,
            Activity::Answering | Activity::StoppingAnswer => {
                format!("the answer is still running: {stop} stops it")
            }
            Activity::Learning => {
                let [pause, lesson] = [Action::Pause, Action::Lesson].map(|action| self.key_name(action, Scope::Chat));
                match self.lesson_is_paused() {
                    true => format!("learning is paused: {pause} goes on with it, {stop} ends it"),
                    false => format!("learning is running: {lesson} shows how far it is, {stop} ends it"),
                }
            }
            Activity::Switching => "the adapter is being switched: one moment".to_owned(),
            Activity::AddingDocuments => "documents are being added: one moment".to_owned(),
            Activity::Dead => {
                let key = self.key_name(Action::Quit, Scope::Chat);
                format!("the assistant has ended: {key} leaves, then start halligan again")
            }
        })
    }

    pub(super) fn quit(&mut self) -> Vec<Command> {
        self.quitting = true;
        vec![Command::Stop, Command::Quit]
    }

    /// Uses another set of colours from the next frame on.
    pub fn set_theme(&mut self, theme: Theme) {
        self.theme = theme;
        self.transcript.set_theme(theme);
    }

    /// How full the context is, in words.
    pub fn context_words(&self, total: u32) -> String {
        let total = counted(total as usize, "token");
        match self.context_used {
            Some(used) => format!("{used} of {total}"),
            None => format!("{total}, no answer yet"),
        }
    }
}
