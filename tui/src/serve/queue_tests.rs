//! The queue with a backend that takes its time on command.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// Says each text and waits for leave to end the step.
struct Gated {
    begun: Sender<String>,
    leave: Receiver<()>,
}

impl Backend for Gated {
    fn load(&mut self) -> Result<ModelFacts, ApiError> {
        Ok(ModelFacts::default())
    }

    fn perform(&mut self, step: Step, _: &Cancel, emit: &mut dyn FnMut(Event)) -> Result<(), ApiError> {
        let Step::Tokenize { text, .. } = step else { panic!("only texts") };
        self.begun.send(text.clone()).unwrap();
        self.leave.recv().unwrap();
        match text.as_str() {
            "bad" => Err(ApiError::invalid("bad")),
            _ => {
                emit(Event::Detokenized(text));
                Ok(())
            }
        }
    }
}

struct Stage {
    queue: Queue,
    begun: Receiver<String>,
    leave: Sender<()>,
    worker: Option<JoinHandle<()>>,
}

impl Stage {
    fn new(waiting_max: usize) -> Stage {
        let queue = Queue::new(waiting_max, Arc::new(Metrics::default()));
        let (begun_sender, begun) = channel();
        let (leave, leave_receiver) = channel();
        let serving = queue.clone();
        let mut backend = Gated { begun: begun_sender, leave: leave_receiver };
        let worker = Some(std::thread::spawn(move || serving.serve(&mut backend)));
        Stage { queue, begun, leave, worker }
    }

    fn submit(&self, texts: &[&str]) -> Result<Ticket, ApiError> {
        let step = |text: &&str| Step::Tokenize { text: (*text).to_owned(), add_special: false };
        self.queue.submit("/test", texts.iter().map(step).collect(), LONG)
    }

    /// The text whose step begins next.
    fn begins(&self) -> String {
        self.begun.recv_timeout(Duration::from_secs(10)).unwrap()
    }

    fn go_on(&self) {
        self.leave.send(()).unwrap();
    }

    /// The order in which steps are served from here, `count` of them.
    fn order(&self, count: usize) -> Vec<String> {
        (0..count)
            .map(|_| {
                let text = self.begins();
                self.go_on();
                text
            })
            .collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.queue.close();
        let _ = self.leave.send(());
        self.worker.take().unwrap().join().unwrap();
    }
}

fn hear(ticket: &mut Ticket) -> Result<Option<(usize, Event)>, ApiError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(ticket.next())
}

#[test]
fn requests_are_served_in_order_and_long_ones_take_turns() {
    let stage = Stage::new(8);
    let many = stage.submit(&["a1", "a2", "a3"]).unwrap();
    assert_eq!(stage.begins(), "a1");
    let one = stage.submit(&["b"]).unwrap();
    let two = stage.submit(&["c1", "c2"]).unwrap();
    stage.go_on();
    assert_eq!(stage.order(5), ["b", "c1", "a2", "c2", "a3"]);
    drop((many, one, two));
}

#[test]
fn events_carry_the_number_of_their_step() {
    let stage = Stage::new(8);
    let mut ticket = stage.submit(&["x", "y"]).unwrap();
    stage.order(2);
    let text = |text: &str| Event::Detokenized(text.to_owned());
    assert_eq!(hear(&mut ticket).unwrap(), Some((0, text("x"))));
    assert_eq!(hear(&mut ticket).unwrap(), Some((1, text("y"))));
    assert_eq!(hear(&mut ticket).unwrap(), None);
}

#[test]
fn a_full_queue_says_when_to_come_back() {
    let stage = Stage::new(1);
    let running = stage.submit(&["a"]).unwrap();
    assert_eq!(stage.begins(), "a");
    let waiting = stage.submit(&["b"]).unwrap();
    let refused = stage.submit(&["c"]).err().unwrap();
    assert_eq!((refused.status, refused.code), (StatusCode::TOO_MANY_REQUESTS, "queue_full"));
    assert!(refused.retry_after.is_some());
    stage.go_on();
    assert_eq!(stage.order(1), ["b"]);
    drop((running, waiting));
}

#[test]
fn a_ticket_that_is_dropped_takes_its_request_along() {
    let stage = Stage::new(8);
    let first = stage.submit(&["a1", "a2"]).unwrap();
    assert_eq!(stage.begins(), "a1");
    let second = stage.submit(&["b"]).unwrap();
    let third = stage.submit(&["c"]).unwrap();
    drop(second);
    drop(first);
    stage.go_on();
    assert_eq!(stage.order(1), ["c"]);
    drop(third);
}

#[test]
fn an_error_ends_its_request_and_no_other() {
    let stage = Stage::new(8);
    let mut bad = stage.submit(&["bad", "never"]).unwrap();
    let mut good = stage.submit(&["good"]).unwrap();
    assert_eq!(stage.order(2), ["bad", "good"]);
    assert_eq!(hear(&mut bad).unwrap_err().message, "bad");
    assert_eq!(hear(&mut bad).unwrap(), None);
    assert!(hear(&mut good).unwrap().is_some());
}

#[test]
fn a_request_whose_time_is_over_is_told_and_never_begun() {
    let stage = Stage::new(8);
    let running = stage.submit(&["a"]).unwrap();
    assert_eq!(stage.begins(), "a");
    let step = Step::Tokenize { text: "late".to_owned(), add_special: false };
    let mut late = stage.queue.submit("/test", vec![step], Duration::from_millis(20)).unwrap();
    assert_eq!(hear(&mut late).unwrap_err().code, "timeout");
    let after = stage.submit(&["b"]).unwrap();
    stage.go_on();
    assert_eq!(stage.order(1), ["b"]);
    drop((running, after));
}

#[test]
fn closing_cancels_what_runs_and_refuses_what_waits() {
    let stage = Stage::new(8);
    let running = stage.submit(&["a"]).unwrap();
    assert_eq!(stage.begins(), "a");
    let mut waiting = stage.submit(&["b"]).unwrap();
    stage.queue.close();
    assert_eq!(hear(&mut waiting).unwrap_err().code, "shutting_down");
    assert!(running.cancel.is_set());
    assert_eq!(stage.submit(&["c"]).err().unwrap().code, "shutting_down");
}
