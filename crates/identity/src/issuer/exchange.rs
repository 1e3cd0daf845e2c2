//! Token exchange: Keycloak's standard one, and the two older forms that the vendor's SDK uses.

use std::time::Duration;

use super::answer::{GrantError, Refusal, TokenResponse};
use super::form::{Form, TokenScopes};
use super::{Shared, account_of, mint};
use crate::store::{Profile, StoredClient};
use crate::tokens::TokenError;
use crate::tokens::claims::Kind;
use crate::tokens::wire::Claims;

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

/// Whom the new token is about.
struct Subject {
    profile: Profile,
    /// What the new token ends with.
    sign_in: Option<String>,
    /// How long the new token may be good.
    lifetime: Duration,
}

pub(super) async fn exchange(
    shared: &Shared,
    form: &Form<'_>,
    client: &StoredClient,
) -> Result<TokenResponse, GrantError> {
    let anew = |profile| Subject { profile, sign_in: None, lifetime: shared.config.access_lifetime };
    let subject = match (form.get("requested_subject"), form.get("subject_issuer")) {
        (Some(subject), _) => anew(requested_subject(shared, form, client, subject).await?),
        (None, Some(issuer)) => anew(foreign_subject(shared, form, client, issuer).await?),
        (None, None) => own_subject(shared, form, client).await?,
    };
    let unsupported = |kind: &&str| *kind != ACCESS_TOKEN;
    if form.get("requested_token_type").as_ref().is_some_and(unsupported) {
        return Err(Refusal::new(400, "invalid_request", "requested_token_type unsupported").into());
    }
    form.scopes()?;
    let access = mint::Access {
        profile: &subject.profile,
        client: &client.id,
        sign_in: subject.sign_in.as_deref(),
        scopes: TokenScopes::default(),
    };
    let response = mint::lone(shared, &access, subject.lifetime).await?;
    Ok(TokenResponse { issued_token_type: Some(ACCESS_TOKEN), ..response })
}

/// A token of ours, which the client has or is meant to have, for one of its own. It outlives neither the token nor its
/// sign-in, or one exchange after the other would go on for ever.
async fn own_subject(shared: &Shared, form: &Form<'_>, client: &StoredClient) -> Result<Subject, GrantError> {
    if client.secret_hash.is_none() || !client.rights.token_exchange {
        let description = "Standard token exchange is not enabled for the requested client";
        return Err(Refusal::new(400, "invalid_request", description).into());
    }
    let token = subject_token(form)?;
    let wrong_kind = |kind: &&str| *kind != ACCESS_TOKEN;
    if form.get("subject_token_type").as_ref().is_some_and(wrong_kind) {
        let description = "Parameter 'subject_token' supports access tokens only";
        return Err(Refusal::new(400, "invalid_request", description).into());
    }
    let claims = shared.tokens.own_claims(token, Kind::Bearer).map_err(|_| invalid_token())?;
    let profile = live_profile(shared, &claims).await?;
    check_reach(&claims, client)?;
    let left = claims.exp - shared.clock.now().as_second() as f64;
    let left = Duration::try_from_secs_f64(left).unwrap_or_default();
    Ok(Subject { profile, sign_in: claims.sid, lifetime: left.min(shared.config.access_lifetime) })
}

/// A service account's way to somebody else, by id or name. An administrator is only an administrator's to become.
/// Whoever may not, and whoever is not there, are answered alike.
async fn requested_subject(
    shared: &Shared,
    form: &Form<'_>,
    client: &StoredClient,
    subject: &str,
) -> Result<Profile, GrantError> {
    let Some(service) = client.account.filter(|_| client.rights.may_impersonate) else {
        return Err(not_allowed().into());
    };
    if let Some(token) = form.get("subject_token") {
        let claims = shared.tokens.own_claims(token, Kind::Bearer).map_err(|_| invalid_token())?;
        live_profile(shared, &claims).await?;
        check_reach(&claims, client)?;
    }
    let service = shared.accounts.profile(service).await?;
    let service = service.filter(|profile| profile.disabled_at.is_none()).ok_or_else(not_allowed)?;
    let target = match account_of(subject) {
        Some(account) => shared.accounts.profile(account).await?,
        None => shared.accounts.profile_by_username(subject).await?,
    };
    let may_become =
        |target: &Profile| target.disabled_at.is_none() && (!target.roles.admin || service.roles.admin);
    Ok(target.filter(may_become).ok_or_else(not_allowed)?)
}

/// A token of a configured issuer for one of ours.
async fn foreign_subject(
    shared: &Shared,
    form: &Form<'_>,
    client: &StoredClient,
    issuer: &str,
) -> Result<Profile, GrantError> {
    if !client.rights.token_exchange {
        return Err(not_allowed().into());
    }
    let token = subject_token(form)?;
    let unknown = || Refusal::new(400, "invalid_issuer", "Invalid subject_issuer parameter");
    match shared.tokens.foreign_account(issuer, token).await.ok_or_else(unknown)? {
        Ok(profile) => Ok(profile),
        Err(TokenError::Store(error)) => Err(error.into()),
        Err(_) => Err(invalid_token().into()),
    }
}

fn subject_token<'form>(form: &Form<'form>) -> Result<&'form str, Refusal> {
    let missing = || Refusal::new(400, "invalid_request", "Parameter 'subject_token' not provided");
    form.get("subject_token").ok_or_else(missing)
}

async fn live_profile(shared: &Shared, claims: &Claims) -> Result<Profile, GrantError> {
    match shared.tokens.own_profile(claims, shared.clock.now()).await {
        Ok(profile) => Ok(profile),
        Err(TokenError::Store(error)) => Err(error.into()),
        Err(_) => Err(invalid_token().into()),
    }
}

/// The token was issued to the client, or is meant for it.
fn check_reach(claims: &Claims, client: &StoredClient) -> Result<(), Refusal> {
    let is_its_own = claims.azp.as_deref() == Some(&client.id);
    let is_meant_for_it = claims.aud.as_ref().is_some_and(|audience| audience.names().contains(&client.id));
    if is_its_own || is_meant_for_it {
        return Ok(());
    }
    Err(Refusal::new(403, "access_denied", "Client is not within the token audience"))
}

fn invalid_token() -> Refusal {
    Refusal::new(400, "invalid_request", "Invalid token")
}

fn not_allowed() -> Refusal {
    Refusal::new(403, "access_denied", "Client not allowed to exchange")
}
