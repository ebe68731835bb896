//! JSON bodies with errors that clients can read: size, media type, syntax, and which field is wrong.

use std::time::Duration;

use axum::body::BodyDataStream;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use futures_util::StreamExt as _;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};
use serde_path_to_error::{Path, Segment};

use super::app::App;
use super::error::ApiError;

/// Longest time for a body to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);
/// Characters of a wrong value that are said again, and of what is wrong with it, which may say it, too.
const VALUE_CHARS: usize = 40;
const REASON_CHARS: usize = 160;
/// Beyond these, floating-point numbers have no ones.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// A body of this type.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<App> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> Result<Body<T>, ApiError> {
        let media_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = media_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        // Other types can be posted by any web page without asking first.
        if !essence.eq_ignore_ascii_case("application/json") {
            return Err(ApiError::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "the body must be JSON; send the header `Content-Type: application/json`",
            ));
        }
        let limit = app.limits().body_bytes;
        let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        if announced.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > limit as u64) {
            return Err(too_large(limit));
        }
        let arriving = arrived(request.into_body().into_data_stream(), limit);
        let Ok(bytes) = tokio::time::timeout(ARRIVAL, arriving).await else {
            return Err(ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                "timeout",
                format!("the body did not arrive within {} s; send the request again", ARRIVAL.as_secs()),
            ));
        };
        let body: Value = serde_json::from_slice(&bytes?).map_err(|error| {
            ApiError::invalid(format!(
                "the body cannot be understood: {error}; send the JSON that OpenAI's clients send"
            ))
        })?;
        if !body.is_object() {
            return Err(ApiError::invalid("the body is no JSON object; send the JSON that OpenAI's clients send"));
        }
        fields(&body).map(Body)
    }
}

/// The bytes of a body, all of them.
async fn arrived(mut stream: BodyDataStream, limit: usize) -> Result<Vec<u8>, ApiError> {
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| {
            let message = "the body ended before it was whole, or its pieces are not what HTTP allows; send it again";
            ApiError::new(StatusCode::BAD_REQUEST, "incomplete_body", message)
        })?;
        // Without an announced length only counting tells.
        if bytes.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn too_large(limit: usize) -> ApiError {
    ApiError::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "request_too_large",
        format!("the body has more than {limit} bytes; send less, or start the server with a larger --max-body-bytes"),
    )
}

/// What a body says, as this type.
///
/// # Errors
/// A field of another type, named, and one that is missing.
pub fn fields<T: DeserializeOwned>(body: &Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(body).map_err(|error| {
        let reason = shortened(&error.inner().to_string(), REASON_CHARS);
        let (place, message) = match value_at(body, error.path()) {
            Some(value) => {
                let place = error.path().to_string();
                let message = format!("{place} cannot be {} ({reason})", shortened(&value.to_string(), VALUE_CHARS));
                (Some(place), message)
            }
            None => {
                let missing = reason.strip_prefix("missing field `").and_then(|rest| rest.strip_suffix('`'));
                (missing.map(str::to_owned), reason)
            }
        };
        let error = ApiError::invalid(format!("{message}; send the JSON that OpenAI's clients send"));
        ApiError { param: place, ..error }
    })
}

/// A whole number, for `#[serde(default, deserialize_with = "whole")]`: some clients write 20 as 20.0.
///
/// # Errors
/// Other numbers, and those that the type does not hold.
pub fn whole<'de, D: Deserializer<'de>, T: TryFrom<i64>>(source: D) -> Result<Option<T>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(source)? else { return Ok(None) };
    let value = whole_number(&number).and_then(|number| T::try_from(number).ok());
    value.map(Some).ok_or_else(|| D::Error::custom("not a whole number, or out of range"))
}

/// The whole number that is written here, with or without a fraction of 0.
pub fn whole_number(number: &Number) -> Option<i64> {
    let fraction = || number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < WHOLE_MAX);
    number.as_i64().or_else(|| fraction().map(|value| value as i64))
}

/// The value at a place inside a body; nothing for the body itself.
fn value_at<'a>(body: &'a Value, path: &Path) -> Option<&'a Value> {
    let mut value = body;
    for segment in path {
        value = match segment {
            Segment::Map { key } => value.get(key)?,
            Segment::Seq { index } => value.get(index)?,
            _ => return None,
        };
    }
    (!std::ptr::eq(value, body)).then_some(value)
}

fn shortened(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}
