//! What is configured about an issuer.

use std::time::Duration;

use jsonwebtoken::Algorithm;

/// The audience that tokens must be meant for.
pub const AUDIENCE: &str = "latimer";

/// How tokens may be signed: with a private key, whose public half proves it. There is no other way to configure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAlgorithm {
    /// RSA with PKCS#1 v1.5 and SHA-256.
    Rs256,
    /// RSA with PKCS#1 v1.5 and SHA-384.
    Rs384,
    /// RSA with PKCS#1 v1.5 and SHA-512.
    Rs512,
    /// RSA-PSS with SHA-256.
    Ps256,
    /// RSA-PSS with SHA-384.
    Ps384,
    /// RSA-PSS with SHA-512.
    Ps512,
    /// ECDSA over P-256.
    Es256,
    /// ECDSA over P-384.
    Es384,
}

impl TokenAlgorithm {
    /// All of them.
    pub const ALL: &'static [Self] = &[
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
    ];
    /// Those of RSA keys.
    pub(super) const RSA: &'static [Self] = Self::ALL.split_at(6).0;

    /// Its name in tokens, key sets and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
        }
    }

    /// The algorithm of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|algorithm| algorithm.name() == name)
    }

    pub(super) fn for_verification(self) -> Algorithm {
        match self {
            Self::Rs256 => Algorithm::RS256,
            Self::Rs384 => Algorithm::RS384,
            Self::Rs512 => Algorithm::RS512,
            Self::Ps256 => Algorithm::PS256,
            Self::Ps384 => Algorithm::PS384,
            Self::Ps512 => Algorithm::PS512,
            Self::Es256 => Algorithm::ES256,
            Self::Es384 => Algorithm::ES384,
        }
    }
}

/// Where an issuer's keys are published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeysAt {
    /// Where the issuer's discovery document says.
    Discovery,
    /// At this address.
    Url(String),
}

/// An issuer whose tokens are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuerSettings {
    /// What `subject_issuer` of a token exchange may call it, besides its URL.
    pub name: String,
    /// The issuer, as its tokens name it: `https://keycloak.example.com/realms/codemie-prod`.
    pub issuer: String,
    /// What the claim `aud` must have.
    pub audience: String,
    /// Where its keys are.
    pub keys: KeysAt,
    /// How its tokens may be signed.
    pub algorithms: Vec<TokenAlgorithm>,
    /// Also takes a token that was issued to a client called as the audience.
    pub accept_azp: bool,
    /// Refuses whoever has none of the roles `admin` and `developer`.
    pub require_role: bool,
    /// How far its clock may be from ours.
    pub leeway: Duration,
}

impl IssuerSettings {
    /// An issuer that publishes a discovery document, with everything else as most have it.
    pub fn new(issuer: impl Into<String>) -> Self {
        let issuer = issuer.into();
        Self {
            name: issuer.clone(),
            issuer,
            audience: AUDIENCE.to_owned(),
            keys: KeysAt::Discovery,
            algorithms: TokenAlgorithm::ALL.to_vec(),
            accept_azp: false,
            require_role: false,
            leeway: Duration::from_secs(30),
        }
    }
}
