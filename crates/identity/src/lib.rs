//! Who is calling: accounts, their API keys and their bearer tokens. The only crate besides the server's extractors that
//! makes a `Principal`.
//!
//! An API key is 256 random bits, shown once; what is stored is its SHA-256. It is looked up by that hash, so that no
//! comparison depends on the secret. A bearer token comes from a configured issuer or from the built-in one
//! ([`issuer`]); whoever issues it, [`Tokens`] verifies it.

mod directory;
mod fault;
mod identity;
pub mod issuer;
mod keys;
mod passwords;
pub mod store;
mod throttle;
pub mod tokens;

pub use directory::{Directory, DirectoryError, IssuedSecret, User};
pub use fault::Fault;
pub use identity::{FirstStart, Identity, Parts, SignInError};
pub use issuer::{Issuer, IssuerConfig};
pub use keys::{IssuedKey, Keys, KeysError};
pub use tokens::{TokenError, Tokens};
