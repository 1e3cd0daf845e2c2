//! The library as a whole: documents in, passages out, over a store in memory and a small model of the tests' own.

mod embedder;
mod library;
#[cfg(feature = "embedded-vectors")]
mod minilm;
mod quality;
