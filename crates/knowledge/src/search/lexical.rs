//! Words: an inverted index in memory that scores chunks, and the documents they are of, by BM25.
//!
//! It is our own because each replaced text must be found at once and never again by its old words, which a segmented
//! index gives only at the price of a commit; and because chunks and documents are scored in one pass over its lists.

use std::collections::HashMap;
use std::ops::Range;

use super::words::Term;

/// How soon a repeated word counts no more, and how much a long text is held against it.
const SATURATION: f32 = 1.2;
const LENGTH: f32 = 0.75;

/// Where a chunk stands in the index.
pub(super) type Slot = u32;

/// The index over the chunks of one project.
#[derive(Debug, Default)]
pub(super) struct Lexical {
    terms: HashMap<Term, Postings>,
    /// How many terms each chunk has.
    lengths: Vec<u32>,
    /// The document of each chunk.
    parents: Vec<u32>,
    /// How many terms each document has; none if it is gone.
    documents: Vec<Option<u32>>,
    living: Sizes,
}

/// What the averages are taken over.
#[derive(Debug, Default, Clone, Copy)]
struct Sizes {
    chunks: u32,
    documents: u32,
    terms: u64,
}

/// The chunks that have a term, in order, and how often.
#[derive(Debug, Default)]
struct Postings {
    slots: Vec<Slot>,
    counts: Vec<u8>,
}

/// How well each chunk, and each document, fits a question.
#[derive(Debug, Default)]
pub(super) struct Scores {
    /// By slot.
    pub(super) chunks: Vec<f32>,
    /// By document.
    pub(super) documents: Vec<f32>,
    /// The most that a text could have.
    pub(super) ceiling: f32,
}

impl Lexical {
    /// Adds a document with the terms of its chunks; gives its number and the slots of its chunks.
    pub(super) fn add<'a>(&mut self, chunks: impl Iterator<Item = &'a [(Term, u32)]>) -> (u32, Range<Slot>) {
        let document = index(self.documents.len());
        let first = index(self.lengths.len());
        let mut whole = 0;
        for (slot, terms) in (first..).zip(chunks) {
            let length = terms.iter().map(|(_, count)| count).sum();
            for (term, count) in terms {
                let postings = self.terms.entry(*term).or_default();
                postings.slots.push(slot);
                postings.counts.push(u8::try_from(*count).unwrap_or(u8::MAX));
            }
            self.lengths.push(length);
            self.parents.push(document);
            whole += length;
        }
        self.documents.push(Some(whole));
        let slots = first..index(self.lengths.len());
        self.living.chunks += slots.end - slots.start;
        self.living.documents += 1;
        self.living.terms += u64::from(whole);
        (document, slots)
    }

    /// Forgets a document; its slots stay empty.
    pub(super) fn remove(&mut self, document: u32, slots: &Range<Slot>) {
        if let Some(length) = self.documents.get_mut(document as usize).and_then(Option::take) {
            self.living.chunks -= slots.end - slots.start;
            self.living.documents -= 1;
            self.living.terms -= u64::from(length);
        }
    }

    /// The number of the document of each slot.
    pub(super) fn parents(&self) -> &[u32] {
        &self.parents
    }

    /// How many slots have a chunk.
    pub(super) fn living_slots(&self) -> u32 {
        self.living.chunks
    }

    /// How many slots had one once.
    pub(super) fn empty_slots(&self) -> u32 {
        index(self.lengths.len()) - self.living.chunks
    }

    /// Scores every chunk and document for the terms of a question.
    pub(super) fn scores(&self, question: &[Term]) -> Scores {
        let mut scores = Scores {
            chunks: vec![0.0; self.lengths.len()],
            documents: vec![0.0; self.documents.len()],
            ceiling: 0.0,
        };
        let mean = self.living.terms as f32 / self.living.chunks.max(1) as f32;
        let damping: Vec<f32> = self.lengths.iter().map(|length| damping(*length, mean)).collect();
        for postings in question.iter().filter_map(|term| self.terms.get(term)) {
            self.score(postings, &damping, &mut scores);
        }
        scores
    }

    /// How much a term tells; one that no chunk has tells as much as one that a single chunk has.
    pub(super) fn rarity(&self, term: Term) -> f32 {
        let having = self.terms.get(&term).map_or(0, |postings| postings.slots.len());
        rarity(having.max(1), self.living.chunks)
    }

    fn score(&self, postings: &Postings, damping: &[f32], scores: &mut Scores) {
        let has_holes = self.empty_slots() > 0;
        let is_there = |slot: &Slot| !has_holes || self.is_alive(*slot);
        let chunks = match has_holes {
            true => postings.slots.iter().filter(|slot| self.is_alive(**slot)).count(),
            false => postings.slots.len(),
        };
        let rarity = rarity(chunks, self.living.chunks);
        scores.ceiling += rarity;

        let mut documents: Vec<(u32, f32)> = Vec::new();
        let found = postings.slots.iter().zip(&postings.counts);
        for (slot, count) in found.filter(|(slot, _)| is_there(slot)) {
            let (place, count) = (*slot as usize, f32::from(*count));
            scores.chunks[place] += rarity * count / (count + damping[place]);
            let parent = self.parents[place];
            match documents.last_mut().filter(|(last, _)| *last == parent) {
                Some((_, sum)) => *sum += count,
                None => documents.push((parent, count)),
            }
        }
        let rarity = self::rarity(documents.len(), self.living.documents);
        let mean = self.living.terms as f32 / self.living.documents.max(1) as f32;
        for (document, count) in documents {
            let length = self.documents[document as usize].unwrap_or_default();
            scores.documents[document as usize] += rarity * count / (count + self::damping(length, mean));
        }
    }

    /// Whether the document of a slot is still there.
    pub(super) fn is_alive(&self, slot: Slot) -> bool {
        self.documents[self.parents[slot as usize] as usize].is_some()
    }
}

/// How much a term tells that so many of all texts have.
fn rarity(having: usize, all: u32) -> f32 {
    let (having, all) = (having as f32, all as f32);
    (1.0 + (all - having + 0.5).max(0.0) / (having + 0.5)).ln()
}

/// What is held against a text of a length.
fn damping(length: u32, mean: f32) -> f32 {
    SATURATION * (1.0 - LENGTH + LENGTH * length as f32 / mean.max(1.0))
}

fn index(length: usize) -> u32 {
    u32::try_from(length).expect("four thousand million chunks do not fit into memory")
}
