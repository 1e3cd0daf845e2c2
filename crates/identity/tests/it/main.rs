//! Identity over the embedded store: keys, tokens, the built-in issuer, the directory.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod grants;
mod house;
mod http;
mod keys;
mod refusals;
mod tokens;
