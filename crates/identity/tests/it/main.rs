//! Identity over the embedded store: keys, tokens, the built-in issuer, the directory.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod elsewhere;
mod grants;
mod house;
mod http;
mod key_sets;
mod keys;
mod named_projects;
mod refusals;
mod revocation;
mod tokens;
