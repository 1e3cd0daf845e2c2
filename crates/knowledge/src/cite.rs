//! Which sentences of passages the sentences of an answer rest on, told by their words: the model has no say in it.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use crate::search::language::Language;
use crate::search::words::{self, Term};
use crate::sentences::sentences;

/// The part of a sentence's words, by their rarity, that its source must have.
const ENOUGH: f32 = 0.5;
/// A sentence with fewer words says nothing that could be looked up.
const LEAST_WORDS: usize = 2;

/// A sentence of an answer and the one that it rests on.
#[derive(Debug, Clone, PartialEq)]
pub struct Support {
    /// Which passage.
    pub passage: usize,
    /// Bytes of the passage.
    pub quote: Range<usize>,
    /// Bytes of the answer.
    pub answer: Range<usize>,
    /// The part of the answer's words that the quote has, by their rarity: 0 to 1.
    pub score: f32,
}

/// What the sentences of an answer rest on, in their order; those that rest on none of the passages are left out.
///
/// A sentence with a number that its source has not is no echo of it, whatever else they share.
pub fn cite(answer: &str, passages: &[&str]) -> Vec<Support> {
    let language = Language::guess(&passages.join("\n"));
    let sources: Vec<Source<'_>> = (0..)
        .zip(passages)
        .flat_map(|(passage, text)| {
            sentences(text).into_iter().map(move |quote| Source {
                passage,
                words: words_of(&text[quote.clone()], language),
                numbers: numbers(&text[quote.clone()]),
                quote,
            })
        })
        .collect();
    let rarity = Rarity::of(&sources);
    let support = |answer_span: Range<usize>| {
        let said = words_of(&answer[answer_span.clone()], language);
        let numbers = numbers(&answer[answer_span.clone()]);
        let numbered = sources.iter().filter(|source| numbers.is_subset(&source.numbers));
        let best = numbered.map(|source| (rarity.shared(&said, &source.words), source));
        // Of those that say as much the first: the passages come best first.
        let (score, source) = best.rev().max_by(|(one, _), (other, _)| one.total_cmp(other))?;
        let holds = said.len() >= LEAST_WORDS && score >= ENOUGH;
        let quote = source.quote.clone();
        holds.then_some(Support { passage: source.passage, quote, answer: answer_span, score })
    };
    sentences(answer).into_iter().filter_map(support).collect()
}

/// A sentence of a passage.
struct Source<'a> {
    passage: usize,
    quote: Range<usize>,
    words: HashSet<Term>,
    numbers: HashSet<&'a str>,
}

/// How much each word tells: the fewer sentences have it, the more.
struct Rarity {
    sentences: f32,
    with: HashMap<Term, f32>,
}

impl Rarity {
    fn of(sources: &[Source<'_>]) -> Self {
        let mut with = HashMap::new();
        for word in sources.iter().flat_map(|source| &source.words) {
            *with.entry(*word).or_default() += 1.0;
        }
        Self { sentences: sources.len() as f32, with }
    }

    fn weight(&self, word: &Term) -> f32 {
        let with = self.with.get(word).copied().unwrap_or_default();
        (1.0 + (self.sentences + 1.0) / (with + 1.0)).ln()
    }

    fn shared(&self, said: &HashSet<Term>, source: &HashSet<Term>) -> f32 {
        let all: f32 = said.iter().map(|word| self.weight(word)).sum();
        let shared: f32 = said.intersection(source).map(|word| self.weight(word)).sum();
        if all > 0.0 { shared / all } else { 0.0 }
    }
}

fn words_of(text: &str, language: Language) -> HashSet<Term> {
    words::count(text, language).into_iter().map(|(term, _)| term).collect()
}

fn numbers(text: &str) -> HashSet<&str> {
    words::words(text).filter(|word| word.chars().any(char::is_numeric)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FERRY: &str =
        "The ferry leaves at 9 in summer. Dogs travel free of charge.\nTickets are sold on board.";
    const GARAGE: &str = "The garage opens at 10.";

    #[test]
    fn each_sentence_is_led_back_to_the_one_that_it_rests_on() {
        let answer = "In summer, the ferry leaves at 9. Your dog travels free of charge!";

        let supports = cite(answer, &[GARAGE, FERRY]);

        let shown: Vec<(&str, &str)> = supports
            .iter()
            .map(|support| (&answer[support.answer.clone()], &FERRY[support.quote.clone()]))
            .collect();
        assert_eq!(
            shown,
            [
                ("In summer, the ferry leaves at 9.", "The ferry leaves at 9 in summer."),
                ("Your dog travels free of charge!", "Dogs travel free of charge."),
            ]
        );
        assert!(supports.iter().all(|support| support.passage == 1));
    }

    #[test]
    fn what_the_passages_do_not_say_rests_on_nothing() {
        for answer in ["The ferry leaves at 8 in summer.", "Cats are not allowed on any ship.", "Yes.", ""] {
            assert_eq!(cite(answer, &[GARAGE, FERRY]), [], "{answer}");
        }
        assert_eq!(cite("The ferry leaves at 9.", &[]), []);
    }
}
