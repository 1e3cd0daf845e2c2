//! The server's tests over real HTTP, each in the words of what a client sees.

mod auth;
mod edge;
mod harness;
mod ownership;
mod seed;
mod streams;
