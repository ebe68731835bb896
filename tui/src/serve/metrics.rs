//! What Prometheus may know: counts, seconds and sizes, never a word of anyone.

use std::sync::atomic::AtomicU64;
use std::time::Instant;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::task::Finished;

/// Media type of the text that [`Metrics::text`] gives.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bounds of the histograms, in seconds: from a token of a small model to the longest request.
const SECONDS: [f64; 13] = [0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0, 120.0, 600.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    endpoint: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EndpointLabel {
    endpoint: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct GenerationLabel {
    generation: String,
}

/// Everything that is counted.
pub struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    request_seconds: Family<EndpointLabel, Histogram>,
    /// Time from arrival to the first step.
    pub queue_seconds: Histogram,
    /// Time from the first step to the first word.
    pub first_token_seconds: Histogram,
    /// Requests that wait.
    pub queue_length: Gauge,
    prompt_tokens: Counter,
    cached_tokens: Counter,
    generated_tokens: Counter,
    prompt_seconds: Counter<f64, AtomicU64>,
    generation_seconds: Counter<f64, AtomicU64>,
    context_tokens: Gauge,
    memory_bytes: Gauge,
    active: Family<GenerationLabel, Gauge>,
}

impl Default for Metrics {
    fn default() -> Metrics {
        let histogram = || Histogram::new(SECONDS);
        let mut metrics = Metrics {
            registry: Registry::with_prefix("halligan"),
            requests: Family::default(),
            request_seconds: Family::new_with_constructor(|| Histogram::new(SECONDS)),
            queue_seconds: histogram(),
            first_token_seconds: histogram(),
            queue_length: Gauge::default(),
            prompt_tokens: Counter::default(),
            cached_tokens: Counter::default(),
            generated_tokens: Counter::default(),
            prompt_seconds: Counter::default(),
            generation_seconds: Counter::default(),
            context_tokens: Gauge::default(),
            memory_bytes: Gauge::default(),
            active: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("requests", "Answered HTTP requests by endpoint and status", self.requests.clone());
        registry.register_with_unit(
            "request",
            "Time from arrival to the last event of the model",
            Unit::Seconds,
            self.request_seconds.clone(),
        );
        registry.register_with_unit(
            "queue",
            "Time that requests waited for the model",
            Unit::Seconds,
            self.queue_seconds.clone(),
        );
        registry.register_with_unit(
            "first_token",
            "Time from the start of the work to the first word",
            Unit::Seconds,
            self.first_token_seconds.clone(),
        );
        registry.register("queue_length", "Requests that wait for the model", self.queue_length.clone());
        registry.register("prompt_tokens", "Tokens of prompts", self.prompt_tokens.clone());
        registry.register(
            "cached_prompt_tokens",
            "Tokens of prompts that were in memory from an earlier turn",
            self.cached_tokens.clone(),
        );
        registry.register("generated_tokens", "Tokens said", self.generated_tokens.clone());
        registry.register_with_unit("prompt", "Time spent reading prompts", Unit::Seconds, self.prompt_seconds.clone());
        registry.register_with_unit(
            "generation",
            "Time spent saying answers",
            Unit::Seconds,
            self.generation_seconds.clone(),
        );
        registry.register("context_tokens", "Tokens that a context holds", self.context_tokens.clone());
        registry.register_with_unit(
            "resident_memory",
            "Memory of this process",
            Unit::Bytes,
            self.memory_bytes.clone(),
        );
        registry.register(
            "active_generation",
            "1 for the adapter generation that answers as `active`",
            self.active.clone(),
        );
    }

    /// Counts an answered HTTP request.
    pub fn request_answered(&self, endpoint: &str, status: u16) {
        self.requests.get_or_create(&RequestLabels { endpoint: endpoint.to_owned(), status }).inc();
    }

    /// Observes the whole time of a request.
    pub fn request_ended(&self, endpoint: &str, seconds: f64) {
        self.request_seconds.get_or_create(&EndpointLabel { endpoint: endpoint.to_owned() }).observe(seconds);
    }

    /// Counts an answer that began at `started` and said its first word at `first_text`.
    pub fn answered(&self, finished: &Finished, started: Instant, first_text: Option<Instant>) {
        self.prompt_tokens.inc_by(finished.prompt_tokens as u64);
        self.cached_tokens.inc_by(finished.cached_tokens as u64);
        self.generated_tokens.inc_by(finished.completion_tokens as u64);
        let now = Instant::now();
        let first = first_text.unwrap_or(now);
        self.prompt_seconds.inc_by((first - started).as_secs_f64());
        self.generation_seconds.inc_by((now - first).as_secs_f64());
    }

    /// Counts tokens that were read without an answer.
    pub fn read(&self, tokens: usize) {
        self.prompt_tokens.inc_by(tokens as u64);
    }

    /// Everything in the OpenMetrics text format, with the state of this moment.
    ///
    /// # Errors
    /// None that a text in memory could cause.
    pub fn text(&self, context_tokens: usize, active: &str, memory_bytes: u64) -> Result<String, std::fmt::Error> {
        self.context_tokens.set(context_tokens as i64);
        self.memory_bytes.set(i64::try_from(memory_bytes).unwrap_or(i64::MAX));
        self.active.clear();
        self.active.get_or_create(&GenerationLabel { generation: active.to_owned() }).set(1);
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}
