//! Tickets: addresses by which one turn can be read, in place of credentials, for as long as those are good.
//!
//! A ticket is 256 random bits and says nothing; what it is for is stored, under its SHA-256.

use std::sync::Arc;
use std::time::Duration;

use chat::clock::Clock;
use chat::ids::random_base62;
use chat::store::StoreError;
use chat::{Principal, Scope, Scopes, SignIn};
use secrecy::{ExposeSecret, SecretString};

use crate::keys::sha256;
use crate::store::{StoredTicket, TicketStore};

/// 43 characters of base 62 are 256 bits.
const LENGTH: usize = 43;

/// The tickets of this server. Cheap to clone.
#[derive(Clone)]
pub struct Tickets {
    store: Arc<dyn TicketStore>,
    clock: Arc<dyn Clock>,
}

/// What a ticket is good for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redeemed {
    /// Its owner, for chat alone.
    pub principal: Principal,
    /// The turn's public id.
    pub turn: String,
    /// How long ago it was issued.
    pub age: Duration,
    /// Whether somebody has been given all of the turn by it.
    pub is_delivered: bool,
}

impl Tickets {
    pub(crate) fn new(store: Arc<dyn TicketStore>, clock: Arc<dyn Clock>) -> Self {
        Self { store, clock }
    }

    /// A new ticket for a turn of the caller's, good until the caller's key is revoked or account disabled.
    pub async fn issue(&self, principal: &Principal, turn: &str) -> Result<SecretString, StoreError> {
        let ticket = random_base62(LENGTH);
        let stored = StoredTicket {
            account: principal.account(),
            turn: turn.to_owned(),
            key: principal.key().map(str::to_owned),
            issued_at: self.clock.now(),
            delivered_at: None,
        };
        self.store.add_ticket(sha256(&ticket), stored).await?;
        Ok(ticket.into())
    }

    /// What the ticket is for; `None` if it is unknown or its owner's credentials are revoked.
    pub async fn redeem(&self, ticket: &SecretString) -> Result<Option<Redeemed>, StoreError> {
        let ticket = ticket.expose_secret();
        if ticket.len() != LENGTH {
            return Ok(None);
        }
        let found = self.store.ticket(sha256(ticket)).await?;
        let redeemed = |stored: StoredTicket| Redeemed {
            principal: Principal::signed_in(
                stored.account,
                SignIn::Ticket,
                Scopes::default().with(Scope::Chat),
            ),
            turn: stored.turn,
            age: self.clock.now().duration_since(stored.issued_at).unsigned_abs(),
            is_delivered: stored.delivered_at.is_some(),
        };
        Ok(found.map(redeemed))
    }

    /// Notes that somebody has been given all of the turn by this ticket.
    pub async fn deliver(&self, ticket: &SecretString) -> Result<(), StoreError> {
        self.store.deliver_ticket(sha256(ticket.expose_secret()), self.clock.now()).await
    }
}
