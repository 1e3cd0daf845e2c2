//! Clients of the built-in issuer: services that sign in by a secret, and the public one.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use identity::store::ServiceClient;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Admin, wire};
use crate::auth::Administrator;
use crate::body::{Json, PathId};
use crate::dialects::codmir::CodmirError;

pub(super) fn router() -> OpenApiRouter<Admin> {
    OpenApiRouter::new()
        .routes(routes!(list_clients, create_client))
        .routes(routes!(change_client, delete_client))
        .routes(routes!(rotate_client))
}

/// All clients, by id; never their secrets.
#[utoipa::path(get, path = "/api/admin/clients", tag = "administration", responses(
    (status = 200, description = "The clients", body = [wire::Client]),
))]
async fn list_clients(State(admin): State<Admin>, _: Administrator) -> Result<Response, CodmirError> {
    let clients = admin.identity.directory.clients().await?;
    Ok(axum::Json(clients.into_iter().map(wire::Client::from).collect::<Vec<_>>()).into_response())
}

/// Makes a client with a secret and a service account.
#[utoipa::path(post, path = "/api/admin/clients", tag = "administration", request_body = wire::NewClient, responses(
    (status = 201, description = "Made", body = wire::ClientSecret),
    (status = 409, description = "The id is taken"),
))]
async fn create_client(
    State(admin): State<Admin>,
    _: Administrator,
    Json { value: new, .. }: Json<wire::NewClient>,
) -> Result<Response, CodmirError> {
    let rights = ServiceClient {
        service_account: new.service_account.unwrap_or(true),
        password_grant: new.password_grant.unwrap_or_default(),
        token_exchange: new.token_exchange.unwrap_or_default(),
        may_impersonate: new.may_impersonate.unwrap_or_default(),
    };
    let issued = admin.identity.directory.add_client(&new.id, rights).await?;
    Ok((StatusCode::CREATED, axum::Json(wire::ClientSecret::from(issued))).into_response())
}

/// Changes what a client may do, and shuts it out or lets it in again.
#[utoipa::path(patch, path = "/api/admin/clients/{clientId}", tag = "administration",
    request_body = wire::ClientChange, params(("clientId" = String, Path, description = "The client id")),
    responses(
        (status = 200, description = "As it is now", body = wire::Client),
        (status = 404, description = "No such client"),
    ))]
async fn change_client(
    State(admin): State<Admin>,
    _: Administrator,
    PathId(id, _): PathId,
    Json { value: change, .. }: Json<wire::ClientChange>,
) -> Result<Response, CodmirError> {
    let directory = &admin.identity.directory;
    let old = directory.client(&id).await?.rights;
    let rights = ServiceClient {
        service_account: change.service_account.unwrap_or(old.service_account),
        password_grant: change.password_grant.unwrap_or(old.password_grant),
        token_exchange: change.token_exchange.unwrap_or(old.token_exchange),
        may_impersonate: change.may_impersonate.unwrap_or(old.may_impersonate),
    };
    if rights != old {
        directory.set_client_rights(&id, rights).await?;
    }
    if let Some(disabled) = change.disabled {
        directory.disable_client(&id, disabled).await?;
    }
    let client = directory.client(&id).await?;
    Ok(axum::Json(wire::Client::from(client)).into_response())
}

/// Deletes a client with its service account.
#[utoipa::path(delete, path = "/api/admin/clients/{clientId}", tag = "administration",
    params(("clientId" = String, Path, description = "The client id")),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such client")))]
async fn delete_client(
    State(admin): State<Admin>,
    _: Administrator,
    PathId(id, _): PathId,
) -> Result<Response, CodmirError> {
    admin.identity.directory.delete_client(&id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Gives a client a new secret; the old one ends at once.
#[utoipa::path(post, path = "/api/admin/clients/{clientId}/secret", tag = "administration",
    params(("clientId" = String, Path, description = "The client id")),
    responses(
        (status = 200, description = "The new secret", body = wire::ClientSecret),
        (status = 404, description = "No such client, or a public one"),
    ))]
async fn rotate_client(
    State(admin): State<Admin>,
    _: Administrator,
    PathId(id, _): PathId,
) -> Result<Response, CodmirError> {
    let issued = admin.identity.directory.rotate_client(&id).await?;
    Ok(axum::Json(wire::ClientSecret::from(issued)).into_response())
}
