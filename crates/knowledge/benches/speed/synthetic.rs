//! Texts whose words are as common and as rare as in real ones, and vectors that point anywhere.

use async_trait::async_trait;
use knowledge::embed::minilm::MiniLm;
use knowledge::embed::{EmbedError, Embedder, Purpose, normalise};
use knowledge::extract::{Extracted, Kind};

const VOCABULARY: u64 = 30_000;
const SYLLABLES: [&str; 16] =
    ["ba", "ce", "di", "fo", "gu", "ha", "ke", "li", "mo", "nu", "pa", "re", "si", "to", "vu", "za"];

/// The same texts in every run.
pub(crate) struct Texts {
    random: Random,
}

/// Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

impl Texts {
    pub(crate) fn new() -> Self {
        Self { random: Random(0x9E37_79B9_7F4A_7C15) }
    }

    /// Ten paragraphs, each about a chunk.
    pub(crate) fn document(&mut self) -> Extracted {
        let paragraphs: Vec<String> = (0..10).map(|_| self.words(180)).collect();
        Extracted {
            text: paragraphs.join("\n\n"),
            kind: Kind::Prose,
            title: None,
            pages: vec![],
            headings: vec![],
            tables: vec![],
        }
    }

    pub(crate) fn question(&mut self) -> String {
        self.words(8)
    }

    /// So many words, by Zipf's law.
    pub(crate) fn words(&mut self, count: usize) -> String {
        let words: Vec<String> = (0..count).map(|_| self.word()).collect();
        words.join(" ")
    }

    fn word(&mut self) -> String {
        let rank = (VOCABULARY as f64).powf(self.random.part()) as u64;
        let mut rest = rank + 16;
        let mut word = String::new();
        while rest > 0 {
            word.push_str(SYLLABLES[(rest % 16) as usize]);
            rest /= 16;
        }
        word
    }
}

/// Embeds questions for real, and gives passages a direction by chance.
#[derive(Debug)]
pub(crate) struct SyntheticVectors {
    model: MiniLm,
}

impl SyntheticVectors {
    pub(crate) fn new(model: MiniLm) -> Self {
        Self { model }
    }
}

#[async_trait]
impl Embedder for SyntheticVectors {
    fn name(&self) -> &str {
        "synthetic"
    }

    fn dimensions(&self) -> usize {
        self.model.dimensions()
    }

    fn is_calibrated(&self) -> bool {
        self.model.is_calibrated()
    }

    fn batch(&self) -> usize {
        1024
    }

    async fn embed(&self, purpose: Purpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        if purpose == Purpose::Question {
            return self.model.embed(purpose, texts).await;
        }
        let vector = |text: &String| {
            let seed =
                text.bytes().fold(1, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
            let mut random = Random(seed | 1);
            let mut vector: Vec<f32> = (0..self.dimensions()).map(|_| (random.part() - 0.5) as f32).collect();
            normalise(&mut vector);
            vector
        };
        Ok(texts.iter().map(vector).collect())
    }
}
