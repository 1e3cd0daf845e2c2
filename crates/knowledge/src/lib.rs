//! Documents in, cited passages out; usable without the server.
//!
//! A document is cut into chunks ([`chunk`]), which are found by their words and by their meaning ([`search`]).

pub mod chunk;
pub mod embed;
pub mod extract;
pub mod library;
pub mod search;
pub mod store;
