//! Words as they are indexed: without those that say nothing, by their stems, and identifiers also by their parts.

use std::collections::HashMap;

use rust_stemmers::{Algorithm, Stemmer};

use super::language::Language;

/// A longer run of letters is no word: an encoded image, a key.
const LONGEST: usize = 64;

/// What stands in the index for a word: a number that is the same in every run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Term(pub(super) u64);

impl Term {
    /// FNV-1a, whose 64 bits keep a million words apart.
    fn of(word: &str) -> Self {
        let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        Self(word.bytes().fold(0xcbf2_9ce4_8422_2325, step))
    }
}

/// How often each term stands in a text, by term; and how many terms there are.
pub(crate) fn count(text: &str, language: Language) -> Vec<(Term, u32)> {
    let mut counts: HashMap<Term, u32> = HashMap::new();
    let mut known: HashMap<&str, Vec<Term>> = HashMap::new();
    let stemmer = stemmer(language);
    for word in words(text) {
        let terms = known.entry(word).or_insert_with(|| terms(word, language, stemmer.as_ref()));
        for term in terms {
            *counts.entry(*term).or_default() += 1;
        }
    }
    let mut counts: Vec<(Term, u32)> = counts.into_iter().collect();
    counts.sort_unstable();
    counts
}

/// The terms of a question, each once, in the order of its words.
pub(super) fn of_question(text: &str, languages: &[Language]) -> Vec<Term> {
    let mut found = Vec::new();
    for term in words(text).flat_map(|word| of_word(word, languages)) {
        if !found.contains(&term) {
            found.push(term);
        }
    }
    found
}

/// The terms of one word, each once: more than one where there are several languages, or the word has parts.
pub(super) fn of_word(word: &str, languages: &[Language]) -> Vec<Term> {
    let mut found = Vec::new();
    for language in languages {
        for term in terms(word, *language, stemmer(*language).as_ref()) {
            if !found.contains(&term) {
                found.push(term);
            }
        }
    }
    found
}

/// The words of a text as they stand there; scripts without spaces give one word for each two characters.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    let runs = text.split(|character: char| !character.is_alphanumeric() && character != '_');
    runs.filter(|run| !run.is_empty() && run.len() <= LONGEST || run.chars().any(is_ideograph)).flat_map(
        |run| {
            let has_spaces = !run.chars().any(is_ideograph);
            let places: Vec<usize> =
                if has_spaces { Vec::new() } else { run.char_indices().map(|(place, _)| place).collect() };
            let pairs = (0..places.len()).filter_map(move |first| {
                let end = places.get(first + 2).copied().unwrap_or(run.len());
                (first == 0 || first + 1 < places.len()).then(|| &run[places[first]..end])
            });
            has_spaces.then_some(run).into_iter().chain(pairs)
        },
    )
}

fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7AF}' | '\u{E00}'..='\u{E7F}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{2FA1F}')
}

fn terms(word: &str, language: Language, stemmer: Option<&Stemmer>) -> Vec<Term> {
    let low = word.to_lowercase();
    let mut terms = Vec::new();
    let mut add = |word: &str| {
        if !language.is_silent(word) {
            terms.push(Term::of(&stemmer.map_or(word.into(), |stemmer| stemmer.stem(word))));
        }
    };
    add(&low);
    let parts = parts(word);
    if parts.len() > 1 {
        parts.iter().for_each(|part| add(&part.to_lowercase()));
    }
    terms
}

/// The words within an identifier: `parseHTTPHeader` and `parse_http_header` have three, `utf8` has two.
pub(super) fn parts(word: &str) -> Vec<&str> {
    let characters: Vec<(usize, char)> = word.char_indices().collect();
    let mut parts = Vec::new();
    let mut start = 0;
    for pair in 1..=characters.len() {
        let place = characters.get(pair).map_or(word.len(), |(place, _)| *place);
        let after = characters.get(pair + 1).map(|(_, character)| *character);
        let ends = characters.get(pair).is_none_or(|(_, next)| breaks(characters[pair - 1].1, *next, after));
        if ends {
            let part = word[start..place].trim_matches('_');
            if !part.is_empty() {
                parts.push(part);
            }
            start = place;
        }
    }
    parts
}

fn breaks(last: char, next: char, after: Option<char>) -> bool {
    let is_hump = next.is_uppercase()
        && (last.is_lowercase() || (last.is_uppercase() && after.is_some_and(char::is_lowercase)));
    next == '_' || is_hump || last.is_numeric() != next.is_numeric() && last != '_'
}

fn stemmer(language: Language) -> Option<Stemmer> {
    let algorithm = match language {
        Language::Unknown => return None,
        Language::Dutch => Algorithm::Dutch,
        Language::English => Algorithm::English,
        Language::French => Algorithm::French,
        Language::German => Algorithm::German,
        Language::Italian => Algorithm::Italian,
        Language::Portuguese => Algorithm::Portuguese,
        Language::Russian => Algorithm::Russian,
        Language::Spanish => Algorithm::Spanish,
    };
    Some(Stemmer::create(algorithm))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_are_known_by_their_parts() {
        assert_eq!(parts("parseHTTPHeader"), ["parse", "HTTP", "Header"]);
        assert_eq!(parts("__parse_http_header"), ["parse", "http", "header"]);
        assert_eq!(parts("utf8Decoder"), ["utf", "8", "Decoder"]);
        assert_eq!(parts("plain"), ["plain"]);
        assert_eq!(parts("Größe"), ["Größe"]);
        assert_eq!(parts("__"), [""; 0]);
    }

    #[test]
    fn a_script_without_spaces_is_read_in_pairs() {
        assert_eq!(words("東京都 and more").collect::<Vec<_>>(), ["東京", "京都", "and", "more"]);
        assert_eq!(words("中").collect::<Vec<_>>(), ["中"]);
    }

    #[test]
    fn forms_of_a_word_meet_in_its_stem() {
        let term = |word| of_question(word, &[Language::English]);
        assert_eq!(term("citations"), term("Citation"));
        assert_eq!(term("the"), []);
        let german = |word| of_question(word, &[Language::German]);
        assert_eq!(
            german("Verträge"),
            german("Vertrag").iter().map(|_| german("Verträge")[0]).collect::<Vec<_>>()
        );
    }
}
