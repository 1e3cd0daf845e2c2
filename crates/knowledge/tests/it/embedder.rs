//! A model for tests: a text is the subjects that it names, and each text that it read is remembered.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use knowledge::embed::{EmbedError, Embedder, Purpose, normalise};

/// Words that mean alike share a place in the vector.
const SUBJECTS: &[&[&str]] = &[&["car", "vehicle", "automobile"], &["boat", "ship"], &["cost", "price"]];

/// Knows three subjects.
#[derive(Debug, Default)]
pub(crate) struct SubjectEmbedder {
    read: Mutex<Vec<String>>,
}

impl SubjectEmbedder {
    /// The passages that were embedded so far.
    pub(crate) fn read(&self) -> Vec<String> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Embedder for SubjectEmbedder {
    fn name(&self) -> &str {
        "subjects"
    }

    fn dimensions(&self) -> usize {
        SUBJECTS.len() + 1
    }

    async fn embed(&self, purpose: Purpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        if purpose == Purpose::Passage {
            self.read.lock().unwrap_or_else(PoisonError::into_inner).extend(texts.iter().cloned());
        }
        Ok(texts.iter().map(|text| vector(text)).collect())
    }
}

fn vector(text: &str) -> Vec<f32> {
    let text = text.to_lowercase();
    let times = |words: &&[&str]| words.iter().map(|word| text.matches(word).count()).sum::<usize>() as f32;
    let mut vector: Vec<f32> = SUBJECTS.iter().map(times).chain([0.1]).collect();
    normalise(&mut vector);
    vector
}
