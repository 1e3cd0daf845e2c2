//! The core of Latimer: turns, conversations and the rules that hold for every dialect; no HTTP, no SQL, no vendor.
//!
//! A dialect translates a request into a [`turn::TurnRequest`] and hands it to [`Chat::ask`]; it gets a
//! [`TurnStream`], a reader of the turn's log, and encodes each [`turn::TurnEvent`] in its own form. The turn itself
//! belongs to the server: any number of readers follow it from any position, and it is recorded exactly once.

pub mod assistants;
pub mod clock;
pub mod conversations;
mod engine;
mod error;
pub mod grounding;
pub mod ids;
pub mod models;
mod placement;
mod principal;
mod prompt;
pub mod provider;
mod registry;
pub mod store;
mod tasks;
pub mod turn;
mod turn_log;
pub mod usage;

pub use engine::{Cancelled, Chat, Parts, Settings};
pub use error::{Error, ErrorKind};
pub use principal::{Principal, Scope, Scopes, SignIn};
pub use tasks::Tasks;
pub use turn_log::{Reply, StopReason, Transcript, TurnLog, TurnStream};
