//! The description of every route that is built, made from the handlers themselves.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as OpenApiDescription;
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

/// Names each operation by its method and path: a client that is made from the description has a function for each.
pub(crate) fn name_operations(description: &mut OpenApiDescription) {
    for (path, item) in &mut description.paths.paths {
        let operations = [
            ("get", &mut item.get),
            ("post", &mut item.post),
            ("put", &mut item.put),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                operation.operation_id = Some(operation_id(method, path));
            }
        }
    }
}

/// `getApiV1BotsByBotId` for `GET /api/v1/bots/{botId}`.
fn operation_id(method: &str, path: &str) -> String {
    let mut id = method.to_owned();
    for word in path.split(|letter: char| !letter.is_ascii_alphanumeric() && !"{}".contains(letter)) {
        let name = word.trim_matches(['{', '}']);
        id.push_str(if name.len() < word.len() { "By" } else { "" });
        let mut letters = name.chars();
        id.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
        id.push_str(letters.as_str());
    }
    id
}

pub(crate) fn router() -> OpenApiRouter<Document> {
    OpenApiRouter::new().routes(routes!(document))
}

/// This description, as OpenAPI 3.1.
#[utoipa::path(get, path = "/openapi.json", tag = "operation", responses((status = 200, description = "OpenAPI 3.1")))]
async fn document(State(Document(json)): State<Document>) -> Response {
    ([(CONTENT_TYPE, "application/json")], json).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_called_by_method_and_path() {
        for (method, path, id) in [
            ("get", "/healthz", "getHealthz"),
            ("patch", "/api/v1/bots/{botId}", "patchApiV1BotsByBotId"),
            (
                "get",
                "/auth/realms/{realm}/.well-known/openid-configuration",
                "getAuthRealmsByRealmWellKnownOpenidConfiguration",
            ),
        ] {
            assert_eq!(operation_id(method, path), id);
        }
    }
}
