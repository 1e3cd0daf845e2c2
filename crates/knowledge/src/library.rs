//! The face of the crate: documents go in under a project and a path, passages come out for a question.

mod answers;
mod shelf;
mod vectors;
mod verify;

use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat::Tasks;
use chat::clock::Clock;
use chat::ids::DocumentId;
use chat::store::StoreError;
use sha2::{Digest, Sha256};
use tokio::sync::{Notify, broadcast};
use tokio::task::spawn_blocking;

use crate::chunk::{self, Chunk, in_context};
use crate::embed::{Embedder, Purpose};
use crate::extract::Extracted;
use crate::search::{Hit, Index, Question, Rank, Terms};
use crate::store::{
    DocumentType, Entry, Key, KnowledgeStore, Label, Listed, Status, StoredChunk, StoredDocument,
    StoredPassage,
};
use shelf::{Known, Reader, Shelf};

pub use verify::Verified;

/// A question whose vector takes longer is answered by words alone.
const QUESTION_WAIT: Duration = Duration::from_secs(3);
/// How many documents are loaded at once; some have hundreds of chunks.
const PAGE: usize = 40;
/// So many chunks become one passage, if they are among the best.
const MOST_JOINED: usize = 3;
const BEST: usize = 10;
/// How much further down is looked for documents of certain types.
const DEPTH_OF_TYPES: usize = 20;
/// A reader of events that is further behind misses some.
const EVENTS: usize = 1024;

/// All that is known, by project. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Library {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    store: Arc<dyn KnowledgeStore>,
    embedder: Option<Arc<dyn Embedder>>,
    clock: Arc<dyn Clock>,
    shelves: Mutex<HashMap<String, Arc<Shelf>>>,
    /// Rings when chunks may lack vectors.
    lacking: Notify,
    events: broadcast::Sender<Event>,
}

/// What became of a document that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ingested {
    /// The document; the same as before if it was replaced.
    pub document: DocumentId,
    /// How many chunks it has.
    pub chunks: usize,
    /// False if the same content was there already, in which case nothing was done.
    pub changed: bool,
}

/// What happens in a project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The project.
    pub project: String,
    /// How much there is of it now.
    pub status: Status,
}

/// What is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Query<'a> {
    /// The question.
    pub text: &'a str,
    /// How many chunks at most.
    pub limit: usize,
    /// Documents of these types only; of all if there is none here.
    pub types: &'a [DocumentType],
    /// How many bytes of text in all passages at most, but for the first.
    pub budget: usize,
}

/// A passage that was found: a chunk, or several that stand side by side.
#[derive(Debug, Clone)]
pub struct Passage {
    /// Where it is from, and its text.
    pub stored: StoredPassage,
    /// Why its best chunk stands where it stands.
    pub rank: Rank,
}

impl Library {
    /// Opens what a store keeps, with a model for vectors if there is one.
    pub fn new(
        store: Arc<dyn KnowledgeStore>,
        embedder: Option<Arc<dyn Embedder>>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let shared = Shared {
            store,
            embedder,
            clock,
            shelves: Mutex::default(),
            lacking: Notify::new(),
            events: broadcast::channel(EVENTS).0,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Makes the vectors that chunks lack, in the background, now and whenever documents come in.
    pub fn start(&self, tasks: &Tasks) {
        if let Some(embedder) = &self.shared.embedder {
            let (shared, embedder) = (Arc::clone(&self.shared), Arc::clone(embedder));
            let closing = tasks.closing().clone();
            tasks.spawn(vectors::follow(shared, embedder, vectors::AFTER_FAILURE, closing));
        }
    }

    /// Puts a document in, in the place of the one with its path. It is found by its words once this returns.
    pub async fn ingest(
        &self,
        project: &str,
        label: impl Into<Label>,
        document: Extracted,
    ) -> Result<Ingested, StoreError> {
        let label = label.into();
        let shelf = self.shared.shelf(project);
        let _turn = shelf.writing().await;
        let store = &self.shared.store;
        let known = store.find(project, &label.path).await?;
        let id = known.as_ref().map_or_else(|| DocumentId::new(&*self.shared.clock), |known| known.id);
        let prepared = spawn_blocking(move || prepare(id, label, document)).await;
        let prepared = prepared.map_err(|error| StoreError::Failed(error.to_string()))?;
        let (chunks, changed) = (prepared.chunks.len(), known.is_none_or(|known| known.key != prepared.key));
        if changed {
            let entries: Vec<Entry> = prepared.chunks.iter().map(|chunk| chunk.entry.clone()).collect();
            let version = store.put(project, prepared).await?;
            let vectors = self.shared.vectors_of(project, &entries).await?;
            shelf.put(version, id, &entries, &vectors);
            self.shared.lacking.notify_one();
            self.shared.tell(project).await?;
        }
        Ok(Ingested { document: id, chunks, changed })
    }

    /// Removes a document; false if there is none.
    pub async fn remove(&self, project: &str, document: DocumentId) -> Result<bool, StoreError> {
        let shelf = self.shared.shelf(project);
        let _turn = shelf.writing().await;
        let Some(version) = self.shared.store.remove(project, document).await? else { return Ok(false) };
        shelf.remove(version, document);
        self.shared.tell(project).await?;
        Ok(true)
    }

    /// The passages that answer best, the best first.
    pub async fn search(&self, project: &str, query: Query<'_>) -> Result<Vec<Passage>, StoreError> {
        let index = self.shared.index(project).await?;
        let vector = self.shared.question(query.text).await;
        let depth = if query.types.is_empty() { 1 } else { DEPTH_OF_TYPES };
        let (text, limit) = (query.text.to_owned(), query.limit.saturating_mul(depth));
        let search = move || index.search(Question { text: &text, vector: vector.as_deref() }, limit);
        let hits = spawn_blocking(search).await.map_err(|error| StoreError::Failed(error.to_string()))?;
        let joined = joined(&hits);
        let wanted: Vec<_> = joined.iter().map(|(chunks, hit)| (hit.document, chunks.clone())).collect();
        let found = self.shared.store.passages(project, &wanted).await?;
        let ranks: HashMap<_, _> =
            joined.iter().map(|(chunks, hit)| ((hit.document, chunks.start), hit.rank)).collect();
        let passage = |stored: StoredPassage| {
            let rank = ranks.get(&(stored.document, stored.number)).copied().unwrap_or_default();
            Passage { rank, stored }
        };
        let is_wanted = |found: &StoredPassage| query.types.is_empty() || query.types.contains(&found.kind);
        let wanted = found.into_iter().filter(is_wanted).take(query.limit);
        Ok(within(query.budget, wanted.map(passage).collect()))
    }

    /// The project that a document belongs to. Whoever asks must still find out whether the caller may know of it.
    pub async fn project_of(&self, document: DocumentId) -> Result<Option<String>, StoreError> {
        self.shared.store.project_of(document).await
    }

    /// A page of a project's documents, the oldest first, after the one named.
    pub async fn documents(
        &self,
        project: &str,
        after: Option<DocumentId>,
        limit: usize,
    ) -> Result<Vec<Listed>, StoreError> {
        self.shared.store.documents(project, self.shared.model(), after, limit).await
    }

    /// Bytes of a document's text; nothing if there are none, or if they begin or end within a character.
    pub async fn text(
        &self,
        project: &str,
        document: DocumentId,
        span: Range<usize>,
    ) -> Result<Option<String>, StoreError> {
        self.shared.store.text(project, document, span).await
    }

    /// How much there is of a project.
    pub async fn status(&self, project: &str) -> Result<Status, StoreError> {
        self.shared.store.status(project, self.shared.model()).await
    }

    /// The model that vectors are made by; without one, search goes by words alone.
    pub fn embedder(&self) -> Option<&str> {
        self.shared.embedder.as_ref().map(|embedder| embedder.name())
    }

    /// What happens from now on.
    pub fn events(&self) -> broadcast::Receiver<Event> {
        self.shared.events.subscribe()
    }
}

impl Shared {
    /// Which model vectors are of.
    fn model(&self) -> &str {
        self.embedder.as_ref().map_or("", |embedder| embedder.name())
    }

    fn shelf(&self, project: &str) -> Arc<Shelf> {
        let mut shelves = self.shelves.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(shelves.entry(project.to_owned()).or_default())
    }

    /// The index as the store stands; made anew if it is missing or behind.
    async fn index(&self, project: &str) -> Result<Reader, StoreError> {
        let shelf = self.shelf(project);
        if let Some(reader) = Arc::clone(&shelf).reader(self.store.version(project).await?) {
            return Ok(reader);
        }
        // A change may be on its way into the index just now.
        let making = Arc::clone(&shelf);
        let _turn = making.writing().await;
        let version = self.store.version(project).await?;
        if let Some(reader) = Arc::clone(&shelf).reader(version) {
            return Ok(reader);
        }
        let mut index = Index::new(self.embedder.as_ref().map_or(1, |embedder| embedder.dimensions()));
        let mut page = self.page(project, None).await?;
        while let Some((last, _)) = page.0.last() {
            // Counting words takes a thread of its own, and meanwhile the store reads on.
            let next = self.page(project, Some(*last));
            let (documents, vectors) = page;
            let counting = spawn_blocking(move || {
                documents.iter().for_each(|(document, entries)| index.put(*document, entries, &vectors));
                index
            });
            let (next, counted) = tokio::join!(next, counting);
            index = counted.map_err(|error| StoreError::Failed(error.to_string()))?;
            page = next?;
        }
        Ok(shelf.set(version, index))
    }

    /// Documents behind one another in the store, and the vectors of their chunks.
    async fn page(
        &self,
        project: &str,
        after: Option<DocumentId>,
    ) -> Result<(Vec<(DocumentId, Vec<Entry>)>, Known), StoreError> {
        let documents = self.store.page(project, after, PAGE).await?;
        let vectors = self.vectors_of(project, documents.iter().flat_map(|(_, entries)| entries)).await?;
        Ok((documents, vectors))
    }

    async fn vectors_of<'a>(
        &self,
        project: &str,
        entries: impl IntoIterator<Item = &'a Entry>,
    ) -> Result<Known, StoreError> {
        let keys: Vec<Key> = entries.into_iter().map(|entry| entry.key).collect();
        let vectors = match &self.embedder {
            Some(embedder) => self.store.vectors(project, embedder.name(), &keys).await?,
            None => Vec::new(),
        };
        Ok(vectors.into_iter().collect())
    }

    /// The vector of a question; without one, search goes by words alone.
    async fn question(&self, text: &str) -> Option<Vec<f32>> {
        self.vectors(vec![text.to_owned()]).await?.into_iter().next()
    }

    /// The vectors of texts that someone waits for; none where there is no model, or it does not answer in time.
    async fn vectors(&self, texts: Vec<String>) -> Option<Vec<Vec<f32>>> {
        let embedder = self.embedder.as_ref()?;
        let vectors = embedder.embed(Purpose::Question, texts);
        match tokio::time::timeout(QUESTION_WAIT, vectors).await {
            Ok(Ok(vectors)) => Some(vectors),
            Ok(Err(error)) => {
                tracing::warn!(error = %error, "a question is searched by its words alone");
                None
            }
            Err(_) => {
                tracing::warn!("a question is searched by its words alone, since its vector takes too long");
                None
            }
        }
    }

    async fn tell(&self, project: &str) -> Result<(), StoreError> {
        if self.events.receiver_count() > 0 {
            let status = self.store.status(project, self.model()).await?;
            // Nobody may be left to hear it.
            let _heard = self.events.send(Event { project: project.to_owned(), status });
        }
        Ok(())
    }
}

/// Cuts a document and counts its words.
fn prepare(id: DocumentId, label: Label, document: Extracted) -> StoredDocument {
    let title = chunk::title(&document).map(str::to_owned);
    let chunks = chunk::chunks(&document);
    let contexts: Vec<String> =
        chunks.iter().map(|chunk| chunk.context(title.as_deref(), &document.text)).collect();
    let text_of = |chunk: &Chunk| &document.text[chunk.span.clone()];
    let inputs: Vec<String> =
        chunks.iter().zip(&contexts).map(|(chunk, context)| in_context(context, text_of(chunk))).collect();
    let terms = Terms::of(&document.text, &inputs);

    let keys: Vec<Key> = inputs.iter().map(|input| Key::from(Sha256::digest(input))).collect();
    let key = content_key(&keys, &document.text, &label);
    let entries = terms.into_iter().zip(keys).map(|(terms, key)| Entry { terms, key });
    let stored = chunks.into_iter().zip(contexts).zip(entries);
    let chunks = stored.map(|((chunk, context), entry)| StoredChunk { chunk, context, entry }).collect();
    StoredDocument { id, label, title, key, text: document.text, chunks }
}

/// The key of all that a document consists of.
fn content_key(chunks: &[Key], text: &str, label: &Label) -> Key {
    let mut key = Sha256::new();
    chunks.iter().for_each(|chunk| key.update(chunk));
    key.update(text);
    key.update(label.kind.name());
    label.tags.iter().for_each(|tag| key.update(Sha256::digest(tag)));
    key.finalize().into()
}

/// The chunks of the best hits that stand side by side, as one; where the better of them stood.
fn joined(hits: &[Hit]) -> Vec<(Range<usize>, &Hit)> {
    let mut joined: Vec<(Range<usize>, &Hit)> = Vec::new();
    for (place, hit) in hits.iter().enumerate() {
        let beside = |(chunks, other): &&mut (Range<usize>, &Hit)| {
            let is_beside = chunks.end == hit.chunk || hit.chunk + 1 == chunks.start;
            other.document == hit.document && is_beside && chunks.len() < MOST_JOINED
        };
        match joined.iter_mut().find(beside).filter(|_| place < BEST) {
            Some((chunks, _)) => *chunks = chunks.start.min(hit.chunk)..chunks.end.max(hit.chunk + 1),
            None => joined.push((hit.chunk..hit.chunk + 1, hit)),
        }
    }
    joined
}

fn within(budget: usize, passages: Vec<Passage>) -> Vec<Passage> {
    let mut left = budget;
    let mut is_first = true;
    let fits = |passage: &Passage| {
        let fits = is_first || passage.stored.text.len() <= left;
        is_first = false;
        left = left.saturating_sub(passage.stored.text.len());
        fits
    };
    passages.into_iter().take_while(fits).collect()
}
