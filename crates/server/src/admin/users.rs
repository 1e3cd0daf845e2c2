//! Users: people who sign in here, and, to look at and to shut out, services and those of other issuers.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use identity::User;
use identity::store::{Profile, UserChange};
use secrecy::SecretString;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Admin, wire};
use crate::auth::Administrator;
use crate::body::{Json, PathId};
use crate::dialects::codmir::CodmirError;

pub(super) fn router() -> OpenApiRouter<Admin> {
    OpenApiRouter::new()
        .routes(routes!(list_users, add_user))
        .routes(routes!(show_user, change_user, delete_user))
        .routes(routes!(set_password))
}

/// Everybody who is known, by name.
#[utoipa::path(get, path = "/api/admin/users", tag = "administration", responses(
    (status = 200, description = "The users", body = [wire::User]),
))]
async fn list_users(State(admin): State<Admin>, _: Administrator) -> Result<Response, CodmirError> {
    let directory = &admin.identity.directory;
    let allowances = directory.allowances(None).await?;
    let user = |profile: Profile| {
        let allowance = allowances.get(&profile.account).copied();
        wire::User::new(profile, allowance.unwrap_or_default())
    };
    let users = directory.users().await?;
    Ok(axum::Json(users.into_iter().map(user).collect::<Vec<_>>()).into_response())
}

/// Adds a person who signs in by a password, with a personal project.
#[utoipa::path(post, path = "/api/admin/users", tag = "administration", request_body = wire::NewUser, responses(
    (status = 201, description = "Added", body = wire::AddedUser),
    (status = 409, description = "Somebody has the name or the e-mail address"),
))]
async fn add_user(
    State(admin): State<Admin>,
    _: Administrator,
    Json { value: new, .. }: Json<wire::NewUser>,
) -> Result<Response, CodmirError> {
    let user = User {
        username: new.username,
        name: new.name.unwrap_or_default(),
        email: new.email.unwrap_or_default(),
        is_external: new.external.unwrap_or_default(),
        roles: wire::roles(new.roles.as_deref().unwrap_or(&[wire::Role::Developer])),
    };
    let (password, shown) = given_or_generated(new.password);
    let directory = &admin.identity.directory;
    let account = directory.add_user(user, &password).await?;
    if new.message_limit.is_some() {
        directory.limit_user(account, new.message_limit).await?;
    }
    let body = wire::AddedUser { user: read_user(&admin, &account.to_string()).await?, password: shown };
    Ok((StatusCode::CREATED, axum::Json(body)).into_response())
}

/// One user.
#[utoipa::path(get, path = "/api/admin/users/{userId}", tag = "administration",
    params(("userId" = String, Path, description = "The user's id or name")),
    responses((status = 200, description = "The user", body = wire::User), (status = 404, description = "No such user")))]
async fn show_user(
    State(admin): State<Admin>,
    _: Administrator,
    PathId(id, _): PathId,
) -> Result<Response, CodmirError> {
    Ok(axum::Json(read_user(&admin, &id).await?).into_response())
}

/// Changes a user, and shuts one out or lets one in again.
#[utoipa::path(patch, path = "/api/admin/users/{userId}", tag = "administration", request_body = wire::UserChange,
    params(("userId" = String, Path, description = "The user's id or name")),
    responses(
        (status = 200, description = "As it is now", body = wire::User),
        (status = 404, description = "No such user"),
        (status = 409, description = "Somebody has the e-mail address"),
    ))]
async fn change_user(
    State(admin): State<Admin>,
    _: Administrator,
    PathId(id, _): PathId,
    Json { value: change, .. }: Json<wire::UserChange>,
) -> Result<Response, CodmirError> {
    let directory = &admin.identity.directory;
    let account = directory.user(&id).await?.account;
    let changed = UserChange {
        name: change.name,
        email: change.email,
        is_external: change.external,
        roles: change.roles.as_deref().map(wire::roles),
        disabled: change.disabled,
    };
    directory.change_user(account, changed).await?;
    if let Some(limit) = change.message_limit {
        directory.limit_user(account, limit).await?;
    }
    Ok(axum::Json(read_user(&admin, &account.to_string()).await?).into_response())
}

/// Deletes a user: sign-ins, tokens and keys end, the name is free.
#[utoipa::path(delete, path = "/api/admin/users/{userId}", tag = "administration",
    params(("userId" = String, Path, description = "The user's id or name")),
    responses((status = 204, description = "Deleted"), (status = 404, description = "No such user")))]
async fn delete_user(
    State(admin): State<Admin>,
    _: Administrator,
    PathId(id, _): PathId,
) -> Result<Response, CodmirError> {
    let directory = &admin.identity.directory;
    let account = directory.user(&id).await?.account;
    directory.delete_user(account).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Sets a password, which ends sign-ins and tokens.
#[utoipa::path(put, path = "/api/admin/users/{userId}/password", tag = "administration", request_body = wire::Password,
    params(("userId" = String, Path, description = "The user's id or name")),
    responses(
        (status = 200, description = "Set", body = wire::Password),
        (status = 404, description = "No such user, or one that signs in elsewhere"),
    ))]
async fn set_password(
    State(admin): State<Admin>,
    _: Administrator,
    PathId(id, _): PathId,
    Json { value: wire::Password { password }, .. }: Json<wire::Password>,
) -> Result<Response, CodmirError> {
    let directory = &admin.identity.directory;
    let account = directory.user(&id).await?.account;
    let (password, shown) = given_or_generated(password);
    directory.set_password(account, &password).await?;
    Ok(axum::Json(wire::Password { password: shown }).into_response())
}

/// The user of this name or id, as it is now.
async fn read_user(admin: &Admin, name_or_id: &str) -> Result<wire::User, CodmirError> {
    let directory = &admin.identity.directory;
    let profile = directory.user(name_or_id).await?;
    let allowance = directory.allowances(Some(profile.account)).await?.remove(&profile.account);
    Ok(wire::User::new(profile, allowance.unwrap_or_default()))
}

/// The password, and what of it is shown: only what nobody knows yet.
fn given_or_generated(given: Option<wire::Secret>) -> (SecretString, Option<wire::Secret>) {
    match given {
        Some(given) => (given.into(), None),
        None => {
            let generated = identity::generated_password();
            (generated.clone(), Some(generated.into()))
        }
    }
}
