//! The token endpoint's grants, and the order in which Keycloak looks for mistakes.

use secrecy::SecretString;

use super::answer::{GrantError, LoginError, Refusal, TokenResponse};
use super::form::{Form, TokenScopes};
use super::{Shared, client, exchange, mint};
use crate::fault::Fault;
use crate::store::{Profile, StoredClient};
use crate::tokens::TokenError;
use crate::tokens::claims::Kind;

const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// Longer names are nobody's.
const MAX_USERNAME: usize = 255;

#[derive(Clone, Copy)]
enum Grant {
    Password,
    ClientCredentials,
    RefreshToken,
    TokenExchange,
}

impl Grant {
    fn from_name(name: &str) -> Option<Self> {
        match name {
            "password" => Some(Self::Password),
            "client_credentials" => Some(Self::ClientCredentials),
            "refresh_token" => Some(Self::RefreshToken),
            TOKEN_EXCHANGE => Some(Self::TokenExchange),
            _ => None,
        }
    }
}

pub(super) async fn token(
    shared: &Shared,
    form: &Form<'_>,
    basic: Option<(String, SecretString)>,
) -> Result<TokenResponse, GrantError> {
    let missing = || Refusal::new(400, "invalid_request", "Missing form parameter: grant_type");
    let name = form.get("grant_type").ok_or_else(missing)?;
    let unknown = || Refusal::new(400, "unsupported_grant_type", "Unsupported grant_type");
    let grant = Grant::from_name(name).ok_or_else(unknown)?;
    let client = client::authenticate(shared, form, basic).await?;
    if form.has_duplicates() {
        return Err(Refusal::new(400, "invalid_request", "duplicated parameter").into());
    }
    match grant {
        Grant::Password => password(shared, form, &client).await,
        Grant::ClientCredentials => client_credentials(shared, form, &client).await,
        Grant::RefreshToken => refresh(shared, form, &client).await,
        Grant::TokenExchange => exchange::exchange(shared, form, &client).await,
    }
}

async fn password(
    shared: &Shared,
    form: &Form<'_>,
    client: &StoredClient,
) -> Result<TokenResponse, GrantError> {
    if !client.rights.password_grant {
        let description = "Client not allowed for direct access grants";
        return Err(Refusal::new(400, "unauthorized_client", description).into());
    }
    let scopes = form.scopes()?;
    let missing = || Refusal { status: 401, ..Refusal::missing("username") };
    let username = form.get("username").ok_or_else(missing)?;
    let password = SecretString::from(form.get("password").ok_or_else(Refusal::wrong_credentials)?);
    let profile = match check_password(shared, username, &password).await {
        Ok(profile) => profile,
        // Throttled looks like wrong here: the answer must not tell whether it is worth waiting.
        Err(LoginError::Wrong | LoginError::Throttled { .. }) => {
            return Err(Refusal::wrong_credentials().into());
        }
        Err(LoginError::Fault(fault)) => return Err(fault.into()),
    };
    if profile.disabled_at.is_some() {
        return Err(Refusal::new(400, "invalid_grant", "Account disabled").into());
    }
    let sign_in = mint::open_sign_in(shared, &profile, &client.id).await?;
    mint::refreshable(shared, &profile, client, &sign_in, scopes).await
}

/// Who has this name or e-mail address, and this password. May be disabled.
pub(super) async fn check_password(
    shared: &Shared,
    username: &str,
    password: &SecretString,
) -> Result<Profile, LoginError> {
    let username = username.trim();
    if username.is_empty() || username.len() > MAX_USERNAME {
        return Err(LoginError::Wrong);
    }
    let login = shared.accounts.login(username).await?;
    // By account, so that its e-mail address is no second chance.
    let tried = match &login {
        Some(login) => login.account.to_string(),
        None => username.to_lowercase(),
    };
    let throttled = |retry_after| LoginError::Throttled { retry_after };
    shared.throttle.begin(&tried, shared.clock.now()).map_err(throttled)?;
    let account = login.as_ref().map(|login| login.account);
    let is_right = shared.passwords.verify(password, login.map(|login| login.password)).await?;
    let account = account.filter(|_| is_right).ok_or(LoginError::Wrong)?;
    shared.throttle.succeeded(&tried);
    shared.accounts.profile(account).await?.ok_or(LoginError::Wrong)
}

async fn client_credentials(
    shared: &Shared,
    form: &Form<'_>,
    client: &StoredClient,
) -> Result<TokenResponse, GrantError> {
    let Some(account) = client.account else {
        let description = "Public client not allowed to retrieve service account";
        return Err(Refusal::new(401, "unauthorized_client", description).into());
    };
    if !client.rights.service_account {
        let description = "Client not enabled to retrieve service account";
        return Err(Refusal::new(401, "unauthorized_client", description).into());
    }
    let scopes = form.scopes()?;
    let profile = shared.accounts.profile(account).await?;
    let profile = profile.filter(|profile| profile.disabled_at.is_none());
    let disabled = || Refusal::new(400, "invalid_grant", "Account disabled");
    let profile = profile.ok_or_else(disabled)?;
    let access = mint::Access { profile: &profile, client: &client.id, sign_in: None, scopes };
    mint::lone(shared, &access, shared.config.access_lifetime).await
}

async fn refresh(
    shared: &Shared,
    form: &Form<'_>,
    client: &StoredClient,
) -> Result<TokenResponse, GrantError> {
    let refused = |description: &str| Refusal::new(400, "invalid_grant", description);
    let missing = || Refusal::new(400, "invalid_request", "No refresh token");
    let token = form.get("refresh_token").ok_or_else(missing)?;
    let claims = shared.tokens.own_claims(token, Kind::Refresh).map_err(|error| {
        let is_over = matches!(error, TokenError::Expired);
        refused(if is_over { "Token is not active" } else { "Invalid refresh token" })
    })?;
    if claims.azp.as_deref() != Some(&client.id) {
        return Err(refused("Invalid refresh token. Token client and authorized client don't match").into());
    }
    let given = TokenScopes::of(claims.scope.as_deref().unwrap_or_default());
    let asked = form.scopes()?;
    let scopes = if form.get("scope").is_some() {
        TokenScopes { openid: given.openid && asked.openid }
    } else {
        given
    };
    let id = claims.sid.clone().unwrap_or_default();
    let inactive = || refused("Session not active");
    let sign_in = shared.store.sign_in(&id, shared.clock.now()).await?.ok_or_else(inactive)?;
    let profile = shared.accounts.profile(sign_in.account).await?;
    let profile = profile.filter(|profile| profile.disabled_at.is_none()).ok_or_else(inactive)?;
    let sign_in = mint::SignIn { id, expires_at: sign_in.expires_at };
    mint::refreshable(shared, &profile, client, &sign_in, scopes).await
}

pub(super) async fn sign_out(shared: &Shared, client: &str, refresh_token: &str) -> Result<(), Fault> {
    let Ok(claims) = shared.tokens.own_claims(refresh_token, Kind::Refresh) else { return Ok(()) };
    match claims.sid {
        Some(id) if claims.azp.as_deref() == Some(client) => {
            Ok(shared.store.end_sign_in(&id, shared.clock.now()).await?)
        }
        _ => Ok(()),
    }
}
