//! Makes tokens: what they say about whom, and for how long.

use std::time::Duration;

use chat::ids::random_base62;
use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;

use super::answer::{GrantError, TokenResponse};
use super::form::TokenScopes;
use super::{Shared, subject_of, wire};
use crate::fault::Fault;
use crate::store::{Kind, NewSignIn, Profile, ProjectKind, StoredClient};
use crate::tokens::AUDIENCE;
use crate::tokens::claims::Kind as TokenKind;

/// A sign-in that can be refreshed.
pub(super) struct SignIn {
    pub(super) id: String,
    pub(super) expires_at: Timestamp,
}

/// What an access token says.
pub(super) struct Access<'token> {
    pub(super) profile: &'token Profile,
    pub(super) client: &'token str,
    /// The sign-in that it ends with.
    pub(super) sign_in: Option<&'token str>,
    pub(super) scopes: TokenScopes,
}

pub(super) async fn open_sign_in(shared: &Shared, profile: &Profile, client: &str) -> Result<SignIn, Fault> {
    let now = shared.clock.now();
    let sign_in = SignIn { id: random_base62(22), expires_at: after(now, shared.config.sign_in_lifetime) };
    let new = NewSignIn {
        id: sign_in.id.clone(),
        account: profile.account,
        client: client.to_owned(),
        expires_at: sign_in.expires_at,
        now,
    };
    shared.store.add_sign_in(new).await?;
    Ok(sign_in)
}

/// An answer with a refresh token.
pub(super) async fn refreshable(
    shared: &Shared,
    profile: &Profile,
    client: &StoredClient,
    sign_in: &SignIn,
    scopes: TokenScopes,
) -> Result<TokenResponse, GrantError> {
    let now = shared.clock.now();
    let left = sign_in.expires_at.duration_since(now);
    let left = Duration::try_from(left).unwrap_or_default();
    let access_lifetime = shared.config.access_lifetime.min(left);
    let refresh_lifetime = shared.config.refresh_lifetime.min(left);
    let access = Access { profile, client: &client.id, sign_in: Some(&sign_in.id), scopes };
    let refresh = wire::RefreshClaims {
        common: common(shared, &access, refresh_lifetime, TokenKind::Refresh.name(), &shared.issuer),
        scope: &scopes.names(),
    };
    let id_token = if scopes.openid { Some(id_token(shared, &access, access_lifetime)?) } else { None };
    Ok(TokenResponse {
        access_token: access_token(shared, &access, access_lifetime).await?,
        expires_in: access_lifetime.as_secs(),
        refresh_expires_in: refresh_lifetime.as_secs(),
        refresh_token: Some(shared.ring.sign(&refresh)?),
        id_token,
        session_state: Some(sign_in.id.clone()),
        scope: scopes.names(),
        issued_token_type: None,
    })
}

/// An answer without a refresh token: whoever gets it can ask again.
pub(super) async fn lone(
    shared: &Shared,
    access: &Access<'_>,
    lifetime: Duration,
) -> Result<TokenResponse, GrantError> {
    let scopes = access.scopes;
    let id_token = if scopes.openid { Some(id_token(shared, access, lifetime)?) } else { None };
    Ok(TokenResponse {
        access_token: access_token(shared, access, lifetime).await?,
        expires_in: lifetime.as_secs(),
        refresh_expires_in: 0,
        refresh_token: None,
        id_token,
        session_state: None,
        scope: scopes.names(),
        issued_token_type: None,
    })
}

pub(super) async fn access_token(
    shared: &Shared,
    access: &Access<'_>,
    lifetime: Duration,
) -> Result<SecretString, Fault> {
    let profile = access.profile;
    let memberships = shared.accounts.projects_of(profile.account).await?;
    let shared_ones = memberships.iter().filter(|membership| membership.kind == ProjectKind::Shared);
    let roles = [(profile.roles.admin, "admin"), (profile.roles.developer, "developer")];
    let claims = wire::AccessClaims {
        common: common(shared, access, lifetime, TokenKind::Bearer.name(), AUDIENCE),
        scope: &access.scopes.names(),
        person: person(profile),
        realm_access: wire::RealmAccess {
            roles: roles.iter().filter(|(has, _)| *has).map(|(_, name)| *name).collect(),
        },
        applications: shared_ones.clone().map(|membership| membership.name.as_str()).collect(),
        applications_admin: shared_ones
            .filter(|membership| membership.is_admin)
            .map(|membership| membership.name.as_str())
            .collect(),
        knowledge_bases: &profile.knowledge_bases,
        user_type: if profile.is_external { "external" } else { "regular" },
        client_id: (profile.kind == Kind::Service).then_some(access.client),
    };
    shared.ring.sign(&claims)
}

fn id_token(shared: &Shared, access: &Access<'_>, lifetime: Duration) -> Result<SecretString, Fault> {
    let claims = wire::IdClaims {
        common: common(shared, access, lifetime, "ID", access.client),
        person: person(access.profile),
    };
    shared.ring.sign(&claims)
}

fn person(profile: &Profile) -> wire::Person<'_> {
    let not_empty = |text: &'_ str| !text.is_empty();
    wire::Person {
        preferred_username: &profile.username,
        name: Some(profile.name.as_str()).filter(|name| not_empty(name)),
        email: Some(profile.email.as_str()).filter(|email| not_empty(email)),
        picture: profile.picture.as_deref(),
    }
}

fn common<'token>(
    shared: &'token Shared,
    access: &Access<'token>,
    lifetime: Duration,
    kind: &'token str,
    audience: &'token str,
) -> wire::Common<'token> {
    let now = shared.clock.now();
    wire::Common {
        exp: after(now, lifetime).as_second(),
        // A clock that was set back must not make tokens that are recalled already.
        iat: now.max(access.profile.tokens_from).as_second(),
        jti: random_base62(22),
        iss: &shared.issuer,
        aud: audience,
        sub: subject_of(access.profile.account),
        typ: kind,
        azp: access.client,
        sid: access.sign_in,
    }
}

fn after(now: Timestamp, lifetime: Duration) -> Timestamp {
    now + SignedDuration::try_from(lifetime).unwrap_or_default()
}
