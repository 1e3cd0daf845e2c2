//! Documents in, passages out: usable without the server.

pub mod extract;
