//! What all handlers share, and the few questions that more than one of them asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use axum::http::StatusCode;
use halligan_runtime::Generation;

use super::backend::{Catalog, ModelFacts};
use super::error::ApiError;
use super::metrics::Metrics;
use super::options::{Limits, STEPS_MAX};
use super::queue::{Queue, Ticket};
use super::task::{Step, Voice};

/// Model name that answers as `halligan ask` does.
pub const ASSISTANT: &str = "halligan";
/// Model name of the base with the active adapter.
pub const ACTIVE: &str = "active";
/// Model name of the sentence encoder.
pub const ENCODER: &str = "encoder";
/// Shortest piece of a generation's id that names it.
const PREFIX_MIN: usize = 4;

/// State of the server. Clones are the same one.
#[derive(Clone)]
pub struct App {
    inner: Arc<Inner>,
}

struct Inner {
    queue: Queue,
    facts: OnceLock<Result<ModelFacts, ApiError>>,
    catalog: Box<dyn Catalog>,
    limits: Limits,
    token: Option<String>,
    metrics: Arc<Metrics>,
    started_at: u64,
    answers: AtomicU64,
}

impl App {
    /// A server whose model is still loading.
    pub fn new(catalog: Box<dyn Catalog>, limits: Limits, token: Option<String>) -> App {
        let metrics = Arc::new(Metrics::default());
        let queue = Queue::new(limits.queue, Arc::clone(&metrics));
        let inner = Inner {
            queue,
            facts: OnceLock::new(),
            catalog,
            limits,
            token,
            metrics,
            started_at: super::now(),
            answers: AtomicU64::new(0),
        };
        App { inner: Arc::new(inner) }
    }

    /// The queue before the model.
    pub fn queue(&self) -> &Queue {
        &self.inner.queue
    }

    /// The limits of the server.
    pub fn limits(&self) -> &Limits {
        &self.inner.limits
    }

    /// The secret that clients must know.
    pub fn token(&self) -> Option<&str> {
        self.inner.token.as_deref()
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// Seconds since 1970 when the server started.
    pub fn started_at(&self) -> u64 {
        self.inner.started_at
    }

    /// Tells what came of loading the model.
    pub fn loaded(&self, facts: Result<ModelFacts, ApiError>) {
        // Told once, by the thread that loads.
        let _ = self.inner.facts.set(facts);
    }

    /// What is known of the model.
    ///
    /// # Errors
    /// It is still loading, or cannot be used.
    pub fn facts(&self) -> Result<&ModelFacts, ApiError> {
        match self.inner.facts.get() {
            None => Err(ApiError::loading()),
            Some(Ok(facts)) => Ok(facts),
            Some(Err(error)) => Err(error.clone()),
        }
    }

    /// A name for an answer, unlike any other of this and earlier runs.
    pub fn answer_id(&self, kind: &str) -> String {
        let number = self.inner.answers.fetch_add(1, Ordering::Relaxed);
        format!("{kind}-{:08x}{:04x}{number:08x}", self.inner.started_at as u32, std::process::id() as u16)
    }

    /// All generations, read without waiting for the model.
    ///
    /// # Errors
    /// An unreadable record.
    pub async fn generations(&self) -> Result<Vec<Generation>, ApiError> {
        let app = self.clone();
        let read = move || app.inner.catalog.generations();
        tokio::task::spawn_blocking(read).await.map_err(|_| ApiError::thread_gone())?
    }

    /// The generation that a model name stands for, fixed at this moment: a request that waits is
    /// answered by the adapter that was active when it came.
    ///
    /// # Errors
    /// Unknown, ambiguous and refused names.
    pub async fn voice(&self, model: Option<&str>) -> Result<Voice, ApiError> {
        let name = model.unwrap_or(ACTIVE).trim();
        if name == ASSISTANT {
            return Ok(Voice::Assistant);
        }
        let generation = choose(&self.generations().await?, name)?;
        Ok(Voice::Plain { generation })
    }

    /// As [`App::voice`], for endpoints at which the assistant does not answer.
    ///
    /// # Errors
    /// As [`App::voice`], and the assistant's name.
    pub async fn plain(&self, model: Option<&str>) -> Result<String, ApiError> {
        match self.voice(model).await? {
            Voice::Plain { generation } => Ok(generation),
            Voice::Assistant => Err(ApiError::unsupported(
                "model",
                "the model `halligan` answers at /v1/chat/completions only; use `active`, `base` or the id of a generation here",
            )),
        }
    }

    /// Puts a request into the queue.
    ///
    /// # Errors
    /// Too many steps, a full or closed queue.
    pub fn submit(&self, endpoint: &'static str, steps: Vec<Step>) -> Result<Ticket, ApiError> {
        if steps.len() > STEPS_MAX {
            return Err(ApiError::invalid(format!(
                "the request has {} prompts and choices, at most {STEPS_MAX} are taken; send several requests",
                steps.len()
            )));
        }
        self.inner.queue.submit(endpoint, steps, self.inner.limits.request)
    }
}

fn choose(generations: &[Generation], name: &str) -> Result<String, ApiError> {
    let fits = |generation: &&Generation| match name {
        ACTIVE => generation.active,
        _ => generation.id == name || (name.len() >= PREFIX_MIN && generation.id.starts_with(name)),
    };
    let found: Vec<&Generation> = generations.iter().filter(fits).collect();
    match found[..] {
        [one] => match &one.rejected {
            None => Ok(one.id.clone()),
            Some(reason) => Err(ApiError::new(
                StatusCode::BAD_REQUEST,
                "model_not_usable",
                format!("generation {} may not answer: {reason}; GET /v1/models lists those that may", one.id),
            )
            .about("model")),
        },
        [] => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "model_not_found",
            format!(
                "there is no model `{name}`; `{ASSISTANT}` answers from documents, `{ACTIVE}` and `base` without them, \
                 and GET /v1/models lists the ids of generations"
            ),
        )
        .about("model")),
        _ => {
            let message = format!("`{name}` fits {} generations; give more characters of the id", found.len());
            Err(ApiError::new(StatusCode::BAD_REQUEST, "model_ambiguous", message).about("model"))
        }
    }
}
