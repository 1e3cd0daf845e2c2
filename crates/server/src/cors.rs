//! What lets the pages of any origin call the server with credentials of their own, and read what it answers.
//!
//! Not by tower-http's layer: that answers every `OPTIONS` by itself, whatever host it names and whether it is a preflight
//! or not. Cookies are unknown here, so that `*` gives nobody another's access; what a page from elsewhere gets without
//! credentials is decided in `auth.rs`.

use axum::response::{IntoResponse, Response};
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN,
    VARY,
};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
/// What scripts may read besides the headers that every page may.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "X-Request-ID, X-Turn-Id, X-Session-Id, X-Chat-Stream, X-Latimer-Model, Retry-After, X-RateLimit-Limit, \
     X-RateLimit-Remaining, X-RateLimit-Reset, Location",
);

/// The answer to a browser that asks whether a page may send what it wants to; nothing for any other request.
pub(crate) fn preflight<B>(request: &Request<B>) -> Option<Response> {
    let asked = request.headers();
    let is_one = request.method() == Method::OPTIONS
        && asked.contains_key(ORIGIN)
        && asked.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
    is_one.then(|| {
        let mut headers = HeaderMap::from_iter([(ACCESS_CONTROL_ALLOW_METHODS, METHODS)]);
        // By name, since `*` does not cover `Authorization`.
        for names in asked.get_all(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.append(ACCESS_CONTROL_ALLOW_HEADERS, names.clone());
        }
        (StatusCode::NO_CONTENT, headers).into_response()
    })
}

/// Lets pages of any origin read an answer.
pub(crate) fn open(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    // What a page loaded blindly, and so without an origin, must not be read back from the browser's cache.
    headers.append(VARY, HeaderValue::from_static("Origin"));
    response
}
