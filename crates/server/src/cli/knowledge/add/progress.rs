//! How far adding is: a bar for who looks on, lines for what reads standard output.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use super::AddedDocument;
use crate::cli::knowledge::Status;

/// Shows what becomes of files.
pub(super) struct Progress {
    /// Without a terminal there is none.
    bar: Option<ProgressBar>,
}

impl Progress {
    pub(super) fn of(files: usize) -> Self {
        if !std::io::stdout().is_terminal() {
            return Self { bar: None };
        }
        let bar = ProgressBar::new(files as u64);
        let style = ProgressStyle::with_template("{bar:30} {pos}/{len} files{msg}, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar: Some(bar) }
    }

    /// Lines, whoever looks on.
    pub(super) fn lines() -> Self {
        Self { bar: None }
    }

    /// Whether anybody looks on.
    pub(super) fn is_shown(&self) -> bool {
        self.bar.is_some()
    }

    /// So many files are through, and became this.
    pub(super) fn added(&mut self, files: usize, documents: &[AddedDocument]) {
        for AddedDocument { file_path, state, error, .. } in documents {
            match (&self.bar, error) {
                (None, Some(reason)) => println!("{state}\t{file_path}\t{reason}"),
                (None, None) => println!("{state}\t{file_path}"),
                (Some(bar), Some(reason)) => bar.println(format!("{file_path}: {reason}")),
                (Some(_), None) => {}
            }
        }
        if let Some(bar) = &self.bar {
            bar.inc(files as u64);
        }
    }

    /// How much there is of the project by now.
    pub(super) fn tell(&self, now: &Status) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!(", {} chunks, {} vectors", now.chunks, now.vectors));
        }
    }

    /// Puts the sum in the place of the bar.
    pub(super) fn end(&self, sum: &str) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("{sum}");
    }
}
