//! Meaning: every vector is compared with the question's, which at eight bits a number is quicker than any index for
//! some hundred thousand, and exact.

use std::num::NonZero;
use std::ops::Range;
use std::thread;

use fearless_simd::{Level, dispatch};

use super::lexical::Slot;

/// The question keeps more bits: it costs nothing, and products still fit into 32.
const QUESTION_LIMIT: f32 = 2047.0;
const LIMIT: f32 = 127.0;
/// More threads would wait for the memory, and fewer rows are done before a thread has started.
const MOST_THREADS: usize = 4;
const WORTH_A_THREAD: usize = 8_000;
/// How much it counts against a text to be like others that were found.
const CROWDING: f32 = 0.15;
/// Among how many, and to how many of them.
const POOL: usize = 100;
const NEIGHBOURS: usize = 10;

/// A vector of unit length at eight bits a number: what is kept, in the index and in the store.
#[derive(Debug, Clone, PartialEq)]
pub struct Packed {
    /// What a step of the numbers is worth; zero for none.
    scale: f32,
    numbers: Vec<i8>,
}

impl Packed {
    /// Rounds a vector.
    pub fn new(vector: &[f32]) -> Self {
        let scale = vector.iter().fold(0.0, |most: f32, value| most.max(value.abs())) / LIMIT;
        let number = |value: &f32| (value / scale.max(f32::MIN_POSITIVE)).round() as i8;
        Self { scale, numbers: vector.iter().map(number).collect() }
    }

    /// The bytes to store.
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = self.numbers.iter().map(|number| number.cast_unsigned());
        self.scale.to_le_bytes().into_iter().chain(numbers).collect()
    }

    /// Reads stored bytes; nothing if they are none.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (scale, numbers) = bytes.split_first_chunk()?;
        let scale = f32::from_le_bytes(*scale);
        let numbers = numbers.iter().map(|byte| byte.cast_signed()).collect();
        scale.is_finite().then_some(Self { scale, numbers })
    }

    /// The vector again, as near as it was kept.
    pub fn unpacked(&self) -> Vec<f32> {
        self.numbers.iter().map(|number| f32::from(*number) * self.scale).collect()
    }
}

/// The vectors of the chunks of one project, by slot; a chunk may have none yet.
#[derive(Debug)]
pub(super) struct Vectors {
    dimensions: usize,
    numbers: Vec<i8>,
    scales: Vec<f32>,
}

impl Vectors {
    /// None yet, of a model that gives so many numbers.
    pub(super) fn new(dimensions: usize) -> Self {
        Self { dimensions, numbers: Vec::new(), scales: Vec::new() }
    }

    /// Makes room for chunks without a vector, up to `slots`.
    pub(super) fn grow(&mut self, slots: usize) {
        self.numbers.resize(slots * self.dimensions, 0);
        self.scales.resize(slots, 0.0);
    }

    /// Gives a chunk its vector; one of another model is not taken.
    pub(super) fn set(&mut self, slot: Slot, vector: &Packed) {
        if vector.numbers.len() != self.dimensions
            || vector.scale <= 0.0
            || slot as usize >= self.scales.len()
        {
            return;
        }
        self.numbers[places(slot, self.dimensions)].copy_from_slice(&vector.numbers);
        self.scales[slot as usize] = vector.scale;
    }

    /// Takes their vectors from some chunks.
    pub(super) fn clear(&mut self, slots: &Range<Slot>) {
        self.scales[slots.start as usize..slots.end as usize].fill(0.0);
    }

    /// How near each chunk is to the question, from -1 to 1, by slot; zero for one without a vector.
    pub(super) fn scores(&self, question: &[f32]) -> Vec<f32> {
        if question.len() != self.dimensions {
            return vec![0.0; self.scales.len()];
        }
        let most = question.iter().fold(f32::MIN_POSITIVE, |most, value| most.max(value.abs()));
        let unit = most / QUESTION_LIMIT;
        let question: Vec<i16> = question.iter().map(|value| (value / unit).round() as i16).collect();
        let part = |numbers: &[i8], scales: &[f32]| -> Vec<f32> {
            let products = dispatch!(Level::new(), _ => products(numbers, &question));
            products.iter().zip(scales).map(|(product, scale)| *product as f32 * unit * scale).collect()
        };
        let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS);
        let rows = self.scales.len().div_ceil(threads).max(WORTH_A_THREAD);
        let mut parts = self.numbers.chunks(rows * self.dimensions).zip(self.scales.chunks(rows));
        let first = parts.next();
        thread::scope(|scope| {
            let others: Vec<_> =
                parts.map(|(numbers, scales)| scope.spawn(move || part(numbers, scales))).collect();
            let mut scores = first.map(|(numbers, scales)| part(numbers, scales)).unwrap_or_default();
            for other in others {
                scores.extend(other.join().expect("a product of numbers does not panic"));
            }
            scores
        })
    }

    /// Scores candidates more finely than [`Vectors::scores`]; nothing for one without a vector.
    ///
    /// A text that is near to many of those that are near to the question is near to everything; what answers a
    /// question stands out among them.
    pub(super) fn refined(&self, question: &[f32], candidates: &[Slot]) -> Vec<Option<f32>> {
        let rows: Vec<Option<Vec<f32>>> = candidates.iter().map(|slot| self.row(*slot)).collect();
        let nearness: Vec<Option<f32>> =
            rows.iter().map(|row| row.as_ref().map(|row| product_of(row, question))).collect();

        let mut pool: Vec<usize> = (0..rows.len()).filter(|place| rows[*place].is_some()).collect();
        pool.sort_by(|one, other| nearness[*other].unwrap_or(0.0).total_cmp(&nearness[*one].unwrap_or(0.0)));
        pool.truncate(POOL);
        let crowding = |place: usize, row: &[f32]| {
            let others =
                pool.iter().filter(|other| **other != place).filter_map(|other| rows[*other].as_ref());
            let mut alike: Vec<f32> = others.map(|other| product_of(row, other)).collect();
            alike.sort_by(|one, other| other.total_cmp(one));
            alike.truncate(NEIGHBOURS);
            alike.iter().sum::<f32>() / alike.len().max(1) as f32
        };
        let score = |(place, row): (usize, &Option<Vec<f32>>)| {
            let row = row.as_ref()?;
            Some(nearness[place]? - CROWDING * crowding(place, row))
        };
        rows.iter().enumerate().map(score).collect()
    }

    fn row(&self, slot: Slot) -> Option<Vec<f32>> {
        let scale = self.scales.get(slot as usize).copied().filter(|scale| *scale > 0.0)?;
        let numbers = &self.numbers[places(slot, self.dimensions)];
        Some(numbers.iter().map(|number| f32::from(*number) * scale).collect())
    }
}

/// How much the nearest of all chunks with a vector is nearer than they are on average.
pub(super) fn lead(nearness: &[f32]) -> f32 {
    let known = nearness.iter().filter(|nearness| **nearness != 0.0);
    let (best, sum, count) = known.fold((f32::MIN, 0.0, 0.0), |(best, sum, count), nearness| {
        (f32::max(best, *nearness), sum + nearness, count + 1.0)
    });
    if count > 0.0 { best - sum / count } else { 0.0 }
}

fn places(slot: Slot, dimensions: usize) -> Range<usize> {
    slot as usize * dimensions..(slot as usize + 1) * dimensions
}

/// In sixteen sums at once, for the compiler.
fn product_of(one: &[f32], other: &[f32]) -> f32 {
    let (heads, others) = (one.chunks_exact(16), other.chunks_exact(16));
    let rest: f32 = heads.remainder().iter().zip(others.remainder()).map(|(one, other)| one * other).sum();
    let mut sums = [0.0_f32; 16];
    for (one, other) in heads.zip(others) {
        for ((sum, one), other) in sums.iter_mut().zip(one).zip(other) {
            *sum += one * other;
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Compiled once for each width that machines have, and written so that the compiler makes it parallel: eight bits widen
/// to sixteen, which multiply and add in pairs. Nothing overflows: 127 times 2047 fits into 32 bits eight thousand times.
#[inline(always)]
fn products(rows: &[i8], question: &[i16]) -> Vec<i32> {
    let mut products = Vec::with_capacity(rows.len() / question.len());
    for row in rows.chunks_exact(question.len()) {
        let mut sum = 0_i32;
        for (one, other) in row.iter().zip(question) {
            sum = sum.wrapping_add(i32::from(i16::from(*one)).wrapping_mul(i32::from(*other)));
        }
        products.push(sum);
    }
    products
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_found_and_a_chunk_without_a_vector_is_none() {
        let mut vectors = Vectors::new(3);
        vectors.grow(3);
        vectors.set(0, &Packed::new(&[0.6, 0.8, 0.0]));
        vectors.set(2, &Packed::new(&[0.0, 0.0, 1.0]));
        let scores = vectors.scores(&[0.8, 0.6, 0.0]);
        let near = |score: f32, expected: f32| (score - expected).abs() < 0.01;
        assert!(near(scores[0], 0.96) && near(scores[1], 0.0) && near(scores[2], 0.0), "{scores:?}");
        assert_eq!([0, 1, 2].map(|slot| vectors.row(slot).is_some()), [true, false, true]);
        vectors.clear(&(0..1));
        assert!(vectors.row(0).is_none());
    }

    #[test]
    fn what_is_stored_is_what_was_kept() {
        let packed = Packed::new(&[0.1, -0.7, 0.5]);
        assert_eq!(Packed::from_bytes(&packed.to_bytes()), Some(packed));
        assert_eq!(Packed::from_bytes(&[1, 2]), None);
    }
}
