//! ZIP archives: each entry is a document of its own, and fails alone.

use std::collections::HashSet;
use std::io::{self, BufReader, Cursor, Read, Seek};

use zip::ZipArchive;
use zip::result::ZipError;

use super::error::ExtractError;
use super::format::Format;
use super::limits::{Inflation, Limits};
use super::{Extracted, document, path};

/// Where a document type stands, if there is one: before the first element.
const PROLOG: u64 = 4_096;
const DOCUMENT_TYPE: &[u8] = b"<!DOCTYPE";

/// A ZIP archive, or an office file, which is one inside.
pub(super) struct Archive<R> {
    zip: ZipArchive<BufReader<R>>,
}

/// What an archive says of one of its entries.
pub(super) enum Outcome {
    /// It is about to be read.
    Reading { entry: usize, path: String },
    /// It was.
    Read(Result<Extracted, ExtractError>),
}

impl<R: Read + Seek> Archive<R> {
    /// Opens it, unless it is made to do harm.
    pub(super) fn open(source: R, limits: &Limits) -> Result<Self, ExtractError> {
        let mut zip =
            ZipArchive::new(BufReader::new(source)).map_err(|error| fault(&error, "ZIP archive"))?;
        if zip.len() > limits.entries {
            return Err(ExtractError::TooManyEntries { entries: limits.entries });
        }
        if zip.has_duplicate_names() {
            return Err(ExtractError::SamePath);
        }
        if zip.has_overlapping_files().map_err(|error| fault(&error, "ZIP archive"))? {
            return Err(ExtractError::Overlapping);
        }
        Ok(Self { zip })
    }

    /// What it is, by the names of its entries.
    pub(super) fn format(&self) -> Result<Format, ExtractError> {
        let has =
            |folder: &str| self.zip.file_names().any(|name| name.is_ok_and(|name| name.starts_with(folder)));
        if has("[Content_Types].xml") {
            let formats = [("word/", Format::Docx), ("ppt/", Format::Pptx), ("xl/", Format::Xlsx)];
            let format = formats.into_iter().find(|(folder, _)| has(folder));
            return format.map_or(Ok(Format::Zip), |(_, format)| Ok(format));
        }
        if has("META-INF/manifest.xml") && has("content.xml") {
            return Err(document::unsupported("an OpenDocument file", "save it as DOCX, PPTX, XLSX or PDF"));
        }
        if has("META-INF/container.xml") {
            return Err(document::unsupported(
                "an EPUB book",
                "save it as a PDF, or unpack it and add its pages",
            ));
        }
        Ok(Format::Zip)
    }

    /// One entry's bytes as they unpack, if it is there.
    pub(super) fn open_entry<'a>(
        &'a mut self,
        name: &str,
        inflation: &'a Inflation,
    ) -> Result<Option<impl Read + use<'a, R>>, ExtractError> {
        match self.zip.by_name(name) {
            Ok(entry) => Ok(Some(inflation.counted(entry))),
            Err(ZipError::FileNotFound) => Ok(None),
            Err(error) => Err(fault(&error, "ZIP archive")),
        }
    }

    /// Unpacks every entry to nowhere, so that what comes out of all is known before a parser takes it into memory, and
    /// none declares a document type.
    pub(super) fn weigh(&mut self, limits: &Limits) -> Result<(), ExtractError> {
        let inflation = Inflation::new(limits);
        for entry in 0..self.zip.len() {
            let entry = self.zip.by_index(entry).map_err(|error| fault(&error, "ZIP archive"))?;
            let mut bytes = inflation.counted(entry);
            let mut head = Vec::new();
            let read = bytes.by_ref().take(PROLOG).read_to_end(&mut head);
            let copied = read.and_then(|_| io::copy(&mut bytes, &mut io::sink()));
            if inflation.is_spent() {
                return Err(limits.too_much_inflated());
            }
            copied.map_err(|_| ExtractError::damaged("ZIP archive"))?;
            if head.windows(DOCUMENT_TYPE.len()).any(|window| window == DOCUMENT_TYPE) {
                return Err(ExtractError::DocumentType);
            }
        }
        Ok(())
    }

    pub(super) fn into_inner(self) -> R {
        self.zip.into_inner().into_inner()
    }

    /// Reads the entries from `first` on.
    pub(super) fn each<E>(
        &mut self,
        first: usize,
        limits: &Limits,
        inflation: &Inflation,
        mut tell: impl FnMut(Outcome) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut gate = Gate::default();
        for entry in 0..self.zip.len() {
            let raw = match self.zip.name_for_index(entry) {
                Some(Ok(name)) => name.into_owned(),
                Some(Err(_)) | None => String::new(),
            };
            let checked = gate.checked(&raw);
            if entry < first || Gate::is_of_the_system(&raw) {
                continue;
            }
            tell(Outcome::Reading { entry, path: Gate::shown(&raw, &checked) })?;
            tell(Outcome::Read(checked.and_then(|path| self.read(entry, &path, limits, inflation))))?;
        }
        Ok(())
    }

    fn read(
        &mut self,
        entry: usize,
        path: &str,
        limits: &Limits,
        inflation: &Inflation,
    ) -> Result<Extracted, ExtractError> {
        let entry = self.zip.by_index(entry).map_err(|error| fault(&error, "entry of a ZIP archive"))?;
        if entry.is_symlink() {
            return Err(ExtractError::Link);
        }
        read_entry(inflation.counted(entry), path, limits, inflation)
    }
}

/// Reads the document that an entry holds; its bytes count already.
pub(super) fn read_entry(
    entry: impl Read,
    path: &str,
    limits: &Limits,
    inflation: &Inflation,
) -> Result<Extracted, ExtractError> {
    let mut bytes = Vec::new();
    let read = entry.take(limits.file + 1).read_to_end(&mut bytes);
    if inflation.is_spent() {
        return Err(limits.too_much_inflated());
    }
    if bytes.len() as u64 > limits.file {
        return Err(limits.too_large());
    }
    read.map_err(|error| {
        if error.kind() == io::ErrorKind::OutOfMemory {
            limits.too_much_memory()
        } else {
            ExtractError::damaged("entry of an archive")
        }
    })?;
    document::extract(path, Cursor::new(bytes), limits, inflation)
}

/// Lets each path in once, if it is one.
#[derive(Default)]
pub(super) struct Gate {
    keys: HashSet<String>,
}

impl Gate {
    pub(super) fn checked(&mut self, raw: &str) -> Result<String, ExtractError> {
        let is_first_of_its_path = self.keys.insert(path::key(raw));
        let path = path::checked(raw)?;
        if is_first_of_its_path { Ok(path) } else { Err(ExtractError::SamePath) }
    }

    /// A path that may be shown, whether it was let in or not.
    pub(super) fn shown(raw: &str, checked: &Result<String, ExtractError>) -> String {
        checked.clone().unwrap_or_else(|_| path::shown(raw))
    }

    /// Folders, and what systems leave in archives unasked.
    pub(super) fn is_of_the_system(path: &str) -> bool {
        let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
        path.ends_with(['/', '\\'])
            || path.starts_with("__MACOSX/")
            || matches!(name, ".DS_Store" | "Thumbs.db" | "desktop.ini" | "pax_global_header")
    }
}

fn fault(error: &ZipError, what: &str) -> ExtractError {
    let is_locked = matches!(
        error,
        ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) | ZipError::InvalidPassword
    );
    if is_locked { ExtractError::Encrypted } else { ExtractError::damaged(what) }
}
