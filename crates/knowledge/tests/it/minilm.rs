//! The embedded model with its real weights: what it takes to mean alike, and that batches change nothing.

use std::sync::LazyLock;

use knowledge::embed::minilm::{FILE, MiniLm};
use knowledge::embed::{Embedder as _, Purpose};
use testkit::model_dir;

static MODEL: LazyLock<MiniLm> = LazyLock::new(|| {
    MiniLm::load(&model_dir().join(FILE)).expect("`cargo xtask models` installed the weights")
});

#[tokio::test]
async fn what_means_alike_is_near_whatever_its_words() {
    let texts = ["How do I cancel my contract?", "Ways to end an agreement", "Bananas are yellow."];
    let vectors = MODEL.embed(Purpose::Question, texts.map(str::to_owned).to_vec()).await.unwrap();

    let nearness = |one: usize, other: usize| product(&vectors[one], &vectors[other]);
    assert!((nearness(0, 0) - 1.0).abs() < 1e-3, "the length is one");
    assert!(nearness(0, 1) > 0.4, "{}", nearness(0, 1));
    assert!(nearness(0, 2) < 0.2, "{}", nearness(0, 2));
    assert!(vectors.iter().all(|vector| vector.len() == MODEL.dimensions()));
}

#[test]
fn a_text_has_the_same_vector_alone_and_among_others_of_any_length() {
    let long = "The keys of the copies lie in the safe of the management. ".repeat(200);
    let texts: Vec<&str> = ["", "one", &long, "a few words more", "東京都"].repeat(3);
    let together = MODEL.encode(Purpose::Passage, &texts).unwrap();

    for (text, vector) in texts.iter().zip(&together) {
        let alone = &MODEL.encode(Purpose::Question, &[text]).unwrap()[0];
        // Eight bits are shared out over a batch, so the last digits differ.
        assert!(product(alone, vector) > 0.99, "{text:.20}: {}", product(alone, vector));
    }
}

#[test]
fn weights_that_are_none_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(FILE);
    assert!(MiniLm::load(&path).is_err());
    std::fs::write(&path, b"not a model").unwrap();
    assert!(MiniLm::load(&path).is_err());
}

fn product(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}
