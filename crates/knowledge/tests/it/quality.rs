//! Guards how well search finds what answers a question, on a small collection of our own; big ones are for `xtask eval`.

use std::sync::Arc;

use chat::clock::SystemClock;
use knowledge::extract::{Extracted, Kind, Language};
use knowledge::library::{Library, Query};
use knowledge::store::MemoryStore;

const DOCUMENTS: &str = include_str!("quality/documents.txt");
const QUESTIONS: &str = include_str!("quality/questions.txt");

/// Words alone do so well; whoever changes how they are counted must not do worse.
const LEAST: f64 = 0.95;

#[tokio::test]
async fn questions_in_the_words_of_a_document_find_it_first() {
    let library = Library::new(Arc::<MemoryStore>::default() as _, None, Arc::new(SystemClock));
    for document in DOCUMENTS.split("=== ").filter(|document| !document.is_empty()) {
        let (path, text) = document.split_once('\n').unwrap();
        library.ingest("proj_a", path, read(path, text)).await.unwrap();
    }

    let (mut sum, mut count) = (0.0, 0.0);
    for line in QUESTIONS.lines() {
        let (path, text) = line.split_once('\t').unwrap();
        let query = Query { text, limit: 10, types: &[], budget: usize::MAX };
        let passages = library.search("proj_a", query).await.unwrap();
        let place = passages.iter().position(|passage| passage.stored.path == path);
        // With one right document this is nDCG.
        sum += place.map_or(0.0, |place| 1.0 / (place as f64 + 2.0).log2());
        count += 1.0;
    }
    assert!(sum / count >= LEAST, "nDCG@10 is {:.3}", sum / count);
}

fn read(path: &str, text: &str) -> Extracted {
    let kind = match path.rsplit_once('.') {
        Some((_, "md")) => Kind::Prose,
        Some(_) | None => Kind::Code(Language::Other),
    };
    Extracted { text: text.to_owned(), kind, title: None, pages: vec![], headings: vec![], tables: vec![] }
}
