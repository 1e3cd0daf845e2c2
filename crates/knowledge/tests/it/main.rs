//! The crate as its users see it: files read with the real child process; and documents in, passages out, over a store in
//! memory and a small model of the tests' own.

mod embedder;
mod endpoint;
mod files;
mod formats;
mod hostile;
mod library;
#[cfg(feature = "embedded-vectors")]
mod minilm;
mod quality;
mod reading;
