//! Which messages are questions of documents, and what they ask for: told by their words, since a message is short.
//!
//! Greetings, thanks and instructions about the conversation are none. A message that leans on an earlier question is read
//! together with it. In doubt a message is a question.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::search::language::Language;
use crate::search::words;

/// A message with fewer words of its own leans on the question before it.
const FEW: usize = 2;
/// Whoever only talks is brief.
const LONGEST_TALK: usize = 14;
/// An order without a verb is briefer still.
const SHORT_ORDER: usize = 4;

/// Words in lower case, of all languages together.
macro_rules! list {
    ($words:literal) => {
        LazyLock::new(|| $words.split_whitespace().collect())
    };
}

/// Greetings, thanks and replies.
static TALK: LazyLock<HashSet<&str>> = list!(
    "hello hi hey hiya greetings welcome bye goodbye cheers thanks thank thx ty please sorry ok okay yes yeah yep nope great \
     good nice cool perfect awesome wonderful morning afternoon evening night day much lot everyone helpful helped continue \
     hallo guten tag morgen abend tschüss danke dank bitte gut super prima bonjour salut bonsoir merci beaucoup merci oui \
     hola buenos buenas días tardes noches gracias muchas adiós vale ciao buongiorno buonasera grazie mille prego olá oi bom \
     dia obrigado obrigada tchau dag bedankt dankjewel goedemorgen привет здравствуйте спасибо пока пожалуйста 你好 您好 谢谢 \
     多谢 再见 こんにちは ありがとう ありがとうございます さようなら 안녕하세요 감사합니다"
);

/// What a model is told to do with its own words.
static ORDERS: LazyLock<HashSet<&str>> = list!(
    "say translate rephrase reword rewrite paraphrase summarize summarise shorten simplify repeat expand elaborate format \
     explain write make put answer reply respond speak use try keep turn convert \
     sag sage sagen übersetze übersetz übersetzen wiederhole wiederholen kürze fasse fassen zusammen zusammenfassen kannst könntest antworte erkläre erklären schreibe schreiben traduis traduisez répète réponds \
     résume reformule explique di dilo traduce tradúcelo repite responde resume explica ripeti traduci rispondi riassumi \
     traduza repita responda vertaal herhaal antwoord переведи повтори скажи ответь"
);

/// How it is told to do that.
static MANNER: LazyLock<HashSet<&str>> = list!(
    "sentence sentences word words line lines paragraph short shorter briefly brief long longer simple \
     simpler simply plain formal formally informal casual concise detail detailed language list bullet bullets points table \
     poem email different differently better answer reply response english german french spanish italian \
     portuguese dutch russian chinese japanese arabic polish turkish hindi korean \
     satz sätzen ein einem kurz kürzer einfach einfacher nochmal deutsch englisch französisch phrase phrases court courte simplement \
     français anglais allemand frase frases corto breve más inglés español francés alemán parole semplice italiano inglese \
     curto simples português inglês zin kort korter nederlands engels предложении коротко короче русский английский"
);

/// What points at something that was said, besides the small words of a language.
static POINTERS: LazyLock<HashSet<&str>> = list!(
    "first second third fourth fifth last previous next other others another one ones two three four five same else more example examples \
     tell show give mean zweite zweiten dritte dritten andere anderen nächste deuxième troisième autre autres suivant segundo \
     segunda tercero tercera otro otra otros siguiente secondo seconda terzo altro altra outro outra tweede derde andere второй \
     вторая второе другой"
);

/// What a message begins with that goes on from the one before.
static LINKS: LazyLock<HashSet<&str>> = list!("and or but so also und oder aber et ou y e en и а");

/// Words that stand for something that was named before.
static PRONOUNS: LazyLock<HashSet<&str>> =
    list!("it its they them their he him his she her that those these");

/// Who asks in such a way asks to know.
static ASKING: LazyLock<HashSet<&str>> = list!("what which who whose when where why how is are does do did");

/// A way to read a message as a question of documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// What is searched for.
    pub search: String,
    /// The question that passages must answer.
    pub question: String,
}

impl Reading {
    fn of(text: &str) -> Self {
        Self { search: text.to_owned(), question: text.to_owned() }
    }
}

/// The ways to read a message, the likeliest first, after the questions before it, the oldest first; none if it is no question of documents.
pub fn readings(message: &str, before: &[String]) -> Vec<Reading> {
    let said = Said::of(message);
    if said.is_talk() {
        return Vec::new();
    }
    let is_question = |earlier: &&String| {
        let said = Said::of(earlier);
        *earlier != message && said.own > 0 && !said.is_talk()
    };
    let Some(earlier) = before.iter().rev().find(is_question) else {
        return if said.own > 0 { vec![Reading::of(message)] } else { Vec::new() };
    };
    let together = format!("{earlier} {message}");
    if said.own == 0 {
        return vec![Reading { search: together, question: earlier.clone() }];
    }
    let (alone, together) = (Reading::of(message), Reading::of(&together));
    match said.leans() {
        true if said.own <= FEW => vec![together, alone],
        true => vec![alone, together],
        false => vec![alone],
    }
}

/// A message by its words.
struct Said {
    /// Without the marks around it: scripts without spaces have no words to look up.
    whole: String,
    words: Vec<String>,
    silent: Vec<bool>,
    /// How many of them say what the message is about.
    own: usize,
}

impl Said {
    fn of(message: &str) -> Self {
        let language = Language::guess(message);
        let words: Vec<String> = words::words(message).map(str::to_lowercase).collect();
        let is_silent = |word: &String| language.is_silent(word) || Language::English.is_silent(word);
        let silent: Vec<bool> = words.iter().map(is_silent).collect();
        let is_own = |(word, silent): &(&String, &bool)| !**silent && !POINTERS.contains(word.as_str());
        let own = words.iter().zip(&silent).filter(is_own).count();
        let whole = message.trim_matches(|character: char| !character.is_alphanumeric()).to_lowercase();
        Self { whole, words, silent, own }
    }

    /// Whether it only greets, thanks, replies, or says how an answer should be.
    fn is_talk(&self) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let has = |list: &HashSet<&str>| self.words.iter().any(|word| list.contains(word.as_str()));
        let all = |lists: &[&HashSet<&str>]| {
            let among = |word: &str| lists.iter().any(|list| list.contains(word));
            self.words.iter().zip(&self.silent).all(|(word, silent)| *silent || among(word))
        };
        let asks = self.words.first().is_some_and(|first| ASKING.contains(first.as_str()));
        let is_order = !asks && (has(&ORDERS) || has(&MANNER) && self.words.len() <= SHORT_ORDER);
        let is_brief = self.words.len() <= LONGEST_TALK;
        TALK.contains(self.whole.as_str())
            || is_brief && has(&TALK) && all(&[&TALK])
            || is_brief && is_order && all(&[&TALK, &ORDERS, &MANNER, &POINTERS])
    }

    /// Whether it goes on from an earlier question.
    fn leans(&self) -> bool {
        let begins = self.words.first().is_some_and(|first| LINKS.contains(first.as_str()));
        begins || self.own <= FEW || self.words.iter().any(|word| PRONOUNS.contains(word.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn talk_is_no_question_of_documents() {
        for message in [
            "Hello!",
            "Thanks",
            "Thank you very much, that was helpful.",
            "ok",
            "Yes please",
            "Good morning everyone",
            "Say that in one sentence",
            "Can you say that in simpler words?",
            "Translate that into French",
            "shorter please",
            "Make it a bullet list",
            "Explain that again",
            "Danke!",
            "Kannst du das kürzer sagen?",
            "Fasse das in einem Satz zusammen",
            "Merci beaucoup",
            "¡Hola!",
            "Dilo en una frase",
            "спасибо",
            "谢谢",
            "ありがとう！",
            "?",
        ] {
            assert_eq!(readings(message, &[]), [], "{message}");
        }
    }

    #[test]
    fn in_doubt_a_message_is_a_question() {
        for message in [
            "Thanks! And how long is the warranty?",
            "Summarize the warranty",
            "How do I make a list?",
            "What is a sentence?",
            "Wie lang ist die Garantie?",
            "Explain the table of tariffs",
            "Hello world example",
            "ferry",
            "Translate the contract of carriage into French",
            "保証はどのくらいですか",
        ] {
            assert_eq!(readings(message, &[]), [Reading::of(message)], "{message}");
        }
    }

    #[test]
    fn a_follow_up_is_read_with_the_question_that_it_leans_on() {
        let before = ["How long is the warranty of the kettle?", "Thanks!"].map(str::to_owned);
        let asked = |message| readings(message, &before);
        let together = |message| format!("How long is the warranty of the kettle? {message}");
        let bare = asked("And the second one?");
        assert_eq!(bare[0].search, together("And the second one?"));
        assert_eq!(bare[0].question, "How long is the warranty of the kettle?");
        assert_eq!(asked("why?").len(), 1);
        assert_eq!(
            asked("What about the toaster?"),
            [Reading::of(&together("What about the toaster?")), Reading::of("What about the toaster?")]
        );
        let whole = "Which harbours do ferries of the northern line leave from?";
        assert_eq!(asked(whole), [Reading::of(whole)]);
        assert_eq!(readings("And the second one?", &[]), [], "there is nothing that it leans on");
    }
}
