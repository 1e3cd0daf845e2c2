//! Meaning as numbers: the port to a model that turns texts into vectors, the small one that runs in the process, and
//! those behind an endpoint.

pub mod endpoint;
#[cfg(feature = "embedded-vectors")]
pub mod minilm;

use async_trait::async_trait;

/// A model that turns texts into vectors of unit length, near each other where the texts mean alike.
///
/// An implementation gives one vector for each text, in their order, each of [`Embedder::dimensions`] numbers; what it
/// can't read whole it cuts. Questions overtake passages: someone waits for them.
#[async_trait]
pub trait Embedder: Send + Sync + std::fmt::Debug {
    /// Which model, so that vectors of another one are never compared with its own.
    fn name(&self) -> &str;

    /// How many numbers a vector has.
    fn dimensions(&self) -> usize;

    /// How many texts are best given at once.
    fn batch(&self) -> usize {
        16
    }

    /// Whether the rules by which documents answer or are silent ([`crate::answer`]) were fitted to how near this model
    /// sees texts. By another one's vectors documents are found, and the words alone decide what they say.
    fn is_calibrated(&self) -> bool {
        false
    }

    /// The vectors of `texts`.
    async fn embed(&self, purpose: Purpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// What texts are embedded for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To search with; someone waits.
    Question,
    /// To be found, in the background.
    Passage,
}

/// Why there are no vectors.
#[derive(Debug, thiserror::Error)]
pub enum EmbedError {
    /// The weights are missing or not what they should be.
    #[error("the embedding model can't be read; `cargo xtask models` installs it")]
    Unreadable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The model could not be asked, or its answer made no sense.
    #[error("the embedding model did not answer")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An endpoint gave none.
    #[error("the embedding endpoint {0}")]
    Endpoint(#[from] endpoint::EndpointError),
}

/// Scales a vector to unit length; one without direction stays zero.
pub fn normalise(vector: &mut [f32]) {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > f32::MIN_POSITIVE {
        vector.iter_mut().for_each(|value| *value /= length);
    }
}
