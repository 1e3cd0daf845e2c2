//! Finds chunks in the documents of one project: by their words, by their meaning, and by both together.

mod fusion;
pub(crate) mod language;
mod lexical;
mod vectors;
pub(crate) mod words;

use std::collections::HashMap;
use std::ops::Range;

use chat::ids::DocumentId;

pub use fusion::Rank;
pub use vectors::Packed;

use language::Language;
use lexical::{Lexical, Slot};
use vectors::Vectors;
use words::Term;

use crate::store::{Entry, Key};

/// A language that fewer of the chunks are in has its questions read as the others are.
const NOTABLE: f32 = 0.02;

/// The word after these asks for a number and is no word of the answer: how many, how long.
const MEASURED_BY: &[&str] = &["how", "wie", "hoe"];

/// The index over the documents of one project. It is a cache: all that it holds can be made again from the store.
#[derive(Debug)]
pub struct Index {
    lexical: Lexical,
    vectors: Vectors,
    entries: HashMap<DocumentId, Place>,
    /// By number.
    documents: Vec<DocumentId>,
    /// What the vector of each chunk is kept under, by slot.
    keys: Vec<Key>,
    languages: HashMap<Language, usize>,
}

#[derive(Debug)]
struct Place {
    number: u32,
    slots: Range<Slot>,
    language: Language,
}

/// The words of a chunk as the index counts them, made once and kept in the store: loading them is quick, making them
/// is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    language: Language,
    counts: Vec<(Term, u32)>,
}

/// A word of a question.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Weighed {
    /// It is where one of these is.
    pub(crate) terms: Vec<Term>,
    /// The rarer it is, the more it tells.
    pub(crate) weight: f32,
}

/// What is searched for.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// In words.
    pub text: &'a str,
    /// As a vector, if there is a model and it answered.
    pub vector: Option<&'a [f32]>,
}

/// A chunk that was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Its document.
    pub document: DocumentId,
    /// Its place among the chunks of the document.
    pub chunk: usize,
    /// Why it stands where it stands.
    pub rank: Rank,
}

impl Index {
    /// Nothing yet; vectors will have so many numbers.
    pub fn new(dimensions: usize) -> Self {
        Self {
            lexical: Lexical::default(),
            vectors: Vectors::new(dimensions),
            entries: HashMap::new(),
            documents: Vec::new(),
            keys: Vec::new(),
            languages: HashMap::new(),
        }
    }

    /// Adds a document, or replaces it; chunks whose vectors are known get them.
    pub fn put(&mut self, document: DocumentId, chunks: &[Entry], vectors: &HashMap<Key, Packed>) {
        self.remove(document);
        let (number, slots) = self.lexical.add(chunks.iter().map(|chunk| chunk.terms.counts.as_slice()));
        self.vectors.grow(slots.end as usize);
        for (slot, chunk) in slots.clone().zip(chunks) {
            self.keys.push(chunk.key);
            if let Some(vector) = vectors.get(&chunk.key) {
                self.vectors.set(slot, vector);
            }
        }
        let language = chunks.first().map_or(Language::Unknown, |chunk| chunk.terms.language);
        *self.languages.entry(language).or_default() += chunks.len();
        self.documents.push(document);
        self.entries.insert(document, Place { number, slots, language });
    }

    /// Gives their vectors to all chunks that have one of these keys.
    pub fn set_vectors(&mut self, vectors: &HashMap<Key, Packed>) {
        for (slot, key) in (0..).zip(&self.keys) {
            if let Some(vector) = vectors.get(key).filter(|_| self.lexical.is_alive(slot)) {
                self.vectors.set(slot, vector);
            }
        }
    }

    /// Forgets a document.
    pub fn remove(&mut self, document: DocumentId) {
        if let Some(Place { number, slots, language }) = self.entries.remove(&document) {
            self.lexical.remove(number, &slots);
            self.vectors.clear(&slots);
            if let Some(chunks) = self.languages.get_mut(&language) {
                *chunks -= slots.len();
            }
        }
    }

    /// Whether so much was removed that making the index anew saves more than it costs.
    pub fn is_worn(&self) -> bool {
        const NOT_WORTH_IT: u32 = 1000;
        self.lexical.empty_slots() > NOT_WORTH_IT.max(self.lexical.living_slots())
    }

    /// How many chunks it holds.
    pub fn chunks(&self) -> usize {
        self.lexical.living_slots() as usize
    }

    /// The best chunks for a question, the best first, at most `limit`.
    pub fn search(&self, question: Question<'_>, limit: usize) -> Vec<Hit> {
        let terms = words::of_question(question.text, &self.languages());
        let words = self.lexical.scores(&terms);
        let nearness = question.vector.map(|vector| self.vectors.scores(vector));
        let candidates = fusion::candidates(&words.chunks, nearness.as_deref(), limit);
        let meaning = question.vector.map(|vector| self.vectors.refined(vector, &candidates));
        let signs = fusion::Signs {
            words: words::words(question.text).count(),
            nearest: nearness.as_deref().map_or(0.0, vectors::lead),
        };
        let arms = fusion::Arms { words: &words, parents: self.lexical.parents(), meaning, signs };
        let ranked = fusion::ranked(&candidates, &arms, limit);
        ranked
            .into_iter()
            .filter_map(|(slot, rank)| {
                let nearness = nearness.as_ref().map_or(0.0, |nearness| nearness[slot as usize]);
                self.hit(slot, Rank { nearness, ..rank })
            })
            .collect()
    }

    /// The words of a question that say something, each once, with what they tell here.
    pub(crate) fn weighed(&self, question: &str) -> Vec<Weighed> {
        let languages = self.languages();
        let mut weighed: Vec<Weighed> = Vec::new();
        let mut before = "";
        for word in words::words(question) {
            let terms = words::of_word(word, &languages);
            let is_measure = MEASURED_BY.iter().any(|how| before.eq_ignore_ascii_case(how));
            before = word;
            if terms.is_empty() || is_measure || weighed.iter().any(|known| known.terms == terms) {
                continue;
            }
            let weight = terms.iter().map(|term| self.lexical.rarity(*term)).fold(f32::INFINITY, f32::min);
            weighed.push(Weighed { terms, weight });
        }
        weighed
    }

    fn hit(&self, slot: Slot, rank: Rank) -> Option<Hit> {
        let number = *self.lexical.parents().get(slot as usize)?;
        let document = *self.documents.get(number as usize)?;
        let first = self.entries.get(&document)?.slots.start;
        Some(Hit { document, chunk: slot.checked_sub(first)? as usize, rank })
    }

    /// The languages that questions are read in: a short question hardly tells its own.
    fn languages(&self) -> Vec<Language> {
        let all: usize = self.languages.values().sum();
        let notable = |(_, chunks): &(&Language, &usize)| **chunks as f32 > all as f32 * NOTABLE;
        let mut notable: Vec<(&Language, &usize)> = self.languages.iter().filter(notable).collect();
        notable.sort_by(|(one, chunks), (other, more)| more.cmp(chunks).then(one.cmp(other)));
        notable.into_iter().map(|(language, _)| *language).collect()
    }
}

impl Terms {
    /// Counts the words of the chunks of one document, which tell its language together.
    pub fn of(document: &str, chunks: &[String]) -> Vec<Self> {
        let language = Language::guess(document);
        chunks.iter().map(|chunk| Self { language, counts: words::count(chunk, language) }).collect()
    }

    /// The bytes to store.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![self.language.code()];
        for (term, count) in &self.counts {
            bytes.extend(term.0.to_le_bytes());
            bytes.push(u8::try_from(*count).unwrap_or(u8::MAX));
        }
        bytes
    }

    /// Reads stored bytes; nothing if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        const WIDTH: usize = 9;
        let (code, counts) = bytes.split_first()?;
        let count = |entry: &[u8]| {
            let (term, count) = entry.split_first_chunk()?;
            Some((Term(u64::from_le_bytes(*term)), u32::from(*count.first()?)))
        };
        let counts = counts.chunks(WIDTH).map(count).collect::<Option<_>>()?;
        Some(Self { language: Language::of_code(*code)?, counts })
    }
}
