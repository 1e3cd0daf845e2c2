//! The id of the request being served: in every answer's `X-Request-ID`, in every error body and in the log.

use std::future::Future;
use std::sync::Arc;

tokio::task_local! {
    static CURRENT: Arc<str>;
}

/// A new id, made by us: what a caller sends never gets into the log or a header.
pub(crate) fn new() -> Arc<str> {
    chat::ids::public_id("req_").into()
}

/// Serves a request under its id.
pub(crate) async fn scope<F: Future>(id: Arc<str>, work: F) -> F::Output {
    CURRENT.scope(id, work).await
}

/// The id of the request that is being served by this task.
pub(crate) fn current() -> Arc<str> {
    CURRENT.try_with(Clone::clone).unwrap_or_else(|_| "".into())
}
