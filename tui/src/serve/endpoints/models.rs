//! `/v1/models`: who can be asked.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use halligan_runtime::Generation;
use serde_json::{Value, json};

use crate::serve::app::{ACTIVE, ASSISTANT, App, ENCODER};
use crate::serve::backend::ModelFacts;
use crate::serve::error::ApiError;

/// The assistant, the active adapter, and every generation that may answer.
///
/// # Errors
/// A model that is still loading, an unreadable record of generations.
pub async fn list(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    Ok(Json(json!({ "object": "list", "data": models(&app).await? })))
}

/// One of them.
///
/// # Errors
/// As [`list`], and an unknown name.
pub async fn one(State(app): State<App>, Path(name): Path<String>) -> Result<Json<Value>, ApiError> {
    let known = models(&app).await?;
    match known.into_iter().find(|model| model["id"] == name.as_str()) {
        Some(model) => Ok(Json(model)),
        None => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "model_not_found",
            format!("there is no model `{name}`; GET /v1/models lists them all"),
        )
        .about("model")),
    }
}

async fn models(app: &App) -> Result<Vec<Value>, ApiError> {
    let facts = app.facts()?;
    let generations = app.generations().await?;
    let active = generations.iter().find(|generation| generation.active);
    let mut models = Vec::new();
    for name in [ASSISTANT, ACTIVE] {
        let created = active.map_or(0, |generation| generation.created_at);
        models.push(model(name, created, facts, active));
    }
    for generation in generations.iter().filter(|generation| generation.rejected.is_none()) {
        models.push(model(&generation.id, generation.created_at, facts, Some(generation)));
    }
    if let Some(encoder) = &facts.encoder {
        let meta = json!({ "n_ctx": encoder.context_tokens, "n_embd": encoder.dimension, "base": encoder.name });
        let created = app.started_at();
        models.push(
            json!({ "id": ENCODER, "object": "model", "created": created, "owned_by": "halligan", "meta": meta }),
        );
    }
    Ok(models)
}

fn model(name: &str, created: i64, facts: &ModelFacts, generation: Option<&Generation>) -> Value {
    json!({
        "id": name,
        "object": "model",
        "created": created,
        "owned_by": "halligan",
        "meta": {
            "n_ctx": facts.context_tokens,
            "n_vocab": facts.vocabulary,
            "n_params": facts.parameters,
            "base": facts.name,
            "generation": generation.map(|generation| &generation.id),
            "documents": name == ASSISTANT,
        },
    })
}
