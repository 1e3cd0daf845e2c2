//! The index of one project, as a cache: it says which version of the store it shows, and who changes what goes one by one.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use chat::ids::DocumentId;
use tokio::sync::{Mutex, MutexGuard};

use crate::search::{Hit, Index, Packed, Question, Weighed};
use crate::store::{Entry, Key};

/// Vectors by what they are kept under.
pub(super) type Known = HashMap<Key, Packed>;

/// The place of a project's index.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    writing: Mutex<()>,
    loaded: RwLock<Option<Loaded>>,
}

#[derive(Debug)]
struct Loaded {
    version: u64,
    index: Index,
}

/// An index that showed the version that was asked for.
pub(super) struct Reader(Arc<Shelf>);

impl Shelf {
    /// Whoever changes the store or makes the index holds this until the index has followed.
    pub(super) async fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// The index, if it shows this version.
    pub(super) fn reader(self: Arc<Self>, version: u64) -> Option<Reader> {
        let loaded = self.loaded.read().unwrap_or_else(PoisonError::into_inner);
        let is_current = loaded.as_ref().is_some_and(|loaded| loaded.version == version);
        drop(loaded);
        is_current.then_some(Reader(self))
    }

    /// Takes an index that was made from the store.
    pub(super) fn set(self: Arc<Self>, version: u64, index: Index) -> Reader {
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = Some(Loaded { version, index });
        Reader(self)
    }

    /// Follows a document that was put into the store.
    pub(super) fn put(&self, version: u64, document: DocumentId, entries: &[Entry], vectors: &Known) {
        self.follow(version, |index| index.put(document, entries, vectors));
    }

    /// Follows a document that was removed from the store.
    pub(super) fn remove(&self, version: u64, document: DocumentId) {
        self.follow(version, |index| index.remove(document));
    }

    /// Gives their vectors to all chunks that have one of these keys.
    pub(super) fn set_vectors(&self, vectors: &Known) {
        if let Some(loaded) = self.loaded.write().unwrap_or_else(PoisonError::into_inner).as_mut() {
            loaded.index.set_vectors(vectors);
        }
    }

    /// An index that is not just one change behind, or is mostly holes, is dropped: the next search makes it anew.
    fn follow(&self, version: u64, change: impl FnOnce(&mut Index)) {
        let mut place = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        *place = place.take().filter(|loaded| loaded.version + 1 == version).and_then(|mut loaded| {
            change(&mut loaded.index);
            loaded.version = version;
            (!loaded.index.is_worn()).then_some(loaded)
        });
    }
}

impl Reader {
    /// Whether there is nothing to be found.
    pub(super) fn is_empty(&self) -> bool {
        let loaded = self.0.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.as_ref().is_none_or(|loaded| loaded.index.chunks() == 0)
    }

    /// What the words of a question tell.
    pub(super) fn weighed(&self, question: &str) -> Vec<Weighed> {
        let loaded = self.0.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.as_ref().map(|loaded| loaded.index.weighed(question)).unwrap_or_default()
    }

    /// The best chunks for a question.
    pub(super) fn search(&self, question: Question<'_>, limit: usize) -> Vec<Hit> {
        let loaded = self.0.loaded.read().unwrap_or_else(PoisonError::into_inner);
        loaded.as_ref().map(|loaded| loaded.index.search(question, limit)).unwrap_or_default()
    }
}
