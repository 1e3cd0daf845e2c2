//! Who is calling: accounts and their API keys. The only crate besides the server's extractors that makes a `Principal`.
//!
//! A key is 256 random bits, shown once; what is stored is its SHA-256. It is looked up by that hash, so that no
//! comparison depends on the secret.

mod keys;
pub mod store;

pub use keys::{IssuedKey, Keys, KeysError};
