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
/// What part of the score by words is that of the whole document.
const PARENT: f32 = 0.2;

/// What makes words count; see [`weight`].
const BIAS: f32 = -3.5;
const STANDING_OUT: f32 = 2.4;
const MATCHED: f32 = 0.75;
const LENGTH: f32 = 1.0;
const NEAREST: f32 = -5.0;
/// Neither arm is ever without a voice.
const LEAST: f32 = 0.03;
const MOST: f32 = 0.8;

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

/// What the arms say of a question.
pub(super) struct Arms<'a> {
    pub(super) words: &'a Scores,
    /// The number of the document of each slot.
    pub(super) parents: &'a [u32],
    /// By candidate; nothing for one without a vector.
    pub(super) meaning: Option<Vec<Option<f32>>>,
    pub(super) signs: Signs,
}

/// What tells of a question how much its words are worth.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Signs {
    /// How many words it has.
    pub(super) words: usize,
    /// How much nearer to it the nearest chunk is than chunks are on average.
    pub(super) nearest: f32,
}

/// Puts the candidates in order, the best first, at most `limit`.
pub(super) fn ranked(candidates: &[Slot], arms: &Arms<'_>, limit: usize) -> Vec<(Slot, Rank)> {
    let parent = |slot: Slot| arms.parents[slot as usize];
    let chunks = scaled(candidates.iter().map(|slot| arms.words.chunks[*slot as usize]).collect());
    let parents =
        scaled(candidates.iter().map(|slot| arms.words.documents[parent(*slot) as usize]).collect());
    let by_words = chunks.iter().zip(&parents).map(|(chunk, parent)| chunk + (parent - chunk) * PARENT);
    let by_words = scaled(by_words.collect());
    let by_meaning = arms.meaning.as_deref().map(scaled_if_known);
    let weight = if by_meaning.is_some() { weight(&chunks, arms) } else { 1.0 };

    let rank = |place: usize| {
        let words = by_words[place];
        let meaning = by_meaning.as_ref().and_then(|meaning| meaning[place]);
        let score = weight * words + (1.0 - weight) * meaning.unwrap_or(words);
        let coverage =
            arms.words.chunks[candidates[place] as usize] / arms.words.ceiling.max(f32::MIN_POSITIVE);
        Rank { score, words, meaning, parent: parents[place], weight, coverage, nearness: 0.0 }
    };
    let ranks = candidates.iter().enumerate().map(|(place, slot)| (*slot, rank(place)));
    let mut ranked: Vec<(Slot, Rank)> = ranks.filter(|(_, rank)| rank.score > 0.0).collect();
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

/// How much words count for this question.
///
/// They count more the longer the question is, the more of it stands in the best text, and the more that text stands out
/// among the ten best; and less the nearer the nearest text is. The factors were fitted to collections of claims, code,
/// documentation and encyclopedia articles by the likelihood of the right document, and hold on each of them when it is
/// left out of the fit.
fn weight(chunks: &[f32], arms: &Arms<'_>) -> f32 {
    const TENTH: usize = 9;
    let mut falling = chunks.to_vec();
    falling.sort_by(|one, other| other.total_cmp(one));
    let tenth = falling.get(TENTH.min(falling.len().saturating_sub(1))).copied().unwrap_or_default();
    let best = arms.words.chunks.iter().fold(0.0, |best: f32, score| best.max(*score));
    let evidence = BIAS
        + STANDING_OUT * (1.0 - tenth)
        + MATCHED * (1.0 + best).ln()
        + LENGTH * (arms.signs.words.max(1) as f32).ln()
        + NEAREST * arms.signs.nearest;
    (1.0 / (1.0 + (-evidence).exp())).clamp(LEAST, MOST)
}

/// As parts of the best.
fn scaled(mut scores: Vec<f32>) -> Vec<f32> {
    let best = scores.iter().fold(f32::MIN_POSITIVE, |best, score| best.max(*score));
    scores.iter_mut().for_each(|score| *score /= best);
    scores
}

fn scaled_if_known(scores: &[Option<f32>]) -> Vec<Option<f32>> {
    let best = scores.iter().flatten().fold(f32::MIN_POSITIVE, |best, score| best.max(*score));
    scores.iter().map(|score| score.map(|score| score / best)).collect()
}

/// The best slots of those with a score, the best first.
fn best(scores: &[f32], depth: usize) -> Vec<Slot> {
    let better = |one: &Slot, other: &Slot| {
        scores[*other as usize].total_cmp(&scores[*one as usize]).then(one.cmp(other))
    };
    // Whatever is not above the worst of those kept can't be among the best, which spares nearly all a look.
    let mut kept: Vec<Slot> = Vec::with_capacity(2 * depth);
    let mut worst = 0.0;
    for (slot, score) in (0..).zip(scores) {
        if *score > worst {
            kept.push(slot);
            if kept.len() == 2 * depth {
                kept.select_nth_unstable_by(depth - 1, better);
                kept.truncate(depth);
                worst = scores[kept[depth - 1] as usize];
            }
        }
    }
    kept.sort_unstable_by(better);
    kept.truncate(depth);
    kept
}

fn sort(ranked: &mut [(Slot, Rank)]) {
    ranked.sort_by(|(one, rank), (other, more)| more.score.total_cmp(&rank.score).then(one.cmp(other)));
}
