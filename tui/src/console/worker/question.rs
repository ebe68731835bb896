//! One question: the answer as it comes, its speed, and the user's word on tools.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Instant;

use halligan_runtime::{AnswerEvent, Approval, Approver, AskOptions};

use super::{Desk, GLANCE};
use crate::console::event::{Event, Report, Task};
use crate::console::speed::{Speedometer, speed_of};

impl Desk {
    pub(super) fn ask(&mut self, question: &str, anyway: bool) {
        let options = AskOptions {
            cancel: Some(Arc::clone(&self.flags.stop)),
            session: self.session,
            approver: Some(self.approver()),
            anyway,
            ..AskOptions::default()
        };
        let events = self.events.clone();
        let mut speedometer = Speedometer::default();
        let mut held = false;
        let turn = self.with(Task::Ask, |assistant| {
            assistant.ask(question, &options, &mut |event| {
                let speed = match event {
                    AnswerEvent::Held(_) => {
                        held = true;
                        speedometer.token(Instant::now())
                    }
                    // What was held back comes as one text, and was counted.
                    AnswerEvent::Text(_) if !held => speedometer.token(Instant::now()),
                    _ => None,
                };
                let _ = events.send(Event::Worker(Report::Answer(event)));
                if let Some(speed) = speed {
                    let _ = events.send(Event::Worker(Report::Speed(speed)));
                }
            })
        });
        if let Some(turn) = turn {
            self.session = Some(turn.session);
            if let Some(speed) = speedometer.mean().or_else(|| speed_of(&turn)) {
                self.say(Report::Speed(speed));
            }
            self.say(Report::Answered(turn));
        }
        self.report_troubles();
    }

    /// Asks the user and waits for the word; stopping the answer is a no.
    fn approver(&self) -> Approver {
        let (events, flags) = (self.events.clone(), self.flags.clone());
        let answers = Arc::clone(&self.answers);
        Approver(Arc::new(move |call| {
            let Ok(answers) = answers.lock() else { return Approval::Deny };
            // A word that came too late for an earlier call must not answer this one.
            while answers.try_recv().is_ok() {}
            if events.send(Event::Worker(Report::ApprovalNeeded(call.clone()))).is_err() {
                return Approval::Deny;
            }
            while !flags.stopping() {
                match answers.recv_timeout(GLANCE) {
                    Ok(approval) => return approval,
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => break,
                }
            }
            Approval::Deny
        }))
    }
}
