//! `/v1/embeddings`: vectors of texts.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::prompts::prompts;
use crate::serve::app::{App, ENCODER};
use crate::serve::backend::EncoderFacts;
use crate::serve::body::{Body, whole};
use crate::serve::error::ApiError;
use crate::serve::task::{Embedding, Event, Prompt, Step};

/// The body.
#[derive(Debug, Deserialize)]
pub struct EmbeddingRequest {
    model: Option<String>,
    input: Value,
    #[serde(default)]
    encoding_format: Encoding,
    #[serde(default, deserialize_with = "whole")]
    dimensions: Option<usize>,
}

/// How a vector is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Encoding {
    /// A list of numbers.
    #[default]
    Float,
    /// Little-endian 32-bit floats in base64, which the Python client asks for.
    Base64,
}

/// Texts that share a step.
const TEXTS_A_STEP: usize = 32;

/// Answers.
///
/// # Errors
/// No encoder, a request that cannot be served as it is, and all that the model and the queue can say.
pub async fn embed(State(app): State<App>, Body(request): Body<EmbeddingRequest>) -> Result<Json<Value>, ApiError> {
    let dimension = encoder(&app, request.model.as_deref())?.dimension;
    if request.dimensions.is_some_and(|dimensions| dimensions != dimension) {
        return Err(ApiError::unsupported(
            "dimensions",
            format!("the vectors of this encoder have {dimension} numbers; leave dimensions out"),
        ));
    }
    let texts = prompts("input", &request.input)?.into_iter().map(text).collect::<Result<Vec<_>, _>>()?;
    let steps = texts.chunks(TEXTS_A_STEP).map(|texts| Step::Embed { texts: texts.to_vec() }).collect();
    let mut ticket = app.submit("/v1/embeddings", steps)?;
    let mut rows = Vec::new();
    let mut read = 0;
    while let Some((_, event)) = ticket.next().await? {
        let Event::Embeddings(vectors) = event else { continue };
        for Embedding { vector, tokens } in vectors {
            read += tokens;
            let embedding = request.encoding_format.write(&vector);
            rows.push(json!({ "object": "embedding", "index": rows.len(), "embedding": embedding }));
        }
    }
    if rows.len() != texts.len() {
        return Err(ApiError::thread_gone());
    }
    Ok(Json(json!({
        "object": "list",
        "model": request.model.as_deref().unwrap_or(ENCODER),
        "data": rows,
        "usage": { "prompt_tokens": read, "total_tokens": read },
    })))
}

fn encoder<'a>(app: &'a App, model: Option<&str>) -> Result<&'a EncoderFacts, ApiError> {
    let refuse = |message: &str| Err(ApiError::new(StatusCode::NOT_FOUND, "model_not_found", message).about("model"));
    match &app.facts()?.encoder {
        None => refuse(
            "this device has no sentence encoder; give it one with `halligan setup --encoder FILE.gguf` or `halligan serve --encoder FILE.gguf`",
        ),
        Some(encoder) if model.is_none_or(|name| name == ENCODER || name == encoder.name) => Ok(encoder),
        Some(_) => refuse("vectors come from the model `encoder`; ask for that one"),
    }
}

fn text(input: Prompt) -> Result<String, ApiError> {
    match input {
        Prompt::Text(text) => Ok(text),
        Prompt::Tokens(_) => {
            Err(ApiError::unsupported("input", "the encoder reads texts, not tokens of another model; send texts"))
        }
    }
}

impl Encoding {
    fn write(self, vector: &[f32]) -> Value {
        match self {
            Encoding::Float => json!(vector),
            Encoding::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|value| value.to_le_bytes()).collect();
                json!(BASE64_STANDARD.encode(bytes))
            }
        }
    }
}
