//! What the port to documents promises, of this store and of the one in memory.

use std::sync::Arc;

use chat::clock::SystemClock;
use chat::ids::DocumentId;
use knowledge::extract::{Extracted, Kind};
use knowledge::library::{Library, Query};
use knowledge::search::Packed;
use knowledge::store::{DocumentType, Key, KnowledgeStore, Label, MemoryStore, Status};

use crate::place::DataPlace;

const MODEL: &str = "a model";

struct Given {
    place: DataPlace,
    store: Arc<dyn KnowledgeStore>,
}

impl Given {
    /// Both stores, with the projects `ours` and `theirs`.
    async fn each() -> [Self; 2] {
        let place = DataPlace::new();
        let store = place.open_with_projects().await;
        let in_memory: Arc<dyn KnowledgeStore> = Arc::new(MemoryStore::default());
        [Self { place, store: Arc::new(store) }, Self { place: DataPlace::new(), store: in_memory }]
    }

    fn library(&self) -> Library {
        Library::new(Arc::clone(&self.store), None, Arc::new(SystemClock))
    }

    async fn add(&self, project: &str, path: &str, text: &str) -> DocumentId {
        let document = Extracted {
            text: text.to_owned(),
            kind: Kind::Prose,
            title: None,
            pages: vec![0],
            headings: vec![],
            tables: vec![],
        };
        let label = Label { path: path.to_owned(), kind: DocumentType::Remark, tags: vec!["a".to_owned()] };
        self.library().ingest(project, label, document).await.unwrap().document
    }

    async fn keys(&self, project: &str, document: DocumentId) -> Vec<Key> {
        self.store.chunks(project, document).await.unwrap().iter().map(|chunk| chunk.key).collect()
    }

    async fn embed(&self, project: &str, document: DocumentId) {
        let vectors =
            self.keys(project, document).await.into_iter().map(|key| (key, Packed::new(&[0.6, 0.8])));
        self.store.save_vectors(project, MODEL, vectors.collect()).await.unwrap();
    }
}

#[tokio::test]
async fn every_passage_is_the_bytes_of_its_span_wherever_the_text_is_cut_for_storing() {
    // Letters of two and three bytes stand across the borders of the pieces.
    let sentence = "Größer ist die Fähre als das Boot, sagt 東京. ";
    let text = format!("x{}", sentence.repeat(4000));
    for given in Given::each().await {
        let document = given.add("ours", "ferry.txt", &text).await;
        let chunks = given.store.chunks("ours", document).await.unwrap();
        assert!(chunks.len() > 100, "{}", chunks.len());
        for chunk in &chunks {
            assert_eq!(chunk.text, text[chunk.chunk.span.clone()]);
            assert_eq!((chunk.path.as_str(), chunk.kind), ("ferry.txt", DocumentType::Remark));
            assert_eq!(chunk.chunk.page, Some(1));
        }
        let joined = given.store.passages("ours", &[(document, 3..6)]).await.unwrap();
        assert_eq!(joined[0].chunk.span, chunks[3].chunk.span.start..chunks[5].chunk.span.end);
        assert_eq!(joined[0].text, text[joined[0].chunk.span.clone()]);
        let whole = given.store.text("ours", document, 0..usize::MAX).await.unwrap();
        assert_eq!(whole.as_deref(), Some(text.as_str()));
        let place = text.find('ö').unwrap();
        assert_eq!(given.store.text("ours", document, place + 1..place + 2).await.unwrap(), None);
        assert_eq!(given.store.text("ours", document, text.len() + 1..usize::MAX).await.unwrap(), None);
    }
}

#[tokio::test]
async fn another_project_has_nothing_of_it() {
    for given in Given::each().await {
        let document = given.add("ours", "a.txt", "The code word is zanzibar.").await;
        given.embed("ours", document).await;
        let store = &given.store;
        let keys = given.keys("ours", document).await;

        assert_eq!(store.project_of(document).await.unwrap().as_deref(), Some("ours"));
        assert!(store.chunks("theirs", document).await.unwrap().is_empty());
        assert!(store.passages("theirs", &[(document, 0..1)]).await.unwrap().is_empty());
        assert_eq!(store.text("theirs", document, 0..9).await.unwrap(), None);
        assert!(store.documents("theirs", MODEL, None, 9).await.unwrap().is_empty());
        assert!(store.page("theirs", None, 9).await.unwrap().is_empty());
        assert_eq!(store.find("theirs", "a.txt").await.unwrap(), None);
        assert!(store.vectors("theirs", MODEL, &keys).await.unwrap().is_empty());
        assert_eq!(store.remove("theirs", document).await.unwrap(), None);
        assert_eq!(store.status("theirs", MODEL).await.unwrap(), Status::default());
        assert_eq!(store.version("theirs").await.unwrap(), 0);
        assert_eq!(store.chunks("ours", document).await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_change_raises_the_version_and_leaves_no_vector_behind() {
    for given in Given::each().await {
        let store = &given.store;
        let document = given.add("ours", "a.txt", "The code word is zanzibar.").await;
        let copy = given.add("ours", "b.txt", "The code word is zanzibar.").await;
        let keys = given.keys("ours", document).await;
        assert_eq!(store.lacking(MODEL, 9).await.unwrap().len(), 2);
        given.embed("ours", document).await;
        assert_eq!(store.lacking(MODEL, 9).await.unwrap(), []);
        // Which of two documents of one millisecond is the older is not known.
        assert_eq!(store.lacking("another model", 1).await.unwrap().len(), 1);
        assert_eq!(
            store.status("ours", MODEL).await.unwrap(),
            Status { documents: 2, chunks: 2, vectors: 2 }
        );

        assert_eq!(given.add("ours", "a.txt", "The code word is quagmire.").await, document);
        assert_eq!(store.version("ours").await.unwrap(), 3);
        assert_eq!(store.vectors("ours", MODEL, &keys).await.unwrap().len(), 1, "the copy has a use for it");
        assert_eq!(store.remove("ours", copy).await.unwrap(), Some(4));
        assert!(store.vectors("ours", MODEL, &keys).await.unwrap().is_empty());
        let orphan = vec![(keys[0], Packed::new(&[1.0, 0.0]))];
        store.save_vectors("ours", MODEL, orphan).await.unwrap();
        let left = store.documents("ours", MODEL, None, 9).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(
            (left[0].label.path.as_str(), left[0].bytes, left[0].chunks, left[0].vectors),
            ("a.txt", 26, 1, 0)
        );
        assert_eq!(left[0].label.tags, ["a"]);
        assert!(store.documents("ours", MODEL, Some(document), 9).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn after_a_restart_the_same_is_found() {
    let [given, _] = Given::each().await;
    let document = given.add("ours", "a.txt", "The code word is zanzibar.").await;
    given.embed("ours", document).await;
    let Given { place, store } = given;
    drop(store);

    let given = Given { store: Arc::new(place.open().await), place };

    let query = Query { text: "code word", limit: 3, types: &[], budget: 1000 };
    let found = given.library().search("ours", query).await.unwrap();
    assert_eq!(found[0].stored.document, document);
    assert_eq!(found[0].stored.text, "The code word is zanzibar.");
    assert_eq!(given.store.status("ours", MODEL).await.unwrap().vectors, 1);
    drop(given.place);
}
