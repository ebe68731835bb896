//! What the worker says, taken into the state.

use halligan_runtime::{AnswerEvent, IndexEvent, IndexReport, LearnReport, SessionId, ToolOutcome, Turn, Verdict};

use super::actions::{Action, Scope};
use super::app::{Activity, Adding, App};
use super::event::{Command, Report, Task};
use super::item::{Item, NoteKind, TurnView};
use super::pages::Page;
use super::pages::approval::ApprovalPrompt;
use super::pages::confirm::Ending;
use crate::figures::{counted, short_hash};

/// Most questions kept for the arrow keys.
const HISTORY_MAX: usize = 1_000;

impl App {
    pub(super) fn report(&mut self, report: Report) -> Vec<Command> {
        match report {
            Report::Opened { status, turns } => {
                self.status = Some(status);
                // The session's own questions may be older than this report when opening was
                // retried; turns of earlier sessions only belong above an empty page.
                if self.transcript.is_empty() && !turns.is_empty() {
                    self.show_turns(turns);
                    self.transcript
                        .note(NoteKind::Information, "earlier answers are above; a new conversation begins here");
                }
                if self.activity == Activity::Opening {
                    self.activity = Activity::LoadingModel;
                }
            }
            Report::ModelLoaded => self.ready_from(&[Activity::LoadingModel, Activity::Opening]),
            Report::StatusChanged(status) => self.status = Some(status),
            Report::Answer(event) => self.answer(event),
            Report::Speed(speed) => self.speed = Some(speed),
            Report::ApprovalNeeded(call) => {
                while matches!(self.pages.last(), Some(Page::Help(_))) {
                    self.pages.pop();
                }
                self.approval = Some(ApprovalPrompt::new(call));
                return self.word_on_approval();
            }
            Report::Trouble(words) => self.transcript.note(NoteKind::Error, words),
            Report::Answered(turn) => {
                let anyway = self.key_name(Action::Anyway, Scope::Chat);
                self.approval = None;
                self.session = Some(turn.session);
                if let Some(view) = self.transcript.running() {
                    // Sure sentences were shown as they came; a refusal of the whole takes them back.
                    let withdrawn = view.held > 0 && turn.is_refused();
                    let shown = !view.answer.trim().is_empty() && !withdrawn;
                    *view = TurnView::from_recorded(turn, shown, &anyway);
                }
                let view = self.areas().transcript;
                self.transcript.show_latest_from_start(view.width, view.height);
                self.ready();
            }
            Report::FeedbackKept { turn, feedback, reasons } => {
                self.saving = None;
                self.transcript.mark(turn, feedback, reasons);
            }
            Report::Learning(event) => {
                if let (Activity::Learning, Some(lesson)) = (self.activity, &mut self.lesson) {
                    lesson.update(event);
                }
            }
            Report::Paused(paused) => {
                let says_busy = self.notice.is_some() && self.notice == self.busy_words();
                if let Some(lesson) = &mut self.lesson {
                    lesson.paused = paused;
                }
                if says_busy {
                    self.notice = self.busy_words();
                }
            }
            Report::Learned(report) => self.lesson_ended(NoteKind::Learned, learned_sentence(&report)),
            Report::LearningCancelled => {
                let key = self.key_name(Action::Learn, Scope::Chat);
                let words = format!("learning cancelled: adapter and corrections are as before, {key} starts again");
                self.lesson_ended(NoteKind::Information, words);
            }
            Report::Generations(list) => {
                if let Some(Page::Adapters(page)) = self.page_of(|page| matches!(page, Page::Adapters(_))) {
                    page.show(list);
                }
            }
            Report::Activated(generation) => {
                let name = short_hash(&generation.id).to_owned();
                self.transcript.note(NoteKind::Learned, format!("adapter {name} answers from now on"));
                self.ready();
                return vec![Command::ListGenerations];
            }
            Report::Documents(list) => {
                if let Some(Page::Documents(page)) = self.page_of(|page| matches!(page, Page::Documents(_))) {
                    page.show(list);
                }
            }
            Report::Indexing(event) => self.indexing(event),
            Report::Indexed(report) => {
                self.adding = None;
                for skipped in &report.skipped {
                    self.transcript
                        .note(NoteKind::Error, format!("{} was not added: {}", skipped.name, skipped.detail));
                }
                let mut words = indexed_sentence(&report);
                self.transcript.note(NoteKind::Information, words.clone());
                self.ready();
                if let Some(Page::Documents(page)) = self.page_of(|page| matches!(page, Page::Documents(_))) {
                    if !report.skipped.is_empty() {
                        words.push_str("; the conversation says why");
                    }
                    page.show_end(words);
                }
                return vec![Command::ListDocuments];
            }
            Report::DocumentsRemoved(names) => {
                self.transcript.note(NoteKind::Information, format!("removed: {}", names.join(", ")));
                return vec![Command::ListDocuments];
            }
            Report::SourceRead(text) => {
                if let Some(Page::Sources(page)) = self.page_of(|page| matches!(page, Page::Sources(_))) {
                    page.show(text);
                }
            }
            Report::Found { query, turns } => {
                if let Some(Page::Search(page)) = self.page_of(|page| matches!(page, Page::Search(_))) {
                    return page.show(query, turns).into_iter().collect();
                }
            }
            Report::SessionOpened { session, turns } => {
                self.set_correction_aside();
                self.transcript.clear();
                self.show_turns(turns);
                self.session = Some(session);
                self.show_sought(session);
            }
            Report::Examined(found) => {
                if let Some(Page::Doctor(page)) = self.page_of(|page| matches!(page, Page::Doctor(_))) {
                    page.show(found);
                }
            }
            Report::Failed { task, message } => self.failed(task, &message),
            Report::Died(message) => {
                self.has_failed = true;
                self.approval = None;
                let key = self.key_name(Action::Quit, Scope::Chat);
                self.transcript.note(
                    NoteKind::Error,
                    format!("the assistant has ended: {message}; leave with {key} and start halligan again, nothing recorded is lost"),
                );
                self.fail_running_turn();
                self.activity = Activity::Dead;
            }
        }
        Vec::new()
    }

    fn page_of(&mut self, fits: impl Fn(&Page) -> bool) -> Option<&mut Page> {
        self.pages.iter_mut().rev().find(|page| fits(page))
    }

    fn show_turns(&mut self, turns: Vec<Turn>) {
        let anyway = self.key_name(Action::Anyway, Scope::Chat);
        for turn in turns {
            self.remember(&turn.question);
            self.transcript.push(Item::Turn(Box::new(TurnView::from_recorded(turn, false, &anyway))));
        }
    }

    /// Keeps a question for the arrow keys; one asked twice in a row counts once.
    pub(super) fn remember(&mut self, question: &str) {
        if self.history.last().is_none_or(|last| last != question) {
            self.history.push(question.to_owned());
            if self.history.len() > HISTORY_MAX {
                self.history.remove(0);
            }
        }
    }

    /// Shows the turn that the conversation was opened for; its newest one where it was opened for none.
    fn show_sought(&mut self, session: SessionId) {
        let view = self.areas().transcript;
        let sought = self.sought.take();
        let missing = sought.filter(|turn| !self.transcript.choose(*turn, view.width, view.height));
        let further_up = missing.map(|turn| format!("; turn {turn} is further up: halligan journal show {turn}"));
        self.notice = Some(format!("conversation {} goes on{}", session.0, further_up.unwrap_or_default()));
    }

    fn ready(&mut self) {
        if self.notice.is_some() && self.notice == self.busy_words() {
            self.notice = None;
        }
        if self.activity != Activity::Dead {
            self.activity = Activity::Ready;
        }
    }

    fn ready_from(&mut self, from: &[Activity]) {
        if from.contains(&self.activity) {
            self.activity = Activity::Ready;
        }
    }

    fn lesson_ended(&mut self, kind: NoteKind, words: String) {
        if let Some(lesson) = &mut self.lesson {
            lesson.ended = Some(words.clone());
            lesson.paused = false;
        }
        self.pages.retain(|page| !matches!(page, Page::Confirm(page) if page.ending == Ending::Lesson));
        self.transcript.note(kind, words);
        self.ready();
    }

    fn answer(&mut self, event: AnswerEvent) {
        if let AnswerEvent::Context { prompt_tokens, answer_tokens } = event {
            self.context_used = Some(prompt_tokens + answer_tokens);
        }
        let Some(view) = self.transcript.running() else { return };
        match event {
            AnswerEvent::Passage(passage) => view.passage = Some(passage),
            AnswerEvent::Text(piece) => view.answer.push_str(&piece),
            AnswerEvent::ToolStarted(call) => view.tool = Some(call.name),
            AnswerEvent::ToolEnded(used) => {
                view.tool = None;
                if used.outcome == ToolOutcome::Denied {
                    self.approval = None;
                }
                view.tools.push(used);
            }
            AnswerEvent::Held(pieces) => view.held = pieces,
            AnswerEvent::Assessment(assessment) => view.assessment = Some(assessment),
            AnswerEvent::Context { .. } | AnswerEvent::Finished => {}
        }
    }

    fn indexing(&mut self, event: IndexEvent) {
        let adding = self.adding.get_or_insert_with(Adding::default);
        match event {
            IndexEvent::Listed { files, .. } => adding.total = Some(files),
            IndexEvent::Reading { name, done, files } => {
                *adding = Adding { done, total: Some(files), latest: name };
            }
            IndexEvent::Added { document, .. } => adding.latest = document.name,
            IndexEvent::Unchanged { name } => adding.latest = name,
            IndexEvent::Skipped(skipped) => adding.latest = format!("{} was not added", skipped.name),
            IndexEvent::Embedding { done, passages } => {
                *adding = Adding { done, total: Some(passages), latest: "vectors".to_owned() };
            }
        }
    }

    fn fail_running_turn(&mut self) {
        if let Some(view) = self.transcript.running() {
            view.failed = true;
            if view.held > 0 && view.assessment.as_ref().is_some_and(|given| given.verdict == Verdict::Refuse) {
                view.answer.clear();
            }
        }
    }

    fn failed(&mut self, task: Task, message: &str) {
        self.has_failed = true;
        let error = format!("error: {message}");
        match task {
            Task::Ask => {
                self.approval = None;
                self.fail_running_turn();
                self.ready();
            }
            Task::Learn => return self.lesson_ended(NoteKind::Error, error),
            Task::Adapters => self.ready_from(&[Activity::Switching]),
            Task::Documents => {
                self.adding = None;
                self.ready_from(&[Activity::AddingDocuments]);
            }
            Task::Open | Task::WarmUp => {
                self.ready_from(&[Activity::Opening, Activity::LoadingModel]);
            }
            Task::Search => {
                if let Some(Page::Search(page)) = self.page_of(|page| matches!(page, Page::Search(_))) {
                    page.failed();
                }
            }
            Task::Rate => self.saving_failed(),
        }
        // A page would cover the message.
        if matches!(task, Task::Adapters | Task::Documents | Task::Search) {
            self.pages.clear();
        }
        self.transcript.note(NoteKind::Error, error);
    }
}

/// What adding documents did, in one line.
pub fn indexed_sentence(report: &IndexReport) -> String {
    let mut words = format!("{} added", counted(report.added.len(), "document"));
    for (count, what) in [
        (report.unchanged, "on the device already"),
        (report.skipped.len(), "not taken"),
        (report.waiting, "still waiting: adding goes on with the next /add or a on the documents page"),
    ] {
        if count > 0 {
            words.push_str(&format!(", {count} {what}"));
        }
    }
    words
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
