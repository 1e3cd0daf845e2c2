//! What the issuer publishes: its discovery document and its key set.

use serde_json::{Value, json};

use super::ring::PublicKey;

pub(super) fn discovery(issuer: &str, public_base: &str, realm: &str) -> Value {
    let base = format!("{}/auth/realms/{realm}", public_base.trim_end_matches('/'));
    let endpoint = |name: &str| format!("{base}/protocol/openid-connect/{name}");
    json!({
        "issuer": issuer,
        "token_endpoint": endpoint("token"),
        "jwks_uri": endpoint("certs"),
        "grant_types_supported": [
            "password",
            "client_credentials",
            "refresh_token",
            "urn:ietf:params:oauth:grant-type:token-exchange",
        ],
        "response_types_supported": [],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "scopes_supported": ["openid", "profile", "email", "codemie"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "name", "email", "preferred_username", "realm_access", "applications",
            "applications_admin", "user_type",
        ],
    })
}

pub(super) fn key_set(keys: &[PublicKey]) -> Value {
    let key = |key: &PublicKey| {
        json!({
            "kid": key.id, "kty": "RSA", "alg": "RS256", "use": "sig", "n": key.modulus, "e": key.exponent,
        })
    };
    json!({ "keys": keys.iter().map(key).collect::<Vec<_>>() })
}
