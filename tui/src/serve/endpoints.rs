//! The routes, one file each, and the parts that several of them share.

pub mod adapters;
pub mod chat;
pub mod chat_request;
pub mod completions;
pub mod embeddings;
pub mod health;
pub mod models;
pub mod prompts;
pub mod sampling;
pub mod stream;
pub mod tokens;
pub mod unhonoured;
pub mod usage;

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::routing::{get, post};

use super::app::App;
use super::error::ApiError;

/// Paths that take a body; all others are only read.
const POSTED: [&str; 5] = ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/tokenize", "/detokenize"];

/// All routes.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/v1/chat/completions", post(chat::complete))
        .route("/v1/completions", post(completions::complete))
        .route("/v1/embeddings", post(embeddings::embed))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{model}", get(models::one))
        .route("/health", get(health::health))
        .route("/metrics", get(health::metrics))
        .route("/tokenize", post(tokens::tokenize))
        .route("/detokenize", post(tokens::detokenize))
        .route("/tokenizer_info", get(tokens::info))
        .route("/lora-adapters", get(adapters::list))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
}

async fn unknown(request: Request) -> ApiError {
    ApiError::new(
        StatusCode::NOT_FOUND,
        "not_found",
        format!(
            "there is nothing at {}; the routes are /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/models, \
             /health, /metrics, /tokenize, /detokenize, /tokenizer_info and /lora-adapters",
            request.uri().path()
        ),
    )
}

async fn wrong_method(request: Request) -> ApiError {
    let (path, method) = (request.uri().path(), request.method());
    let right = if POSTED.contains(&path) { "POST" } else { "GET" };
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        format!("{path} does not take {method}; use {right}"),
    )
}
