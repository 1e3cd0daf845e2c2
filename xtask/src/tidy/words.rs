//! Words that may stand in named places only: each is a boundary of the architecture, or nowhere at home.

use super::glob::fits;
use super::repository::{Repository, TextFile};

/// Some words, where they are looked for, and where they may stand.
struct Rule {
    words: &'static [&'static str],
    within: &'static str,
    except: &'static [&'static str],
    /// Comments and unit tests may say them.
    only_code: bool,
    instead: &'static str,
}

/// The words are cut in two where this file would complain about itself.
const RULES: &[Rule] = &[
    Rule {
        words: &[
            concat!("to", "do!"),
            concat!("unimple", "mented!"),
            concat!("FIX", "ME"),
            concat!("XX", "X"),
        ],
        within: "**/*.rs",
        except: &[],
        only_code: false,
        instead: "finish it, or leave it out and open an issue",
    },
    Rule {
        words: &[concat!("#[ig", "nore")],
        within: "**/*.rs",
        except: &[],
        only_code: false,
        instead: "a test runs everywhere; let it start what it needs",
    },
    Rule {
        words: &[
            concat!("/wo", "rk/"),
            concat!("/ro", "ot/"),
            concat!("/fa", "rm/"),
            concat!("../sha", "red"),
        ],
        within: "**",
        except: &[],
        only_code: false,
        instead: "name nothing that is only on your machine: the repository stands alone",
    },
    Rule {
        words: &[".route("],
        within: "crates/server/**/*.rs",
        except: &[],
        only_code: true,
        instead: "register it with its OpenAPI description, through `routes!`, so that the tests that walk all routes find it",
    },
    Rule {
        words: &[
            "Principal::authenticated(",
            "Principal::anonymous(",
            "Principal::signed_in(",
            "Principal::by_key(",
        ],
        within: "crates/**/*.rs",
        except: &[
            "crates/identity/src/**",
            "crates/server/src/auth.rs",
            "crates/testkit/**",
            "**/tests/**",
            "**/benches/**",
        ],
        only_code: true,
        instead: "only the extractors say who is calling: take a `&Principal`",
    },
    Rule {
        words: &["Client::builder(", "ClientBuilder::new("],
        within: "crates/**/*.rs",
        except: &[
            "crates/outbound/src/client.rs",
            // Fetches from the issuers of the configuration, and from where they keep their keys.
            "crates/identity/src/tokens/source.rs",
            // Asks what whoever types the command names.
            "crates/server/src/cli/**",
            "**/tests/**",
            "**/benches/**",
            "**/examples/**",
        ],
        only_code: true,
        instead: "take `outbound::client_builder` for an address of the configuration, and `Outbound` for any other",
    },
    Rule {
        words: &["AssertSqlSafe", "QueryBuilder"],
        within: "crates/store/**/*.rs",
        except: &["crates/store/src/sqlite/values.rs"],
        only_code: true,
        instead: "SQL is a literal with bound values; statements of many rows are built by `sqlite::values`",
    },
];

/// Where foreign JSON lives, and what only developers read.
const SERDE_DERIVES: &[&str] = &[
    "crates/identity/src/**/wire.rs",
    "crates/server/src/**/wire.rs",
    "crates/server/src/**/wire/**",
    "crates/server/src/config*.rs",
    "crates/server/src/config/**",
    "crates/server/src/cli/**",
    // What the child process that reads files is asked and answers.
    "crates/knowledge/src/extract/wire.rs",
    // What an embedding endpoint is asked and answers.
    "crates/knowledge/src/embed/endpoint/wire.rs",
    // What a project is, as it is kept and shown.
    "crates/knowledge/src/work/analysis/wire.rs",
    "crates/providers/src/*/wire.rs",
    "crates/providers/src/settings.rs",
    // Part of the settings.
    "crates/providers/src/fit.rs",
    "crates/testkit/**",
    "xtask/**",
    "**/tests/**",
];

pub(super) fn stay_in_their_places(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let broken = RULES.iter().flat_map(|rule| {
        let applies = |file: &&TextFile| fits(rule.within, &file.path) && !fits_any(rule.except, &file.path);
        repository.files.iter().filter(applies).flat_map(|file| rule.complaints(file))
    });
    Ok(broken.collect())
}

pub(super) fn serde_derives_stay_at_the_edge(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let inside = repository.rust_files().filter(|file| !fits_any(SERDE_DERIVES, &file.path));
    let complaints = inside.flat_map(|file| {
        serde_derives(file.code()).into_iter().map(|number| {
            let path = &file.path;
            format!("{path}:{number}: a serde derive; translate by hand from a type in a `wire.rs`")
        })
    });
    Ok(complaints.collect())
}

impl Rule {
    fn complaints(&self, file: &TextFile) -> Vec<String> {
        let lines: Box<dyn Iterator<Item = _>> =
            if self.only_code { Box::new(file.code()) } else { Box::new(file.lines()) };
        let mut complaints = Vec::new();
        for (number, line) in lines {
            for word in self.words.iter().filter(|word| says(line, word)) {
                complaints.push(format!("{}:{number}: `{word}`: {}", file.path, self.instead));
            }
        }
        complaints
    }
}

fn fits_any(patterns: &[&str], path: &str) -> bool {
    patterns.iter().any(|pattern| fits(pattern, path))
}

/// Whether the line has the word; one that begins with a letter or `/` does not begin amid another word or path.
fn says(line: &str, word: &str) -> bool {
    let goes_on =
        |before: &str| before.ends_with(|last: char| last.is_alphanumeric() || "_-.".contains(last));
    line.match_indices(word).any(|(start, _)| word.starts_with('.') || !goes_on(&line[..start]))
}

/// The numbers of the lines on which `Serialize` or `Deserialize` is derived.
fn serde_derives<'a>(code: impl Iterator<Item = (usize, &'a str)>) -> Vec<usize> {
    let mut found = Vec::new();
    let mut within_derive = false;
    for (number, line) in code {
        let listed = match line.split_once("derive(") {
            Some((_, listed)) => listed,
            None if within_derive => line,
            None => continue,
        };
        let (names, rest) =
            listed.split_once(')').map_or((listed, None), |(names, rest)| (names, Some(rest)));
        within_derive = rest.is_none();
        if names.split([',', ':', ' ']).any(|name| name == "Serialize" || name == "Deserialize") {
            found.push(number);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_counts_where_it_begins() {
        let path = RULES[2].words[0];
        assert!(says(&format!("\"{path}x\""), path));
        assert!(says(path, path));
        assert!(!says(&format!("target{path}x"), path));
        assert!(!says(&format!(".{path}x"), path));
        assert!(says("    router.route(\"/\", get(home))", ".route("));
    }

    #[test]
    fn derives_are_found_over_several_lines() {
        let code = "#[derive(Debug, Clone)]\n#[derive(\n    Debug,\n    serde::Serialize,\n)]\nstruct Serialize;\n\
                    #[cfg_attr(test, derive(Deserialize))]";
        assert_eq!(serde_derives((1..).zip(code.lines())), [4, 7]);
    }
}
