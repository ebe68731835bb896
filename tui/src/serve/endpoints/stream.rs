//! Server-sent events: each event of the model becomes chunks, the last line is `[DONE]`.

use std::collections::VecDeque;
use std::convert::Infallible;

use axum::response::sse::{Event as Line, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Deserialize;
use serde_json::Value;

use crate::serve::error::ApiError;
use crate::serve::queue::Ticket;
use crate::serve::task::Event;

/// What to send beside a stream.
#[derive(Debug, Default, Deserialize)]
pub struct StreamOptions {
    /// A last chunk with the tokens used.
    #[serde(default)]
    pub include_usage: bool,
}

/// Turns what the model says into chunks.
pub trait Chunks: Send + 'static {
    /// Chunks for an event of the step `number`.
    fn of_event(&mut self, number: usize, event: Event) -> Vec<Value>;
    /// Chunks after the last event.
    fn at_end(&mut self) -> Vec<Value>;
}

struct Streaming<C> {
    ticket: Ticket,
    chunks: C,
    ready: VecDeque<String>,
    ended: bool,
}

/// Streams the answer. The first event is awaited, so that a refused prompt has the status of an
/// error; whatever fails later is told in the stream. A client that leaves drops the stream, and with it
/// the ticket, which stops the model.
///
/// # Errors
/// What goes wrong before the first event.
pub async fn streamed<C: Chunks>(mut ticket: Ticket, mut chunks: C) -> Result<Response, ApiError> {
    let mut ready = VecDeque::new();
    match ticket.next().await? {
        Some((number, event)) => ready.extend(chunks.of_event(number, event).iter().map(Value::to_string)),
        None => return Err(ApiError::thread_gone()),
    }
    let streaming = Streaming { ticket, chunks, ready, ended: false };
    let lines = stream::unfold(streaming, |mut streaming| async move {
        let data = streaming.next_line().await?;
        Some((Ok::<Line, Infallible>(Line::default().data(data)), streaming))
    });
    Ok(Sse::new(lines).keep_alive(KeepAlive::default()).into_response())
}

impl<C: Chunks> Streaming<C> {
    async fn next_line(&mut self) -> Option<String> {
        while self.ready.is_empty() && !self.ended {
            match self.ticket.next().await {
                Ok(Some((number, event))) => {
                    let chunks = self.chunks.of_event(number, event);
                    self.ready.extend(chunks.iter().map(Value::to_string));
                }
                Ok(None) => {
                    self.ready.extend(self.chunks.at_end().iter().map(Value::to_string));
                    self.ready.push_back("[DONE]".to_owned());
                    self.ended = true;
                }
                Err(error) => {
                    self.ready.push_back(error.body().to_string());
                    self.ended = true;
                }
            }
        }
        self.ready.pop_front()
    }
}
