//! The embedded store: judged by the suite for all stores, and by tests of what is its own.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod data_dir;
mod durability;
mod knowledge;
mod place;
mod schema;
mod suite;
mod tasks;
mod writer;
