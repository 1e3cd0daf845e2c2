//! The server's tests over real HTTP, each in the words of what a client sees.

#[cfg(feature = "embedded-llm")]
mod embedded;
mod harness;
mod seed;
mod streams;
