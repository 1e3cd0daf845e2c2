//! Who is calling: accounts, their API keys and their bearer tokens. The only crate besides the server's extractors that
//! makes a `Principal`.
//!
//! An API key is 256 random bits, shown once; what is stored is its SHA-256. It is looked up by that hash, so that no
//! comparison depends on the secret. A bearer token comes from a configured issuer or from the built-in one
//! ([`issuer`]); whoever issues it, [`Tokens`] verifies it.
//!
//! ```
//! # use std::{sync::Arc, time::Duration};
//! # use identity::{Identity, IssuerConfig, Parts, issuer::PUBLIC_CLIENT, tokens::HttpKeySets};
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let clock = Arc::new(chat::clock::SystemClock);
//! # let store = store::SqliteStore::open(store::DataDir::lock(dir.path())?, clock.as_ref()).await?;
//! # let store = Arc::new(store);
//! let identity = Identity::start(Parts {
//!     keys: store.clone(),
//!     accounts: store.clone(),
//!     issuer: store.clone(),
//!     tickets: store.clone(),
//!     clock,
//!     tasks: chat::Tasks::new(),
//!     config: IssuerConfig::new("http://localhost:3000"),
//!     issuers: Vec::new(),
//!     source: Arc::new(HttpKeySets::new(Duration::from_secs(5))?),
//! })
//! .await?;
//! identity.first_start(Some("correct horse".into())).await?;
//! let form = [
//!     ("grant_type", "password"),
//!     ("client_id", PUBLIC_CLIENT),
//!     ("username", "admin"),
//!     ("password", "correct horse"),
//! ];
//! let form = form.map(|(name, value)| (name.to_owned(), value.to_owned()));
//! let answer = identity.issuer.token(&form, None).await?;
//! let principal = identity.authenticate(&answer.access_token).await?;
//! assert!(principal.is_admin());
//! # Ok(()) }
//! ```

mod directory;
mod fault;
mod identity;
pub mod issuer;
mod keys;
mod passwords;
pub mod store;
mod throttle;
mod tickets;
pub mod tokens;

pub use directory::{Directory, DirectoryError, IssuedSecret, User, generated_password};
pub use fault::Fault;
pub use identity::{FirstStart, Identity, Parts, SignInError};
pub use issuer::{Issuer, IssuerConfig};
pub use keys::{IssuedKey, KeyRights, Keys, KeysError};
pub use tickets::{Redeemed, Tickets};
pub use tokens::{TokenError, Tokens};
