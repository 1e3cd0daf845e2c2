//! What passages say to a question: whether they answer it at all, and in which of their sentences.

use std::collections::HashSet;
use std::ops::Range;

use crate::library::Passage;
use crate::search::Weighed;
use crate::search::language::Language;
use crate::search::words::{self, Term};
use crate::sentences::{joined, sentences};

/// In so many of the best passages a sentence is looked for.
const PASSAGES: usize = 3;
/// So many sentences are read closely: each takes the model some milliseconds.
const SENTENCES: usize = 24;
/// An answer has at most so many sentences, of so many words together.
const MOST_SENTENCES: usize = 3;
const MOST_WORDS: usize = 75;

/// What ends a sentence, or closes a quotation behind its end.
const ENDINGS: &[char] =
    &['.', '!', '?', '…', '。', '！', '？', '"', '\'', ')', '\u{201d}', '\u{2019}', '\u{bb}'];

/// A line without a mark at its end that has fewer words besides those of the question is its heading.
const LEAST_NEW: usize = 2;

/// How well a sentence answers: by the share of the question's words that it has, by its nearness, and by how its passage
/// stands to the best one.
const SHARE: f32 = 5.0;
const NEARNESS: f32 = 2.6;
const STANDING: f32 = 8.8;

/// What documents have for a message.
#[derive(Debug, Clone)]
pub enum Answer {
    /// There are no documents, or it is no question of theirs.
    None,
    /// They do not say.
    Silence,
    /// They may say.
    Found {
        /// The best first.
        passages: Vec<Passage>,
        /// The sentences that answer best, word for word.
        extract: String,
    },
}

/// What is known of the question that passages are read for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) words: &'a [Weighed],
    /// Its vector with those of the sentences; none where there is no model.
    pub(crate) vectors: Option<(&'a [f32], &'a [Vec<f32>])>,
}

/// The best passages, read sentence by sentence.
pub(crate) struct Read<'a> {
    passages: Vec<(&'a Passage, HashSet<Term>)>,
    sentences: Vec<Sentence>,
}

struct Sentence {
    passage: usize,
    span: Range<usize>,
    terms: HashSet<Term>,
    /// Whether it ends with a mark.
    is_finished: bool,
    standing: f32,
}

impl Sentence {
    /// Whether it is a heading that says little more than the question does, and so answers nothing.
    fn only_repeats(&self, words: &[Weighed]) -> bool {
        let is_asked = |term: &Term| words.iter().any(|word| word.terms.contains(term));
        !self.is_finished && self.terms.iter().filter(|term| !is_asked(term)).count() < LEAST_NEW
    }
}

/// What they say.
pub(crate) struct Verdict {
    /// Above zero they answer.
    pub(crate) evidence: f32,
    /// The sentences that answer best.
    pub(crate) extract: String,
}

impl<'a> Read<'a> {
    /// Reads the best passages, and of their sentences those that have most of the words.
    pub(crate) fn of(passages: impl Iterator<Item = &'a Passage>, words: &[Weighed]) -> Self {
        let mut read = Self { passages: Vec::new(), sentences: Vec::new() };
        let mut best = None;
        for (place, passage) in passages.take(PASSAGES).enumerate() {
            let (text, rank) = (passage.stored.text.as_str(), passage.rank.score);
            let standing = rank / f32::max(*best.get_or_insert(rank), f32::MIN_POSITIVE);
            let language = Language::guess(text);
            let terms_of =
                |text: &str| words::count(text, language).into_iter().map(|(term, _)| term).collect();
            let sentence = |span: Range<usize>| Sentence {
                passage: place,
                terms: terms_of(&text[span.clone()]),
                is_finished: text[span.clone()].ends_with(ENDINGS),
                span,
                standing,
            };
            read.sentences.extend(sentences(text).into_iter().map(sentence));
            let whole = [passage.stored.title.as_deref().unwrap_or_default(), &passage.stored.context, text];
            read.passages.push((passage, terms_of(&whole.join("\n"))));
        }
        if read.sentences.iter().any(|sentence| !sentence.only_repeats(words)) {
            read.sentences.retain(|sentence| !sentence.only_repeats(words));
        }
        let by_words =
            |sentence: &Sentence| SHARE * share(words, &sentence.terms) + STANDING * sentence.standing;
        read.sentences.sort_by(|one, other| by_words(other).total_cmp(&by_words(one)));
        read.sentences.truncate(SENTENCES);
        read
    }

    /// The sentences that are read closely.
    pub(crate) fn texts(&self) -> Vec<String> {
        let text = |sentence: &Sentence| {
            self.passages[sentence.passage].0.stored.text[sentence.span.clone()].to_owned()
        };
        self.sentences.iter().map(text).collect()
    }

    /// What the passages say to the question; nothing if they are empty.
    pub(crate) fn verdict(&self, wanted: Wanted<'_>) -> Option<Verdict> {
        let nearness: Vec<Option<f32>> = (0..self.sentences.len())
            .map(|place| {
                let (question, sentences) = wanted.vectors?;
                Some(product(question, sentences.get(place)?))
            })
            .collect();
        let score = |place: usize| {
            let sentence = &self.sentences[place];
            SHARE * share(wanted.words, &sentence.terms)
                + NEARNESS * nearness[place].unwrap_or_default()
                + STANDING * sentence.standing
        };
        let mut places: Vec<usize> = (0..self.sentences.len()).collect();
        places.sort_by(|one, other| score(*other).total_cmp(&score(*one)));
        let best = &self.sentences[*places.first()?];
        let (_, terms) = &self.passages[best.passage];
        let beside = places.iter().filter(|place| self.sentences[**place].passage == best.passage);
        let nearest = beside.filter_map(|place| nearness[*place]).max_by(f32::total_cmp);
        let evidence = evidence(share(wanted.words, terms), share(wanted.words, &best.terms), nearest);
        Some(Verdict { evidence, extract: self.extract(&places) })
    }

    /// The best of the sentences, and others of the same passage, as they stand there; line breaks are spaces.
    fn extract(&self, places: &[usize]) -> String {
        let text = |sentence: &Sentence| {
            self.passages[sentence.passage].0.stored.text[sentence.span.clone()].replace('\n', " ")
        };
        let mut chosen: Vec<usize> = Vec::new();
        let mut words = 0;
        for place in places {
            let sentence = &self.sentences[*place];
            let is_beside =
                chosen.first().is_none_or(|best| self.sentences[*best].passage == sentence.passage);
            let length = text(sentence).split_whitespace().count();
            let fits = chosen.is_empty() || words + length <= MOST_WORDS;
            if is_beside && fits && chosen.len() < MOST_SENTENCES {
                words += length;
                chosen.push(*place);
            }
        }
        chosen.sort_by_key(|place| self.sentences[*place].span.start);
        joined(chosen.into_iter().map(|place| text(&self.sentences[place])))
    }
}

/// How much speaks for the passage having the answer: the logarithm of the odds.
fn evidence(passage: f32, sentence: f32, nearest: Option<f32>) -> f32 {
    match nearest {
        Some(nearest) => 5.1 * passage + 1.6 * sentence + 9.2 * nearest - 7.7,
        None => 7.2 * passage + 3.7 * sentence - 5.0,
    }
}

/// The part of the words, by what they tell, that a text has.
fn share(words: &[Weighed], terms: &HashSet<Term>) -> f32 {
    let all: f32 = words.iter().map(|word| word.weight).sum();
    let found = words.iter().filter(|word| word.terms.iter().any(|term| terms.contains(term)));
    let found: f32 = found.map(|word| word.weight).sum();
    if all > 0.0 { found / all } else { 0.0 }
}

fn product(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}
