//! Errors in the shape that OpenAI clients read: `{"error": {message, type, param, code}}`.
//!
//! The message names the thing and the next step, as everywhere in this program.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use halligan_runtime::RuntimeError;
use halligan_runtime::error::{AdapterStoreError, JournalError, ModelError};
use serde_json::{Value, json};

/// A failed request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// HTTP status.
    pub status: StatusCode,
    /// A word for programs, e.g. `context_length_exceeded`.
    pub code: &'static str,
    /// The field that is wrong, e.g. `messages[2].content`.
    pub param: Option<String>,
    /// What is wrong and what to do.
    pub message: String,
    /// When to try again, where that can help.
    pub retry_after: Option<Duration>,
}

impl ApiError {
    /// An error with this status, code and text.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> ApiError {
        ApiError { status, code, param: None, message: message.into(), retry_after: None }
    }

    /// A request that cannot be served as it is.
    pub fn invalid(message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    }

    /// A field that this server or model does not know to honour.
    pub fn unsupported(param: &str, message: impl Into<String>) -> ApiError {
        ApiError::new(StatusCode::BAD_REQUEST, "unsupported_parameter", message).about(param)
    }

    /// A request that took longer than the limit.
    pub fn timeout(limit: Duration) -> ApiError {
        let seconds = limit.as_secs();
        ApiError::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            format!(
                "the request took longer than {seconds} s; ask for fewer tokens or start the server with a larger --timeout"
            ),
        )
    }

    /// The server ends.
    pub fn stopping() -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the server is stopping; start it again")
    }

    /// The server is not ready yet.
    pub fn loading() -> ApiError {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "loading", "the model is still loading; try again in a moment")
            .retry_after(Duration::from_secs(1))
    }

    /// The model's thread is gone.
    pub fn thread_gone() -> ApiError {
        ApiError::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "server_error",
            "the thread of the model has ended; start `halligan serve` again and run `halligan doctor` if it happens twice",
        )
    }

    /// Names the field.
    pub fn about(mut self, param: impl Into<String>) -> ApiError {
        self.param = Some(param.into());
        self
    }

    /// Says when to try again.
    pub fn retry_after(mut self, wait: Duration) -> ApiError {
        self.retry_after = Some(wait);
        self
    }

    /// The body.
    pub fn body(&self) -> Value {
        let kind = match self.status.as_u16() {
            401 => "authentication_error",
            403 => "permission_error",
            429 => "rate_limit_error",
            500.. => "server_error",
            _ => "invalid_request_error",
        };
        json!({ "error": { "message": self.message, "type": kind, "param": self.param, "code": self.code } })
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, axum::Json(self.body())).into_response();
        let headers = response.headers_mut();
        match self.retry_after {
            Some(wait) => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(wait.as_secs().max(1)));
            }
            // Clients of OpenAI repeat failed requests; work that was too long stays too long.
            None => {
                headers.insert("x-should-retry", HeaderValue::from_static("false"));
            }
        }
        if self.status == StatusCode::PAYLOAD_TOO_LARGE {
            // The rest of the body was not read, so that nothing can be asked on this connection any more.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<RuntimeError> for ApiError {
    fn from(error: RuntimeError) -> ApiError {
        let (status, code) = match &error {
            RuntimeError::Journal(JournalError::UnknownSession(_)) => {
                let unknown = ApiError::new(StatusCode::NOT_FOUND, "session_not_found", error.to_string());
                return unknown.about("halligan.session");
            }
            RuntimeError::Model(ModelError::PromptTooLong { .. }) => {
                (StatusCode::BAD_REQUEST, "context_length_exceeded")
            }
            RuntimeError::Model(
                ModelError::Tokens(_)
                | ModelError::EmptyQuestion
                | ModelError::NoChat { .. }
                | ModelError::Template { .. }
                | ModelError::Constraint(_)
                | ModelError::Options(_),
            ) => (StatusCode::BAD_REQUEST, "invalid_request"),
            RuntimeError::AdapterStore(AdapterStoreError::Unknown(_)) => (StatusCode::NOT_FOUND, "model_not_found"),
            RuntimeError::AdapterStore(AdapterStoreError::Ambiguous { .. } | AdapterStoreError::Rejected { .. }) => {
                (StatusCode::BAD_REQUEST, "model_not_usable")
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "server_error"),
        };
        ApiError::new(status, code, error.to_string())
    }
}

impl From<ModelError> for ApiError {
    fn from(error: ModelError) -> ApiError {
        RuntimeError::from(error).into()
    }
}
