//! Documents in, cited passages out; usable without the server.
//!
//! A file is read into text with its structure ([`extract`]) and cut into chunks ([`chunk`]), which are found by their
//! words and by their meaning ([`search`]); what an answer rests on is told afterwards
//! ([`cite`]). [`library`] puts these together over a port to what keeps it all ([`store`]).

pub mod chunk;
pub mod cite;
pub mod embed;
pub mod extract;
pub mod library;
pub mod search;
pub mod store;
