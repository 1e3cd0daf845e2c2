//! The core over the embedded store and a scripted model: turns as every dialect sees them.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod crash;
mod failures;
mod grounding;
mod house;
mod lists;
mod prompts;
mod reading;
mod repeats;
mod scopes;
mod shutdown;
mod stops;
mod tampered_store;
