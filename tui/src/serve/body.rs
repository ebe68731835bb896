//! JSON bodies with errors that clients can read: size, media type, syntax and missing fields.

use std::time::Duration;

use axum::body::to_bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde::de::DeserializeOwned;

use super::app::App;
use super::error::ApiError;

/// Longest time for a body to arrive.
const ARRIVAL: Duration = Duration::from_secs(30);

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
        let too_large = || {
            ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "request_too_large",
                format!(
                    "the body has more than {limit} bytes; send less, or start the server with a larger --max-body-bytes"
                ),
            )
        };
        let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        if announced.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > limit as u64) {
            return Err(too_large());
        }
        let arriving = to_bytes(request.into_body(), limit);
        let bytes = match tokio::time::timeout(ARRIVAL, arriving).await {
            Ok(Ok(bytes)) => bytes,
            // The announced length was within the limit, so more came than was announced, or less.
            Ok(Err(_)) => return Err(too_large()),
            Err(_) => {
                return Err(ApiError::new(
                    StatusCode::REQUEST_TIMEOUT,
                    "timeout",
                    format!("the body did not arrive within {} s; send the request again", ARRIVAL.as_secs()),
                ));
            }
        };
        serde_json::from_slice(&bytes).map(Body).map_err(|error| {
            ApiError::invalid(format!(
                "the body cannot be understood: {error}; send the JSON that OpenAI's clients send"
            ))
        })
    }
}
