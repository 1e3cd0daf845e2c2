//! What a file is: its bytes say it first, then its name, and where the two contradict each other nothing is guessed.

use super::Language;
use super::error::ExtractError;
use super::tarball;

/// How many bytes of a file decide what it is.
pub(super) const HEAD: usize = 4_096;

/// A format that is read here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Plain,
    Markdown,
    Html,
    Csv,
    Json,
    /// Settings and other text for machines.
    Data,
    Code(Language),
    Pdf,
    Docx,
    Pptx,
    Xlsx,
    Rtf,
    Zip,
    Tar,
    TarGz,
}

/// What the first bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    Pdf,
    Rtf,
    /// A TAR archive, perhaps under gzip.
    Tar {
        is_compressed: bool,
    },
    /// An archive, or an office file, which is one inside.
    Container,
    /// Text of some kind.
    Text,
    /// Nothing that is read here.
    Foreign(&'static str, &'static str),
}

impl Format {
    /// A TAR archive.
    pub(super) fn tar(is_compressed: bool) -> Self {
        if is_compressed { Self::TarGz } else { Self::Tar }
    }

    /// What it is called in a sentence.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "text file",
            Self::Markdown => "Markdown file",
            Self::Html => "HTML page",
            Self::Csv => "table of comma-separated values",
            Self::Json => "JSON file",
            Self::Data => "file of settings",
            Self::Code(_) => "file of source code",
            Self::Pdf => "PDF",
            Self::Docx => "Word document",
            Self::Pptx => "PowerPoint presentation",
            Self::Xlsx => "Excel workbook",
            Self::Rtf => "rich text document",
            Self::Zip => "ZIP archive",
            Self::Tar => "TAR archive",
            Self::TarGz => "compressed TAR archive",
        }
    }

    /// The ending that a file of it usually has.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::Plain | Self::Data | Self::Code(_) => "txt",
            Self::Markdown => "md",
            Self::Html => "html",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Pdf => "pdf",
            Self::Docx => "docx",
            Self::Pptx => "pptx",
            Self::Xlsx => "xlsx",
            Self::Rtf => "rtf",
            Self::Zip => "zip",
            Self::Tar => "tar",
            Self::TarGz => "tar.gz",
        }
    }

    /// Whether its bytes are text.
    pub(super) fn is_text(self) -> bool {
        match self {
            Self::Plain
            | Self::Markdown
            | Self::Html
            | Self::Csv
            | Self::Json
            | Self::Data
            | Self::Code(_) => true,
            Self::Pdf
            | Self::Docx
            | Self::Pptx
            | Self::Xlsx
            | Self::Rtf
            | Self::Zip
            | Self::Tar
            | Self::TarGz => false,
        }
    }

    /// What the name says; none for an ending that is not known.
    pub(super) fn by_name(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next().unwrap_or(path);
        let Some((_, ending)) = name.rsplit_once('.') else { return by_whole_name(name) };
        Some(match ending.to_ascii_lowercase().as_str() {
            "txt" | "text" | "log" | "rst" | "adoc" | "asciidoc" | "org" | "tex" | "srt" | "vtt" => {
                Self::Plain
            }
            "md" | "markdown" | "mdown" | "mkd" | "mdx" => Self::Markdown,
            "html" | "htm" | "xhtml" => Self::Html,
            "csv" | "tsv" | "tab" => Self::Csv,
            "json" | "ipynb" | "geojson" => Self::Json,
            "jsonl" | "ndjson" | "yaml" | "yml" | "toml" | "ini" | "cfg" | "conf" | "properties" | "xml"
            | "xsd" | "svg" | "env" | "lock" => Self::Data,
            "pdf" => Self::Pdf,
            "docx" | "docm" | "dotx" | "dotm" => Self::Docx,
            "pptx" | "pptm" | "ppsx" | "potx" => Self::Pptx,
            "xlsx" | "xlsm" | "xltx" | "xltm" => Self::Xlsx,
            "rtf" => Self::Rtf,
            "zip" => Self::Zip,
            "tar" => Self::Tar,
            "gz" | "tgz" => Self::TarGz,
            ending => Self::Code(language(ending)?),
        })
    }

    /// The format of text, by its name and its first lines.
    pub(super) fn of_text(path: &str, head: &str) -> Result<Self, ExtractError> {
        let named = Self::by_name(path);
        match named {
            Some(named) if !named.is_text() => Err(mismatch(named, Self::Plain)),
            Some(Self::Plain) | None if looks_like_html(head) => Ok(Self::Html),
            Some(named) => Ok(named),
            None => Ok(Self::Plain),
        }
    }
}

/// What the first bytes of a file say.
pub(super) fn content(head: &[u8]) -> Content {
    if find(&head[..head.len().min(1_024)], b"%PDF-") {
        return Content::Pdf;
    }
    if head.starts_with(b"{\\rtf") {
        return Content::Rtf;
    }
    if [&b"PK\x03\x04"[..], b"PK\x05\x06", b"PK\x07\x08"].iter().any(|magic| head.starts_with(magic)) {
        return Content::Container;
    }
    if is_tar(head) {
        return Content::Tar { is_compressed: false };
    }
    if head.starts_with(GZIP) && tarball::holds_tar(head) {
        return Content::Tar { is_compressed: true };
    }
    if let Some((_, what, instead)) = FOREIGN.iter().find(|(magic, ..)| head.starts_with(magic)) {
        return Content::Foreign(what, instead);
    }
    if looks_binary(head) {
        return Content::Foreign("a binary file of an unknown kind", "add it as text or as a PDF");
    }
    Content::Text
}

/// Whether the first block is the head of a TAR archive's entry.
pub(super) fn is_tar(head: &[u8]) -> bool {
    head.get(257..262) == Some(b"ustar")
}

/// Refuses a name that says something else than the bytes.
pub(super) fn agreed(path: &str, found: Format) -> Result<Format, ExtractError> {
    match Format::by_name(path) {
        Some(named) if named != found => Err(mismatch(named, found)),
        Some(_) | None => Ok(found),
    }
}

fn mismatch(named: Format, found: Format) -> ExtractError {
    ExtractError::WrongEnding {
        named: named.name().to_owned(),
        found: found.name().to_owned(),
        ending: found.ending().to_owned(),
    }
}

const GZIP: &[u8] = b"\x1f\x8b";
const AS_PDF: &str = "add a description of it in words";
const UNPACK: &str = "unpack it, or pack it as a ZIP archive";

/// First bytes of what is not read here, what it is, and what to add instead.
const FOREIGN: &[(&[u8], &str, &str)] = &[
    (
        b"\xd0\xcf\x11\xe0",
        "an Office file of the old binary format or one with a password",
        "save it as DOCX, PPTX or XLSX without a password",
    ),
    (GZIP, "a gzip archive of something else than a TAR archive", UNPACK),
    (b"BZh", "a bzip2 archive", UNPACK),
    (b"\xfd7zXZ", "an xz archive", UNPACK),
    (b"7z\xbc\xaf", "a 7z archive", UNPACK),
    (b"Rar!", "a RAR archive", UNPACK),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", UNPACK),
    (b"\x89PNG", "a picture", AS_PDF),
    (b"\xff\xd8\xff", "a picture", AS_PDF),
    (b"GIF8", "a picture", AS_PDF),
    (b"II*\0", "a picture", AS_PDF),
    (b"MM\0*", "a picture", AS_PDF),
    (b"RIFF", "a picture, a sound or a film", AS_PDF),
    (b"OggS", "a sound or a film", "add a transcript of it"),
    (b"ID3", "a sound", "add a transcript of it"),
    (b"fLaC", "a sound", "add a transcript of it"),
    (b"\x1aE\xdf\xa3", "a film", "add a transcript of it"),
    (b"\x7fELF", "a program", "add its source or its manual"),
    (b"MZ", "a program", "add its source or its manual"),
    (b"\xca\xfe\xba\xbe", "a program", "add its source or its manual"),
    (b"SQLite format 3\0", "a database", "export its tables as CSV"),
    (b"%!PS", "a PostScript file", "save it as a PDF"),
];

/// Text has no NUL, unless it is UTF-16, and few other control characters.
fn looks_binary(head: &[u8]) -> bool {
    if super::decode::utf16(head).is_some() {
        return false;
    }
    let is_odd = |byte: &&u8| matches!(byte, 0..=8 | 14..=26 | 28..=31);
    head.contains(&0) || head.iter().filter(is_odd).count() * 20 > head.len()
}

fn looks_like_html(head: &str) -> bool {
    let head: String = head.trim_start().chars().take(15).collect();
    let head = head.to_ascii_lowercase();
    head.starts_with("<!doctype html") || head.starts_with("<html")
}

fn find(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

fn by_whole_name(name: &str) -> Option<Format> {
    match name.to_ascii_lowercase().as_str() {
        "dockerfile" | "makefile" | "gnumakefile" | "jenkinsfile" | "rakefile" | "gemfile" => {
            Some(Format::Code(Language::Other))
        }
        "readme" | "license" | "licence" | "changelog" | "authors" | "notice" => Some(Format::Plain),
        _ => None,
    }
}

fn language(ending: &str) -> Option<Language> {
    Some(match ending {
        "rs" => Language::Rust,
        "py" | "pyi" | "pyw" => Language::Python,
        "js" | "mjs" | "cjs" | "jsx" => Language::JavaScript,
        "ts" | "mts" | "cts" | "tsx" => Language::TypeScript,
        "java" => Language::Java,
        "go" => Language::Go,
        "c" | "h" => Language::C,
        "cc" | "cpp" | "cxx" | "c++" | "hh" | "hpp" | "hxx" | "h++" | "ipp" => Language::Cpp,
        "rb" | "php" | "cs" | "kt" | "kts" | "swift" | "scala" | "sh" | "bash" | "zsh" | "fish" | "ps1"
        | "bat" | "cmd" | "sql" | "lua" | "pl" | "pm" | "r" | "jl" | "hs" | "ml" | "mli" | "fs" | "ex"
        | "exs" | "erl" | "clj" | "cljs" | "el" | "lisp" | "scm" | "dart" | "groovy" | "gradle" | "m"
        | "mm" | "vb" | "zig" | "nim" | "v" | "sv" | "vhd" | "asm" | "s" | "f90" | "f95" | "pas" | "d"
        | "css" | "scss" | "less" | "vue" | "svelte" | "proto" | "graphql" | "tf" | "hcl" | "cmake"
        | "mk" | "nix" | "sol" | "awk" => Language::Other,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_are_asked_before_the_name() {
        assert_eq!(content(b"%PDF-1.7\n"), Content::Pdf);
        assert_eq!(content(b"{\\rtf1\\ansi"), Content::Rtf);
        assert_eq!(content(b"PK\x03\x04rest"), Content::Container);
        assert_eq!(content("Grüße".as_bytes()), Content::Text);
        assert_eq!(content(b""), Content::Text);
        assert!(matches!(content(b"\x89PNG\r\n"), Content::Foreign("a picture", _)));
        assert!(matches!(content(b"a\0b\0\0\0c"), Content::Foreign(..)));
    }

    #[test]
    fn a_name_that_says_something_else_is_told_with_the_ending_that_fits() {
        let refusal = agreed("report.docx", Format::Pdf).unwrap_err().to_string();
        assert_eq!(
            refusal,
            "the file's name says Word document but its content is that of a different format, PDF; give it the ending .pdf"
        );
        let refusal = Format::of_text("report.pdf", "Hello").unwrap_err().to_string();
        assert_eq!(
            refusal,
            "the file's name says PDF but its content is that of a different format, text file; give it the ending .txt"
        );
        assert_eq!(agreed("report", Format::Pdf).unwrap(), Format::Pdf);
    }

    #[test]
    fn text_is_told_apart_by_its_ending_and_by_its_first_words() {
        assert_eq!(Format::of_text("a/b.RS", "").unwrap(), Format::Code(Language::Rust));
        assert_eq!(Format::of_text("Dockerfile", "FROM x").unwrap(), Format::Code(Language::Other));
        assert_eq!(Format::of_text("page", "\n<!DOCTYPE html><p>").unwrap(), Format::Html);
        assert_eq!(Format::of_text("page.xyz", "words").unwrap(), Format::Plain);
    }
}
