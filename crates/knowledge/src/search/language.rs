//! Which language a text is in, guessed by the small words that every sentence of a language has.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::words;

/// The languages whose words are stemmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Language {
    /// Words are taken as they stand.
    Unknown,
    Dutch,
    English,
    French,
    German,
    Italian,
    Portuguese,
    Russian,
    Spanish,
}

/// New ones come last.
const CODES: &[Language] = &[
    Language::Unknown,
    Language::Dutch,
    Language::English,
    Language::French,
    Language::German,
    Language::Italian,
    Language::Portuguese,
    Language::Russian,
    Language::Spanish,
];

/// So many words tell enough.
const SAMPLE: usize = 400;

/// The words of each language that say nothing about what a text is about.
static SILENT: LazyLock<Vec<(Language, HashSet<&str>)>> = LazyLock::new(|| {
    let list = |(language, words): &(Language, &'static str)| (*language, words.split_whitespace().collect());
    LISTS.iter().map(list).collect()
});

const LISTS: &[(Language, &str)] = &[
    (
        Language::English,
        "a about above after again all am an and any are as at be because been before being below between both but by can \
         could did do does doing down during each few for from further had has have having he her here hers him his how i \
         if in into is it its itself just me more most my no nor not now of off on once only or other our ours out over own \
         s same she should so some such t than that the their theirs them then there these they this those through to too \
         under until up very was we were what when where which while who whom why will with would you your yours",
    ),
    (
        Language::German,
        "aber alle als also am an auch auf aus bei bin bis bist da damit dann das dass dem den der des dich die dies diese \
         dir doch du durch ein eine einem einen einer eines er es euch für hat hatte ich ihm ihn ihr ihre im in ist ja kann \
         kein keine man mein mich mir mit nach nicht noch nur ob oder ohne sehr sein seine sich sie sind so über um und uns \
         unter vom von vor war waren was wenn wer werden wie wir wird wo zu zum zur",
    ),
    (
        Language::French,
        "à au aux avec c ce ces cet cette comme d dans de des du elle elles en est et eu il ils j je l la le les leur leurs \
         lui m ma mais me même mes moi mon n ne nos notre nous on ont ou où par pas pour qu que quel quelle qui s sa sans se \
         ses si son sont sur t ta te tes toi ton tu un une vos votre vous y",
    ),
    (
        Language::Spanish,
        "a al algo ante con como cual cuando de del desde donde dos e el ella ellas ellos en entre era es esa ese eso esta \
         este esto fue ha han hay la las le les lo los más me mi muy ni no nos o para pero por porque que qué quien se ser si \
         sí sin sobre son su sus también te tiene tu un una uno unos y ya yo",
    ),
    (
        Language::Italian,
        "a ad al alla alle anche c che chi ci come con cui da dal dalla dei del della delle di dove e ed è era gli ha hanno i \
         il in io la le lei li lo loro lui ma mi mio ne nel nella non noi o per perché più quale quando quanto questa questo \
         se sei si sono su sua sul sulla suo ti tra tu un una uno vi",
    ),
    (
        Language::Portuguese,
        "a ao aos as até com como da das de dela dele depois do dos e é ela ele eles em entre era essa esse esta este eu foi \
         há isso isto já lhe mais mas me mesmo meu muito na não nas nem no nos o os ou para pela pelo por qual quando que \
         quem se sem ser seu sua são também te tem um uma você",
    ),
    (
        Language::Dutch,
        "aan al als bij dan dat de den der deze die dit door een en er ge geen had heb hebben heeft het hier hij hoe ik in is \
         je kan maar me meer men met mijn na naar niet nog nu of om omdat onder ons ook op over te tegen toch toen tot u uit \
         uw van veel voor want waren was wat we wel werd wie wij worden zal ze zich zij zijn zo zou",
    ),
    (
        Language::Russian,
        "а без более бы был была были было быть в вам вас весь во вот все всё вы где да для до его ее её если есть еще же за \
         и из или им их к как ко когда кто ли мне мы на над надо не него нее нет ни но ну о об он она они от по под при с \
         со так также такой там то того тоже только том ты у уже что чтобы эта эти это я",
    ),
];

impl Language {
    /// The likeliest language of a text; unknown if its small words are of none.
    pub(crate) fn guess(text: &str) -> Self {
        let mut hits = vec![0_usize; SILENT.len()];
        let mut seen = 0_usize;
        for word in words::words(text).take(SAMPLE) {
            let word = word.to_lowercase();
            seen += 1;
            for (hits, (_, silent)) in hits.iter_mut().zip(SILENT.iter()) {
                *hits += usize::from(silent.contains(word.as_str()));
            }
        }
        let best = hits.iter().zip(SILENT.iter()).rev().max_by_key(|(hits, _)| **hits);
        // Code has a few English words among many names; names are best stemmed as English too.
        let is_latin = text
            .chars()
            .take(SAMPLE)
            .filter(|character| character.is_alphabetic())
            .all(|character| character.is_ascii());
        match best {
            Some((hits, (language, _))) if *hits * 8 >= seen && *hits > 0 => *language,
            Some(_) if is_latin => Self::English,
            Some(_) | None => Self::Unknown,
        }
    }

    /// The number that is stored for it; one that stands never changes.
    pub(super) fn code(self) -> u8 {
        let place = CODES.iter().position(|language| *language == self);
        place.and_then(|place| u8::try_from(place).ok()).unwrap_or_default()
    }

    /// The language of a stored number.
    pub(super) fn of_code(code: u8) -> Option<Self> {
        CODES.get(usize::from(code)).copied()
    }

    /// Whether a word in lower case says nothing by itself.
    pub(crate) fn is_silent(self, word: &str) -> bool {
        SILENT.iter().any(|(language, silent)| *language == self && silent.contains(word))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_tells_its_language() {
        let check = |language, text| assert_eq!(Language::guess(text), language, "{text}");
        check(Language::English, "What is the largest of the rivers in Germany?");
        check(Language::German, "Was ist der größte der Flüsse in Deutschland, und wie lang ist er?");
        check(Language::French, "Quel est le plus grand des fleuves de la France ?");
        check(Language::Spanish, "¿Cuál es el más grande de los ríos en España?");
        check(Language::Russian, "Какая река самая большая в России, и где она?");
        check(Language::English, "fn main() { println!(\"hello\"); }");
        check(Language::Unknown, "東京都は日本の首都です");
    }
}
