//! `/health` for those who wait, `/metrics` for Prometheus.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use halligan_runtime::probe::resident_bytes;
use serde_json::{Value, json};

use crate::serve::app::App;
use crate::serve::error::ApiError;
use crate::serve::metrics::MEDIA_TYPE;

/// 200 when the model can be asked, 503 while it loads.
///
/// # Errors
/// [`ApiError::loading`], and what made the model unusable.
pub async fn health(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let facts = app.facts()?;
    Ok(Json(json!({ "status": "ok", "model": facts.name })))
}

/// The figures of this moment.
///
/// # Errors
/// An unreadable record of generations.
pub async fn metrics(State(app): State<App>) -> Result<Response, ApiError> {
    let generations = app.generations().await?;
    let active = generations.iter().find(|generation| generation.active).map_or("", |generation| &generation.id);
    let context_tokens = app.facts().map_or(0, |facts| facts.context_tokens);
    let text = app.metrics().text(context_tokens, active, resident_bytes().unwrap_or(0)).map_err(|error| {
        ApiError::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "server_error", error.to_string())
    })?;
    Ok(([(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response())
}
