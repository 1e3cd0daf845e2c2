//! Passwords: argon2id, computed off the async threads by a few at a time, since each takes 19 MiB and some 20 ms.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Semaphore;

use crate::fault::Fault;

/// Longer ones are wrong, unread.
const MAX_LENGTH: usize = 1024;
/// What a machine should spend on strangers: two cores, 38 MiB.
const AT_ONCE: usize = 2;

/// Hashes and checks passwords. Cheap to clone; clones share the limit.
#[derive(Clone)]
pub(crate) struct Passwords {
    argon2: Argon2<'static>,
    slots: Arc<Semaphore>,
    /// Of a password that nobody knows: what an unknown name is checked against, so that it takes as long.
    nobody: SecretString,
}

impl Passwords {
    pub(crate) async fn new(params: Params) -> Result<Self, Fault> {
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let slots = Arc::new(Semaphore::new(AT_ONCE));
        let passwords = Self { argon2, slots, nobody: String::new().into() };
        let nobody = passwords.hash(chat::ids::random_base62(43).into()).await?;
        Ok(Self { nobody, ..passwords })
    }

    /// The hash to store.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<SecretString, Fault> {
        let argon2 = self.argon2.clone();
        let hash =
            move || argon2.hash_password(password.expose_secret().as_bytes()).map(|hash| hash.to_string());
        let hash = self.off_thread(hash).await?;
        hash.map(SecretString::from).map_err(|error| Fault::crypto("argon2", error))
    }

    /// Whether the password is the one that was hashed; never without a hash, which takes as long.
    pub(crate) async fn verify(
        &self,
        password: &SecretString,
        hash: Option<SecretString>,
    ) -> Result<bool, Fault> {
        if password.expose_secret().len() > MAX_LENGTH {
            return Ok(false);
        }
        let is_somebody = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobody.clone());
        let (argon2, password) = (self.argon2.clone(), password.clone());
        let verify = move || {
            let hash = PasswordHash::new(hash.expose_secret());
            hash.is_ok_and(|hash| argon2.verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
        };
        Ok(self.off_thread(verify).await? && is_somebody)
    }

    async fn off_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let slot =
            Arc::clone(&self.slots).acquire_owned().await.map_err(|error| Fault::crypto("argon2", error))?;
        // The slot goes along: work whose caller has left counts until it is done.
        let work = move || {
            let _slot = slot;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| Fault::crypto("argon2", error))
    }
}
