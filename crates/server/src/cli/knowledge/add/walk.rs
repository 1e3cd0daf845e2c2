//! Which files are meant by a path on the command line, and what they are called in the project.

use std::collections::HashSet;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;
use ignore::WalkBuilder;

use super::AddedDocument;

/// A file of this machine.
#[derive(Debug, Clone)]
pub(super) struct LocalFile {
    pub(super) file: PathBuf,
    /// Its path in the project.
    pub(super) path: String,
    pub(super) state: FileState,
}

/// By what a change of a file is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileState {
    pub(super) bytes: u64,
    modified: Option<SystemTime>,
}

/// All files that are meant, each once, and what can't be read of the folders.
pub(super) fn files(sources: &[PathBuf]) -> anyhow::Result<(Vec<LocalFile>, Vec<AddedDocument>)> {
    let (mut files, mut failed, mut paths) = (Vec::new(), Vec::new(), HashSet::new());
    for source in sources {
        let name = name_of(source)?;
        let walk = WalkBuilder::new(source).require_git(false).sort_by_file_name(Ord::cmp).build();
        for entry in walk {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    failed.push(AddedDocument::failed(joined(name.components()), error.to_string()));
                    continue;
                }
            };
            let metadata = match entry.metadata() {
                Ok(metadata) if entry.depth() == 0 || metadata.is_file() => metadata,
                // Links and folders; and what has been deleted meanwhile.
                Ok(_) | Err(_) => continue,
            };
            let inner = entry.path().strip_prefix(source).unwrap_or(entry.path());
            let path = joined(name.components().chain(inner.components()));
            if entry.path().is_file() && paths.insert(path.clone()) {
                let state = FileState { bytes: metadata.len(), modified: metadata.modified().ok() };
                files.push(LocalFile { file: entry.into_path(), path, state });
            }
        }
    }
    Ok((files, failed))
}

/// What paths begin with: what was given, or its last name if it leads out of the current folder.
fn name_of(source: &Path) -> anyhow::Result<PathBuf> {
    let absent = || format!("there is no file or folder {}", source.display());
    let whole = source.canonicalize().with_context(absent)?;
    let stays = source.components().all(|step| matches!(step, Component::Normal(_) | Component::CurDir));
    if stays {
        return Ok(source.to_owned());
    }
    Ok(whole.file_name().map(PathBuf::from).unwrap_or_default())
}

fn joined<'a>(steps: impl Iterator<Item = Component<'a>>) -> String {
    let names = steps.filter_map(|step| match step {
        Component::Normal(name) => Some(name.to_string_lossy()),
        Component::CurDir | Component::ParentDir | Component::RootDir | Component::Prefix(_) => None,
    });
    names.collect::<Vec<_>>().join("/")
}
