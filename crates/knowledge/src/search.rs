//! Finds passages: by words, by meaning, and by both together.

pub mod language;
pub mod lexical;
pub mod words;
