//! What the actions of the conversation do.

use halligan_runtime::{Feedback, Reason, TurnId};
use ratatui::crossterm::event::KeyEvent;

use super::actions::{Action, Scope};
use super::app::{Activity, App};
use super::clipboard;
use super::event::Command;
use super::item::{Item, NoteKind, TurnView};
use super::learning::Lesson;
use super::orders::View;
use super::pages::Page;
use super::pages::adapters::AdaptersPage;
use super::pages::confirm::{ConfirmPage, Ending};
use super::pages::device::DevicePage;
use super::pages::doctor::DoctorPage;
use super::pages::documents::DocumentsPage;
use super::pages::lesson::LessonPage;
use super::pages::reasons::ReasonsPage;
use super::pages::search::SearchPage;
use super::pages::sources::SourcesPage;

impl App {
    pub(super) fn chat(&mut self, action: Action, key: Option<KeyEvent>) -> Vec<Command> {
        let view = self.areas().transcript;
        let (width, height) = (view.width, view.height);
        let rows = height.saturating_sub(1).max(1);
        match action {
            Action::Send => return self.ask(),
            Action::NewLine => self.question.new_line(),
            Action::Good => return self.rate(Feedback::Good),
            Action::Bad => return self.rate(Feedback::Bad),
            Action::Correct => self.start_correction(),
            Action::Reasons => self.open_reasons(),
            Action::Learn => return self.start_lesson(),
            Action::Pause => return self.pause(),
            Action::Adapters => {
                return self.open(Page::Adapters(AdaptersPage::default()), Some(Command::ListGenerations));
            }
            Action::Documents => {
                return self.open(Page::Documents(DocumentsPage::new(self.theme)), Some(Command::ListDocuments));
            }
            Action::Search => {
                return self.open(Page::Search(SearchPage::new(self.theme)), Some(Command::Search(String::new())));
            }
            Action::Lesson => return self.open(Page::Lesson(LessonPage), None),
            Action::Device => return self.open(Page::Device(DevicePage::default()), None),
            Action::Doctor => return self.open(Page::Doctor(DoctorPage::default()), Some(Command::Examine)),
            Action::Sources => return self.open_sources(),
            Action::CopyAnswer => return self.copy(),
            Action::Anyway => {
                let commands = self.show_anyway();
                // The screen shows it in its place.
                self.views.clear();
                return commands;
            }
            Action::NewSession => return self.new_session(),
            Action::ScrollUp => self.transcript.scroll_up(rows, width, height),
            Action::ScrollDown => self.transcript.scroll_down(rows, width, height),
            Action::Oldest => self.transcript.scroll_to_top(width, height),
            Action::Newest => self.transcript.scroll_to_bottom(),
            Action::ChooseEarlier => self.transcript.choose_earlier(width, height),
            Action::ChooseLater => self.transcript.choose_later(width, height),
            Action::HistoryEarlier if self.question.is_blank() || self.history_back > 0 => self.recall(true),
            Action::HistoryLater if self.history_back > 0 => self.recall(false),
            Action::Stop => {
                let stop = self.stop_after_asking();
                if stop.is_empty() && self.pages.is_empty() {
                    self.transcript.choose_none();
                }
                return stop;
            }
            _ => {
                if let Some(key) = key {
                    self.question.key(key);
                }
            }
        }
        Vec::new()
    }

    /// Opens a page in place of others; help and palette stand above it while it is open.
    fn open(&mut self, page: Page, command: Option<Command>) -> Vec<Command> {
        self.pages.clear();
        self.pages.push(page);
        command.into_iter().collect()
    }

    fn ask(&mut self) -> Vec<Command> {
        if self.question.is_blank() || !self.may_start() {
            return Vec::new();
        }
        let question = self.question.text().trim().to_owned();
        self.question.set_text("");
        self.ask_this(question, Command::Ask)
    }

    /// Asks a question by the command that `how` makes of it; the worker must be free.
    pub(super) fn ask_this(&mut self, question: String, how: impl FnOnce(String) -> Command) -> Vec<Command> {
        self.history_back = 0;
        self.remember(&question);
        self.transcript.choose_none();
        self.transcript.push(Item::Turn(Box::new(TurnView { question: question.clone(), ..TurnView::default() })));
        self.activity = Activity::Answering;
        vec![how(question)]
    }

    /// Shows the withheld answer of the chosen or latest turn. Where none was made, asks again.
    pub(super) fn show_anyway(&mut self) -> Vec<Command> {
        let Some(turn) = self.transcript.target() else {
            self.say_no_target("no answer yet: ask a question first");
            return Vec::new();
        };
        let (id, question, answer) = (turn.id, turn.question.clone(), turn.answer.clone());
        if !turn.is_withheld() {
            self.notice = Some(format!("the answer of turn {id} is not withheld"));
        } else if !answer.trim().is_empty() {
            self.transcript.reveal(id);
            self.views.push(View::Withheld { turn: id, answer });
        } else if self.may_start() {
            return self.ask_this(question, Command::AskAnyway);
        }
        Vec::new()
    }

    /// Says why there is no answer that a key could act on.
    pub(super) fn say_no_target(&mut self, otherwise: &str) {
        self.notice = Some(match self.transcript.latest_failed() {
            true => {
                let key = self.key_name(Action::ChooseEarlier, Scope::Chat);
                format!("the latest question has no answer: {key} chooses an earlier one")
            }
            false => otherwise.to_owned(),
        });
    }

    /// Puts an earlier (or later) question into the box.
    fn recall(&mut self, earlier: bool) {
        let back = if earlier { self.history_back + 1 } else { self.history_back - 1 };
        let text = match back {
            0 => Some(String::new()),
            _ => self.history.iter().rev().nth(back - 1).cloned(),
        };
        if let Some(text) = text {
            self.question.set_text(&text);
            self.history_back = back;
        }
    }

    /// Judges the chosen or latest answer; asks first where that would drop a correction.
    fn rate(&mut self, feedback: Feedback) -> Vec<Command> {
        match self.corrected_target() {
            Some(turn) => {
                let ending = Ending::Correction { turn, good: feedback == Feedback::Good };
                self.open(Page::Confirm(ConfirmPage { ending }), None)
            }
            None => self.judge_target(feedback),
        }
    }

    /// The chosen or latest turn, where it has a correction or is about to get one.
    pub(super) fn corrected_target(&self) -> Option<TurnId> {
        let turn = self.transcript.target()?;
        let is_saving = self.saving.as_ref().is_some_and(|(of, _)| *of == turn.id);
        (is_saving || matches!(turn.feedback, Some(Feedback::Correction(_)))).then_some(turn.id)
    }

    /// Judges the chosen or latest answer. What was said before about reasons stays for the same
    /// judgement only.
    pub(super) fn judge_target(&mut self, feedback: Feedback) -> Vec<Command> {
        let Some(turn) = self.transcript.target() else {
            self.say_no_target("no answer to judge yet: ask a question first");
            return Vec::new();
        };
        let id = turn.id;
        let reasons = if turn.feedback.as_ref() == Some(&feedback) { turn.reasons.clone() } else { Vec::new() };
        self.judge(id, feedback, reasons)
    }

    /// Has a judgement recorded; a bad one asks why.
    pub(super) fn judge(&mut self, id: TurnId, feedback: Feedback, reasons: Vec<Reason>) -> Vec<Command> {
        if let Feedback::Correction(text) = &feedback {
            self.saving = Some((id, text.clone()));
        }
        if feedback == Feedback::Bad {
            self.pages.clear();
            self.pages.push(Page::Reasons(ReasonsPage::of(id, feedback.clone(), reasons.clone())));
        }
        vec![Command::Rate { turn: id, feedback, reasons }]
    }

    fn open_reasons(&mut self) {
        let Some(turn) = self.transcript.target() else {
            self.say_no_target("no answer to judge yet: ask a question first");
            return;
        };
        match &turn.feedback {
            Some(feedback) => {
                let page = ReasonsPage::of(turn.id, feedback.clone(), turn.reasons.clone());
                self.pages.clear();
                self.pages.push(Page::Reasons(page));
            }
            None => {
                let [good, bad, correct] =
                    [Action::Good, Action::Bad, Action::Correct].map(|action| self.key_name(action, Scope::Chat));
                self.notice = Some(format!("judge the answer first: {good} good, {bad} bad, {correct} correct"));
            }
        }
    }

    pub(super) fn start_lesson(&mut self) -> Vec<Command> {
        if !self.may_start() {
            return Vec::new();
        }
        if self.status.as_ref().is_some_and(|status| status.corrections_waiting == 0) {
            let key = self.key_name(Action::Correct, Scope::Chat);
            self.notice = Some(format!("nothing to learn yet: {key} corrects an answer"));
            return Vec::new();
        }
        self.activity = Activity::Learning;
        self.lesson = Some(Lesson::new());
        vec![Command::Learn]
    }

    pub(super) fn pause(&mut self) -> Vec<Command> {
        match (&self.lesson, self.activity) {
            (Some(lesson), Activity::Learning) => vec![Command::Pause(!lesson.paused)],
            _ => {
                self.notice = Some("no lesson is running".to_owned());
                Vec::new()
            }
        }
    }

    pub(super) fn open_sources(&mut self) -> Vec<Command> {
        let page = self.transcript.target().map(SourcesPage::of);
        match page {
            Some(Some(page)) => {
                let only = page.only();
                self.open(Page::Sources(page), only.map(Command::ReadSource))
            }
            Some(None) => {
                self.notice = Some("no passage of the documents fits this answer".to_owned());
                Vec::new()
            }
            None => {
                self.say_no_target("no answer yet: ask a question first");
                Vec::new()
            }
        }
    }

    fn copy(&mut self) -> Vec<Command> {
        let Some(turn) = self.transcript.target() else {
            self.say_no_target("no answer to copy yet: ask a question first");
            return Vec::new();
        };
        let (id, text) = (turn.id, turn.answer.clone());
        if text.trim().is_empty() {
            self.notice = Some(format!("turn {id} has no answer to copy"));
            return Vec::new();
        }
        if self.transcript.target_view().is_some_and(|view| view.hidden) {
            let key = self.key_name(Action::Anyway, Scope::Chat);
            self.notice = Some(format!("the answer of turn {id} is withheld: {key} shows it, then it can be copied"));
            return Vec::new();
        }
        self.notice = Some(match clipboard::bytes_that_fit(&text) {
            all if all == text.len() => format!("answer of turn {id} sent to the terminal's clipboard"),
            some => format!(
                "only the first {some} of {} bytes fit the terminal's clipboard: halligan journal show {id} prints all",
                text.len()
            ),
        });
        vec![Command::Copy(text)]
    }

    pub(super) fn new_session(&mut self) -> Vec<Command> {
        if !self.may_start() {
            return Vec::new();
        }
        self.set_correction_aside();
        self.transcript.clear();
        self.session = None;
        self.context_used = None;
        self.transcript.note(NoteKind::Information, "a new conversation begins here");
        vec![Command::NewSession]
    }
}
