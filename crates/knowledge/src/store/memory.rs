//! Knowledge kept in memory, and gone with the process: for tests, tools and whoever needs no more.

mod tasks;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use chat::ids::DocumentId;
use chat::store::StoreError;

use super::{
    Entry, Key, KnowledgeStore, Listed, Status, StoredChunk, StoredDocument, StoredPassage, Summary,
};
use crate::chunk::Chunk;
use crate::search::Packed;

/// All of it in maps.
#[derive(Debug, Default)]
pub struct MemoryStore {
    projects: Mutex<BTreeMap<String, Project>>,
    tasks: Mutex<tasks::Tasks>,
}

#[derive(Debug, Default)]
struct Project {
    version: u64,
    documents: BTreeMap<DocumentId, StoredDocument>,
    /// By model and key.
    vectors: HashMap<(String, Key), Packed>,
}

impl MemoryStore {
    fn projects(&self) -> MutexGuard<'_, BTreeMap<String, Project>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T: Default>(&self, project: &str, look: impl FnOnce(&Project) -> T) -> T {
        self.projects().get(project).map(look).unwrap_or_default()
    }
}

impl Project {
    /// After something went, vectors that nothing uses go too.
    fn changed(&mut self, gone: bool) -> u64 {
        self.version += 1;
        if !gone {
            return self.version;
        }
        let used: HashSet<Key> = self.entries().map(|entry| entry.key).collect();
        self.vectors.retain(|(_, key), _| used.contains(key));
        self.version
    }

    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.documents.values().flat_map(|document| document.chunks.iter().map(|chunk| &chunk.entry))
    }

    fn later(&self, after: Option<DocumentId>) -> impl Iterator<Item = &StoredDocument> {
        self.documents.values().filter(move |document| after.is_none_or(|after| document.id > after))
    }

    fn listed(&self, document: &StoredDocument, model: &str) -> Listed {
        let has_vector = |chunk: &&StoredChunk| self.has(model, chunk.entry.key);
        Listed {
            id: document.id,
            label: document.label.clone(),
            title: document.title.clone(),
            bytes: document.text.len(),
            chunks: document.chunks.len(),
            vectors: document.chunks.iter().filter(has_vector).count(),
        }
    }

    fn has(&self, model: &str, key: Key) -> bool {
        self.vectors.contains_key(&(model.to_owned(), key))
    }
}

#[async_trait]
impl KnowledgeStore for MemoryStore {
    async fn version(&self, project: &str) -> Result<u64, StoreError> {
        Ok(self.read(project, |project| project.version))
    }

    async fn put(&self, project: &str, document: StoredDocument) -> Result<u64, StoreError> {
        self.tasks().settle(project, &document.label.path, None);
        let mut projects = self.projects();
        let project = projects.entry(project.to_owned()).or_default();
        let before = project.documents.len();
        project.documents.retain(|_, other| other.label.path != document.label.path);
        let gone = project.documents.len() < before;
        project.documents.insert(document.id, document);
        Ok(project.changed(gone))
    }

    async fn remove(&self, project: &str, document: DocumentId) -> Result<Option<u64>, StoreError> {
        let mut projects = self.projects();
        let Some(project) = projects.get_mut(project) else { return Ok(None) };
        Ok(project.documents.remove(&document).map(|_| project.changed(true)))
    }

    async fn find(&self, project: &str, path: &str) -> Result<Option<Summary>, StoreError> {
        let summary = |document: &StoredDocument| Summary { id: document.id, key: document.key };
        let find = |project: &Project| {
            project.documents.values().find(|document| document.label.path == path).map(summary)
        };
        Ok(self.read(project, find))
    }

    async fn project_of(&self, document: DocumentId) -> Result<Option<String>, StoreError> {
        let projects = self.projects();
        let mut named = projects.iter().filter(|(_, project)| project.documents.contains_key(&document));
        Ok(named.next().map(|(name, _)| name.clone()))
    }

    async fn documents(
        &self,
        project: &str,
        model: &str,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        let page = |project: &Project| {
            let later = project.later(after).take(limit);
            later.map(|document| project.listed(document, model)).collect()
        };
        Ok(self.read(project, page))
    }

    async fn text(
        &self,
        project: &str,
        document: DocumentId,
        span: Range<usize>,
    ) -> Result<Option<String>, StoreError> {
        let text = |project: &Project| {
            let text = &project.documents.get(&document)?.text;
            text.get(span.start..span.end.min(text.len())).map(str::to_owned)
        };
        Ok(self.read(project, text))
    }

    async fn page(
        &self,
        project: &str,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<(DocumentId, Vec<Entry>)>, StoreError> {
        let entries = |document: &StoredDocument| {
            (document.id, document.chunks.iter().map(|chunk| chunk.entry.clone()).collect())
        };
        let page = |project: &Project| project.later(after).take(limit).map(entries).collect();
        Ok(self.read(project, page))
    }

    async fn chunks(&self, project: &str, document: DocumentId) -> Result<Vec<StoredPassage>, StoreError> {
        let chunks = |project: &Project| {
            let document = project.documents.get(&document);
            let numbers = 0..document.map_or(0, |document| document.chunks.len());
            numbers.filter_map(|number| passage(document?, number..number + 1)).collect()
        };
        Ok(self.read(project, chunks))
    }

    async fn passages(
        &self,
        project: &str,
        wanted: &[(DocumentId, Range<usize>)],
    ) -> Result<Vec<StoredPassage>, StoreError> {
        let passages = |project: &Project| {
            let passage =
                |(id, numbers): &(_, Range<usize>)| passage(project.documents.get(id)?, numbers.clone());
            wanted.iter().filter_map(passage).collect()
        };
        Ok(self.read(project, passages))
    }

    async fn lacking(&self, model: &str, limit: usize) -> Result<Vec<(String, DocumentId)>, StoreError> {
        let mut found = Vec::new();
        for (name, project) in self.projects().iter() {
            let lacks = |document: &&StoredDocument| {
                document.chunks.iter().any(|chunk| !project.has(model, chunk.entry.key))
            };
            let left = limit - found.len();
            let documents = project.documents.values().filter(lacks).take(left);
            found.extend(documents.map(|document| (name.clone(), document.id)));
        }
        Ok(found)
    }

    async fn vectors(
        &self,
        project: &str,
        model: &str,
        keys: &[Key],
    ) -> Result<Vec<(Key, Packed)>, StoreError> {
        let vectors = |project: &Project| {
            let vector = |key: &Key| Some((*key, project.vectors.get(&(model.to_owned(), *key))?.clone()));
            keys.iter().filter_map(vector).collect()
        };
        Ok(self.read(project, vectors))
    }

    async fn save_vectors(
        &self,
        project: &str,
        model: &str,
        vectors: Vec<(Key, Packed)>,
    ) -> Result<(), StoreError> {
        if let Some(project) = self.projects().get_mut(project) {
            let named = vectors.into_iter().map(|(key, vector)| ((model.to_owned(), key), vector));
            project.vectors.extend(named);
        }
        Ok(())
    }

    async fn status(&self, project: &str, model: &str) -> Result<Status, StoreError> {
        Ok(self.read(project, |project| Status {
            documents: project.documents.len(),
            chunks: project.entries().count(),
            vectors: project.entries().filter(|entry| project.has(model, entry.key)).count(),
        }))
    }
}

fn passage(document: &StoredDocument, numbers: Range<usize>) -> Option<StoredPassage> {
    let first = document.chunks.get(numbers.start)?;
    let last = document.chunks.get(numbers.end.checked_sub(1)?)?;
    let span = first.chunk.span.start..last.chunk.span.end;
    Some(StoredPassage {
        document: document.id,
        path: document.label.path.clone(),
        kind: document.label.kind,
        title: document.title.clone(),
        number: numbers.start,
        text: document.text[span.clone()].to_owned(),
        chunk: Chunk { span, ..first.chunk.clone() },
        context: first.context.clone(),
        key: first.entry.key,
    })
}
