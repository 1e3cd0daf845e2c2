//! `--watch`: what changes in folders is added, what is deleted is removed, until Ctrl-C.
//!
//! Whatever happens in a folder, the folder is walked again and compared with what is known of it: the walk alone knows
//! what is left out, and editors change a file in more ways than there are events.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use super::progress::Progress;
use super::walk::{self, FileState, LocalFile};
use super::{AddedDocument, Batch, batches, send_all};
use crate::cli::client::Client;
use crate::cli::knowledge::remove_document;

/// So long nothing must happen before a change counts as made.
const QUIET: Duration = Duration::from_millis(200);

/// Folders and files that are followed.
pub(super) struct Watch {
    sources: Vec<PathBuf>,
    /// By path in the project.
    known: HashMap<String, Known>,
    events: mpsc::UnboundedReceiver<notify::Result<Event>>,
    /// Ends when it is dropped.
    _watcher: RecommendedWatcher,
}

/// What is known of a file.
struct Known {
    state: FileState,
    /// The documents that it became.
    documents: Vec<String>,
}

impl Watch {
    /// Follows from now on, so that what changes while these files are added is not missed.
    pub(super) fn begin(sources: &[PathBuf], files: &[LocalFile]) -> anyhow::Result<Self> {
        let (sender, events) = mpsc::unbounded_channel();
        // Nobody is left to hear it once the command ends.
        let tell = move |event| drop(sender.send(event));
        let mut watcher = notify::recommended_watcher(tell).context("files can't be watched")?;
        for source in sources {
            let (place, mode) = if source.is_dir() {
                (source.as_path(), RecursiveMode::Recursive)
            } else {
                // An editor may put a new file in the place of the old one.
                (folder_of(source), RecursiveMode::NonRecursive)
            };
            let cannot = || format!("{} can't be watched", place.display());
            watcher.watch(place, mode).with_context(cannot)?;
        }
        let known =
            |file: &LocalFile| (file.path.clone(), Known { state: file.state, documents: Vec::new() });
        let known = files.iter().map(known).collect();
        Ok(Self { sources: sources.to_vec(), known, events, _watcher: watcher })
    }

    /// Which documents files became.
    pub(super) fn remember(&mut self, added: &[AddedDocument]) {
        for (path, known) in &mut self.known {
            known.documents.extend(ids_of(path, added));
        }
    }

    /// Until Ctrl-C.
    pub(super) async fn follow(mut self, client: &Client, project: &str) -> anyhow::Result<()> {
        eprintln!("watching; Ctrl-C ends it");
        loop {
            tokio::select! {
                stopped = tokio::signal::ctrl_c() => return stopped.context("signals can't be listened to"),
                event = self.events.recv() => {
                    let event = event.context("watching has ended by itself")?;
                    // Our own reading is no change.
                    if event.context("watching has failed")?.kind.is_access() {
                        continue;
                    }
                }
            }
            while let Ok(Some(_)) = tokio::time::timeout(QUIET, self.events.recv()).await {}
            self.catch_up(client, project).await?;
        }
    }

    async fn catch_up(&mut self, client: &Client, project: &str) -> anyhow::Result<()> {
        let present: Vec<PathBuf> = self.sources.iter().filter(|source| source.exists()).cloned().collect();
        let (files, _unreadable) = walk::files(&present)?;
        let is_there = |path: &String| files.iter().any(|file| file.path == *path);
        let gone: Vec<String> = self.known.keys().filter(|path| !is_there(path)).cloned().collect();
        for path in gone {
            let known = self.known.remove(&path);
            for document in known.into_iter().flat_map(|known| known.documents) {
                remove_document(client, &document).await?;
            }
            println!("removed\t{path}");
        }
        let known_state = |path: &String| self.known.get(path).map(|known| known.state);
        let is_changed = |file: &LocalFile| known_state(&file.path) != Some(file.state);
        let changed: Vec<LocalFile> = files.into_iter().filter(is_changed).collect();
        let sent = batches(changed.clone()).into_iter().map(Batch::Files).collect();
        let added = send_all(client, project, sent, &mut Progress::lines()).await?;
        for LocalFile { path, state, .. } in changed {
            let mut documents = ids_of(&path, &added);
            let before = self.known.remove(&path).map(|known| known.documents).unwrap_or_default();
            let is_whole = !added.iter().any(|document| document.is_of(&path) && document.has_failed());
            for document in before {
                if documents.contains(&document) {
                    continue;
                }
                // An archive no longer has it; what can't be read now may still be what it was.
                if is_whole {
                    remove_document(client, &document).await?;
                } else {
                    documents.push(document);
                }
            }
            self.known.insert(path, Known { state, documents });
        }
        Ok(())
    }
}

fn ids_of(path: &str, added: &[AddedDocument]) -> Vec<String> {
    let is_of = |document: &&AddedDocument| document.is_of(path);
    added.iter().filter(is_of).filter_map(|document| document.id.clone()).collect()
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
