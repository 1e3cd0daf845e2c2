//! SPDX licence expressions, as far as crates use them: `AND` binds tighter than `OR`, an old `/` means `OR`.

use std::iter::Peekable;
use std::str::SplitWhitespace;

use anyhow::{Context, bail, ensure};

/// Whether the allowed licences suffice for what the expression asks.
pub(super) fn is_allowed(expression: &str, allowed: &[String]) -> anyhow::Result<bool> {
    let spaced = expression.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
    let mut reader = Reader { words: spaced.split_whitespace().peekable(), allowed };
    let answer = reader.any().and_then(|answer| match reader.words.next() {
        None => Ok(answer),
        Some(word) => bail!("`{word}` is one too many"),
    });
    answer.with_context(|| format!("cannot read the licence `{expression}`"))
}

struct Reader<'a> {
    words: Peekable<SplitWhitespace<'a>>,
    allowed: &'a [String],
}

impl Reader<'_> {
    fn any(&mut self) -> anyhow::Result<bool> {
        let mut answer = self.all()?;
        while self.skip("OR") {
            answer |= self.all()?;
        }
        Ok(answer)
    }

    fn all(&mut self) -> anyhow::Result<bool> {
        let mut answer = self.one()?;
        while self.skip("AND") {
            answer &= self.one()?;
        }
        Ok(answer)
    }

    fn one(&mut self) -> anyhow::Result<bool> {
        if self.skip("(") {
            let answer = self.any()?;
            ensure!(self.skip(")"), "a parenthesis is not closed");
            return Ok(answer);
        }
        let mut licence = self.name()?.to_owned();
        if self.skip("WITH") {
            licence = format!("{licence} WITH {}", self.name()?);
        }
        Ok(self.allowed.contains(&licence))
    }

    fn name(&mut self) -> anyhow::Result<&str> {
        match self.words.next() {
            Some(word @ ("(" | ")" | "AND" | "OR" | "WITH")) => bail!("`{word}` stands where a name should"),
            Some(word) => Ok(word),
            None => bail!("it ends where a name should stand"),
        }
    }

    fn skip(&mut self, word: &str) -> bool {
        self.words.next_if_eq(&word).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::is_allowed;

    fn check(expression: &str, expected: bool) {
        let allowed = ["MIT", "ISC", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"].map(str::to_owned);
        assert_eq!(is_allowed(expression, &allowed).unwrap(), expected, "{expression}");
    }

    #[test]
    fn one_of_several_suffices() {
        check("MIT", true);
        check("GPL-3.0-only", false);
        check("MIT OR GPL-3.0-only", true);
        check("GPL-3.0-only/MIT", true);
        check("GPL-2.0-only OR GPL-3.0-only", false);
    }

    #[test]
    fn all_of_several_are_needed() {
        check("MIT AND ISC", true);
        check("MIT AND OpenSSL", false);
        check("ISC AND (Apache-2.0 OR ISC) AND MIT", true);
        check("(GPL-3.0-only OR OpenSSL) AND MIT", false);
    }

    #[test]
    fn and_binds_tighter_than_or() {
        check("MIT OR ISC AND OpenSSL", true);
        check("OpenSSL AND ISC OR MIT", true);
        check("(MIT OR ISC) AND OpenSSL", false);
    }

    #[test]
    fn an_exception_belongs_to_its_licence() {
        check("Apache-2.0 WITH LLVM-exception", true);
        check("MIT WITH LLVM-exception", false);
        check("GPL-2.0-only WITH Classpath-exception-2.0 OR MIT", true);
    }

    #[test]
    fn nonsense_is_an_error() {
        for expression in ["", "MIT OR", "OR MIT", "(MIT", "MIT)", "MIT ISC", "MIT WITH"] {
            assert!(is_allowed(expression, &[]).is_err(), "{expression}");
        }
    }
}
