//! An issuer's public keys: fetched by one flight at a time and at most every ten seconds, kept through an outage.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat::Tasks;
use chat::clock::Clock;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyOperations, PublicKeyUse};
use tokio::sync::watch;

use super::settings::{IssuerSettings, KeysAt, TokenAlgorithm};
use super::source::{FetchError, KeySetSource};
use super::wire;

/// Between two fetches, however many tokens name keys that nobody knows.
const FLOOR: SignedDuration = SignedDuration::from_secs(10);
/// A set older than this is fetched again when it is used; until that has worked, it is used as it is.
const REFRESH: SignedDuration = SignedDuration::from_secs(60);
/// More keys than any issuer has.
const MAX_KEYS: usize = 100;

/// The key set of one issuer.
pub(super) struct KeySet {
    pub(super) settings: IssuerSettings,
    source: Arc<dyn KeySetSource>,
    clock: Arc<dyn Clock>,
    tasks: Tasks,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    keys: Vec<VerifyingKey>,
    fetched_at: Option<Timestamp>,
    tried_at: Option<Timestamp>,
    /// Ends with the fetch that is under way.
    flight: Option<watch::Receiver<()>>,
    /// What discovery has told.
    jwks_uri: Option<String>,
}

struct VerifyingKey {
    id: Option<String>,
    algorithms: Vec<TokenAlgorithm>,
    key: DecodingKey,
}

/// Why there is no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// The issuer has none of this name.
    Unknown,
    /// The issuer was never reached.
    Unavailable,
}

impl KeySet {
    pub(super) fn new(
        settings: IssuerSettings,
        source: Arc<dyn KeySetSource>,
        clock: Arc<dyn Clock>,
        tasks: Tasks,
    ) -> Self {
        Self { settings, source, clock, tasks, state: Mutex::default() }
    }

    /// The key of this id for signatures of this kind; the only one there is, if the token names none.
    pub(super) async fn key(
        self: &Arc<Self>,
        id: Option<&str>,
        algorithm: TokenAlgorithm,
    ) -> Result<DecodingKey, NoKey> {
        let flight = {
            let mut state = self.lock();
            let known = state.find(id, algorithm);
            let now = self.clock.now();
            let is_fresh = state.fetched_at.is_some_and(|at| now.duration_since(at).abs() < REFRESH);
            let flight =
                if known.is_some() && is_fresh { None } else { self.fetch_unless_too_early(&mut state, now) };
            if let Some(key) = known {
                return Ok(key);
            }
            flight
        };
        if let Some(mut flight) = flight {
            // The end is the sender's drop, which is no change.
            let _ended = flight.changed().await;
        }
        let state = self.lock();
        let reason = if state.fetched_at.is_some() { NoKey::Unknown } else { NoKey::Unavailable };
        state.find(id, algorithm).ok_or(reason)
    }

    /// Whether the issuer was reached yet.
    pub(super) fn is_loaded(&self) -> bool {
        self.lock().fetched_at.is_some()
    }

    /// Fetches the set if it was never there; returns when that is done, well or not.
    pub(super) async fn warm_up(self: &Arc<Self>) {
        let flight = {
            let mut state = self.lock();
            if state.fetched_at.is_some() {
                return;
            }
            let now = self.clock.now();
            self.fetch_unless_too_early(&mut state, now)
        };
        if let Some(mut flight) = flight {
            let _ended = flight.changed().await;
        }
    }

    /// The flight that is under way, or a new one.
    fn fetch_unless_too_early(
        self: &Arc<Self>,
        state: &mut State,
        now: Timestamp,
    ) -> Option<watch::Receiver<()>> {
        if let Some(flight) = &state.flight
            && flight.has_changed().is_ok()
        {
            return Some(flight.clone());
        }
        // A clock that was set back must not stop fetches until it has caught up.
        if state.tried_at.is_some_and(|at| now.duration_since(at).abs() < FLOOR) {
            return None;
        }
        state.tried_at = Some(now);
        let (end, flight) = watch::channel(());
        state.flight = Some(flight.clone());
        let key_set = Arc::clone(self);
        // A task of its own: the caller that began it may leave, and others wait for it.
        self.tasks.spawn(async move {
            let fetched = key_set.fetch().await;
            key_set.settle(fetched);
            drop(end);
        });
        Some(flight)
    }

    async fn fetch(&self) -> Result<Vec<VerifyingKey>, FetchError> {
        let uri = match &self.settings.keys {
            KeysAt::Url(url) => url.clone(),
            KeysAt::Discovery => self.discover().await?,
        };
        let body = self.source.get(&uri).await?;
        let set: wire::KeySet = serde_json::from_slice(&body).map_err(|_| FetchError::Malformed)?;
        let keys: Vec<_> = set.keys.into_iter().take(MAX_KEYS).filter_map(VerifyingKey::read).collect();
        if keys.is_empty() { Err(FetchError::NoKeys) } else { Ok(keys) }
    }

    async fn discover(&self) -> Result<String, FetchError> {
        let known = self.lock().jwks_uri.clone();
        if let Some(uri) = known {
            return Ok(uri);
        }
        let issuer = &self.settings.issuer;
        let url = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
        let body = self.source.get(&url).await?;
        let found: wire::Discovery = serde_json::from_slice(&body).map_err(|_| FetchError::Malformed)?;
        if found.issuer != *issuer {
            return Err(FetchError::OtherIssuer(found.issuer));
        }
        self.lock().jwks_uri = Some(found.jwks_uri.clone());
        Ok(found.jwks_uri)
    }

    fn settle(&self, fetched: Result<Vec<VerifyingKey>, FetchError>) {
        let mut state = self.lock();
        state.flight = None;
        match fetched {
            Ok(keys) => {
                state.keys = keys;
                state.fetched_at = Some(self.clock.now());
            }
            Err(error) => {
                // It may have moved.
                state.jwks_uri = None;
                let kept = state.keys.len();
                drop(state);
                tracing::warn!(
                    issuer = self.settings.issuer,
                    error = &error as &dyn std::error::Error,
                    kept,
                    "an issuer's key set can't be fetched; the keys known so far are used on"
                );
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn find(&self, id: Option<&str>, algorithm: TokenAlgorithm) -> Option<DecodingKey> {
        let mut fitting = self.keys.iter().filter(|key| key.algorithms.contains(&algorithm));
        match id {
            Some(id) => fitting.find(|key| key.id.as_deref() == Some(id)).map(|key| key.key.clone()),
            None => {
                let only = fitting.next()?;
                fitting.next().is_none().then(|| only.key.clone())
            }
        }
    }
}

impl VerifyingKey {
    /// `None` for a key that verifies no signature that we take.
    fn read(value: serde_json::Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let common = &jwk.common;
        let is_for_signatures =
            common.public_key_use.as_ref().is_none_or(|it| *it == PublicKeyUse::Signature);
        let may_verify =
            common.key_operations.as_ref().is_none_or(|list| list.contains(&KeyOperations::Verify));
        if !is_for_signatures || !may_verify {
            return None;
        }
        let of_its_kind: &[TokenAlgorithm] = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => TokenAlgorithm::RSA,
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P256 => {
                &[TokenAlgorithm::Es256]
            }
            AlgorithmParameters::EllipticCurve(curve) if curve.curve == EllipticCurve::P384 => {
                &[TokenAlgorithm::Es384]
            }
            AlgorithmParameters::EllipticCurve(_)
            | AlgorithmParameters::OctetKey(_)
            | AlgorithmParameters::OctetKeyPair(_)
            | AlgorithmParameters::Other(_)
            | _ => &[],
        };
        let named = common.key_algorithm.map(|algorithm| algorithm.to_string());
        let fits = |algorithm: &TokenAlgorithm| named.as_ref().is_none_or(|named| algorithm.name() == named);
        let algorithms: Vec<_> = of_its_kind.iter().copied().filter(fits).collect();
        if algorithms.is_empty() {
            return None;
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: jwk.common.key_id, algorithms, key })
    }
}
