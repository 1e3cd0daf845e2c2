//! Bearer tokens: verified, and exchanged for the `Principal` whose they are.
//!
//! A token is refused unread above 16 kB. Its claim `iss` chooses the issuer, and nothing in it chooses anything else:
//! algorithms come from the configuration and the key, keys from the issuer's key set. What was verified is remembered
//! by the hash of the whole token, for a minute at most and not beyond its end.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat::clock::Clock;
use chat::ids::AccountId;
use chat::store::StoreError;
use chat::{Principal, Scope, Scopes, SignIn, Tasks};
use jiff::Timestamp;
use jsonwebtoken::DecodingKey;
use secrecy::{ExposeSecret as _, SecretString};

use crate::issuer::{Ring, account_of};
use crate::keys::sha256;
use crate::store::{AccountStore, IssuerStore, Profile};
use cache::Cache;
use claims::{Expected, Kind};
use key_set::{KeySet, NoKey};
use wire::Claims;

mod cache;
pub(crate) mod claims;
mod key_set;
mod settings;
mod source;
pub(crate) mod wire;

pub use settings::{AUDIENCE, IssuerSettings, KeysAt, TokenAlgorithm};
pub use source::{FetchError, HttpKeySets, KeySetSource};

/// Longer tokens are refused unread.
const MAX_TOKEN: usize = 16 << 10;
/// Longer key ids are nobody's.
const MAX_KEY_ID: usize = 256;

/// Why a token is refused. `Display` may be shown: it tells nothing that the token's owner does not know.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TokenError {
    /// Above 16 kB.
    #[error("the token is too large")]
    TooLarge,
    /// Not a JWT, or a claim is missing or of the wrong type.
    #[error("the token can't be read")]
    Malformed,
    /// Signed in a way that is not configured.
    #[error("the token's algorithm is not allowed")]
    Algorithm,
    /// Of an issuer that is not configured.
    #[error("the token's issuer is not trusted here")]
    UnknownIssuer,
    /// Signed by a key that the issuer does not publish.
    #[error("the token's key is not known")]
    UnknownKey,
    /// Not signed by the key that it names.
    #[error("the token's signature is wrong")]
    Signature,
    /// Its time is over.
    #[error("the token is expired")]
    Expired,
    /// Its time has not come.
    #[error("the token is not valid yet")]
    NotYet,
    /// Meant for others.
    #[error("the token is not meant for this server")]
    Audience,
    /// An ID token or a refresh token.
    #[error("the token is not an access token")]
    NotAccess,
    /// The claim `user_type` is neither `regular` nor `external`.
    #[error("the token's user type is unknown")]
    UserType,
    /// The account is disabled or deleted, or has signed out.
    #[error("the token is revoked")]
    Revoked,
    /// Has none of the roles that the issuer's settings demand.
    #[error("a role is needed: admin or developer")]
    RoleRequired,
    /// The issuer's keys could not be fetched yet.
    #[error("the token's issuer can't be reached; try again in a moment")]
    Unavailable,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Verifies tokens. Cheap to clone.
#[derive(Clone)]
pub struct Tokens {
    shared: Arc<Shared>,
}

struct Shared {
    own: Own,
    issuers: Vec<Arc<KeySet>>,
    accounts: Arc<dyn AccountStore>,
    clock: Arc<dyn Clock>,
    cache: Cache,
}

/// The built-in issuer.
pub(crate) struct Own {
    pub(crate) issuer: String,
    pub(crate) ring: Arc<Ring>,
    pub(crate) store: Arc<dyn IssuerStore>,
}

/// What tokens are verified with.
pub(crate) struct Parts {
    pub(crate) own: Own,
    pub(crate) issuers: Vec<IssuerSettings>,
    pub(crate) source: Arc<dyn KeySetSource>,
    pub(crate) accounts: Arc<dyn AccountStore>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tasks: Tasks,
}

impl Tokens {
    pub(crate) fn new(parts: Parts) -> Self {
        let key_set = |settings| {
            let (source, clock) = (Arc::clone(&parts.source), Arc::clone(&parts.clock));
            Arc::new(KeySet::new(settings, source, clock, parts.tasks.clone()))
        };
        let shared = Shared {
            issuers: parts.issuers.into_iter().map(key_set).collect(),
            own: parts.own,
            accounts: parts.accounts,
            clock: parts.clock,
            cache: Cache::default(),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Whose token this is.
    pub async fn authenticate(&self, token: &SecretString) -> Result<Principal, TokenError> {
        let token = token.expose_secret();
        if token.len() > MAX_TOKEN {
            return Err(TokenError::TooLarge);
        }
        let now = self.shared.clock.now();
        let hash = sha256(token);
        if let Some(principal) = self.shared.cache.get(&hash, now) {
            return Ok(principal);
        }
        let parsed = Parsed::read(token)?;
        let expires_at = parsed.claims.exp;
        let profile = if parsed.claims.iss == self.shared.own.issuer {
            let claims = self.verify_own(parsed, Kind::Bearer)?;
            self.own_profile(&claims, now).await?
        } else {
            let issuer = self.issuer(|settings| settings.issuer == parsed.claims.iss);
            self.foreign_profile(issuer.ok_or(TokenError::UnknownIssuer)?, parsed).await?
        };
        let principal = principal(&profile);
        self.shared.cache.put(hash, principal.clone(), expires_at, now);
        Ok(principal)
    }

    /// Whether a token that was taken has been revoked since: its account was disabled or deleted, or its sign-in ended.
    /// That its time is over does not count. Proves nothing of a token that was never taken.
    pub(crate) async fn is_revoked(&self, token: &SecretString) -> Result<bool, StoreError> {
        let Ok(Parsed { claims, .. }) = Parsed::read(token.expose_secret()) else { return Ok(true) };
        if claims.iss != self.shared.own.issuer {
            let known = self.shared.accounts.foreign(&claims.iss, &claims.sub).await?;
            return Ok(known.is_none_or(|(profile, _)| profile.disabled_at.is_some()));
        }
        // As of its beginning: the sign-in may have run out in the meantime, too.
        let issued_at = claims.iat.and_then(|seconds| Timestamp::from_second(seconds as i64).ok());
        match self.own_profile(&claims, issued_at.unwrap_or_default()).await {
            Ok(_) => Ok(false),
            Err(TokenError::Store(error)) => Err(error),
            Err(_) => Ok(true),
        }
    }

    /// The configured issuers that were not reached yet.
    pub fn unreached(&self) -> Vec<&str> {
        let issuers = self.shared.issuers.iter();
        issuers.filter(|issuer| !issuer.is_loaded()).map(|issuer| issuer.settings.issuer.as_str()).collect()
    }

    /// Fetches the key sets that were never there; returns when that is done, well or not.
    pub async fn warm_up(&self) {
        for issuer in &self.shared.issuers {
            issuer.warm_up().await;
        }
    }

    /// The claims of a token of the built-in issuer, of this kind, whoever it is meant for.
    pub(crate) fn own_claims(&self, token: &str, kind: Kind) -> Result<Claims, TokenError> {
        if token.len() > MAX_TOKEN {
            return Err(TokenError::TooLarge);
        }
        let parsed = Parsed::read(token)?;
        if parsed.claims.iss != self.shared.own.issuer {
            return Err(TokenError::UnknownIssuer);
        }
        self.verify_own(parsed, kind)
    }

    /// Whom the claims of one of our access tokens are about, if it may still sign in and its sign-in was good at `time`.
    pub(crate) async fn own_profile(&self, claims: &Claims, time: Timestamp) -> Result<Profile, TokenError> {
        let account = account_of(&claims.sub).ok_or(TokenError::Malformed)?;
        let profile = self.shared.accounts.profile(account).await?.ok_or(TokenError::Revoked)?;
        let issued_at = claims.iat.ok_or(TokenError::Malformed)?;
        // Tokens tell whole seconds.
        let is_recalled = issued_at < profile.tokens_from.as_second() as f64;
        if profile.disabled_at.is_some() || is_recalled {
            return Err(TokenError::Revoked);
        }
        if let Some(sign_in) = &claims.sid {
            self.shared.own.store.sign_in(sign_in, time).await?.ok_or(TokenError::Revoked)?;
        }
        Ok(profile)
    }

    /// Whose token of the configured issuer of this name or URL this is; `None` if there is no such issuer.
    pub(crate) async fn foreign_account(
        &self,
        issuer: &str,
        token: &str,
    ) -> Option<Result<Profile, TokenError>> {
        let key_set = self.issuer(|settings| settings.name == issuer || settings.issuer == issuer)?;
        if token.len() > MAX_TOKEN {
            return Some(Err(TokenError::TooLarge));
        }
        let parsed = match Parsed::read(token) {
            Ok(parsed) => parsed,
            Err(error) => return Some(Err(error)),
        };
        Some(self.foreign_profile(key_set, parsed).await)
    }

    fn issuer(&self, is_meant: impl Fn(&IssuerSettings) -> bool) -> Option<&Arc<KeySet>> {
        self.shared.issuers.iter().find(|issuer| is_meant(&issuer.settings))
    }

    fn verify_own(&self, parsed: Parsed<'_>, kind: Kind) -> Result<Claims, TokenError> {
        let own = &self.shared.own;
        if parsed.algorithm != TokenAlgorithm::Rs256 {
            return Err(TokenError::Algorithm);
        }
        let key = parsed.key_id.as_deref().and_then(|id| own.ring.decoding_key(id));
        let claims = parsed.verify(&key.ok_or(TokenError::UnknownKey)?)?;
        claims::check_own(&claims, kind, &own.issuer, self.shared.clock.now())?;
        Ok(claims)
    }

    async fn foreign_profile(&self, issuer: &Arc<KeySet>, parsed: Parsed<'_>) -> Result<Profile, TokenError> {
        let settings = &issuer.settings;
        if parsed.claims.iss != settings.issuer {
            return Err(TokenError::UnknownIssuer);
        }
        if !settings.algorithms.contains(&parsed.algorithm) {
            return Err(TokenError::Algorithm);
        }
        let key = issuer.key(parsed.key_id.as_deref(), parsed.algorithm).await;
        let key = key.map_err(|reason| match reason {
            NoKey::Unknown => TokenError::UnknownKey,
            NoKey::Unavailable => TokenError::Unavailable,
        })?;
        let (header_type, claims) = (parsed.header_type.clone(), parsed.verify(&key)?);
        claims::check_kind(header_type.as_deref(), &claims)?;
        let now = self.shared.clock.now();
        claims::check(&claims, &Expected::of(settings), now)?;
        let id = AccountId::new(self.shared.clock.as_ref());
        let sign_in = claims::sign_in(&claims, settings, id, now)?;
        self.apply(sign_in).await
    }

    /// Writes what the claims say, if they say anything new. A token from before the last one says nothing new.
    async fn apply(&self, sign_in: crate::store::ForeignSignIn) -> Result<Profile, TokenError> {
        let accounts = &self.shared.accounts;
        let (issuer, subject) = (sign_in.issuer.clone(), sign_in.subject.clone());
        let known = accounts.foreign(&issuer, &subject).await?;
        let profile = match known {
            Some((profile, Some(applied)))
                if applied.hash == sign_in.claims.hash || applied.issued_at > sign_in.claims.issued_at =>
            {
                profile
            }
            Some(_) | None => {
                accounts.sign_in_foreign(sign_in).await?;
                accounts.foreign(&issuer, &subject).await?.ok_or(TokenError::Revoked)?.0
            }
        };
        if profile.disabled_at.is_some() { Err(TokenError::Revoked) } else { Ok(profile) }
    }
}

/// A token taken apart, with nothing in it proved.
struct Parsed<'token> {
    algorithm: TokenAlgorithm,
    key_id: Option<String>,
    header_type: Option<String>,
    message: &'token str,
    signature: &'token str,
    claims: Claims,
}

impl<'token> Parsed<'token> {
    fn read(token: &'token str) -> Result<Self, TokenError> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (header, payload) = message.split_once('.').ok_or(TokenError::Malformed)?;
        let header: wire::Header = part(header)?;
        if header.crit.is_some() || header.kid.as_ref().is_some_and(|id| id.len() > MAX_KEY_ID) {
            return Err(TokenError::Malformed);
        }
        let algorithm = TokenAlgorithm::from_name(&header.alg).ok_or(TokenError::Algorithm)?;
        let claims = part(payload)?;
        Ok(Self { algorithm, key_id: header.kid, header_type: header.typ, message, signature, claims })
    }

    /// The claims, once the signature is proved.
    fn verify(self, key: &DecodingKey) -> Result<Claims, TokenError> {
        let algorithm = self.algorithm.for_verification();
        match jsonwebtoken::crypto::verify(self.signature, self.message.as_bytes(), key, algorithm) {
            Ok(true) => Ok(self.claims),
            Ok(false) | Err(_) => Err(TokenError::Signature),
        }
    }
}

fn part<T: serde::de::DeserializeOwned>(encoded: &str) -> Result<T, TokenError> {
    let json = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| TokenError::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| TokenError::Malformed)
}

/// What a token's owner may do: everything, but administer only as an administrator.
pub(crate) fn principal(profile: &Profile) -> Principal {
    let scopes = if profile.roles.admin { Scopes::EVERYDAY.with(Scope::Admin) } else { Scopes::EVERYDAY };
    Principal::signed_in(profile.account, SignIn::Token, scopes)
}
