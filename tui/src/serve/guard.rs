//! Who may ask: this machine, pages that it serves, and whoever knows the secret.
//!
//! Listening on loopback keeps other machines out but not the pages in this machine's browser. A page
//! of another site is recognised by its `Origin`, and one that points a name of its own at 127.0.0.1 by
//! its `Host`; neither gets an answer.

use std::net::{IpAddr, Ipv6Addr};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::app::App;
use super::error::ApiError;

/// Checks a request, counts its answer.
pub async fn admit(State(app): State<App>, request: Request, next: Next) -> Response {
    let endpoint = request.extensions().get::<MatchedPath>().map_or("other", MatchedPath::as_str).to_owned();
    let response = match check(&app, request.headers(), request.uri()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    app.metrics().request_answered(&endpoint, response.status().as_u16());
    response
}

/// Lets pages that this machine serves read the answers.
pub fn cross_origin() -> CorsLayer {
    CorsLayer::new()
        .allow_origin(AllowOrigin::predicate(|origin, _| is_local_origin(origin)))
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE])
}

fn check(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<(), ApiError> {
    let forbidden = |message: String| ApiError::new(StatusCode::FORBIDDEN, "forbidden", message);
    if let Some(host) = headers.get(header::HOST)
        && !host.to_str().is_ok_and(is_local_authority)
    {
        return Err(forbidden(
            "the Host header names another machine; use http://127.0.0.1, http://[::1] or http://localhost".to_owned(),
        ));
    }
    if let Some(origin) = headers.get(header::ORIGIN)
        && !is_local_origin(origin)
    {
        return Err(forbidden(
            "a web page of another site may not ask this device; serve the page from http://localhost".to_owned(),
        ));
    }
    match app.token() {
        // A load balancer or a script that waits for the model knows no secret.
        Some(secret) if uri.path() != "/health" => check_secret(secret, headers),
        _ => Ok(()),
    }
}

fn check_secret(secret: &str, headers: &HeaderMap) -> Result<(), ApiError> {
    let unauthorized = |message: &str| ApiError::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message);
    let given = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes);
    let Some(given) = given.and_then(token_of) else {
        return Err(unauthorized("this server asks for a token; send the header `Authorization: Bearer TOKEN`"));
    };
    // The time of this comparison says nothing about the place of the first wrong byte.
    if bool::from(given.trim_ascii().ct_eq(secret.as_bytes())) {
        Ok(())
    } else {
        Err(unauthorized("the token is not the one that the server was started with (--token or HALLIGAN_TOKEN)"))
    }
}

/// What follows `Bearer`, in any letter case.
fn token_of(authorization: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"Bearer ";
    let (scheme, token) = authorization.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(token)
}

fn is_local_origin(origin: &HeaderValue) -> bool {
    let Ok(origin) = origin.to_str() else { return false };
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(is_local_authority)
}

/// `localhost`, `127.0.0.1:8080` or `[::1]:8080`.
fn is_local_authority(authority: &str) -> bool {
    let host = match authority.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            return is_port(port) && address.parse::<Ipv6Addr>().is_ok_and(|address| address.is_loopback());
        }
        None => match authority.split_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            Some(_) => return false,
            None => authority,
        },
    };
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        for local in ["localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:8080", "127.9.9.9", "[::1]", "[::1]:8080"] {
            assert!(is_local_authority(local), "{local}");
        }
        for other in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1:80@evil.example",
            "10.0.0.1",
            "[::2]:8080",
            "[::1",
            "[::1]evil.example",
            "0.0.0.0:8080",
            "",
        ] {
            assert!(!is_local_authority(other), "{other}");
        }
    }

    #[test]
    fn an_origin_needs_a_scheme_of_the_web() {
        for (origin, local) in [
            ("http://localhost:3000", true),
            ("https://127.0.0.1", true),
            ("http://evil.example", false),
            ("null", false),
            ("file://", false),
        ] {
            assert_eq!(is_local_origin(&HeaderValue::from_static(origin)), local, "{origin}");
        }
    }
}
