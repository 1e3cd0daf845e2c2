//! The description of every route that is built, made from the handlers themselves.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

#[derive(OpenApi)]
#[openapi(info(
    title = "Latimer",
    description = "AI chat for applications: the APIs of hosted assistants, answered by any model."
))]
pub(crate) struct Description;

/// The document, rendered once.
#[derive(Clone)]
pub(crate) struct Document(pub(crate) Bytes);

pub(crate) fn router() -> OpenApiRouter<Document> {
    OpenApiRouter::new().routes(routes!(document))
}

/// This description, as OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "operation", responses((status = 200, description = "OpenAPI 3.1")))]
async fn document(State(Document(json)): State<Document>) -> Response {
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}
