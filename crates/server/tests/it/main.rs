//! The server's tests over real HTTP, each in the words of what a client sees.

mod cli;
mod harness;
mod program;
mod seed;
mod shutdown;
mod streams;
