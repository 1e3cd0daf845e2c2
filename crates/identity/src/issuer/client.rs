//! Which client asks, and whether it knows its secret.

use secrecy::{ExposeSecret as _, SecretString};

use super::Shared;
use super::answer::{GrantError, Refusal};
use super::form::Form;
use crate::keys::sha256;
use crate::store::StoredClient;

const WRONG: &str = "Invalid client or Invalid client credentials";

/// The client by the header or, without one, by the form.
pub(super) async fn authenticate(
    shared: &Shared,
    form: &Form<'_>,
    basic: Option<(String, SecretString)>,
) -> Result<StoredClient, GrantError> {
    let (id, secret) = match basic {
        Some((id, secret)) => {
            (Some(percent_decoded(&id)), Some(percent_decoded(secret.expose_secret()).into()))
        }
        None => (form.get("client_id").map(str::to_owned), form.get("client_secret").map(SecretString::from)),
    };
    let client = match id {
        Some(id) => shared.store.client(&id).await?,
        None => None,
    };
    let is_enabled = |client: &StoredClient| client.disabled_at.is_none();
    let client = client.filter(is_enabled).ok_or_else(|| Refusal::new(401, "invalid_client", WRONG))?;
    let Some(expected) = client.secret_hash else { return Ok(client) };
    // Hashes are compared: what the time tells is nothing about the secret.
    if secret.is_some_and(|secret: SecretString| secret_hash(&secret) == expected) {
        return Ok(client);
    }
    Err(Refusal::new(401, "unauthorized_client", WRONG).into())
}

/// What is stored of a client's secret, which has 256 random bits.
pub(crate) fn secret_hash(secret: &SecretString) -> [u8; 32] {
    sha256(secret.expose_secret())
}

/// RFC 6749 2.3.1 has the header's parts encoded like a form's. What is no encoding stands for itself.
fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let hex = bytes.get(index + 1..index + 3).and_then(|pair| std::str::from_utf8(pair).ok());
        let byte = hex.and_then(|pair| u8::from_str_radix(pair, 16).ok());
        match (bytes[index], byte) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                index += 3;
            }
            (b'+', _) => {
                decoded.push(b' ');
                index += 1;
            }
            (byte, _) => {
                decoded.push(byte);
                index += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_the_header_are_decoded() {
        for (encoded, decoded) in [
            ("codemie%2Dsdk", "codemie-sdk"),
            ("a+b", "a b"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%ff", "%ff"),
        ] {
            assert_eq!(percent_decoded(encoded), decoded);
        }
    }
}
