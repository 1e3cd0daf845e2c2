//! Latimer's edge: HTTP, the dialects, configuration and the command line. A library so that tests can start it.

pub mod cli;
pub mod config;

mod admin;
mod app;
mod auth;
mod body;
mod cors;
mod dialects;
mod edge;
mod health;
mod idempotency;
mod knowledge;
mod listen;
mod multipart;
mod openapi;
mod prices;
mod private_file;
mod public_address;
mod rate_limit;
mod request_id;
mod router;
mod serve;
mod sign_in;
mod sse;

pub use serve::{Server, StartError, Stores, Surroundings};
