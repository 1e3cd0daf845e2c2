//! What claims must say, and whom they describe.

use std::time::Duration;

use chat::ids::AccountId;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use super::TokenError;
use super::settings::{AUDIENCE, IssuerSettings};
use super::wire::{Claims, Names};
use crate::store::{AppliedClaims, ForeignSignIn, Roles};

/// As OpenID Connect bounds it.
const MAX_SUBJECT: usize = 255;

/// The claim `typ`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Bearer,
    Refresh,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Bearer => "Bearer",
            Self::Refresh => "Refresh",
        }
    }
}

/// What an issuer's settings demand of claims.
pub(super) struct Expected<'settings> {
    issuer: &'settings str,
    audience: &'settings str,
    accept_azp: bool,
    leeway: Duration,
}

impl<'settings> Expected<'settings> {
    pub(super) fn of(settings: &'settings IssuerSettings) -> Self {
        Self {
            issuer: &settings.issuer,
            audience: &settings.audience,
            accept_azp: settings.accept_azp,
            leeway: settings.leeway,
        }
    }
}

/// Whether this is an access token, by the `typ` of its header (RFC 9068) and its claim `typ` (Keycloak). Many issuers
/// have neither; their ID tokens are known by what stands in them.
pub(super) fn check_kind(header: Option<&str>, claims: &Claims) -> Result<(), TokenError> {
    let header = header.map(str::to_ascii_lowercase);
    let header = header.as_deref().map(|typ| typ.strip_prefix("application/").unwrap_or(typ));
    let is_access = match (header, claims.typ.as_deref()) {
        (None | Some("jwt" | "at+jwt"), Some(typ)) => typ == Kind::Bearer.name(),
        (Some("at+jwt"), None) => true,
        (None | Some("jwt"), None) => !claims.look_like_an_id_token(),
        (Some(_), _) => false,
    };
    if is_access { Ok(()) } else { Err(TokenError::NotAccess) }
}

/// The claims of an access token, after its signature is proved.
pub(super) fn check(claims: &Claims, expected: &Expected<'_>, now: Timestamp) -> Result<(), TokenError> {
    if claims.sub.is_empty() || claims.sub.len() > MAX_SUBJECT {
        return Err(TokenError::Malformed);
    }
    check_times(claims, expected.leeway, now)?;
    check_audience(claims, expected)
}

/// The claims of a token of our own, of this kind. Our clock is its clock: there is no leeway.
pub(super) fn check_own(claims: &Claims, kind: Kind, issuer: &str, now: Timestamp) -> Result<(), TokenError> {
    if claims.typ.as_deref() != Some(kind.name()) {
        return Err(TokenError::NotAccess);
    }
    check_times(claims, Duration::ZERO, now)?;
    let audience = match kind {
        Kind::Bearer => AUDIENCE,
        Kind::Refresh => issuer,
    };
    let expected = Expected { issuer, audience, accept_azp: false, leeway: Duration::ZERO };
    check_audience(claims, &expected)
}

fn check_times(claims: &Claims, leeway: Duration, now: Timestamp) -> Result<(), TokenError> {
    let now = now.as_millisecond() as f64 / 1000.0;
    let leeway = leeway.as_secs_f64();
    if claims.exp + leeway <= now {
        return Err(TokenError::Expired);
    }
    if claims.nbf.is_some_and(|from| from > now + leeway) {
        return Err(TokenError::NotYet);
    }
    Ok(())
}

fn check_audience(claims: &Claims, expected: &Expected<'_>) -> Result<(), TokenError> {
    let names = claims.aud.as_ref().map_or(&[][..], |audience| audience.names());
    let by_azp = expected.accept_azp && claims.azp.as_deref() == Some(expected.audience);
    if by_azp || names.iter().any(|name| name == expected.audience) {
        return Ok(());
    }
    tracing::warn!(
        issuer = expected.issuer,
        token.audience = ?names,
        audience = expected.audience,
        "refused a token that is not meant for this server; the issuer lacks an audience mapper that adds `{}` to the \
         access tokens of its client",
        expected.audience
    );
    Err(TokenError::Audience)
}

/// What the claims say about their subject, in a form to store.
pub(super) fn sign_in(
    claims: &Claims,
    settings: &IssuerSettings,
    account: AccountId,
    now: Timestamp,
) -> Result<ForeignSignIn, TokenError> {
    let has_role = |role: &str| {
        claims.realm_access.as_ref().is_some_and(|access| access.roles.iter().any(|name| name == role))
    };
    let roles = Roles { admin: has_role("admin"), developer: has_role("developer") };
    let has_none = !roles.admin && !roles.developer;
    if has_none && settings.require_role {
        return Err(TokenError::RoleRequired);
    }
    let is_external = match claims.user_type.as_deref() {
        None | Some("regular") => claims.guest == Some(true),
        Some("external") => true,
        Some(_) => return Err(TokenError::UserType),
    };
    let username = claims.preferred_username.clone().unwrap_or_else(|| claims.sub.clone());
    let mut sign_in = ForeignSignIn {
        account,
        account_name: format!("{}|{}", settings.issuer, claims.sub),
        issuer: settings.issuer.clone(),
        subject: claims.sub.clone(),
        name: claims.name.clone().unwrap_or_else(|| username.clone()),
        username,
        email: claims.email.clone().unwrap_or_default(),
        picture: claims.picture.clone(),
        is_external,
        roles,
        knowledge_bases: list(claims.knowledge_bases.as_ref()),
        // Without a role there is the personal project alone.
        projects: if has_none { Vec::new() } else { projects(claims) },
        claims: AppliedClaims { hash: [0; 32], issued_at: issued_at(claims, now) },
        now,
    };
    sign_in.claims.hash = hash(&sign_in);
    Ok(sign_in)
}

/// Now, for a token that does not say; never later, or it would be the last word for ever.
fn issued_at(claims: &Claims, now: Timestamp) -> Timestamp {
    let said = claims.iat.and_then(|at| Timestamp::from_second(at as i64).ok());
    said.map_or(now, |at| at.min(now))
}

fn projects(claims: &Claims) -> Vec<(String, bool)> {
    let administered = list(claims.applications_admin.as_ref());
    let mut projects: Vec<_> = list(claims.applications.as_ref())
        .into_iter()
        .filter(|name| !administered.contains(name))
        .map(|name| (name, false))
        .collect();
    projects.extend(administered.into_iter().map(|name| (name, true)));
    projects
}

fn list(names: Option<&Names>) -> Vec<String> {
    names.map(Names::list).unwrap_or_default()
}

/// Of everything that claims say; lengths keep fields apart.
fn hash(sign_in: &ForeignSignIn) -> [u8; 32] {
    let ForeignSignIn {
        account: _,
        account_name: _,
        issuer: _,
        subject: _,
        username,
        name,
        email,
        picture,
        is_external,
        roles,
        knowledge_bases,
        projects,
        claims: _,
        now: _,
    } = sign_in;
    let mut hash = Sha256::new();
    let mut add = |field: &str| {
        hash.update((field.len() as u64).to_be_bytes());
        hash.update(field);
    };
    [username, name, email].into_iter().for_each(|field| add(field));
    add(picture.as_deref().unwrap_or_default());
    for flag in [*is_external, roles.admin, roles.developer] {
        add(if flag { "1" } else { "0" });
    }
    add(&knowledge_bases.len().to_string());
    knowledge_bases.iter().for_each(|name| add(name));
    for (name, is_admin) in projects {
        add(name);
        add(if *is_admin { "1" } else { "0" });
    }
    hash.finalize().into()
}
