//! Codmir's AI chat, as its documentation page and its SDK speak it, and our additions for the React hook:
//! resuming, stopping, history. Beside it the knowledge that answers may rest on.

use axum::response::{IntoResponse, Response};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;

mod chat;
mod encode;
mod error;
mod knowledge;
mod query;
mod sdk;
mod tasks;
mod turns;
mod uploads;
mod wire;

pub(crate) use error::CodmirError;
pub(crate) use query::Query;

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(chat::answer))
        .routes(routes!(chat::stream))
        .routes(routes!(chat::reason))
        .routes(routes!(turns::resume))
        .routes(routes!(turns::follow_session))
        .routes(routes!(turns::cancel))
        .routes(routes!(turns::history))
        .routes(routes!(sdk::answer))
        .routes(routes!(sdk::stream))
        .merge(knowledge::router())
        .merge(tasks::router())
}

/// Any path that is nobody's.
pub(crate) fn unknown_route() -> Response {
    CodmirError::from(::chat::Error::not_found("route")).into_response()
}

/// A known path with another method.
pub(crate) fn wrong_method() -> Response {
    CodmirError::method_not_allowed().into_response()
}
