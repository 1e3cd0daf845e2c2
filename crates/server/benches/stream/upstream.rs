//! The mock upstream: speaks OpenAI's stream in prepared bytes, at the pace that the request's model names.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::LazyLock;
use std::time::Duration;

use anyhow::{Context, bail};
use memchr::memmem;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Times are told in microseconds since this moment, in text of a fixed length.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);
/// How many digits a token's time has.
pub(crate) const STAMP: usize = 12;

const HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\nTransfer-Encoding: chunked\r\n\r\n";
const CHUNK: &str = r#"{"id":"chatcmpl-AbCdEfGhIjKlMnOpQrStUvWxYz012","object":"chat.completion.chunk","created":1750000000,"model":"gpt-5","choices":"#;

/// What a stream is like; its name goes through the server under test as the model's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Script {
    pub(crate) tokens: u32,
    /// Between two tokens, each in a write of its own; zero: the whole stream is one write.
    pub(crate) pace: Duration,
}

impl Script {
    pub(crate) fn model(self) -> String {
        format!("t{}-e{}", self.tokens, self.pace.as_millis())
    }

    fn parse(model: &str) -> Option<Self> {
        let (tokens, pace) = model.strip_prefix('t')?.split_once("-e")?;
        Some(Self { tokens: tokens.parse().ok()?, pace: Duration::from_millis(pace.parse().ok()?) })
    }
}

/// Microseconds since the start of the process.
pub(crate) fn now() -> u64 {
    u64::try_from(START.elapsed().as_micros()).unwrap_or(u64::MAX)
}

/// Listens, and tells when a stream was cut off by the other side.
pub(crate) async fn start(
    work: &mut JoinSet<()>,
) -> anyhow::Result<(SocketAddr, mpsc::UnboundedReceiver<Instant>)> {
    LazyLock::force(&START);
    let socket = tokio::net::TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let listener = socket.listen(4096)?;
    let address = listener.local_addr()?;
    let (cut_off, cuts) = mpsc::unbounded_channel();
    work.spawn_local(accept(listener, cut_off));
    Ok((address, cuts))
}

async fn accept(listener: TcpListener, cut_off: mpsc::UnboundedSender<Instant>) {
    let mut connections = JoinSet::new();
    let bursts = Rc::new(Bursts::default());
    while let Ok((stream, _)) = listener.accept().await {
        let connection = serve(stream, bursts.clone(), cut_off.clone());
        connections.spawn_local(async move {
            if let Err(error) = connection.await {
                eprintln!("mock upstream: {error:#}");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Whole streams, made once.
#[derive(Default)]
struct Bursts(std::cell::RefCell<HashMap<Script, Rc<[u8]>>>);

impl Bursts {
    fn get(&self, script: Script) -> Rc<[u8]> {
        let make = || {
            let mut bytes = HEAD.to_vec();
            (0..script.tokens).for_each(|_| push_token(&mut bytes, 0));
            push_end(&mut bytes);
            bytes.into()
        };
        self.0.borrow_mut().entry(script).or_insert_with(make).clone()
    }
}

async fn serve(
    mut stream: TcpStream,
    bursts: Rc<Bursts>,
    cut_off: mpsc::UnboundedSender<Instant>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::with_capacity(1024);
    while let Some(script) = next_request(&mut stream, &mut input).await? {
        if script.pace.is_zero() {
            // Who has gone by now has what it wanted.
            if stream.write_all(&bursts.get(script)).await.is_err() {
                return Ok(());
            }
        } else if !write_paced(&mut stream, script).await {
            // Nobody waits for the news at shutdown.
            let _unheard = cut_off.send(Instant::now());
            return Ok(());
        }
    }
    Ok(())
}

/// Writes each token when its time has come. False if the other side left before the end.
async fn write_paced(stream: &mut TcpStream, script: Script) -> bool {
    let mut due = Instant::now();
    let mut bytes = HEAD.to_vec();
    for number in 1..=script.tokens {
        push_token(&mut bytes, now());
        if number == script.tokens {
            push_end(&mut bytes);
        }
        if stream.write_all(&bytes).await.is_err() {
            return false;
        }
        bytes.clear();
        if number < script.tokens {
            due += script.pace;
            let mut byte = [0];
            tokio::select! {
                () = tokio::time::sleep_until(due) => {}
                // Nothing is sent while it is answered: whatever comes is the end.
                _ = stream.read(&mut byte) => return false,
            }
        }
    }
    true
}

fn push_token(bytes: &mut Vec<u8>, time: u64) {
    push_event(
        bytes,
        &format!(r#"{CHUNK}[{{"index":0,"delta":{{"content":"{time:0STAMP$}"}},"finish_reason":null}}]}}"#),
    );
}

fn push_end(bytes: &mut Vec<u8>) {
    push_event(bytes, &format!(r#"{CHUNK}[{{"index":0,"delta":{{}},"finish_reason":"stop"}}]}}"#));
    let usage = r#"{"prompt_tokens":9,"completion_tokens":50,"total_tokens":59}"#;
    push_event(bytes, &format!(r#"{CHUNK}[],"usage":{usage}}}"#));
    push_event(bytes, "[DONE]");
    bytes.extend_from_slice(b"0\r\n\r\n");
}

/// Each event is an HTTP chunk of its own, as servers send them.
fn push_event(bytes: &mut Vec<u8>, data: &str) {
    let length = data.len() + "data: \n\n".len();
    bytes.extend_from_slice(format!("{length:x}\r\ndata: {data}\n\n\r\n").as_bytes());
}

/// The script that the next request asks for; `None` once the connection is closed between two.
async fn next_request(stream: &mut TcpStream, input: &mut Vec<u8>) -> anyhow::Result<Option<Script>> {
    input.clear();
    loop {
        match stream.read_buf(input).await {
            Ok(0) | Err(_) => return Ok(None),
            Ok(_) => {}
        }
        let Some(head) = memmem::find(input, b"\r\n\r\n") else { continue };
        let length = content_length(&input[..head]).context("a request without Content-Length")?;
        if input.len() >= head + 4 + length {
            break;
        }
    }
    const MODEL: &[u8] = b"\"model\":\"";
    let Some(at) = memmem::find(input, MODEL) else { bail!("a request without a model") };
    let rest = &input[at + MODEL.len()..];
    let model = std::str::from_utf8(rest.split(|byte| *byte == b'"').next().unwrap_or_default())?;
    Script::parse(model).map(Some).with_context(|| format!("a request for the model {model:?}"))
}

fn content_length(head: &[u8]) -> Option<usize> {
    let head = std::str::from_utf8(head).ok()?;
    let field = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then_some(value)
    });
    field?.trim().parse().ok()
}
