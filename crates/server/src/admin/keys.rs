//! Keys: all of everybody's.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use chat::Error;
use http::StatusCode;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Admin, wire};
use crate::auth::Administrator;
use crate::body::{Json, PathId};
use crate::dialects::codmir::CodmirError;

pub(super) fn router() -> OpenApiRouter<Admin> {
    OpenApiRouter::new().routes(routes!(list_keys, create_key)).routes(routes!(change_key, revoke_key))
}

/// All API keys, oldest first; never the keys themselves.
#[utoipa::path(get, path = "/api/admin/keys", tag = "administration", responses(
    (status = 200, description = "The keys", body = [wire::Key]),
))]
async fn list_keys(State(admin): State<Admin>, _: Administrator) -> Result<Response, CodmirError> {
    let keys = admin.identity.keys.list().await?;
    Ok(axum::Json(keys.into_iter().map(wire::Key::from).collect::<Vec<_>>()).into_response())
}

/// Makes a key, and its account if there is none of that name. The only answer that holds the key.
#[utoipa::path(post, path = "/api/admin/keys", tag = "administration", request_body = wire::NewKey, responses(
    (status = 201, description = "Made", body = wire::IssuedKey),
))]
async fn create_key(
    State(admin): State<Admin>,
    _: Administrator,
    Json { value: new, .. }: Json<wire::NewKey>,
) -> Result<Response, CodmirError> {
    let keys = &admin.identity.keys;
    let issued = keys.create_scoped(&new.account, &new.label, new.rights()).await?;
    let body =
        wire::IssuedKey { id: issued.id, key: issued.secret.into(), account: new.account, label: new.label };
    Ok((StatusCode::CREATED, axum::Json(body)).into_response())
}

/// Changes how many messages may be sent by a key.
#[utoipa::path(patch, path = "/api/admin/keys/{keyId}", tag = "administration", request_body = wire::KeyChange,
    params(("keyId" = String, Path, description = "The key's id")),
    responses((status = 200, description = "As it is now", body = wire::Key), (status = 404, description = "No such key")))]
async fn change_key(
    State(admin): State<Admin>,
    _: Administrator,
    PathId(id, _): PathId,
    Json { value: change, .. }: Json<wire::KeyChange>,
) -> Result<Response, CodmirError> {
    let keys = &admin.identity.keys;
    if let Some(limit) = change.message_limit {
        keys.limit(&id, limit).await?;
    }
    let key = keys.list().await?.into_iter().find(|key| key.id == id);
    let key = key.ok_or_else(|| Error::not_found("key"))?;
    Ok(axum::Json(wire::Key::from(key)).into_response())
}

/// Revokes a key; again is the same.
#[utoipa::path(delete, path = "/api/admin/keys/{keyId}", tag = "administration",
    params(("keyId" = String, Path, description = "The key's id")),
    responses((status = 204, description = "Revoked"), (status = 404, description = "No such key")))]
async fn revoke_key(
    State(admin): State<Admin>,
    _: Administrator,
    PathId(id, _): PathId,
) -> Result<Response, CodmirError> {
    if admin.identity.keys.revoke(&id).await? {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    Err(Error::not_found("key").into())
}
