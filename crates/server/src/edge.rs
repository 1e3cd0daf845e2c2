//! What every request passes before a router sees it: an id, the check of its `Host`, a browser's preflight, the catching of
//! panics, one log line.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use chat::{Error, ErrorKind};
use futures::FutureExt;
use futures::future::BoxFuture;
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Request, Version};
use tower::Service;

use crate::app::App;
use crate::cors;
use crate::dialects::codmir::CodmirError;
use crate::rate_limit;
use crate::request_id::{self, X_REQUEST_ID};

/// Wraps the whole router.
#[derive(Clone)]
pub(crate) struct Edge<S> {
    app: App,
    router: S,
}

impl<S> Edge<S> {
    pub(crate) fn new(app: App, router: S) -> Self {
        Self { app, router }
    }
}

impl<S, B> Service<Request<B>> for Edge<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    B: http_body::Body<Data = bytes::Bytes> + Send + 'static,
    B::Error: Into<axum::BoxError>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, ctx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.router.poll_ready(ctx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        // The clone is ready where the original was polled; swap them, so that the ready one is called.
        let mut router = self.router.clone();
        std::mem::swap(&mut router, &mut self.router);
        let app = self.app.clone();
        let id = request_id::of(request.headers());
        let served = request_id::scope(id.clone(), async move {
            let started = tokio::time::Instant::now();
            let (method, path) = (request.method().clone(), request.uri().path().to_owned());
            let response = match check_host(&app, &request).map(|()| cors::preflight(&request)) {
                Ok(None) => rate_limit::scope(serve(router, request.map(Body::new))).await,
                Ok(Some(allowed)) => allowed,
                Err(error) => error.into_response(),
            };
            tracing::debug!(
                request.id = &*id,
                %method,
                path,
                status = response.status().as_u16(),
                duration_ms = started.elapsed().as_millis(),
                "answered"
            );
            Ok(cors::open(with_id(response, &id)))
        });
        Box::pin(served)
    }
}

async fn serve<S>(mut router: S, request: Request<Body>) -> Response
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    match AssertUnwindSafe(router.call(request)).catch_unwind().await {
        Ok(Ok(response)) => response,
        Ok(Err(never)) => match never {},
        Err(panic) => {
            let message = panic.downcast_ref::<String>().map(String::as_str);
            let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("no message");
            tracing::error!(request.id = &*request_id::current(), message, "a handler panicked");
            CodmirError::from(Error::new(
                ErrorKind::Internal,
                "the server failed; the request id finds the reason in its log",
            ))
            .into_response()
        }
    }
}

fn with_id(mut response: Response, id: &str) -> Response {
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(X_REQUEST_ID, value);
    }
    response
}

/// A request is for us: it names one host, and that host is ours. Guards against smuggling (RFC 9112 section 3.2) and
/// against pages that let a name of theirs point here (DNS rebinding).
fn check_host<B>(app: &App, request: &Request<B>) -> Result<(), CodmirError> {
    let host = single_host(request.headers(), request.version())?;
    let Some(host) = host else { return Ok(()) };
    if app.hosts.is_ours(host) {
        return Ok(());
    }
    let message = "this server is not known by that host name; add it to server.allowed_hosts";
    Err(Error::new(ErrorKind::Forbidden, message).into())
}

fn single_host(headers: &HeaderMap, version: Version) -> Result<Option<&str>, CodmirError> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => {
            host.to_str().map(Some).map_err(|_| CodmirError::field("Host", "the Host header is not readable"))
        }
        (None, _) if version < Version::HTTP_11 => Ok(None),
        (None, _) => Err(CodmirError::field("Host", "the Host header is missing")),
        (Some(_), Some(_)) => Err(CodmirError::field("Host", "there must be one Host header")),
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use http::StatusCode;
    use http_body_util::BodyExt;
    use serde_json::Value;

    use super::*;

    #[tokio::test]
    async fn a_panic_is_answered_and_its_words_stay_in_the_log() {
        let panics = || async { if true { panic!("words for the log") } else { StatusCode::OK } };
        let router = Router::new().fallback(panics);
        let id = request_id::new();

        let response = request_id::scope(id.clone(), serve(router, Request::new(Body::empty()))).await;

        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let body = response.into_body().collect().await.expect("a whole body").to_bytes();
        let said = "the server failed; the request id finds the reason in its log";
        let expected = serde_json::json!({
            "error": said,
            "message": said,
            "code": "INTERNAL_ERROR",
            "details": {},
            "success": false,
            "requestId": &*id,
        });
        assert_eq!(serde_json::from_slice::<Value>(&body).expect("JSON"), expected);
    }
}
