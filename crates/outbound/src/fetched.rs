//! What was found at an address: its head, and its body piece by piece, unpacked, within limits of time and size.

use std::future::Future;
use std::io::{self, Write as _};
use std::time::Duration;

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use reqwest::Response;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use crate::{Address, FetchError};

/// How much is unpacked at a time: a thousand times as much comes out at most, which must fit into memory.
const BITE: usize = 4 * 1024;

/// What text reaches at its best. Beyond it only repetition goes, and bombs.
const MAX_RATIO: u64 = 200;

/// A body as small as this may be packed as tightly as it likes.
const SMALL: u64 = 1 << 20;

/// The answer to a fetch. Its body is still to be read; dropping it closes the connection.
#[derive(Debug)]
pub struct Fetched {
    address: Address,
    content_type: Option<String>,
    response: Response,
    packing: Packing,
    /// Received and not unpacked yet.
    waiting: Bytes,
    received: u64,
    unpacked: u64,
    max_bytes: u64,
    deadline: Deadline,
}

/// How the body is packed.
#[derive(Debug)]
enum Packing {
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

/// How long is waited.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) at: Instant,
    pub(crate) idle: Duration,
}

impl Deadline {
    /// Waits for `answer` as long as one piece may take, and never beyond the deadline.
    pub(crate) async fn wait<T>(&self, answer: impl Future<Output = T>) -> Result<T, FetchError> {
        let until = self.at.min(Instant::now() + self.idle);
        timeout_at(until, answer).await.map_err(|_| FetchError::Slow)
    }
}

impl Fetched {
    pub(crate) fn new(
        address: Address,
        response: Response,
        max_bytes: u64,
        deadline: Deadline,
    ) -> Result<Self, FetchError> {
        let packing = Packing::of(&response)?;
        let is_plain = matches!(packing, Packing::Plain);
        if is_plain && response.content_length().is_some_and(|length| length > max_bytes) {
            return Err(FetchError::TooLarge(max_bytes));
        }
        let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        Ok(Self {
            content_type: content_type.map(str::to_owned),
            address,
            response,
            packing,
            waiting: Bytes::new(),
            received: 0,
            unpacked: 0,
            max_bytes,
            deadline,
        })
    }

    /// Where the redirects ended: what links in the body are relative to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// What the server says that it is, such as `text/html; charset=utf-8`.
    pub fn content_type(&self) -> Option<&str> {
        self.content_type.as_deref()
    }

    /// The next piece of the body, which is not empty; none after the last.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            if self.waiting.is_empty() {
                match self.receive().await? {
                    Some(bytes) => self.waiting = bytes,
                    None => return self.finish(),
                }
            }
            let piece = self.packing.unpack(&mut self.waiting)?;
            if !piece.is_empty() {
                return self.count(piece).map(Some);
            }
        }
    }

    /// The whole body, in memory.
    pub async fn into_bytes(mut self) -> Result<Vec<u8>, FetchError> {
        let mut body = Vec::new();
        while let Some(piece) = self.chunk().await? {
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }

    /// Writes the whole body into `sink`, such as a file, and tells how many bytes it had. After an error, what the sink
    /// has is of no use.
    pub async fn copy_to(mut self, sink: &mut (impl AsyncWrite + Unpin)) -> Result<u64, FetchError> {
        while let Some(piece) = self.chunk().await? {
            sink.write_all(&piece).await.map_err(FetchError::Sink)?;
        }
        sink.flush().await.map_err(FetchError::Sink)?;
        Ok(self.unpacked)
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, FetchError> {
        let received = self.deadline.wait(self.response.chunk()).await?;
        let bytes = received.map_err(|error| FetchError::Broken(Box::new(error.without_url())))?;
        self.received += bytes.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Ok(bytes)
    }

    /// What is left once everything was received.
    fn finish(&mut self) -> Result<Option<Bytes>, FetchError> {
        let packing = std::mem::replace(&mut self.packing, Packing::Plain);
        let rest = if self.received == 0 { Bytes::new() } else { packing.finish()? };
        if rest.is_empty() { Ok(None) } else { self.count(rest).map(Some) }
    }

    fn count(&mut self, piece: Bytes) -> Result<Bytes, FetchError> {
        self.unpacked += piece.len() as u64;
        if self.unpacked > self.max_bytes {
            return Err(FetchError::TooLarge(self.max_bytes));
        }
        if self.unpacked > SMALL && self.unpacked / MAX_RATIO > self.received {
            return Err(FetchError::TooTight);
        }
        Ok(piece)
    }
}

impl Packing {
    fn of(response: &Response) -> Result<Self, FetchError> {
        let mut encodings = response.headers().get_all(CONTENT_ENCODING).iter();
        let encoding = encodings.next().map_or(Ok(""), |value| value.to_str());
        let encoding = encoding.map_err(|_| FetchError::Encoding)?.trim().to_ascii_lowercase();
        match encoding.as_str() {
            _ if encodings.next().is_some() => Err(FetchError::Encoding),
            "" | "identity" => Ok(Self::Plain),
            "gzip" | "x-gzip" => Ok(Self::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))),
            _ => Err(FetchError::Encoding),
        }
    }

    /// Takes from `waiting` as much as may be unpacked at once.
    fn unpack(&mut self, waiting: &mut Bytes) -> Result<Bytes, FetchError> {
        match self {
            Self::Plain => Ok(std::mem::take(waiting)),
            Self::Gzip(decoder) => {
                let bite = waiting.split_to(waiting.len().min(BITE));
                decoder.write_all(&bite).map_err(damaged)?;
                Ok(std::mem::take(decoder.get_mut()).into())
            }
        }
    }

    fn finish(self) -> Result<Bytes, FetchError> {
        match self {
            Self::Plain => Ok(Bytes::new()),
            Self::Gzip(decoder) => decoder.finish().map(Bytes::from).map_err(damaged),
        }
    }
}

fn damaged(error: io::Error) -> FetchError {
    FetchError::Broken(Box::new(error))
}
