//! What a library promises: found at once, never stale, nothing of another project, vectors that follow and stay.

use std::sync::Arc;
use std::time::Duration;

use chat::Tasks;
use chat::clock::SystemClock;
use knowledge::answer::Answer;
use knowledge::cite::cite;
use knowledge::extract::{Extracted, Kind};
use knowledge::library::{Library, Passage, Query};
use knowledge::store::{MemoryStore, Status};

use crate::embedder::SubjectEmbedder;

#[tokio::test]
async fn a_document_is_found_by_its_words_when_ingest_returns() {
    let library = Given::new().library();
    library.ingest("proj_a", "boats.md", prose("Boats\n\nThe ferry leaves at nine.")).await.unwrap();
    library.ingest("proj_a", "cars.md", prose("Cars\n\nThe garage opens at ten.")).await.unwrap();

    let passages = search(&library, "proj_a", "When does the ferry leave?").await;

    assert_eq!(shown(&passages)[0], ("boats.md", "Boats\n\nThe ferry leaves at nine."));
    assert_eq!(passages[0].stored.chunk.line, 1);
    assert_eq!(passages[0].stored.title.as_deref(), Some("Boats"));
}

#[tokio::test]
async fn a_replaced_document_shows_no_old_text_and_a_removed_one_is_gone() {
    let library = Given::new().library();
    let first = library.ingest("proj_a", "a.md", prose("The code word is zanzibar.")).await.unwrap();
    assert_eq!(search(&library, "proj_a", "zanzibar").await.len(), 1);

    let second = library.ingest("proj_a", "a.md", prose("The code word is quagmire.")).await.unwrap();
    assert_eq!(second.document, first.document);
    assert_eq!(shown(&search(&library, "proj_a", "zanzibar").await), []);
    assert_eq!(
        shown(&search(&library, "proj_a", "quagmire").await),
        [("a.md", "The code word is quagmire.")]
    );

    assert!(library.remove("proj_a", first.document).await.unwrap());
    assert!(!library.remove("proj_a", first.document).await.unwrap());
    assert_eq!(shown(&search(&library, "proj_a", "quagmire").await), []);
}

#[tokio::test]
async fn no_project_sees_another() {
    let library = Given::new().library();
    let theirs = library.ingest("proj_a", "a.md", prose("The code word is zanzibar.")).await.unwrap();

    assert_eq!(shown(&search(&library, "proj_b", "zanzibar").await), []);
    assert!(!library.remove("proj_b", theirs.document).await.unwrap());
    assert_eq!(library.status("proj_b").await.unwrap(), Status::default());
    assert_eq!(search(&library, "proj_a", "zanzibar").await.len(), 1);
}

#[tokio::test]
async fn vectors_follow_in_the_background_and_find_what_words_do_not() {
    let given = Given::new();
    let library = given.library();
    library.ingest("proj_a", "a.md", prose("An automobile needs fuel.")).await.unwrap();
    library.ingest("proj_a", "b.md", prose("A ship needs water.")).await.unwrap();
    assert_eq!(shown(&search(&library, "proj_a", "vehicle").await), []);

    given.embed_all(&library, "proj_a", 2).await;

    assert_eq!(shown(&search(&library, "proj_a", "vehicle").await)[0], ("a.md", "An automobile needs fuel."));
}

#[tokio::test]
async fn unchanged_content_is_not_embedded_again() {
    let given = Given::new();
    let library = given.library();
    library.ingest("proj_a", "a.md", prose("An automobile needs fuel.")).await.unwrap();
    given.embed_all(&library, "proj_a", 1).await;

    let again = library.ingest("proj_a", "a.md", prose("An automobile needs fuel.")).await.unwrap();
    let copy = library.ingest("proj_a", "copy.md", prose("An automobile needs fuel.")).await.unwrap();

    assert_eq!((again.changed, copy.changed), (false, true));
    assert_eq!(library.status("proj_a").await.unwrap(), Status { documents: 2, chunks: 2, vectors: 2 });
    assert_eq!(given.embedder.read(), ["An automobile needs fuel."]);
}

#[tokio::test]
async fn a_restart_finds_everything_again_and_goes_on_with_the_vectors() {
    let given = Given::new();
    let before = given.library();
    before.ingest("proj_a", "a.md", prose("An automobile needs fuel.")).await.unwrap();
    given.embed_all(&before, "proj_a", 1).await;
    before.ingest("proj_a", "b.md", prose("A ship needs water.")).await.unwrap();

    let after = given.library();
    assert_eq!(shown(&search(&after, "proj_a", "vehicle").await)[0].0, "a.md");
    assert_eq!(shown(&search(&after, "proj_a", "water").await)[0].0, "b.md");

    given.embed_all(&after, "proj_a", 2).await;
    assert_eq!(shown(&search(&after, "proj_a", "boat").await)[0].0, "b.md");
    assert_eq!(given.embedder.read(), ["An automobile needs fuel.", "A ship needs water."]);
}

#[tokio::test]
async fn an_index_that_another_process_left_behind_catches_up() {
    let given = Given::new();
    let (one, other) = (given.library(), given.library());
    one.ingest("proj_a", "a.md", prose("The code word is zanzibar.")).await.unwrap();
    assert_eq!(search(&other, "proj_a", "zanzibar").await.len(), 1);

    one.ingest("proj_a", "a.md", prose("The code word is quagmire.")).await.unwrap();

    assert_eq!(shown(&search(&other, "proj_a", "zanzibar").await), []);
    assert_eq!(search(&other, "proj_a", "quagmire").await.len(), 1);
}

#[tokio::test]
async fn chunks_that_stand_side_by_side_are_one_passage_of_exact_bytes() {
    let library = Given::new().library();
    let paragraph = |word: &str| format!("Here it is about the {word} and no more than that. ").repeat(17);
    let text = format!("{}\n\n{}\n\n{}", paragraph("ferry"), paragraph("ferry"), paragraph("garage"));
    library.ingest("proj_a", "a.md", prose(&text)).await.unwrap();

    let passages = search(&library, "proj_a", "ferry").await;

    assert_eq!(passages.len(), 1);
    let passage = &passages[0].stored;
    assert_eq!(passage.text, text[passage.chunk.span.clone()]);
    assert_eq!(passage.text, text[..text.find("garage").unwrap()].rsplit_once("\n\n").unwrap().0.trim_end());
}

#[tokio::test]
async fn every_line_of_a_quoted_list_is_found_again_in_its_passage() {
    let library = Given::new().library();
    let limits = "Limits of a file\n\n| Size of a file | 100 MiB |\n| Pages of a file | 5,000 |\n| Rows of a file | 9 |";
    library.ingest("proj_a", "limits.md", prose(limits)).await.unwrap();
    let question = "What are the limits of the size, the pages and the rows of a file?";

    let answer = library.answer(&["proj_a".to_owned()], question, &[], 10_000).await.unwrap();

    let Answer::Found { passages, extract } = answer else { panic!("{answer:?}") };
    let texts: Vec<&str> = passages.iter().map(|passage| passage.stored.text.as_str()).collect();
    let found: Vec<&str> =
        cite(&extract, &texts).into_iter().map(|support| &extract[support.answer]).collect();
    assert_eq!(found, extract.lines().collect::<Vec<_>>());
    assert!(found.len() > 1, "{extract}");
}

struct Given {
    store: Arc<MemoryStore>,
    embedder: Arc<SubjectEmbedder>,
}

impl Given {
    fn new() -> Self {
        Self { store: Arc::default(), embedder: Arc::default() }
    }

    /// A process that opens the same store.
    fn library(&self) -> Library {
        Library::new(
            Arc::clone(&self.store) as _,
            Some(Arc::clone(&self.embedder) as _),
            Arc::new(SystemClock),
        )
    }

    /// Works in the background until so many chunks have their vector, which its events tell, and stops.
    async fn embed_all(&self, library: &Library, project: &str, vectors: usize) {
        let tasks = Tasks::new();
        let mut events = library.events();
        library.start(&tasks);
        while events.recv().await.expect("the library tells what it did").status.vectors < vectors {}
        assert!(tasks.close(Duration::from_secs(60)).await);
        let status = library.status(project).await.expect("a store in memory answers");
        assert_eq!(status.vectors, vectors);
    }
}

async fn search(library: &Library, project: &str, text: &str) -> Vec<Passage> {
    library
        .search(project, Query { text, limit: 10, types: &[], budget: 100_000 })
        .await
        .expect("a store in memory answers")
}

fn shown(passages: &[Passage]) -> Vec<(&str, &str)> {
    passages.iter().map(|passage| (passage.stored.path.as_str(), passage.stored.text.as_str())).collect()
}

fn prose(text: &str) -> Extracted {
    Extracted {
        text: text.to_owned(),
        kind: Kind::Prose,
        title: None,
        pages: vec![],
        headings: vec![],
        tables: vec![],
    }
}
