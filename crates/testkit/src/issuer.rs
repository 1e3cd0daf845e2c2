//! An issuer that tests make up: it signs what it is told to, rotates its keys, fails on demand and counts who asks it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256,
    RsaEncoding, RsaKeyPair, RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat::clock::Clock;
use identity::tokens::{FetchError, KeySetSource};
use secrecy::SecretString;
use serde_json::{Value, json};

use crate::clock::ManualClock;

/// What the issuer answers whoever asks for its documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// With this status.
    Status(u16),
    /// With something that is no JSON.
    Garbage,
    /// With a key set that holds nothing.
    Empty,
    /// Never.
    Hangs,
}

/// A foreign issuer, and the way to it. Clones are the same issuer.
#[derive(Clone)]
pub struct FakeIssuer {
    name: String,
    shared: Arc<Shared>,
}

struct Shared {
    keys: Mutex<Vec<Key>>,
    mood: Mutex<Mood>,
    fetches: AtomicUsize,
    made: AtomicUsize,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
}

struct Key {
    id: String,
    pair: Pair,
}

impl FakeIssuer {
    /// An issuer of this name, `https://…`, with one RSA key, `key-1`.
    pub fn new(name: &str) -> Self {
        let issuer = Self::with_keys(name, Vec::new());
        issuer.rotate();
        issuer
    }

    /// A forger: signs in this name by a key that it has got hold of, in PKCS#8.
    pub fn with_stolen_key(name: &str, id: &str, private_key: &[u8]) -> Self {
        let pair = RsaKeyPair::from_pkcs8(private_key).expect("an RSA key");
        Self::with_keys(name, vec![Key { id: id.to_owned(), pair: Pair::Rsa(pair) }])
    }

    fn with_keys(name: &str, keys: Vec<Key>) -> Self {
        let shared = Shared {
            keys: Mutex::new(keys),
            mood: Mutex::new(Mood::Well),
            fetches: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
        };
        Self { name: name.to_owned(), shared: Arc::new(shared) }
    }

    /// Its name, as its tokens have it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Signs with a new RSA key, `key-2` and so on, from now on. The old ones stay published.
    pub fn rotate(&self) {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
        self.add(Pair::Rsa(pair));
    }

    /// As [`FakeIssuer::rotate`], with a key on the curve P-256.
    pub fn rotate_to_ec(&self) {
        let document = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key can be made");
        self.add(Pair::Ec(document));
    }

    fn add(&self, pair: Pair) {
        let number = self.shared.made.fetch_add(1, Ordering::Relaxed) + 1;
        self.keys().push(Key { id: format!("key-{number}"), pair });
    }

    /// Publishes the newest key alone.
    pub fn withdraw_old_keys(&self) {
        let mut keys = self.keys();
        let old = keys.len() - 1;
        keys.drain(..old);
    }

    /// From now on answers like this.
    pub fn set_mood(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// How often anybody has asked for a document, key sets and discovery together.
    pub fn fetches(&self) -> usize {
        self.shared.fetches.load(Ordering::Relaxed)
    }

    /// The claims of a good access token for `latimer`, good for five minutes.
    pub fn claims(&self, clock: &ManualClock, subject: &str) -> Value {
        let now = clock.now().as_second();
        json!({
            "iss": self.name, "sub": subject, "aud": ["latimer", "account"], "typ": "Bearer", "azp": "codemie-sdk",
            "iat": now, "exp": now + 300, "preferred_username": subject, "name": format!("{subject} of elsewhere"),
            "email": format!("{subject}@elsewhere.example"), "realm_access": {"roles": ["developer", "offline_access"]},
        })
    }

    /// A token of these claims, signed by the newest key in the way of its kind.
    pub fn sign(&self, claims: &Value) -> SecretString {
        let (id, algorithm) = {
            let keys = self.keys();
            let key = newest(&keys);
            (key.id.clone(), if matches!(key.pair, Pair::Rsa(_)) { "RS256" } else { "ES256" })
        };
        self.sign_with(&json!({"alg": algorithm, "typ": "JWT", "kid": id}), claims)
    }

    /// A token of this header and these claims. The newest key signs in the way that `alg` says; for HS256 its public half
    /// is the secret, as in the attack; for anything else there is no signature.
    pub fn sign_with(&self, header: &Value, claims: &Value) -> SecretString {
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let message = format!("{}.{}", encode(header), encode(claims));
        let keys = self.keys();
        let signature = match (header["alg"].as_str(), &newest(&keys).pair) {
            (Some("RS256"), Pair::Rsa(pair)) => rsa(pair, &RSA_PKCS1_SHA256, &message),
            (Some("PS256"), Pair::Rsa(pair)) => rsa(pair, &RSA_PSS_SHA256, &message),
            (Some("ES256"), Pair::Ec(pair)) => {
                let signature = pair.sign(&SystemRandom::new(), message.as_bytes());
                signature.expect("it can be signed").as_ref().to_vec()
            }
            (Some("HS256"), Pair::Rsa(pair)) => {
                let secret = hmac::Key::new(hmac::HMAC_SHA256, pair.public_key().as_ref());
                hmac::sign(&secret, message.as_bytes()).as_ref().to_vec()
            }
            _ => Vec::new(),
        };
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)).into()
    }

    /// Its key set: as Keycloak's, it begins with a key for encryption and holds one that nobody understands.
    pub fn key_set(&self) -> Value {
        // The same key under another name, so that a signature by it proves something to whoever takes it.
        let mut for_encryption = newest(&self.keys()).public();
        for_encryption["kid"] = json!("for-encryption");
        for_encryption["use"] = json!("enc");
        for_encryption.as_object_mut().expect("a key is an object").remove("alg");
        let mut keys = vec![for_encryption];
        keys.push(json!({"kid": "from-the-future", "kty": "ML-DSA", "alg": "ML-DSA-65", "pub": "AAAA"}));
        keys.extend(self.keys().iter().map(Key::public));
        json!({ "keys": keys })
    }

    fn keys(&self) -> MutexGuard<'_, Vec<Key>> {
        self.shared.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl KeySetSource for FakeIssuer {
    async fn get(&self, url: &str) -> Result<Vec<u8>, FetchError> {
        self.shared.fetches.fetch_add(1, Ordering::Relaxed);
        let mood = *self.shared.mood.lock().unwrap_or_else(PoisonError::into_inner);
        let jwks_uri = format!("{}/protocol/openid-connect/certs", self.name);
        match mood {
            Mood::Well if url == jwks_uri => Ok(self.key_set().to_string().into_bytes()),
            Mood::Well if *url == format!("{}/.well-known/openid-configuration", self.name) => {
                Ok(json!({"issuer": self.name, "jwks_uri": jwks_uri}).to_string().into_bytes())
            }
            Mood::Well => Err(FetchError::Status(404)),
            Mood::Status(status) => Err(FetchError::Status(status)),
            Mood::Garbage => Ok(b"<html>Bad gateway</html>".to_vec()),
            Mood::Empty => Ok(br#"{"keys": []}"#.to_vec()),
            Mood::Hangs => std::future::pending().await,
        }
    }
}

impl Key {
    fn public(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match &self.pair {
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                json!({
                    "kid": self.id, "kty": "RSA", "alg": "RS256", "use": "sig", "n": encode(&public.n),
                    "e": encode(&public.e),
                })
            }
            Pair::Ec(pair) => {
                // 4, x, y.
                let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
                json!({"kid": self.id, "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y)})
            }
        }
    }
}

fn newest(keys: &[Key]) -> &Key {
    keys.last().expect("an issuer has a key")
}

fn rsa(pair: &RsaKeyPair, encoding: &'static dyn RsaEncoding, message: &str) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    let signed = pair.sign(encoding, &SystemRandom::new(), message.as_bytes(), &mut signature);
    signed.expect("it can be signed");
    signature
}
