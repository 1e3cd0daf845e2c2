//! Placeholder.

#[cfg(feature = "embedded-llm")]
pub mod embedded;
