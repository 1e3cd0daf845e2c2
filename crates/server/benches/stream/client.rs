//! The load: a keep-alive HTTP/1.1 connection that reads a stream and hands out its tokens as they arrive.

use std::net::SocketAddr;

use anyhow::{Context, bail, ensure};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::upstream::{STAMP, Script};

const CONTENT: &[u8] = b"\"content\":\"";

/// Whose requests a server takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// The upstream's own, which nginx passes on.
    OpenAi,
    /// Ours: `/api/chat/stream` as published.
    Codmir,
}

impl Dialect {
    /// A request for a stream, as bytes to write.
    pub(crate) fn request(self, script: Script) -> Vec<u8> {
        let model = script.model();
        let messages = r#"[{"role":"user","content":"What is the capital of France?"}]"#;
        match self {
            Self::OpenAi => {
                let options = r#""stream":true,"stream_options":{"include_usage":true}"#;
                let body = format!(r#"{{"model":"{model}","messages":{messages},{options}}}"#);
                post("/v1/chat/completions", "", &body)
            }
            Self::Codmir => {
                post("/api/chat/stream", "", &format!(r#"{{"model":"{model}","messages":{messages}}}"#))
            }
        }
    }
}

/// A request with a JSON body; `headers` are whole lines.
pub(crate) fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    [head.as_bytes(), body.as_bytes()].concat()
}

/// A connection to a server under test.
pub(crate) struct Connection {
    stream: TcpStream,
    /// Read and not yet understood.
    input: Vec<u8>,
    body: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address).await.context("no connection")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, input: Vec::with_capacity(4096), body: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads the head of a streamed answer.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> anyhow::Result<Answer<'_>> {
        self.stream.write_all(request).await?;
        self.body.clear();
        let end = loop {
            if let Some(at) = memmem::find(&self.input, b"\r\n\r\n") {
                break at + 4;
            }
            self.read().await?;
        };
        let head = String::from_utf8_lossy(&self.input[..end]).to_ascii_lowercase();
        ensure!(head.starts_with("http/1.1 200"), "answered {:?}", String::from_utf8_lossy(&self.input));
        ensure!(head.contains("transfer-encoding: chunked"), "an answer that is no stream");
        self.input.drain(..end);
        Ok(Answer { connection: self, framing: Framing::default() })
    }

    /// Sends a request and waits for a 200.
    pub(crate) async fn command(&mut self, request: &[u8]) -> anyhow::Result<()> {
        self.stream.write_all(request).await?;
        self.read().await?;
        ensure!(self.input.starts_with(b"HTTP/1.1 200"), "{:?}", String::from_utf8_lossy(&self.input));
        Ok(())
    }

    /// Reads a whole stream and counts its tokens.
    pub(crate) async fn read_whole(&mut self, script: Script, request: &[u8]) -> anyhow::Result<()> {
        let mut answer = self.ask(request).await?;
        let mut tokens = 0;
        while answer.next(|_| tokens += 1).await? {}
        ensure!(tokens == script.tokens, "{tokens} of {} tokens", script.tokens);
        Ok(())
    }

    async fn read(&mut self) -> anyhow::Result<()> {
        ensure!(self.stream.read_buf(&mut self.input).await? > 0, "the connection was closed");
        Ok(())
    }
}

/// An answer that is being read.
pub(crate) struct Answer<'a> {
    connection: &'a mut Connection,
    framing: Framing,
}

impl Answer<'_> {
    /// Waits for more, and hands over the times in the tokens that came whole. False at the end of a whole stream.
    pub(crate) async fn next(&mut self, mut on_token: impl FnMut(u64)) -> anyhow::Result<bool> {
        let Connection { input, body, .. } = &mut *self.connection;
        let before = body.len();
        let mut ended = self.framing.take_off(input, body)?;
        // What came along with the head, or with the last tokens, is not waited for.
        if !ended && body.len() == before {
            self.connection.read().await?;
            let Connection { input, body, .. } = &mut *self.connection;
            ended = self.framing.take_off(input, body)?;
        }
        let body = &mut self.connection.body;
        let mut seen = 0;
        while let Some(at) = memmem::find(&body[seen..], CONTENT) {
            let from = seen + at + CONTENT.len();
            let Some(stamp) = body.get(from..from + STAMP) else { break };
            on_token(std::str::from_utf8(stamp)?.parse().context("a token without its time")?);
            seen = from + STAMP;
        }
        if ended {
            let whole = memmem::find(body, b"[DONE]").or(memmem::find(body, b"\"done\":true")).is_some();
            ensure!(whole && memmem::find(body, b"\"error\"").is_none(), "the stream was not whole");
        }
        body.drain(..seen);
        Ok(!ended)
    }
}

/// Where in the chunks of a body the reading stands.
#[derive(Default)]
struct Framing {
    /// What is left of the current chunk, its line end included.
    left: usize,
    ended: bool,
}

impl Framing {
    /// Moves what is payload from `input` to `body`. True once the last chunk was seen.
    fn take_off(&mut self, input: &mut Vec<u8>, body: &mut Vec<u8>) -> anyhow::Result<bool> {
        let mut at = 0;
        while !self.ended {
            if self.left > 0 {
                let piece = self.left.min(input.len() - at);
                let payload = piece.min(self.left.saturating_sub(2));
                body.extend_from_slice(&input[at..at + payload]);
                at += piece;
                self.left -= piece;
                if self.left > 0 {
                    break;
                }
            }
            let Some(line) = memmem::find(&input[at..], b"\r\n") else { break };
            let size = usize::from_str_radix(std::str::from_utf8(&input[at..at + line])?, 16)
                .context("a chunk without its size")?;
            if size == 0 {
                if input.len() < at + line + 4 {
                    break;
                }
                self.ended = true;
                at += line + 4;
            } else {
                self.left = size + 2;
                at += line + 2;
            }
        }
        input.drain(..at);
        if self.ended && !input.is_empty() {
            bail!("bytes after the end of the answer");
        }
        Ok(self.ended)
    }
}
