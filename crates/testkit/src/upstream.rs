//! The scripted upstream: a real HTTP/1.1 server on loopback that answers a provider with exactly the bytes, pauses and
//! faults a test asks for, and remembers what it was asked.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")] async fn main() {
//! use testkit::upstream::{Upstream, openai_stream};
//!
//! let upstream = Upstream::start().await;
//! upstream.enqueue(openai_stream(&["Hel", "lo"]));
//! // ... point a provider at `upstream.base_url()`, let it ask, and look at `upstream.requests()`.
//! # assert!(upstream.base_url().starts_with("http://127.0.0.1:"));
//! # }
//! ```

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

mod connection;
mod reply;
mod strict;

pub use reply::{Gate, Reply, anthropic_stream, openai_stream};
pub use strict::Strict;

/// A server that answers from a script. Dropping it closes the port and every connection.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct ReceivedRequest {
    /// `POST` and the like.
    pub method: String,
    /// Path and query, as sent.
    pub path: String,
    /// Header names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body's bytes.
    pub body: Bytes,
}

impl ReceivedRequest {
    /// The first header of this name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON; `null` if it is none.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

impl Upstream {
    /// Listens on a free port of 127.0.0.1.
    #[expect(clippy::disallowed_methods, reason = "the server is aborted when the upstream is dropped")]
    pub async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let server = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, server }
    }

    /// Where it listens, such as `http://127.0.0.1:41234`, without a path.
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens, as a number.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers the next request that has no reply yet with `reply`; requests take replies in the order of arrival.
    pub fn enqueue(&self, reply: Reply) {
        self.shared.script().queue.push_back(reply);
    }

    /// Answers with `reply` whenever the queue is empty. Without it such a request gets a 500 that says so.
    pub fn always(&self, reply: Reply) {
        self.shared.script().fallback = Some(reply);
    }

    /// From now on refuses, as the vendor does and without using up a reply, what the vendor would refuse.
    pub fn be_strict(&self, strict: Strict) {
        self.shared.script().strict = Some(strict);
    }

    /// Every request so far, oldest first.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.log.borrow().requests.iter().map(|seen| seen.request.clone()).collect()
    }

    /// How many connections are open.
    pub fn open_connections(&self) -> usize {
        self.shared.log.borrow().open_connections
    }

    /// How many replies are under way.
    pub fn open_replies(&self) -> usize {
        self.shared.log.borrow().open_replies
    }

    /// Waits until request `index`, counted from 0, has arrived.
    pub async fn wait_request(&self, index: usize) -> ReceivedRequest {
        self.wait_for(|log| log.requests.get(index).map(|seen| seen.request.clone())).await
    }

    /// Waits until the client has closed the connection of request `index`, and tells when that was seen. A connection
    /// that the upstream itself closed does not count.
    pub async fn wait_closed(&self, index: usize) -> Instant {
        self.wait_for(|log| log.requests.get(index).and_then(|seen| seen.closed_at)).await
    }

    /// Waits until no reply is under way.
    pub async fn wait_idle(&self) {
        self.wait_for(|log| (log.open_replies == 0).then_some(())).await;
    }

    async fn wait_for<T>(&self, look: impl Fn(&Log) -> Option<T>) -> T {
        let mut log = self.shared.log.subscribe();
        let seen = log.wait_for(|log| look(log).is_some()).await.expect("the upstream is running");
        look(&seen).expect("it was there a moment ago")
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What the connections have in common.
#[derive(Debug, Default)]
struct Shared {
    script: Mutex<Script>,
    log: watch::Sender<Log>,
}

#[derive(Debug, Default)]
struct Script {
    queue: VecDeque<Reply>,
    fallback: Option<Reply>,
    strict: Option<Strict>,
}

#[derive(Debug, Default)]
struct Log {
    requests: Vec<Seen>,
    open_connections: usize,
    open_replies: usize,
}

#[derive(Debug)]
struct Seen {
    request: ReceivedRequest,
    closed_at: Option<Instant>,
}

impl Shared {
    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply_to(&self, request: &ReceivedRequest) -> Reply {
        let mut script = self.script();
        if let Some(refusal) = script.strict.and_then(|strict| strict.refusal_of(request)) {
            return refusal;
        }
        script.queue.pop_front().or_else(|| script.fallback.clone()).unwrap_or_else(|| {
            Reply::json(500, &json!({"error": {"message": "the test scripted no reply for this request"}}))
        })
    }

    /// Notes a request and gives its index.
    fn received(&self, request: ReceivedRequest) -> usize {
        let mut index = 0;
        self.log.send_modify(|log| {
            index = log.requests.len();
            log.requests.push(Seen { request, closed_at: None });
        });
        index
    }

    fn closed_by_client(&self, indexes: &[usize]) {
        let now = Instant::now();
        self.log.send_modify(|log| {
            for &index in indexes {
                log.requests[index].closed_at = Some(now);
            }
        });
    }
}

/// Counts something as open until it is dropped.
struct Open<'a> {
    shared: &'a Shared,
    counter: fn(&mut Log) -> &mut usize,
}

impl<'a> Open<'a> {
    fn count(shared: &'a Shared, counter: fn(&mut Log) -> &mut usize) -> Self {
        shared.log.send_modify(|log| *counter(log) += 1);
        Self { shared, counter }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.shared.log.send_modify(|log| *(self.counter)(log) -= 1);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection::serve(stream, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}
