//! The one queue before the model: bounded, first come first served, and fair.
//!
//! Requests are served in the order of their arrival. One that consists of many steps goes to the
//! back after each of them when others wait, so a harness with a thousand prompts and a person with
//! one question share the device. A ticket that is dropped, because its client has gone or its time is
//! over, cancels its request wherever it stands.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::backend::{Backend, Cancel, ModelFacts};
use super::error::ApiError;
use super::metrics::Metrics;
use super::task::{Event, Step};

/// What a ticket hears: events with the number of their step, or why there is no more.
type Heard = Result<(usize, Event), ApiError>;

/// A request in the queue.
struct Job {
    endpoint: &'static str,
    steps: VecDeque<(usize, Step)>,
    events: UnboundedSender<Heard>,
    cancel: Cancel,
    submitted: Instant,
    deadline: Instant,
    /// Whether a step of it has been served.
    begun: bool,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    /// The cancel flag of the request that is being served.
    running: Option<Cancel>,
    closed: bool,
}

struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    waiting_max: usize,
    metrics: Arc<Metrics>,
}

/// Where handlers put requests. Clones are the same queue.
#[derive(Clone)]
pub struct Queue {
    shared: Arc<Shared>,
}

/// A request's place in the queue and its ear for the answer.
pub struct Ticket {
    events: UnboundedReceiver<Heard>,
    cancel: Cancel,
    deadline: Instant,
    limit: Duration,
}

impl Queue {
    /// A queue in which at most `waiting_max` requests wait.
    pub fn new(waiting_max: usize, metrics: Arc<Metrics>) -> Queue {
        let state = Mutex::new(State::default());
        Queue { shared: Arc::new(Shared { state, wake: Condvar::new(), waiting_max, metrics }) }
    }

    /// Puts a request of these steps at the end; it may take `limit` from here.
    ///
    /// # Errors
    /// A full or closed queue.
    pub fn submit(&self, endpoint: &'static str, steps: Vec<Step>, limit: Duration) -> Result<Ticket, ApiError> {
        let mut state = self.lock();
        if state.closed {
            return Err(ApiError::stopping());
        }
        // Those that no one waits for any more take no one's place.
        state.waiting.retain(|job| !job.cancel.is_set());
        if state.waiting.len() >= self.shared.waiting_max {
            let message = format!(
                "{} requests are waiting already; try again later, or start the server with a larger --max-queue",
                state.waiting.len()
            );
            return Err(
                ApiError::new(StatusCode::TOO_MANY_REQUESTS, "queue_full", message).retry_after(Duration::from_secs(1))
            );
        }
        let (sender, events) = unbounded_channel();
        let cancel = Cancel::default();
        let submitted = Instant::now();
        let deadline = submitted + limit;
        state.waiting.push_back(Job {
            endpoint,
            steps: steps.into_iter().enumerate().collect(),
            events: sender,
            cancel: cancel.clone(),
            submitted,
            deadline,
            begun: false,
        });
        self.shared.metrics.queue_length.set(state.waiting.len() as i64);
        self.shared.wake.notify_one();
        Ok(Ticket { events, cancel, deadline, limit })
    }

    /// Ends the queue: what waits is refused, what runs is cancelled.
    pub fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        for job in state.waiting.drain(..) {
            // A listener that has gone needs no reason.
            let _ = job.events.send(Err(ApiError::stopping()));
        }
        if let Some(running) = &state.running {
            running.set();
        }
        self.shared.metrics.queue_length.set(0);
        self.shared.wake.notify_all();
    }

    /// Serves requests with `backend` until the queue is closed.
    pub fn serve(&self, backend: &mut dyn Backend) {
        while let Some(mut job) = self.next() {
            self.serve_step(backend, &mut job);
            let mut state = self.lock();
            state.running = None;
            if job.steps.is_empty() || job.cancel.is_set() {
                let seconds = job.submitted.elapsed().as_secs_f64();
                self.shared.metrics.request_ended(job.endpoint, seconds);
            } else if state.closed {
                let _ = job.events.send(Err(ApiError::stopping()));
            } else {
                state.waiting.push_back(job);
            }
        }
    }

    /// Loads the model, reports, then serves.
    pub fn run(&self, backend: &mut dyn Backend, loaded: impl FnOnce(Result<ModelFacts, ApiError>)) {
        let facts = backend.load();
        let usable = facts.is_ok();
        loaded(facts);
        if usable {
            self.serve(backend);
        }
    }

    fn serve_step(&self, backend: &mut dyn Backend, job: &mut Job) {
        let Some((number, step)) = job.steps.pop_front() else { return };
        let metrics = &self.shared.metrics;
        if !std::mem::replace(&mut job.begun, true) {
            metrics.queue_seconds.observe(job.submitted.elapsed().as_secs_f64());
        }
        let started = Instant::now();
        let mut first_text = None;
        let events = &job.events;
        let cancel = &job.cancel;
        let result = backend.perform(step, cancel, &mut |event| {
            match &event {
                Event::Text { .. } if first_text.is_none() => {
                    first_text = Some(Instant::now());
                    metrics.first_token_seconds.observe(started.elapsed().as_secs_f64());
                }
                Event::Finished(finished) => metrics.answered(finished, started, first_text),
                Event::Embeddings(rows) => metrics.read(rows.iter().map(|row| row.tokens).sum()),
                _ => {}
            }
            if events.send(Ok((number, event))).is_err() {
                cancel.set();
            }
        });
        if let Err(error) = result {
            job.steps.clear();
            let _ = job.events.send(Err(error));
        }
    }

    /// The next request that someone still waits for; `None` once the queue is closed.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        loop {
            while let Some(job) = state.waiting.pop_front() {
                self.shared.metrics.queue_length.set(state.waiting.len() as i64);
                let late = job.deadline <= Instant::now();
                if !late && !job.cancel.is_set() && !job.events.is_closed() {
                    state.running = Some(job.cancel.clone());
                    return Some(job);
                }
            }
            if state.closed {
                return None;
            }
            state = self.shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // The state is whole between any two statements, so a panic elsewhere does not spoil it.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// The next event with the number of its step; `None` after the last one.
    ///
    /// # Errors
    /// What the model or the queue said, and the end of the time.
    pub async fn next(&mut self) -> Result<Option<(usize, Event)>, ApiError> {
        match tokio::time::timeout_at(self.deadline.into(), self.events.recv()).await {
            Ok(None) => Ok(None),
            Ok(Some(heard)) => heard.map(Some),
            Err(_) => {
                self.cancel.set();
                Err(ApiError::timeout(self.limit))
            }
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.cancel.set();
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
