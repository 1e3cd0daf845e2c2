//! Rich text: a small reader of its own, whose depth is a list and not the stack.

use encoding_rs::{Encoding, WINDOWS_1252};

use super::error::ExtractError;
use super::limits::Limits;
use super::writer::Writer;
use super::{Extracted, Kind};

/// Groups may lie this deep in each other; programs need a dozen.
const DEEPEST: usize = 10_000;

/// Parts of a file that are not its text.
const PASSED_OVER: &[&str] = &[
    "fonttbl",
    "colortbl",
    "stylesheet",
    "info",
    "pict",
    "object",
    "header",
    "footer",
    "headerl",
    "headerr",
    "headerf",
    "footerl",
    "footerr",
    "footerf",
    "listtable",
    "listoverridetable",
    "rsidtbl",
    "generator",
    "themedata",
    "colorschememapping",
    "latentstyles",
    "datastore",
    "xmlnstbl",
    "fldinst",
    "pntext",
    "filetbl",
    "revtbl",
    "bkmkstart",
    "bkmkend",
    "nonshppict",
];

pub(super) fn extract(bytes: &[u8], limits: &Limits) -> Result<Extracted, ExtractError> {
    let mut reader = Reader::new(bytes, limits);
    reader.read()?;
    reader.flush()?;
    reader.writer.finish(Kind::Prose)
}

/// What a group's end takes back.
#[derive(Debug, Clone, Copy)]
struct Group {
    is_passed_over: bool,
    /// How many bytes stand in for a character that was given by its number.
    substitutes: usize,
}

struct Reader<'a> {
    rest: &'a [u8],
    writer: Writer<'a>,
    groups: Vec<Group>,
    group: Group,
    /// After `\*`: a part that may be passed over by who does not know it.
    is_optional: bool,
    encoding: &'static Encoding,
    /// Bytes of the file's own encoding, and halves of characters, that wait to be read together.
    bytes: Vec<u8>,
    said: String,
    high: Option<u32>,
    skip: usize,
    level: Option<u8>,
    is_row: bool,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8], limits: &'a Limits) -> Self {
        Self {
            rest: bytes,
            writer: Writer::new(limits),
            groups: Vec::new(),
            group: Group { is_passed_over: false, substitutes: 1 },
            is_optional: false,
            encoding: WINDOWS_1252,
            bytes: Vec::new(),
            said: String::new(),
            high: None,
            skip: 0,
            level: None,
            is_row: false,
        }
    }

    fn read(&mut self) -> Result<(), ExtractError> {
        while let Some((byte, rest)) = self.rest.split_first() {
            self.rest = rest;
            match byte {
                b'{' => {
                    if self.groups.len() == DEEPEST {
                        return Err(ExtractError::damaged("rich text document"));
                    }
                    self.flush()?;
                    self.groups.push(self.group);
                }
                b'}' => {
                    self.flush()?;
                    self.skip = 0;
                    match self.groups.pop() {
                        Some(group) => self.group = group,
                        None => return Ok(()),
                    }
                }
                b'\\' => self.control()?,
                b'\r' | b'\n' => {}
                byte => self.byte(*byte),
            }
        }
        Ok(())
    }

    fn control(&mut self) -> Result<(), ExtractError> {
        let letters = self.rest.iter().take(32).take_while(|byte| byte.is_ascii_alphabetic()).count();
        if letters == 0 {
            return self.symbol();
        }
        let (word, rest) = self.rest.split_at(letters);
        let is_sign = rest.first() == Some(&b'-');
        let digits =
            rest.iter().skip(usize::from(is_sign)).take(10).take_while(|byte| byte.is_ascii_digit()).count();
        let length = if digits == 0 { 0 } else { digits + usize::from(is_sign) };
        let number = std::str::from_utf8(&rest[..length]).ok().and_then(|number| number.parse::<i64>().ok());
        let rest = &rest[length..];
        self.rest = rest.strip_prefix(b" ").unwrap_or(rest);
        let word = std::str::from_utf8(word).unwrap_or_default();
        self.word(word, number)
    }

    fn symbol(&mut self) -> Result<(), ExtractError> {
        let Some((symbol, rest)) = self.rest.split_first() else { return Ok(()) };
        self.rest = rest;
        match symbol {
            b'\'' => {
                let digits = rest.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
                if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
                    self.rest = &rest[2..];
                    self.byte(byte);
                }
            }
            b'*' => self.is_optional = true,
            b'~' => self.say(" "),
            b'_' => self.say("-"),
            b'\\' | b'{' | b'}' => self.byte(*symbol),
            b'\r' | b'\n' => self.paragraph()?,
            _ => {}
        }
        Ok(())
    }

    fn word(&mut self, word: &str, number: Option<i64>) -> Result<(), ExtractError> {
        if std::mem::take(&mut self.is_optional) || PASSED_OVER.contains(&word) {
            self.flush()?;
            self.group.is_passed_over = true;
        }
        match word {
            "bin" => {
                let length = usize::try_from(number.unwrap_or(0)).unwrap_or(0).min(self.rest.len());
                self.rest = &self.rest[length..];
            }
            "ansicpg" => {
                let page = number.unwrap_or(0);
                let encoding = Encoding::for_label(format!("windows-{page}").as_bytes());
                self.encoding = encoding.or_else(|| east_asian(page)).unwrap_or(WINDOWS_1252);
            }
            "uc" => self.group.substitutes = usize::try_from(number.unwrap_or(1)).unwrap_or(1).min(16),
            "u" => self.unicode(number.unwrap_or(0)),
            "par" | "sect" | "page" => self.paragraph()?,
            "line" => {
                self.flush()?;
                self.writer.line();
            }
            "tab" => self.say(" "),
            "emdash" => self.say("\u{2014}"),
            "endash" => self.say("\u{2013}"),
            "bullet" => self.say("\u{2022}"),
            "lquote" => self.say("\u{2018}"),
            "rquote" => self.say("\u{2019}"),
            "ldblquote" => self.say("\u{201c}"),
            "rdblquote" => self.say("\u{201d}"),
            "pard" => {
                self.flush()?;
                self.level = None;
            }
            "outlinelevel" => {
                self.flush()?;
                self.level = number.and_then(|level| u8::try_from(level).ok()).filter(|level| *level < 9);
            }
            "trowd" => self.start_row()?,
            "cell" => {
                self.flush()?;
                if self.is_row {
                    self.writer.start_cell()?;
                }
            }
            "row" => {
                self.flush()?;
                self.writer.end_row()?;
                self.is_row = false;
            }
            _ => {}
        }
        Ok(())
    }

    /// A row begins before its first cell's text.
    fn start_row(&mut self) -> Result<(), ExtractError> {
        self.flush()?;
        if !self.is_row {
            self.writer.start_table_once()?;
            self.writer.start_row(false)?;
            self.writer.start_cell()?;
            self.is_row = true;
        }
        Ok(())
    }

    fn paragraph(&mut self) -> Result<(), ExtractError> {
        self.flush()?;
        if !self.is_row {
            self.writer.end_table()?;
        }
        self.writer.end_heading()?;
        self.writer.block();
        Ok(())
    }

    fn byte(&mut self, byte: u8) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if !self.group.is_passed_over {
            self.bytes.push(byte);
        }
    }

    /// A character by its number, perhaps half of one; the bytes behind it are for readers that don't know numbers.
    fn unicode(&mut self, number: i64) {
        let unit = u32::try_from(number.rem_euclid(65_536)).unwrap_or(0);
        self.skip = self.group.substitutes;
        let char = match (self.high.take(), unit) {
            (_, 0xd800..=0xdbff) => {
                self.high = Some(unit);
                return;
            }
            (Some(high), 0xdc00..=0xdfff) => {
                char::from_u32(0x10000 + ((high - 0xd800) << 10) + (unit - 0xdc00))
            }
            (_, unit) => char::from_u32(unit),
        };
        self.say(char.unwrap_or(char::REPLACEMENT_CHARACTER).encode_utf8(&mut [0; 4]));
    }

    fn say(&mut self, text: &str) {
        self.decode();
        if !self.group.is_passed_over {
            self.said.push_str(text);
        }
    }

    /// Reads the bytes that wait.
    fn decode(&mut self) {
        if !self.bytes.is_empty() {
            self.said.push_str(&self.encoding.decode_without_bom_handling(&self.bytes).0);
            self.bytes.clear();
        }
    }

    /// Writes what was said, before anything changes that it depends on.
    fn flush(&mut self) -> Result<(), ExtractError> {
        self.decode();
        if self.said.is_empty() {
            return Ok(());
        }
        let said = std::mem::take(&mut self.said);
        if !self.is_row && !said.trim().is_empty() {
            self.writer.end_table()?;
        }
        if let Some(level) = self.level
            && !self.is_row
        {
            self.writer.start_heading(level + 1);
        }
        self.writer.text(&said)?;
        self.said = said;
        self.said.clear();
        Ok(())
    }
}

fn east_asian(page: i64) -> Option<&'static Encoding> {
    match page {
        932 => Some(encoding_rs::SHIFT_JIS),
        936 => Some(encoding_rs::GBK),
        949 => Some(encoding_rs::EUC_KR),
        950 => Some(encoding_rs::BIG5),
        65_001 => Some(encoding_rs::UTF_8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(rtf: &str) -> Extracted {
        extract(rtf.as_bytes(), &Limits::default()).unwrap()
    }

    #[test]
    fn text_is_read_and_what_is_about_it_is_not() {
        let rtf = r"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 Arial;}}{\*\generator Word;}{\info{\title No}}
\pard\outlinelevel0 Fruit\par\pard Gr\'fc\'dfe, \u8364?5 and \u-10179?\u-8704?\line a \{brace\}\par
{\pict 0102030405}\pard Sec\b ond\b0\par}";
        let document = read(rtf);
        assert_eq!(document.text, "Fruit\n\nGrüße, €5 and 😀\na {brace}\n\nSecond");
        assert_eq!(&document.text[document.headings[0].span.clone()], "Fruit");
        assert_eq!(document.headings[0].level, 1);
    }

    #[test]
    fn rows_are_rows_of_a_table() {
        let rtf = r"{\rtf1 Before\par\trowd\cellx1\cellx2\intbl pear\cell 3\cell\row\trowd\intbl plum\cell 4\cell\row\pard After\par}";
        let document = read(rtf);
        assert_eq!(document.text, "Before\n\npear | 3\nplum | 4\n\nAfter");
        let rows: Vec<_> = document.tables[0].rows.iter().map(|row| &document.text[row.clone()]).collect();
        assert_eq!(rows, ["pear | 3", "plum | 4"]);
    }

    #[test]
    fn a_hundred_thousand_open_groups_are_refused() {
        let deep = format!("{{\\rtf1 {}", "{".repeat(100_000));
        assert!(matches!(extract(deep.as_bytes(), &Limits::default()), Err(ExtractError::Damaged { .. })));
    }
}
