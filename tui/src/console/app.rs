//! The state of the console and how events change it.
//!
//! [`App::update`] is the only way in: it takes an event and returns commands for the worker. It
//! does no input or output and reads no clock, so tests drive it with scripted events.

use halligan_runtime::{AnswerEvent, Feedback, Generation, LearnReport, Status, TurnId};
use ratatui::layout::Size;

use super::editor::Editor;
use super::event::{Command, Event, Report, Task};
use super::item::{Item, NoteKind, TurnView};
use super::layout::{Areas, areas};
use super::learning::Lesson;
use super::theme::Theme;
use super::transcript::Transcript;
use crate::figures::{counted, short_hash};

/// What the keys act on.
#[derive(Debug)]
pub enum Mode {
    /// The question box.
    Asking,
    /// The help page; the number is its first visible row.
    Help(u16),
    /// Writing the right answer of a turn.
    Correcting {
        /// The turn.
        turn: TurnId,
        /// The box that holds the answer, filled with what the model said.
        editor: Box<Editor>,
    },
    /// The list of generations.
    Adapters {
        /// The list, newest first; `None` until the worker has sent it.
        generations: Option<Vec<Generation>>,
        /// Row of the list that Enter activates.
        chosen: usize,
    },
}

/// What the worker is busy with.
#[derive(Debug, Clone, PartialEq)]
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
    /// Learning.
    Learning(Lesson),
    /// Switching generations.
    Switching,
    /// Gone; only reading is possible.
    Dead,
}

/// The whole state of the console.
#[derive(Debug)]
pub struct App {
    /// The conversation.
    pub transcript: Transcript,
    /// The question box.
    pub question: Editor,
    /// What the keys act on.
    pub mode: Mode,
    /// What the worker does.
    pub activity: Activity,
    /// State of the device, once known.
    pub status: Option<Status>,
    /// A short word for the last key, shown in place of the hints until the next key.
    pub notice: Option<String>,
    /// Styles.
    pub theme: Theme,
    /// Size of the terminal.
    pub size: Size,
    /// How far back in the question history the box is; 0 is not at all.
    pub(super) history_back: usize,
    /// Whether Ctrl-C was the last key, so that the next one ends the program.
    pub(super) interrupt_armed: bool,
    /// Set when the screen may hold foreign characters and every cell should be drawn again.
    pub redraw: bool,
    /// Set once the program should end.
    pub quitting: bool,
}

impl App {
    /// A console that has just started.
    pub fn new(theme: Theme, size: Size) -> App {
        App {
            transcript: Transcript::new(theme),
            question: Editor::new("Ask a question, then press Enter", theme),
            mode: Mode::Asking,
            activity: Activity::Opening,
            status: None,
            notice: None,
            theme,
            size,
            history_back: 0,
            interrupt_armed: false,
            redraw: false,
            quitting: false,
        }
    }

    /// Takes in one event and says what should be done about it.
    pub fn update(&mut self, event: Event) -> Vec<Command> {
        match event {
            Event::Key(key) => self.key(key),
            Event::Paste(text) => {
                self.paste(&text);
                Vec::new()
            }
            Event::Resized { width, height } => {
                self.size = Size::new(width, height);
                Vec::new()
            }
            Event::ShutdownRequested => self.quit(),
            Event::Worker(report) => self.report(report),
        }
    }

    /// Where everything stands on the screen.
    pub fn areas(&self) -> Areas {
        areas(self)
    }

    /// Whether a question or a lesson may start now.
    pub(super) fn may_start(&mut self) -> bool {
        let busy = match &self.activity {
            Activity::Ready | Activity::LoadingModel | Activity::Opening => return true,
            Activity::Answering | Activity::StoppingAnswer => "the answer is still running: Esc stops it",
            Activity::Learning(_) => "learning is running: Esc cancels it",
            Activity::Switching => "the adapter is being switched: one moment",
            Activity::Dead => "the assistant has ended: F10 leaves, then start halligan again",
        };
        self.notice = Some(busy.to_owned());
        false
    }

    pub(super) fn quit(&mut self) -> Vec<Command> {
        self.quitting = true;
        vec![Command::Stop, Command::Quit]
    }

    fn report(&mut self, report: Report) -> Vec<Command> {
        match report {
            Report::Opened { status, turns } => {
                self.status = Some(status);
                // The session's own questions may be older than this report when opening was
                // retried; turns of earlier sessions only belong above an empty page.
                if self.transcript.is_empty() {
                    for turn in turns {
                        self.transcript.push(Item::Turn(Box::new(TurnView::from_recorded(turn))));
                    }
                }
                if self.activity == Activity::Opening {
                    self.activity = Activity::LoadingModel;
                }
            }
            Report::ModelLoaded => self.ready_from(&[Activity::LoadingModel, Activity::Opening]),
            Report::StatusChanged(status) => self.status = Some(status),
            Report::Answer(event) => self.answer(event),
            Report::Answered(turn) => {
                if let Some(view) = self.transcript.running() {
                    *view = TurnView::from_recorded(turn);
                }
                let view = self.areas().transcript;
                self.transcript.show_latest_from_start(view.width, view.height);
                self.ready();
            }
            Report::FeedbackKept { turn, feedback } => self.transcript.mark(turn, feedback),
            Report::Learning(event) => {
                if let Activity::Learning(lesson) = &mut self.activity {
                    lesson.update(event);
                }
            }
            Report::Learned(report) => {
                self.transcript.note(NoteKind::Learned, learned_sentence(&report));
                self.ready();
            }
            Report::LearningCancelled => {
                self.transcript.note(
                    NoteKind::Information,
                    "learning cancelled: adapter and corrections are as before, F5 starts again",
                );
                self.ready();
            }
            Report::Generations(list) => self.show_generations(list),
            Report::Activated(generation) => {
                let name = short_hash(&generation.id).to_owned();
                self.transcript.note(NoteKind::Learned, format!("adapter {name} answers from now on"));
                self.ready();
                return vec![Command::ListGenerations];
            }
            Report::Failed { task, message } => self.failed(task, &message),
            Report::Died(message) => {
                self.transcript.note(
                    NoteKind::Error,
                    format!("the assistant has ended: {message}; leave with F10 and start halligan again, nothing recorded is lost"),
                );
                self.fail_running_turn();
                self.activity = Activity::Dead;
            }
        }
        Vec::new()
    }

    fn ready(&mut self) {
        if self.activity != Activity::Dead {
            self.activity = Activity::Ready;
        }
    }

    fn ready_from(&mut self, from: &[Activity]) {
        if from.contains(&self.activity) {
            self.activity = Activity::Ready;
        }
    }

    fn answer(&mut self, event: AnswerEvent) {
        let Some(view) = self.transcript.running() else { return };
        match event {
            AnswerEvent::Passage(passage) => view.passage = Some(passage),
            AnswerEvent::Text(piece) => view.answer.push_str(&piece),
            AnswerEvent::ToolStarted(call) => self.notice = Some(format!("using {}", call.name)),
            AnswerEvent::Assessment(_) | AnswerEvent::ToolEnded(_) | AnswerEvent::Finished => {}
        }
    }

    fn fail_running_turn(&mut self) {
        if let Some(view) = self.transcript.running() {
            view.failed = true;
        }
    }

    fn failed(&mut self, task: Task, message: &str) {
        match task {
            Task::Ask => {
                self.fail_running_turn();
                self.ready();
            }
            Task::Learn => self.ready(),
            Task::Adapters => {
                self.ready_from(&[Activity::Switching]);
                // The list would cover the message.
                if matches!(self.mode, Mode::Adapters { .. }) {
                    self.mode = Mode::Asking;
                }
            }
            Task::Open | Task::WarmUp => {
                self.ready_from(&[Activity::Opening, Activity::LoadingModel]);
            }
            Task::Rate => {}
        }
        self.transcript.note(NoteKind::Error, format!("error: {message}"));
    }

    fn show_generations(&mut self, mut list: Vec<Generation>) {
        if let Mode::Adapters { generations, chosen } = &mut self.mode {
            // The runtime lists oldest first; what a user switches to is nearly always recent.
            list.reverse();
            let before =
                generations.as_ref().and_then(|known| known.get(*chosen)).map(|generation| generation.id.clone());
            *chosen = list
                .iter()
                .position(|generation| match &before {
                    Some(id) => generation.id == *id,
                    None => generation.active,
                })
                .unwrap_or(0);
            *generations = Some(list);
        }
    }

    pub(super) fn rate(&mut self, feedback: Feedback) -> Vec<Command> {
        match self.transcript.target() {
            Some(turn) => vec![Command::Rate { turn: turn.id, feedback }],
            None => {
                self.notice = Some("no answer to judge yet: ask a question first".to_owned());
                Vec::new()
            }
        }
    }
}

/// The decision of a lesson in one line for the transcript.
pub fn learned_sentence(report: &LearnReport) -> String {
    let verdict = if report.activated {
        format!("adapter {} answers from now on", short_hash(&report.candidate))
    } else {
        "the adapter stays as it was".to_owned()
    };
    let corrections = counted(report.corrections, "correction");
    format!("learned from {corrections}: {verdict} ({})", report.reason.trim_end_matches('.'))
}
