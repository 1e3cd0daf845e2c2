//! The built-in issuer over HTTP, in Keycloak's URL shapes, and the vendor's local sign-in.

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use identity::Fault;
use identity::issuer::{GrantError, LoginError, TokenResponse};
use secrecy::{ExposeSecret, SecretString};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::SignedIn;
use crate::body::Json;
use crate::dialects::codemie::CodeMieError;
use crate::public_address::PublicAddress;
use crate::request_id;

mod error;
mod wire;

pub(crate) use error::SignInError;

/// Everything of the issuer stands below it.
pub(crate) const PREFIX: &str = "/auth";

pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(discovery))
        .routes(routes!(certs))
        .routes(routes!(token))
        .routes(routes!(users))
        .routes(routes!(local_login))
}

/// Any path below the prefix that is nobody's.
pub(crate) fn unknown_route() -> Response {
    SignInError::unknown_route().into_response()
}

/// A known path with another method.
pub(crate) fn wrong_method() -> Response {
    SignInError::wrong_method().into_response()
}

/// Where everything is (OpenID Connect Discovery 1.0).
#[utoipa::path(get, path = "/auth/realms/{realm}/.well-known/openid-configuration", tag = "sign-in",
    params(("realm" = String, Path, description = "The realm")),
    responses((status = 200, description = "The discovery document"), (status = 404, description = "No such realm")))]
async fn discovery(
    State(app): State<App>,
    Path(realm): Path<String>,
    PublicAddress(address): PublicAddress,
) -> Result<Response, SignInError> {
    check_realm(&app, &realm)?;
    Ok(axum::Json(app.identity.issuer.discovery(&address)).into_response())
}

/// The keys that sign tokens (RFC 7517).
#[utoipa::path(get, path = "/auth/realms/{realm}/protocol/openid-connect/certs", tag = "sign-in",
    params(("realm" = String, Path, description = "The realm")),
    responses((status = 200, description = "The key set"), (status = 404, description = "No such realm")))]
async fn certs(State(app): State<App>, Path(realm): Path<String>) -> Result<Response, SignInError> {
    check_realm(&app, &realm)?;
    Ok(axum::Json(app.identity.issuer.jwks()).into_response())
}

/// Gives tokens for a password, a client's secret, a refresh token or another token.
#[utoipa::path(post, path = "/auth/realms/{realm}/protocol/openid-connect/token", tag = "sign-in",
    params(("realm" = String, Path, description = "The realm")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses(
        (status = 200, description = "The tokens", body = wire::Tokens),
        (status = "4XX", description = "Refused, in Keycloak's words", body = wire::Refusal<'_>),
    ))]
async fn token(
    State(app): State<App>,
    Path(realm): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, SignInError> {
    check_realm(&app, &realm)?;
    // A body of another type is no form, and an empty one is answered as Keycloak does.
    let form: Vec<(String, String)> =
        if is_form(&headers) { form_urlencoded::parse(&body).into_owned().collect() } else { Vec::new() };
    match app.identity.issuer.token(&form, basic(&headers)).await {
        Ok(tokens) => Ok(not_stored(axum::Json(tokens_body(&tokens)).into_response())),
        Err(GrantError::Refused(refusal)) => Err(SignInError::refused(refusal)),
        Err(GrantError::Fault(fault)) => Err(failed(&fault)),
    }
}

/// The user of this very e-mail address, for administrators and services that may become others: a list of one or none.
#[utoipa::path(get, path = "/auth/admin/realms/{realm}/users", tag = "sign-in",
    params(("realm" = String, Path, description = "The realm"), ("email" = Option<String>, Query)),
    responses((status = 200, description = "The users", body = [wire::User]), (status = 401), (status = 403)))]
async fn users(
    State(app): State<App>,
    Path(realm): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, SignInError> {
    let principal = crate::auth::bearer_principal(&app, &headers).await.map_err(|error| {
        let is_limited = matches!(error.kind, chat::ErrorKind::RateLimited { .. });
        if is_limited { SignInError::too_many_requests() } else { SignInError::anonymous() }
    })?;
    let may_look_up = app.identity.issuer.may_look_up_users(&principal).await;
    if !may_look_up.map_err(|fault| failed(&fault))? {
        return Err(SignInError::forbidden());
    }
    if realm != app.identity.issuer.realm() {
        return Err(SignInError::realm_not_found());
    }
    let query = query.unwrap_or_default();
    // A blank in an address came from a `+` that the vendor's SDK does not encode.
    let email = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "email");
    let email = email.map(|(_, email)| email.replace(' ', "+")).unwrap_or_default();
    let found = app.identity.issuer.user_by_email(&email).await.map_err(|fault| failed(&fault))?;
    let users: Vec<wire::User> = found.into_iter().map(wire::User::from).collect();
    Ok(axum::Json(users).into_response())
}

/// Signs in by e-mail address or name and password, as the vendor's SDK does with a server on the same machine.
#[utoipa::path(post, path = "/code-assistant-api/v1/local-auth/login", tag = "sign-in", request_body = wire::Login,
    responses(
        (status = 200, description = "Signed in", body = wire::LoggedIn),
        (status = 401, description = "Wrong"),
        (status = 429, description = "Tried too often"),
    ))]
async fn local_login(
    State(app): State<App>,
    Json { value: login, .. }: Json<wire::Login, CodeMieError>,
) -> Result<Response, CodeMieError> {
    match app.identity.issuer.local_login(&login.email, &login.password).await {
        Ok(login) => Ok(not_stored(axum::Json(wire::LoggedIn::from(login)).into_response())),
        Err(LoginError::Wrong) => Err(CodeMieError::wrong_password()),
        Err(LoginError::Throttled { retry_after }) => Err(CodeMieError::too_many_attempts(retry_after)),
        Err(LoginError::Fault(fault)) => {
            Err(chat::Error::new(chat::ErrorKind::Internal, fault.to_string()).into())
        }
    }
}

/// Who is calling.
#[utoipa::path(get, path = "/code-assistant-api/v1/user", tag = "codemie",
    responses((status = 200, description = "The caller", body = wire::Caller)))]
pub(crate) async fn user(
    State(app): State<App>,
    SignedIn(principal, _): SignedIn<CodeMieError>,
) -> Result<Response, CodeMieError> {
    let internal = |fault: Fault| chat::Error::new(chat::ErrorKind::Internal, fault.to_string());
    let profile = app.identity.directory.profile(&principal).await.map_err(internal)?;
    let projects = app.identity.directory.projects_of(&principal).await.map_err(internal)?;
    Ok(axum::Json(wire::Caller::new(&principal, profile.as_ref(), &projects)).into_response())
}

fn check_realm(app: &App, realm: &str) -> Result<(), SignInError> {
    if realm == app.identity.issuer.realm() { Ok(()) } else { Err(SignInError::unknown_realm()) }
}

fn is_form(headers: &HeaderMap) -> bool {
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

fn basic(headers: &HeaderMap) -> Option<(String, SecretString)> {
    let (scheme, encoded) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    Some((id.to_owned(), secret.into()))
}

fn tokens_body(tokens: &TokenResponse) -> wire::Tokens {
    let shown = |token: &Option<SecretString>| token.as_ref().map(|token| token.expose_secret().to_owned());
    wire::Tokens {
        access_token: tokens.access_token.expose_secret().to_owned(),
        expires_in: tokens.expires_in,
        refresh_expires_in: tokens.refresh_expires_in,
        refresh_token: shown(&tokens.refresh_token),
        token_type: "Bearer",
        id_token: shown(&tokens.id_token),
        not_before_policy: 0,
        session_state: tokens.session_state.clone(),
        scope: tokens.scope.clone(),
        issued_token_type: tokens.issued_token_type,
    }
}

fn not_stored(mut response: Response) -> Response {
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn failed(fault: &Fault) -> SignInError {
    tracing::error!(request.id = &*request_id::current(), error = %fault, "sign-in failed");
    SignInError::new(StatusCode::INTERNAL_SERVER_ERROR, "unknown_error", None)
}
