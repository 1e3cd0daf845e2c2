//! The keys of the built-in issuer: one signs, those that have signed stay published until what they signed is over.

use std::sync::{Arc, PoisonError, RwLock};

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair, RsaPublicKeyComponents};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat::clock::Clock;
use chat::ids::random_base62;
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::DecodingKey;
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};
use serde::Serialize;

use crate::fault::Fault;
use crate::store::{IssuerStore, NewSigningKey, StoredSigningKey};

/// The keys, and what makes new ones.
pub(crate) struct Ring {
    store: Arc<dyn IssuerStore>,
    clock: Arc<dyn Clock>,
    keys: RwLock<Arc<[RingKey]>>,
}

struct RingKey {
    id: String,
    pair: RsaKeyPair,
    decoding: DecodingKey,
    public: PublicKey,
    published_until: Option<Timestamp>,
}

/// A public key, in base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    pub(crate) id: String,
    pub(crate) modulus: String,
    pub(crate) exponent: String,
}

impl Ring {
    /// The stored keys; the first one is made now.
    pub(crate) async fn load(store: Arc<dyn IssuerStore>, clock: Arc<dyn Clock>) -> Result<Self, Fault> {
        let ring = Self { store, clock, keys: RwLock::new(Arc::new([])) };
        let stored = ring.store.signing_keys().await?;
        if stored.iter().any(|key| key.published_until.is_none()) {
            ring.replace(stored)?;
        } else {
            ring.rotate(SignedDuration::ZERO).await?;
        }
        Ok(ring)
    }

    /// Signs with a new key from now on; what was signed so far can be proved for as long as told.
    pub(crate) async fn rotate(&self, old_published_for: SignedDuration) -> Result<(), Fault> {
        let private_key = tokio::task::spawn_blocking(new_private_key);
        let private_key = private_key.await.map_err(|error| Fault::crypto("RSA", error))??;
        let now = self.clock.now();
        let key = NewSigningKey {
            id: random_base62(43),
            private_key,
            created_at: now,
            others_published_until: now + old_published_for,
        };
        self.store.add_signing_key(key).await?;
        self.replace(self.store.signing_keys().await?)
    }

    /// A JWT of these claims.
    pub(crate) fn sign(&self, claims: &impl Serialize) -> Result<SecretString, Fault> {
        let keys = self.keys();
        let key = keys.first().ok_or_else(|| Fault::crypto("RSA", "there is no key"))?;
        let claims = serde_json::to_vec(claims).map_err(|error| Fault::crypto("JSON", error))?;
        let header = format!(r#"{{"alg":"RS256","typ":"JWT","kid":"{}"}}"#, key.id);
        let mut token = URL_SAFE_NO_PAD.encode(header);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(claims, &mut token);
        let mut signature = vec![0; key.pair.public_modulus_len()];
        let signed = key.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature);
        signed.map_err(|error| Fault::crypto("RSA", error))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token.into())
    }

    /// What proves the signatures of the key of this id.
    pub(crate) fn decoding_key(&self, id: &str) -> Option<DecodingKey> {
        let now = self.clock.now();
        self.keys().iter().find(|key| key.id == id && key.is_published(now)).map(|key| key.decoding.clone())
    }

    /// What is published.
    pub(crate) fn public_keys(&self) -> Vec<PublicKey> {
        let now = self.clock.now();
        self.keys().iter().filter(|key| key.is_published(now)).map(|key| key.public.clone()).collect()
    }

    fn keys(&self) -> Arc<[RingKey]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, stored: Vec<StoredSigningKey>) -> Result<(), Fault> {
        let keys = stored.into_iter().map(RingKey::new).collect::<Result<_, _>>()?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }
}

impl RingKey {
    fn new(stored: StoredSigningKey) -> Result<Self, Fault> {
        let StoredSigningKey { id, private_key, published_until } = stored;
        let pair = RsaKeyPair::from_pkcs8(private_key.expose_secret());
        let pair = pair.map_err(|error| Fault::crypto("a stored signing key", error))?;
        let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        Ok(Self {
            decoding: DecodingKey::from_rsa_raw_components(&public.n, &public.e),
            public: PublicKey {
                id: id.clone(),
                modulus: URL_SAFE_NO_PAD.encode(&public.n),
                exponent: URL_SAFE_NO_PAD.encode(&public.e),
            },
            id,
            pair,
            published_until,
        })
    }

    fn is_published(&self, now: Timestamp) -> bool {
        self.published_until.is_none_or(|until| now < until)
    }
}

fn new_private_key() -> Result<SecretSlice<u8>, Fault> {
    let failed = |error| Fault::crypto("RSA", error);
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(failed)?;
    Ok(der.as_ref().to_vec().into())
}
