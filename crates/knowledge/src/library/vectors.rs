//! Makes the vectors that chunks lack. What is left to do is read from the store, so that it goes on after a restart.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chat::ids::DocumentId;
use chat::store::StoreError;
use tokio_util::sync::CancellationToken;

use super::Shared;
use super::shelf::Known;
use crate::chunk::in_context;
use crate::embed::{EmbedError, Embedder, Purpose};
use crate::search::Packed;
use crate::store::Key;

/// How many documents are looked at together, so that texts of like length meet in a batch.
const DOCUMENTS: usize = 32;
/// How long to wait after a failure.
pub(super) const AFTER_FAILURE: Duration = Duration::from_secs(15);

/// Works until the process stops.
pub(super) async fn follow(
    shared: Arc<Shared>,
    embedder: Arc<dyn Embedder>,
    after_failure: Duration,
    closing: CancellationToken,
) {
    let work = async {
        loop {
            match make_some(&shared, &*embedder).await {
                Ok(true) => {}
                Ok(false) => shared.lacking.notified().await,
                Err(error) => {
                    tracing::warn!(error = %error, "vectors can't be made now, and will be tried again");
                    tokio::time::sleep(after_failure).await;
                }
            }
        }
    };
    // A batch that is not saved is made again.
    closing.run_until_cancelled(work).await;
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Embed(#[from] EmbedError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Makes the vectors of some documents; false if none lacks any.
async fn make_some(shared: &Shared, embedder: &dyn Embedder) -> Result<bool, Failure> {
    let lacking = shared.store.lacking(embedder.name(), DOCUMENTS).await?;
    let is_all_done = lacking.is_empty();
    let mut by_project: HashMap<String, Vec<DocumentId>> = HashMap::new();
    for (project, document) in lacking {
        by_project.entry(project).or_default().push(document);
    }
    for (project, documents) in by_project {
        let mut texts = texts(shared, embedder, &project, &documents).await?;
        texts.sort_by_key(|(_, text)| text.len());
        for batch in texts.chunks(embedder.batch().max(1)) {
            let inputs = batch.iter().map(|(_, text)| text.clone()).collect();
            let vectors = embedder.embed(Purpose::Passage, inputs).await?;
            let packed = batch.iter().zip(&vectors).map(|((key, _), vector)| (*key, Packed::new(vector)));
            keep(shared, embedder, &project, packed.collect()).await?;
        }
    }
    Ok(!is_all_done)
}

/// The texts of some documents that have no vector, each once.
async fn texts(
    shared: &Shared,
    embedder: &dyn Embedder,
    project: &str,
    documents: &[DocumentId],
) -> Result<Vec<(Key, String)>, StoreError> {
    let mut texts: HashMap<Key, String> = HashMap::new();
    for document in documents {
        let chunks = shared.store.chunks(project, *document).await?;
        texts.extend(chunks.iter().map(|chunk| (chunk.key, in_context(&chunk.context, &chunk.text))));
    }
    let keys: Vec<Key> = texts.keys().copied().collect();
    for (key, _) in shared.store.vectors(project, embedder.name(), &keys).await? {
        texts.remove(&key);
    }
    Ok(texts.into_iter().collect())
}

/// Keeps vectors, first where they survive.
async fn keep(
    shared: &Shared,
    embedder: &dyn Embedder,
    project: &str,
    vectors: Known,
) -> Result<(), StoreError> {
    let saved = vectors.iter().map(|(key, vector)| (*key, vector.clone())).collect();
    shared.store.save_vectors(project, embedder.name(), saved).await?;
    shared.shelf(project).set_vectors(&vectors);
    shared.tell(project).await
}

#[cfg(test)]
mod tests {
    use chat::Tasks;
    use chat::clock::SystemClock;
    use serde_json::json;
    use testkit::upstream::{Reply, Upstream};

    use super::*;
    use crate::embed::endpoint::{Endpoint, EndpointSettings};
    use crate::extract::{Extracted, Kind};
    use crate::library::Library;
    use crate::store::MemoryStore;

    #[tokio::test]
    async fn vectors_come_once_an_endpoint_that_failed_is_back() {
        let upstream = Upstream::start().await;
        upstream.enqueue(Reply::status(503));
        upstream.enqueue(Reply::json(200, &json!({ "data": [{ "index": 0, "embedding": [1] }] })));
        upstream.enqueue(Reply::json(200, &json!({ "data": [{ "index": 0, "embedding": [1, 0] }] })));
        let settings = EndpointSettings {
            base_url: upstream.base_url(),
            api_key: None,
            model: "near".to_owned(),
            dimensions: 2,
            timeout: Duration::from_secs(60),
        };
        let embedder: Arc<dyn Embedder> = Arc::new(Endpoint::new(&settings).unwrap());
        let store = Arc::new(MemoryStore::default());
        let library = Library::new(store, Some(Arc::clone(&embedder)), Arc::new(SystemClock));
        let text = "The ferry leaves at nine.".to_owned();
        let document = Extracted {
            text,
            kind: Kind::Prose,
            title: None,
            pages: vec![],
            headings: vec![],
            tables: vec![],
        };
        library.ingest("proj_a", "ferry.txt", document).await.unwrap();

        let (tasks, mut events) = (Tasks::new(), library.events());
        let closing = tasks.closing().clone();
        tasks.spawn(follow(Arc::clone(&library.shared), embedder, Duration::ZERO, closing));

        assert_eq!(events.recv().await.unwrap().status.vectors, 1);
        assert_eq!(upstream.requests().len(), 3, "each failure is tried again, and a success is not");
        assert!(tasks.close(Duration::from_secs(60)).await);
    }
}
