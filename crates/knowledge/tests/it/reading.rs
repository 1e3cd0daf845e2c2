//! What the other tests ask with: an extractor with the child process of this crate.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use chat::Tasks;
use knowledge::extract::{ExtractError, Extracted, Extractor, Limits, Part};

/// An extractor with these limits.
pub(crate) fn extractor(limits: Limits) -> Extractor {
    Extractor::new(PathBuf::from(env!("CARGO_BIN_EXE_extract-worker")), limits, &Tasks::new())
}

/// A file of these bytes, without a name.
pub(crate) fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().expect("the system has a place for it");
    file.write_all(bytes).expect("the disk takes it");
    file
}

/// All parts of a file; whatever was read is checked for offsets that fit.
pub(crate) async fn parts(limits: Limits, name: &str, bytes: &[u8]) -> Vec<Part> {
    let mut parts = extractor(limits).extract(name, file(bytes)).await;
    let mut all = Vec::new();
    while let Some(part) = parts.next().await {
        assert!(part.extracted.as_ref().map_or(true, Extracted::is_sound), "{}", part.path);
        all.push(part);
    }
    all
}

/// The one document of a file, or why there is none.
pub(crate) async fn read_within(limits: Limits, name: &str, bytes: &[u8]) -> Result<Extracted, ExtractError> {
    let mut parts = parts(limits, name, bytes).await;
    assert_eq!(parts.len(), 1, "{name} has one part");
    parts.remove(0).extracted
}

/// The document of a file that is to be read.
pub(crate) async fn read(name: &str, bytes: &[u8]) -> Extracted {
    read_within(Limits::default(), name, bytes).await.expect("the file is sound")
}

/// What a reader is told about a file that is not to be read.
pub(crate) async fn refusal(name: &str, bytes: &[u8]) -> String {
    read_within(Limits::default(), name, bytes).await.expect_err("the file is not to be read").to_string()
}

/// The headings with their levels.
pub(crate) fn headings(document: &Extracted) -> Vec<(u8, &str)> {
    document.headings.iter().map(|heading| (heading.level, &document.text[heading.span.clone()])).collect()
}

/// A table's header and rows.
pub(crate) fn table(document: &Extracted, number: usize) -> (Option<&str>, Vec<&str>) {
    let table = &document.tables[number];
    let rows = table.rows.iter().map(|row| &document.text[row.clone()]).collect();
    (table.header.as_ref().map(|header| &document.text[header.clone()]), rows)
}

/// The text of each page.
pub(crate) fn pages(document: &Extracted) -> Vec<&str> {
    let ends = document.pages.iter().skip(1).copied().chain([document.text.len()]);
    document.pages.iter().zip(ends).map(|(start, end)| document.text[*start..end].trim()).collect()
}
