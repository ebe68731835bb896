//! `/tokenize`, `/detokenize`, `/tokenizer_info`: what evaluation harnesses ask instead of a tokenizer
//! of their own.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::serve::app::App;
use crate::serve::body::Body;
use crate::serve::error::ApiError;
use crate::serve::task::{Event, Step};

/// Body of `/tokenize`.
#[derive(Debug, Deserialize)]
pub struct TokenizeRequest {
    /// The text; `content` is what llama.cpp's server calls it.
    #[serde(alias = "content")]
    prompt: String,
    /// Add what the model wants at the start of a text.
    #[serde(default = "yes", alias = "add_special")]
    add_special_tokens: bool,
}

fn yes() -> bool {
    true
}

/// Body of `/detokenize`.
#[derive(Debug, Deserialize)]
pub struct DetokenizeRequest {
    /// Tokens of this model.
    tokens: Vec<i32>,
}

/// Tokens of a text; the name of a special token is that token.
///
/// # Errors
/// A full queue.
pub async fn tokenize(State(app): State<App>, Body(request): Body<TokenizeRequest>) -> Result<Json<Value>, ApiError> {
    let step = Step::Tokenize { text: request.prompt, add_special: request.add_special_tokens };
    match app.submit("/tokenize", vec![step])?.next().await? {
        Some((_, Event::Tokens(tokens))) => Ok(Json(json!({
            "count": tokens.len(),
            "max_model_len": app.facts()?.context_tokens,
            "tokens": tokens,
        }))),
        _ => Err(ApiError::thread_gone()),
    }
}

/// Text of tokens.
///
/// # Errors
/// Tokens that the model does not have, a full queue.
pub async fn detokenize(
    State(app): State<App>,
    Body(request): Body<DetokenizeRequest>,
) -> Result<Json<Value>, ApiError> {
    let step = Step::Detokenize { tokens: request.tokens };
    match app.submit("/detokenize", vec![step])?.next().await? {
        Some((_, Event::Detokenized(text))) => Ok(Json(json!({ "prompt": text }))),
        _ => Err(ApiError::thread_gone()),
    }
}

/// Special tokens and chat template, as vLLM names them.
///
/// # Errors
/// A model that is still loading.
pub async fn info(State(app): State<App>) -> Result<Json<Value>, ApiError> {
    let facts = app.facts()?;
    Ok(Json(json!({
        "tokenizer_class": "GGUF",
        "model_max_length": facts.context_tokens,
        "eos_token": facts.eos_token,
        "bos_token": facts.bos_token,
        "chat_template": facts.chat_template,
    })))
}
