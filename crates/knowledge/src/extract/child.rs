//! The server's side of the child process: starts it, listens to it, and knows what its death means.

use std::fs::File;
use std::io;
use std::path::Path;
use std::process::Stdio;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::time::timeout;

use super::error::ExtractError;
use super::limits::Limits;
use super::wire::{self, Frame, Request};
use super::{Extracted, document, worker};

/// How much of its last words is read.
const LAST_WORDS: u64 = 4_096;

/// One run of the child process over one file. Dropping it kills the process.
pub(super) struct Running {
    child: Child,
    out: ChildStdout,
    errors: ChildStderr,
    name: String,
    limits: Limits,
}

/// What the child process told.
pub(super) enum Told {
    Reading {
        entry: usize,
        path: String,
    },
    Read(Result<Extracted, ExtractError>),
    /// It did all that was asked.
    End,
    /// It died or was killed over what it was reading.
    Died(ExtractError),
}

impl Running {
    /// Starts it over `file`, at the entry `first` if it is an archive.
    pub(super) fn start(
        program: &Path,
        name: &str,
        file: &File,
        first: usize,
        limits: &Limits,
    ) -> io::Result<Self> {
        // Its own name is not shown in the list of processes, only the ending.
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        let name = format!("file.{ending}");
        let request = Request { name: name.clone(), first, limits: limits.clone() };
        let mut child = Command::new(program)
            .arg(worker::ARGUMENT)
            .arg(wire::request(&request)?)
            .env_clear()
            .stdin(Stdio::from(file.try_clone()?))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let out = child.stdout.take().ok_or_else(|| io::Error::other("no standard output"))?;
        let errors = child.stderr.take().ok_or_else(|| io::Error::other("no standard error"))?;
        Ok(Self { child, out, errors, name, limits: limits.clone() })
    }

    /// The next that it tells, within the time of one document.
    pub(super) async fn next(&mut self) -> Told {
        match timeout(self.limits.time, told(&mut self.out, &self.limits)).await {
            Ok(Ok(told)) => told,
            Ok(Err(_)) => Told::Died(self.cause_of_death().await),
            Err(_) => {
                // It is killed for good when this is dropped.
                let _ = self.child.start_kill();
                Told::Died(self.limits.too_slow())
            }
        }
    }

    /// What its last words say: the runtime names a lack of memory before it aborts.
    async fn cause_of_death(&mut self) -> ExtractError {
        let _ = self.child.start_kill();
        let mut words = Vec::new();
        let mut errors = (&mut self.errors).take(LAST_WORDS);
        let _ = timeout(self.limits.time, errors.read_to_end(&mut words)).await;
        if String::from_utf8_lossy(&words).contains("memory allocation of") {
            self.limits.too_much_memory()
        } else {
            document::crashed(&self.name)
        }
    }
}

async fn told(out: &mut (impl AsyncRead + Unpin), limits: &Limits) -> io::Result<Told> {
    let mut length = [0; 4];
    out.read_exact(&mut length).await?;
    let mut head = vec![0; wire::head_length(length)?];
    out.read_exact(&mut head).await?;
    let frame = wire::frame(&head)?;
    drop(head);
    Ok(match frame {
        Frame::Reading { entry, path } => Told::Reading { entry, path },
        Frame::Refused { error } => Told::Read(Err(error)),
        Frame::End => Told::End,
        Frame::Text(head) => {
            if head.bytes() as u64 > limits.text {
                return Err(io::Error::other("more text than was asked for"));
            }
            let mut text = vec![0; head.bytes()];
            out.read_exact(&mut text).await?;
            let text = String::from_utf8(text).map_err(io::Error::other)?;
            let extracted =
                head.with_text(text).ok_or_else(|| io::Error::other("offsets that do not fit"))?;
            Told::Read(Ok(extracted))
        }
    })
}
