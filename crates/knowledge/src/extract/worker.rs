//! The child process: reads one file from its standard input under limits that the system enforces, and answers in frames.
//!
//! A parser that overflows its stack or runs out of memory takes down this process and nothing else.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Read, Seek};
use std::process::ExitCode;

use rlimit::Resource;

use super::Extracted;
use super::archive::{Archive, Outcome};
use super::document;
use super::error::ExtractError;
use super::format::{Content, Format, HEAD, agreed, content};
use super::limits::{Inflation, Limits};
use super::tarball;
use super::wire::{Frame, Head, Request, read_request, send};

/// The first argument of a process that is to be this one.
pub const ARGUMENT: &str = "extract-worker";

/// Whether this process was started by an [`Extractor`](super::Extractor) and is to run [`main`] and nothing else.
pub fn is_asked_for() -> bool {
    std::env::args_os().nth(1).as_deref() == Some(OsStr::new(ARGUMENT))
}

/// Reads one file and answers. Call it first of all in `main`, before any thread is started.
pub fn main() -> ExitCode {
    // What a parser says when it panics may quote the file, which is nobody's business in a log.
    std::panic::set_hook(Box::new(|_| {}));
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn run() -> io::Result<()> {
    let argument = std::env::args().nth(2).unwrap_or_default();
    let request = read_request(argument.as_bytes())?;
    confine(&request.limits)?;
    let file = standard_input()?;
    let mut answer = Answer { out: BufWriter::new(io::stdout()) };
    let inflation = Inflation::new(&request.limits);
    let mut told = |outcome| match outcome {
        Outcome::Reading { entry, path } => send(&mut answer.out, &Frame::Reading { entry, path }, ""),
        Outcome::Read(read) => answer.document(&read),
    };
    let Request { name, first, limits } = &request;
    let opened = open(name, &file, limits);
    (&file).rewind()?;
    match opened {
        Opened::Zip(mut archive) => archive.each(*first, limits, &inflation, told)?,
        Opened::Tar { is_compressed } => {
            tarball::each(&file, is_compressed, *first, limits, &inflation, told)?;
        }
        Opened::Document => told(Outcome::Read(document::extract(name, &file, limits, &inflation)))?,
    }
    send(&mut answer.out, &Frame::End, "")
}

enum Opened<'a> {
    Zip(Archive<&'a File>),
    Tar {
        is_compressed: bool,
    },
    /// Anything else, and what is not what its name says.
    Document,
}

fn open<'a>(name: &str, mut file: &'a File, limits: &Limits) -> Opened<'a> {
    let mut head = Vec::with_capacity(HEAD);
    if file.rewind().and_then(|()| file.take(HEAD as u64).read_to_end(&mut head)).is_err() {
        return Opened::Document;
    }
    match content(&head) {
        Content::Container => {
            let Ok(archive) = Archive::open(file, limits) else { return Opened::Document };
            let is_zip =
                archive.format().is_ok_and(|format| format == Format::Zip && agreed(name, format).is_ok());
            if is_zip { Opened::Zip(archive) } else { Opened::Document }
        }
        Content::Tar { is_compressed } if agreed(name, Format::tar(is_compressed)).is_ok() => {
            Opened::Tar { is_compressed }
        }
        Content::Pdf | Content::Rtf | Content::Tar { .. } | Content::Text | Content::Foreign(..) => {
            Opened::Document
        }
    }
}

/// Where the answer goes.
struct Answer {
    out: BufWriter<io::Stdout>,
}

impl Answer {
    fn document(&mut self, read: &Result<Extracted, ExtractError>) -> io::Result<()> {
        match read {
            Ok(extracted) => {
                send(&mut self.out, &Frame::Text(Box::new(Head::of(extracted))), &extracted.text)
            }
            Err(ExtractError::Unreadable(_) | ExtractError::NoWorker(_)) => {
                let error = ExtractError::damaged("file");
                send(&mut self.out, &Frame::Refused { error }, "")
            }
            Err(error) => send(&mut self.out, &Frame::Refused { error: error.clone() }, ""),
        }
    }
}

/// Limits that hold whatever the parsers do: memory, time on the CPU, no files written and few opened.
fn confine(limits: &Limits) -> io::Result<()> {
    let seconds = limits.time.max(limits.whole_time).as_secs().max(1);
    let memory = limits.memory;
    lower(Resource::DATA, memory)?;
    if let Some(already) = address_space() {
        lower(Resource::AS, already.saturating_add(memory))?;
    }
    lower(Resource::CPU, seconds)?;
    lower(Resource::FSIZE, 0)?;
    lower(Resource::CORE, 0)?;
    lower(Resource::NOFILE, 16)
}

/// A limit that is already lower stays.
fn lower(resource: Resource, limit: u64) -> io::Result<()> {
    let (soft, hard) = resource.get()?;
    resource.set(soft.min(limit), hard.min(limit))
}

/// How much this process has mapped before it reads anything: the program itself, for the most part.
fn address_space() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(unix)]
fn standard_input() -> io::Result<File> {
    use std::os::fd::AsFd;
    Ok(File::from(io::stdin().as_fd().try_clone_to_owned()?))
}

#[cfg(windows)]
fn standard_input() -> io::Result<File> {
    use std::os::windows::io::AsHandle;
    Ok(File::from(io::stdin().as_handle().try_clone_to_owned()?))
}
