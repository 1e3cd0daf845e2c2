//! Whether what the store holds of a document is what was put in: its text, and the chunks that were made of it.

use chat::ids::DocumentId;
use chat::store::StoreError;
use sha2::{Digest, Sha256};

use super::{Library, content_key};
use crate::chunk::in_context;
use crate::store::{Key, Listed, StoredPassage};

/// What is found of a document's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verified {
    /// They are what was put in.
    Whole,
    /// They are not, and nobody has changed the document.
    Damaged,
    /// It was replaced or removed meanwhile.
    Changed,
}

impl Library {
    /// Compares a document's stored text and chunks with the keys that were made when it was put in.
    pub async fn verify(&self, project: &str, listed: &Listed) -> Result<Verified, StoreError> {
        let store = &self.shared.store;
        let before = store.find(project, &listed.label.path).await?;
        let is_whole = match self.contents(project, listed.id, listed.bytes).await {
            Ok((text, chunks)) => {
                let keys: Vec<Key> = chunks.iter().map(|chunk| chunk.key).collect();
                let key = content_key(&keys, &text, &listed.label);
                before.as_ref().is_some_and(|known| known.key == key)
                    && chunks.iter().all(|chunk| is_of_its_key(&text, chunk))
            }
            // What can't be read is not what was put in.
            Err(StoreError::Failed(_)) => false,
            Err(error) => return Err(error),
        };
        // Whoever replaces it while it is looked at changes its key.
        let after = store.find(project, &listed.label.path).await?;
        let is_same = after == before && before.is_some_and(|known| known.id == listed.id);
        Ok(match is_whole {
            _ if !is_same => Verified::Changed,
            true => Verified::Whole,
            false => Verified::Damaged,
        })
    }

    async fn contents(
        &self,
        project: &str,
        document: DocumentId,
        bytes: usize,
    ) -> Result<(String, Vec<StoredPassage>), StoreError> {
        let text = self.text(project, document, 0..bytes).await?;
        let text = text.ok_or_else(|| StoreError::Failed("a text is shorter than it was".to_owned()))?;
        Ok((text, self.shared.store.chunks(project, document).await?))
    }
}

fn is_of_its_key(text: &str, chunk: &StoredPassage) -> bool {
    let input = in_context(&chunk.context, &chunk.text);
    text.get(chunk.chunk.span.clone()) == Some(&chunk.text) && Key::from(Sha256::digest(input)) == chunk.key
}
