//! Words and meaning together: a convex combination of both scores whose weight follows the question.
//!
//! Equal weights lose to the better arm wherever one of them is weak. What tells them apart is in the question and in
//! the scores themselves: the more a question says, and the more one text stands out by its words, the more words count.

use std::collections::{HashMap, HashSet};

use super::lexical::{Scores, Slot};

/// How many of the best of each arm are looked at.
const DEPTH: usize = 100;
/// A further chunk of one document counts so much less than the one before it, so that others get a place.
const FURTHER_CHUNK: f32 = 0.03;

/// Why a chunk stands where it stands. The scores of the arms are parts of what the best chunk has.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Rank {
    /// The order is by this.
    pub score: f32,
    /// By its words, from 0 to 1.
    pub words: f32,
    /// By its meaning, to 1; nothing if it has no vector yet.
    pub meaning: Option<f32>,
    /// By the words of its whole document, from 0 to 1.
    pub parent: f32,
    /// How much words counted for this question, from 0 to 1.
    pub weight: f32,
    /// The part of the question's words, by their rarity, that the chunk has.
    pub coverage: f32,
    /// How near the chunk is to the question as the model sees it, from -1 to 1.
    pub nearness: f32,
}

/// The chunks that are looked at: the best of each arm.
pub(super) fn candidates(words: &[f32], nearness: Option<&[f32]>, limit: usize) -> Vec<Slot> {
    let depth = limit.max(DEPTH);
    let mut slots = best(words, depth);
    if let Some(nearness) = nearness {
        let known: HashSet<Slot> = slots.iter().copied().collect();
        slots.extend(best(nearness, depth).into_iter().filter(|slot| !known.contains(slot)));
    }
    slots
}

/// What the arms say of the candidates.
pub(super) struct Arms<'a> {
    pub(super) words: &'a Scores,
    pub(super) parents: &'a [u32],
    pub(super) question_words: usize,
    /// By candidate; nothing for one without a vector.
    pub(super) meaning: Option<Vec<Option<f32>>>,
}

/// Puts the candidates in order, the best first, at most `limit`.
pub(super) fn ranked(candidates: &[Slot], arms: &Arms<'_>, limit: usize) -> Vec<(Slot, Rank)> {
    let parent = |slot: Slot| arms.parents[slot as usize];
    let words: Vec<f32> = scaled(candidates.iter().map(|slot| arms.words.chunks[*slot as usize]));
    let parents: Vec<f32> =
        scaled(candidates.iter().map(|slot| arms.words.documents[parent(*slot) as usize]));
    let meaning = arms.meaning.as_ref().map(|meaning| {
        let best = meaning.iter().flatten().fold(f32::MIN_POSITIVE, |best, score| best.max(*score));
        meaning.iter().map(|score| score.map(|score| score / best)).collect::<Vec<_>>()
    });
    let weight = meaning.as_ref().map_or(1.0, |meaning| weight(&words, meaning, arms));

    let rank = |place: usize| {
        let by_meaning = meaning.as_ref().and_then(|meaning| meaning[place]);
        let both = weight * words[place] + (1.0 - weight) * by_meaning.unwrap_or(words[place]);
        let score = both + PARENT * parents[place];
        let coverage =
            arms.words.chunks[candidates[place] as usize] / arms.words.ceiling.max(f32::MIN_POSITIVE);
        Rank {
            score,
            words: words[place],
            meaning: by_meaning,
            parent: parents[place],
            weight,
            coverage,
            nearness: 0.0,
        }
    };
    let mut ranked: Vec<(Slot, Rank)> =
        candidates.iter().enumerate().map(|(place, slot)| (*slot, rank(place))).collect();
    ranked.retain(|(_, rank)| rank.words > 0.0 || rank.meaning.is_some_and(|meaning| meaning > 0.0));
    sort(&mut ranked);
    let mut seen: HashMap<u32, f32> = HashMap::new();
    for (slot, rank) in &mut ranked {
        let before = seen.entry(parent(*slot)).or_default();
        rank.score -= FURTHER_CHUNK * *before;
        *before += 1.0;
    }
    sort(&mut ranked);
    ranked.truncate(limit);
    ranked
}

/// What the words of the whole document add.
const PARENT: f32 = 0.05;

/// How much words count for this question.
fn weight(words: &[f32], meaning: &[Option<f32>], arms: &Arms<'_>) -> f32 {
    let _unused = (words, meaning);
    let evidence = (arms.question_words.max(1) as f32).ln();
    1.0 / (1.0 + (-(-4.5 + 1.6 * evidence)).exp())
}

/// As parts of the best.
fn scaled(scores: impl Iterator<Item = f32> + Clone) -> Vec<f32> {
    let best = scores.clone().fold(f32::MIN_POSITIVE, f32::max);
    scores.map(|score| score / best).collect()
}

/// The best slots of those with a score, the best first.
fn best(scores: &[f32], depth: usize) -> Vec<Slot> {
    let mut slots: Vec<Slot> =
        (0..).zip(scores).filter(|(_, score)| **score > 0.0).map(|(slot, _)| slot).collect();
    let better = |one: &Slot, other: &Slot| {
        scores[*other as usize].total_cmp(&scores[*one as usize]).then(one.cmp(other))
    };
    if slots.len() > depth {
        slots.select_nth_unstable_by(depth, better);
        slots.truncate(depth);
    }
    slots.sort_unstable_by(better);
    slots
}

fn sort(ranked: &mut [(Slot, Rank)]) {
    ranked.sort_by(|(one, rank), (other, more)| more.score.total_cmp(&rank.score).then(one.cmp(other)));
}
