//! The documents of one file, one after the other: one for a document, one for each entry of an archive.

use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Extracted;
use super::child::{Running, Told};
use super::error::ExtractError;
use super::limits::Limits;

/// How many entries of one archive may kill the process that reads it before the rest is left.
const MOST_DEATHS: usize = 16;

/// A document, or why there is none.
#[derive(Debug)]
pub struct Part {
    /// The file's own path, or the entry's within its archive.
    pub path: String,
    /// Its text, or the reason.
    pub extracted: Result<Extracted, ExtractError>,
}

/// What one file gives. While it lives the file has its turn; dropping it ends the child process.
pub struct Parts {
    source: Source,
}

enum Source {
    Ready(Option<Part>),
    Child(Box<ChildSource>),
}

struct ChildSource {
    program: PathBuf,
    path: String,
    file: File,
    limits: Limits,
    closing: CancellationToken,
    running: Option<Running>,
    /// The entry that is being read.
    reading: Option<(usize, String)>,
    deaths: usize,
    /// How long the child process was waited for.
    waited: Duration,
    _turn: OwnedSemaphorePermit,
}

impl Parts {
    /// One document that is there already.
    pub(super) fn ready(path: String, extracted: Result<Extracted, ExtractError>) -> Self {
        Self { source: Source::Ready(Some(Part { path, extracted })) }
    }

    /// What a child process reads from `file`.
    pub(super) fn child(
        program: PathBuf,
        path: String,
        file: File,
        limits: Limits,
        closing: CancellationToken,
        turn: OwnedSemaphorePermit,
    ) -> Self {
        let running = Running::start(&program, &path, &file, 0, &limits);
        match running {
            Ok(running) => Self {
                source: Source::Child(Box::new(ChildSource {
                    program,
                    path,
                    file,
                    limits,
                    closing,
                    running: Some(running),
                    reading: None,
                    deaths: 0,
                    waited: Duration::ZERO,
                    _turn: turn,
                })),
            },
            Err(error) => Self::ready(path, Err(ExtractError::no_worker(error))),
        }
    }

    /// The next document, or none when there are no more.
    pub async fn next(&mut self) -> Option<Part> {
        match &mut self.source {
            Source::Ready(part) => part.take(),
            Source::Child(child) => child.next().await,
        }
    }
}

impl ChildSource {
    async fn next(&mut self) -> Option<Part> {
        loop {
            let running = self.running.as_mut()?;
            let begin = Instant::now();
            let told = tokio::select! {
                biased;
                () = self.closing.cancelled() => {
                    self.running = None;
                    return Some(Part { path: self.path.clone(), extracted: Err(ExtractError::Stopping) });
                }
                told = running.next() => told,
            };
            self.waited += begin.elapsed();
            if self.waited > self.limits.whole_time {
                self.running = None;
                return Some(Part { path: self.path.clone(), extracted: Err(self.limits.too_slow_in_all()) });
            }
            match told {
                Told::Reading { entry, path } => self.reading = Some((entry, path)),
                Told::Read(extracted) => return Some(Part { path: self.path_read(), extracted }),
                Told::End => self.running = None,
                Told::Died(error) => return Some(self.bury(error)),
            }
        }
    }

    /// Whatever killed the process has failed; the entries behind it are read by another one.
    fn bury(&mut self, error: ExtractError) -> Part {
        self.running = None;
        self.deaths += 1;
        if let Some((entry, _)) = &self.reading
            && self.deaths < MOST_DEATHS
        {
            let next = Running::start(&self.program, &self.path, &self.file, entry + 1, &self.limits);
            self.running = next.ok();
        }
        Part { path: self.path_read(), extracted: Err(error) }
    }

    fn path_read(&mut self) -> String {
        self.reading.take().map_or_else(|| self.path.clone(), |(_, path)| path)
    }
}
