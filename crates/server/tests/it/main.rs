//! The server's tests over real HTTP, each in the words of what a client sees.

mod harness;
mod seed;
mod streams;
