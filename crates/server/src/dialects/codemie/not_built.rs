//! The routes of the vendor's API that are not built here: one table, behind every path that no handler takes.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode};

use super::{CodeMieError, PREFIX, wire};
use crate::app::App;
use crate::auth::{SignedIn, bearer_principal};
use crate::dialects::table::{Known, look_up};

/// Methods, and a path below the prefix in which `{…}` stands for a segment and `{*…}` for all that follow.
pub(super) const NOT_BUILT: &[(&str, &str)] = &[
    // Assistants.
    ("GET", "/v1/assistants/tools"),
    ("GET", "/v1/assistants/context"),
    ("GET", "/v1/assistants/builtin_subagents"),
    ("GET", "/v1/assistants/prebuilt"),
    ("GET", "/v1/assistants/prebuilt/{slug}"),
    ("GET", "/v1/assistants/{id}/versions"),
    ("GET", "/v1/assistants/{id}/versions/{number}"),
    ("GET", "/v1/assistants/{id}/versions/{number}/compare/{other}"),
    ("POST", "/v1/assistants/{id}/versions/{number}/rollback"),
    ("POST", "/v1/assistants/virtual/model"),
    ("POST", "/v1/assistants/{id}/model/tool-call/resume"),
    ("POST", "/v1/assistants/{id}/evaluate"),
    ("GET", "/v1/assistants/{id}/health"),
    ("POST", "/v1/assistants/id/{id}/export"),
    ("POST", "/v1/assistants/{id}/marketplace/publish"),
    ("POST", "/v1/assistants/{id}/marketplace/publish/validate"),
    ("POST", "/v1/assistants/{id}/marketplace/unpublish"),
    ("POST DELETE", "/v1/assistants/{id}/reactions"),
    ("GET", "/v1/assistants/projects/mapping"),
    ("POST DELETE", "/v1/assistants/{id}/projects/mapping"),
    ("GET POST DELETE", "/v1/assistants/{id}/users/mapping"),
    ("GET POST", "/v1/assistants/categories"),
    ("GET", "/v1/assistants/categories/list"),
    ("GET PUT DELETE", "/v1/assistants/categories/{id}"),
    ("GET POST PUT DELETE", "/v1/assistants/{id}/skills"),
    ("POST DELETE", "/v1/assistants/{id}/skills/{skill}"),
    // Agents that talk to agents.
    ("GET", "/v1/a2a/assistants/{id}/.well-known/agent.json"),
    ("POST", "/v1/a2a/assistants/{id}"),
    // The vendor's proxy to models.
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/completions"),
    ("POST", "/v1/messages"),
    ("POST", "/v1/messages/count_tokens"),
    ("POST", "/v1/responses"),
    ("POST", "/v1/embeddings"),
    ("GET", "/v1/models"),
    ("GET", "/v1/health"),
    ("POST", "/v1/models/{model}:generateContent"),
    ("POST", "/v1/models/{model}:streamGenerateContent"),
    ("POST", "/v1/models/{model}:countTokens"),
    ("POST", "/chat/completions"),
    ("POST", "/completions"),
    ("POST", "/messages"),
    ("POST", "/messages/count_tokens"),
    ("POST", "/responses"),
    ("POST", "/embeddings"),
    ("GET", "/models"),
    ("GET", "/health"),
    ("POST", "/models/{model}:generateContent"),
    ("POST", "/models/{model}:streamGenerateContent"),
    ("POST", "/models/{model}:countTokens"),
    ("GET POST", "/v1beta/{*path}"),
    // Conversations.
    ("POST DELETE", "/v1/conversations"),
    ("GET", "/v1/conversations/search"),
    ("GET", "/v1/conversations/folders/list"),
    ("POST", "/v1/conversations/folder"),
    ("PUT DELETE", "/v1/conversations/folder/{name}"),
    ("GET", "/v1/conversations/{id}/files"),
    ("GET", "/v1/conversations/{id}/export"),
    ("PUT DELETE", "/v1/conversations/{id}/history"),
    ("PUT DELETE", "/v1/conversations/{id}/history/{index}"),
    ("POST", "/v1/conversations/{id}/finish"),
    ("POST", "/v1/share/conversations"),
    ("GET", "/v1/share/conversations/{token}"),
    ("POST DELETE", "/v1/feedback"),
    // Data sources.
    ("POST", "/v1/application/{project}/index"),
    ("PUT", "/v1/application/{project}/index/{name}"),
    ("POST PUT", "/v1/index/knowledge_base/{kind}"),
    ("GET", "/v1/index"),
    ("GET DELETE", "/v1/index/{id}"),
    ("GET", "/v1/index/{id}/assistants"),
    ("GET", "/v1/index/{id}/elasticsearch"),
    ("POST", "/v1/index/health"),
    ("GET", "/v1/index/jira/fields"),
    ("POST PUT", "/v1/index/provider"),
    // Files.
    ("POST", "/v1/files"),
    ("POST", "/v1/files/bulk"),
    ("GET", "/v1/files/{url}"),
    ("POST", "/v1/files/diagram/mermaid"),
    // Integrations.
    ("GET POST", "/v1/settings/user"),
    ("GET POST", "/v1/settings/project"),
    ("PUT DELETE", "/v1/settings/user/{id}"),
    ("PUT DELETE", "/v1/settings/project/{id}"),
    ("GET", "/v1/settings/user/available"),
    ("POST", "/v1/settings/test"),
    ("POST", "/v1/settings/transfer"),
    // Projects.
    ("GET POST", "/v1/projects"),
    ("GET PATCH DELETE", "/v1/projects/{name}"),
    ("PUT", "/v1/projects/{name}/ownership"),
    ("POST", "/v1/projects/{name}/assignment"),
    ("PUT DELETE", "/v1/projects/{name}/assignment/{user}"),
    ("POST DELETE", "/v1/projects/{name}/assignments"),
    ("POST", "/v1/projects/{name}/import-users"),
    ("POST", "/v1/projects/{name}/import-users/validate"),
    // Administration.
    ("GET POST", "/v1/admin/users"),
    ("GET PUT DELETE", "/v1/admin/users/{id}"),
    ("GET POST", "/v1/admin/users/{id}/projects"),
    ("PUT DELETE", "/v1/admin/users/{id}/projects/{project}"),
    ("PUT DELETE", "/v1/admin/users/{id}/projects/{project}/default"),
    ("GET", "/v1/admin/applications"),
    ("POST", "/v1/admin/application"),
    ("GET", "/v1/admin/conversations"),
    ("POST", "/v1/admin/conversations/finish-bulk"),
    ("GET POST", "/v1/admin/cost-centers"),
    ("GET PUT PATCH DELETE", "/v1/admin/cost-centers/{*path}"),
    ("GET POST", "/v1/admin/project-budget-groups"),
    ("GET PUT PATCH DELETE", "/v1/admin/project-budget-groups/{*path}"),
    ("GET", "/v1/admin/activity-events"),
    ("GET", "/v1/admin/activity-events/filter-options"),
    // Workflows.
    ("GET POST", "/v1/workflows"),
    ("GET", "/v1/workflows/id/{id}"),
    ("GET", "/v1/workflows/prebuilt"),
    ("POST", "/v1/workflows/generate"),
    ("PUT DELETE", "/v1/workflows/{id}"),
    ("POST", "/v1/workflows/{id}/evaluate"),
    ("POST", "/v1/workflows/{id}/marketplace/publish"),
    ("POST", "/v1/workflows/{id}/marketplace/publish/validate"),
    ("POST", "/v1/workflows/{id}/marketplace/unpublish"),
    ("GET POST DELETE", "/v1/workflows/{id}/executions"),
    ("GET DELETE", "/v1/workflows/{id}/executions/{execution}"),
    ("PUT", "/v1/workflows/{id}/executions/{execution}/abort"),
    ("PUT", "/v1/workflows/{id}/executions/{execution}/resume"),
    ("GET", "/v1/workflows/{id}/executions/{execution}/states"),
    ("GET", "/v1/workflows/{id}/executions/{execution}/states/{state}/output"),
    ("GET", "/v1/workflows/{id}/executions/{execution}/transitions/to/{state}"),
    ("POST", "/v1/workflows/{id}/executions/{execution}/thoughts"),
    // The rest.
    ("GET POST", "/v1/skills"),
    ("GET POST PUT PATCH DELETE", "/v1/skills/{*path}"),
    ("GET POST", "/v1/analytics/{*path}"),
    ("PUT", "/v1/guardrails/{id}/assignments"),
    ("POST", "/v1/webhooks/{id}"),
    ("POST", "/v1/workspaces"),
    ("GET", "/v1/workspaces/conversations/{id}"),
    ("GET PUT DELETE", "/v1/workspaces/{id}/files"),
    ("GET", "/v1/workspaces/{id}/files/content"),
    ("POST", "/v1/workspaces/{id}/execute"),
    ("GET POST PUT DELETE", "/v1/vendors/{*path}"),
    ("GET POST", "/v1/mcp-configs"),
    ("GET PUT DELETE", "/v1/mcp-configs/{id}"),
    ("POST", "/v1/mcp-configs/{id}/clone"),
    ("POST", "/v1/dynamic-config"),
    ("PUT DELETE", "/v1/dynamic-config/{key}"),
    ("GET", "/v1/config/declarations"),
    ("PUT DELETE", "/v1/config/declarations/{id}"),
];

/// Answers what no handler took. Whether a route is not built is told to callers with credentials only, as its answer
/// would be.
pub(super) async fn answer(
    app: &App,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    otherwise: (StatusCode, &'static str),
) -> Response {
    match look_up(NOT_BUILT, method, path.strip_prefix(PREFIX).unwrap_or_default()) {
        Known::NotBuilt => match bearer_principal(app, headers).await {
            Ok(_) => CodeMieError::not_built(&format!("{method} {path}")).into_response(),
            Err(error) => CodeMieError::from(error).into_response(),
        },
        Known::OtherMethod => refusal((StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")),
        Known::Nothing => refusal(otherwise),
    }
}

/// Not built either; its path is also that of an assistant with the id `virtual`.
#[utoipa::path(post, path = "/code-assistant-api/v1/assistants/virtual/model", tag = "codemie",
    responses((status = 501, description = "Not built", body = wire::ErrorBody<'_>)))]
pub(super) async fn ask_virtual_assistant(_: SignedIn<CodeMieError>) -> Result<Response, CodeMieError> {
    Err(CodeMieError::not_built("an assistant within the request"))
}

/// Not built either; its path is also that of a conversation with the id `search`.
#[utoipa::path(get, path = "/code-assistant-api/v1/conversations/search", tag = "codemie",
    responses((status = 501, description = "Not built", body = wire::ErrorBody<'_>)))]
pub(super) async fn search_conversations(_: SignedIn<CodeMieError>) -> Result<Response, CodeMieError> {
    Err(CodeMieError::not_built("searching conversations"))
}

fn refusal((status, detail): (StatusCode, &'static str)) -> Response {
    (status, axum::Json(wire::Detail { detail })).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_docs_list_the_table() {
        let docs = include_str!("../../../../../docs/dialects/codemie.md");
        let (_, list) = docs.split_once("## What is not built").expect("the docs have a list");
        let listed: Vec<&str> = list
            .lines()
            .filter_map(|line| line.strip_prefix("- `").and_then(|line| line.strip_suffix('`')))
            .collect();
        let table: Vec<String> = NOT_BUILT
            .iter()
            .map(|(methods, path)| format!("{} {path}", methods.replace(' ', ", ")))
            .collect();
        assert_eq!(listed, table);
    }
}
