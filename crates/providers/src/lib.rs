//! The models behind Latimer. Each is a [`chat::provider::Provider`]: OpenAI and whatever speaks like it, Anthropic, a
//! small model in the process, and one that only quotes documents.
//!
//! ```
//! use chat::provider::Provider as _;
//! use providers::openai::OpenAi;
//! use providers::settings::{Kind, ProviderSettings};
//!
//! let local = ProviderSettings {
//!     base_url: Some("http://127.0.0.1:11434/v1".to_owned()),
//!     default_model: Some("llama3.2".to_owned()),
//!     ..ProviderSettings::new(Kind::OpenAi)
//! };
//! let provider = OpenAi::new("ollama", &local).unwrap();
//! assert_eq!(provider.name(), "ollama");
//! ```

pub mod anthropic;
#[cfg(feature = "embedded-llm")]
pub mod embedded;
pub mod extractive;
pub mod fit;
pub mod openai;
pub mod settings;

mod decode;
mod failure;
mod http;
mod sse;
