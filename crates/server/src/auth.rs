//! The extractors that turn credentials into a `Principal`. A handler without one of them can't call the core.

use std::convert::Infallible;
use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use chat::{Error, ErrorKind, Principal};
use http::header::{AUTHORIZATION, HOST, ORIGIN};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri};
use identity::Identity;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::admin::Admin;
use crate::app::App;
use crate::body::Refusal;
use crate::config::Anonymous;
use crate::dialects::codmir::CodmirError;

/// The caller of a Codmir route: the owner of the key, or the anonymous principal where that is allowed.
pub(crate) struct Caller(pub(crate) Principal);

/// The caller of a route that nobody uses without credentials; refusals in the dialect's form.
pub(crate) struct SignedIn<E>(pub(crate) Principal, pub(crate) PhantomData<E>);

impl<E: Refusal> FromRequestParts<App> for SignedIn<E> {
    type Rejection = E;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, E> {
        match bearer(&parts.headers)? {
            Some(key) => Ok(Self(principal(app, &key).await?, PhantomData)),
            None => Err(unauthorized("credentials are needed: Authorization: Bearer <token>").into()),
        }
    }
}

/// What a stream's reader may go on reading by. Holds the credential for as long as the stream is open.
pub(crate) struct Standing {
    app: App,
    by: By,
}

enum By {
    /// What nobody revokes: the command line, and no credentials at all.
    Nothing,
    Credential(SecretString),
    Ticket(SecretString),
}

impl FromRequestParts<App> for Standing {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        // Credentials that can't be read are refused by the extractor of the caller.
        let credential = bearer(&parts.headers).ok().flatten().filter(|key| !app.admin_token.matches(key));
        Ok(Self { app: app.clone(), by: credential.map_or(By::Nothing, By::Credential) })
    }
}

impl Standing {
    pub(crate) fn by_ticket(app: &App, ticket: SecretString) -> Self {
        Self { app: app.clone(), by: By::Ticket(ticket) }
    }

    /// Returns once the credential is revoked; looks after it every `auth.recheck_interval_ms`.
    pub(crate) async fn revoked(self) {
        let identity = &self.app.identity;
        loop {
            tokio::time::sleep(self.app.recheck_interval).await;
            let is_revoked = match &self.by {
                By::Nothing => return std::future::pending().await,
                By::Credential(credential) => identity.is_revoked(credential).await,
                By::Ticket(ticket) => identity.tickets.redeem(ticket).await.map(|good| good.is_none()),
            };
            match is_revoked {
                Ok(true) => return,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "an open stream's credentials can't be looked after"),
            }
        }
    }
}

/// The caller of an administration route: an administrator, or who can read the token in the data directory.
pub(crate) struct Administrator(pub(crate) Principal);

impl FromRequestParts<App> for Caller {
    type Rejection = CodmirError;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, CodmirError> {
        match bearer(&parts.headers)? {
            Some(key) => Ok(Self(principal(app, &key).await?)),
            None if anonymous_allowed(app, &parts.headers) => {
                Ok(Self(charged(app, app.identity.keys.anonymous())?))
            }
            None => Err(unauthorized("an API key is needed: Authorization: Bearer <key>").into()),
        }
    }
}

impl FromRequestParts<Admin> for Administrator {
    type Rejection = CodmirError;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, CodmirError> {
        match bearer(&parts.headers)? {
            Some(key) if admin.token.matches(&key) => Ok(Self(admin.identity.keys.administrator())),
            Some(key) => {
                let principal = authenticate(&admin.identity, &key).await?;
                let message = "these credentials may not administer the server";
                let may = principal.is_admin().then_some(Self(principal));
                may.ok_or_else(|| Error::new(ErrorKind::Forbidden, message).into())
            }
            None => {
                let message =
                    "administration needs an administrator's credentials, or the token in the data directory";
                Err(unauthorized(message).into())
            }
        }
    }
}

/// Whose credentials these are. The command line on this machine is not counted: it administers.
async fn principal(app: &App, credential: &SecretString) -> Result<Principal, Error> {
    if app.admin_token.matches(credential) {
        return Ok(app.identity.keys.command_line());
    }
    charged(app, authenticate(&app.identity, credential).await?)
}

/// Counts the request on the caller's account.
fn charged(app: &App, principal: Principal) -> Result<Principal, Error> {
    app.rate_limit.charge(principal.account(), app.clock.now())?;
    Ok(principal)
}

async fn authenticate(identity: &Identity, credential: &SecretString) -> Result<Principal, Error> {
    identity.authenticate(credential).await.map_err(Error::from)
}

/// As [`SignedIn`], for handlers that have a form of their own for every refusal.
pub(crate) async fn bearer_principal(app: &App, headers: &HeaderMap) -> Result<Principal, Error> {
    let credential = bearer(headers)?.ok_or_else(|| unauthorized("credentials are needed"))?;
    principal(app, &credential).await
}

/// The secret by which commands on this machine administer the running server; made anew at each start.
#[derive(Clone)]
pub(crate) struct AdminToken {
    secret: SecretString,
    hash: [u8; 32],
}

impl AdminToken {
    pub(crate) fn new() -> Self {
        let secret = format!("lad_{}", chat::ids::random_base62(43));
        Self { hash: Sha256::digest(secret.as_bytes()).into(), secret: secret.into() }
    }

    pub(crate) fn secret(&self) -> &SecretString {
        &self.secret
    }

    /// Compares hashes: what the time tells is nothing about the secret.
    fn matches(&self, presented: &SecretString) -> bool {
        <[u8; 32]>::from(Sha256::digest(presented.expose_secret().as_bytes())) == self.hash
    }
}

/// What `WWW-Authenticate` says beside a 401; with the reason if there were credentials (RFC 6750 section 3).
pub(crate) fn challenge(reason: Option<&str>) -> HeaderValue {
    let refused = reason.map(|reason| {
        let reason = reason.replace(['"', '\\'], "'");
        HeaderValue::try_from(format!("Bearer error=\"invalid_token\", error_description=\"{reason}\""))
    });
    refused.and_then(Result::ok).unwrap_or(HeaderValue::from_static("Bearer"))
}

fn unauthorized(message: &str) -> Error {
    Error::new(ErrorKind::Unauthorized, message)
}

/// The bearer token, if there are credentials at all. Credentials of another kind are never "none".
fn bearer(headers: &HeaderMap) -> Result<Option<SecretString>, Error> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let wrong = || unauthorized("the Authorization header must be: Bearer <key>");
    if values.next().is_some() {
        return Err(wrong());
    }
    let (scheme, token) = value.to_str().map_err(|_| wrong())?.trim().split_once(' ').ok_or_else(wrong)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(wrong());
    }
    Ok(Some(token.into()))
}

fn anonymous_allowed(app: &App, headers: &HeaderMap) -> bool {
    let by_setting = match app.auth.anonymous {
        Anonymous::Always => true,
        Anonymous::Never => false,
        Anonymous::Loopback => app.hosts.listening.iter().all(|address| address.ip().is_loopback()),
    };
    by_setting
        && headers
            .get_all(ORIGIN)
            .iter()
            .all(|origin| origin.to_str().is_ok_and(|origin| trusted(app, headers, origin)))
}

/// A page from elsewhere must not use a visitor's access to this machine.
fn trusted(app: &App, headers: &HeaderMap, origin: &str) -> bool {
    let Ok(uri) = origin.parse::<Uri>() else { return false };
    let Some(authority) = uri.authority() else { return false };
    let own = headers
        .get(HOST)
        .is_some_and(|host| host.as_bytes().eq_ignore_ascii_case(authority.as_str().as_bytes()));
    own || is_loopback_name(authority.host())
        || app.auth.anonymous_origins.iter().any(|allowed| allowed == origin)
}

/// Whether a host name (brackets and all) can only mean this machine.
pub(crate) fn is_loopback_name(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
