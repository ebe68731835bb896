//! A lesson, the one command that takes minutes. Errands are done between two of its steps and while it halts; what
//! needs the model or changes what answers waits for its end.

use std::sync::mpsc::RecvTimeoutError;

use halligan_runtime::error::LearnError;
use halligan_runtime::{Assistant, LearnControl, LearnOptions, RuntimeError, SessionId};

use super::errand::Errand;
use super::{Desk, GLANCE};
use crate::console::event::{Command, Report, Task};

/// What comes while a lesson runs.
struct Meanwhile<'desk> {
    desk: &'desk Desk,
    assistant: &'desk Assistant,
    /// The conversation that was opened last.
    opened: Option<SessionId>,
    /// What has to wait for the end.
    waiting: Vec<Command>,
}

impl Meanwhile<'_> {
    fn take(&mut self, command: Command) {
        match Errand::of(command) {
            Ok(errand) => self.opened = self.desk.run_errand(errand, self.assistant).or(self.opened),
            Err(Command::Examine) => self.desk.examine(),
            Err(other) => self.waiting.push(other),
        }
    }

    /// What has come since the step before.
    fn take_all(&mut self) {
        while !self.desk.flags.stopping()
            && let Ok(command) = self.desk.inbox.try_recv()
        {
            self.take(command);
        }
    }

    /// Takes what comes until the lesson may go on. Returns false where nobody is left who could let it.
    fn halt(&mut self) -> bool {
        let flags = &self.desk.flags;
        while flags.paused() && !flags.stopping() {
            match self.desk.inbox.recv_timeout(GLANCE) {
                Ok(command) => self.take(command),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
        true
    }
}

impl Desk {
    pub(super) fn learn(&mut self) {
        if !self.open(Task::Learn) {
            return;
        }
        let desk = &*self;
        let Some(assistant) = &desk.assistant else { return };
        let mut meanwhile = Meanwhile { desk, assistant, opened: None, waiting: Vec::new() };
        let outcome = assistant.learn(&LearnOptions::default(), &mut |event| {
            desk.say(Report::Learning(event));
            meanwhile.take_all();
            if desk.flags.paused() && !desk.flags.stopping() {
                desk.say(Report::Paused(true));
                if !meanwhile.halt() {
                    return LearnControl::Cancel;
                }
                desk.say(Report::Paused(false));
            }
            if desk.flags.stopping() { LearnControl::Cancel } else { LearnControl::Continue }
        });
        match outcome {
            Ok(report) => desk.say(Report::Learned(report)),
            Err(RuntimeError::Learn(LearnError::Cancelled)) => desk.say(Report::LearningCancelled),
            Err(error) => desk.fail(Task::Learn, &error),
        }
        let Meanwhile { opened, waiting, .. } = meanwhile;
        self.session = opened.or(self.session);
        self.waiting.extend(waiting);
    }
}
