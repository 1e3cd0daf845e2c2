//! The shape of source files: each says what lives in it, and tells one story.

use super::repository::Repository;

/// Where a file is likely to tell two stories.
const LONG: usize = 700;

/// Long files that tell one story all the same, for instance a regular table.
const LONG_BUT_ONE_STORY: &[&str] = &[];

pub(super) fn files_begin_with_their_story(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let silent = repository.rust_files().filter(|file| !file.text.starts_with("//!"));
    let complaint = |path: &str| format!("{path}:1: begin with a `//!` sentence: what lives here, and why");
    Ok(silent.map(|file| complaint(&file.path)).collect())
}

pub(super) fn files_stay_readable(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let sources = repository.files.iter().filter(|file| {
        let is_source = [".rs", ".ts", ".tsx"].iter().any(|ending| file.path.ends_with(ending));
        is_source && !LONG_BUT_ONE_STORY.contains(&file.path.as_str())
    });
    let lengths = sources.map(|file| (&file.path, file.text.lines().count()));
    let complaint = |path, lines| {
        format!(
            "{path}: {lines} lines; split it where it tells two stories, or name it in LONG_BUT_ONE_STORY"
        )
    };
    Ok(lengths.filter(|(_, lines)| *lines > LONG).map(|(path, lines)| complaint(path, lines)).collect())
}
