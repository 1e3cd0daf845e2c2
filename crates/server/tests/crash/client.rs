//! A client that asks one question after the other in a session of its own, and remembers what it saw and when.

use std::time::Instant;

use serde_json::{Value, json};
use tokio::sync::watch;

use crate::harness::message_in;

/// How a client asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// The v2 stream, under ids of the client's.
    Resumable,
    /// The published stream.
    Published,
    /// `/api/chat`, under an idempotency key.
    Whole,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) session: String,
    way: Way,
    /// In order.
    pub(crate) asked: Vec<Asked>,
}

/// A question and what its client saw of the answer.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) way: Way,
    /// Unique; the client's ids are made of it.
    pub(crate) question: String,
    session: String,
    /// A 2xx came: the server has the question.
    pub(crate) acknowledged: bool,
    /// The answer's text as it came.
    pub(crate) seen: Vec<(Instant, String)>,
    /// The number of the last v2 frame.
    pub(crate) last_id: u64,
    /// The end came, and without error.
    pub(crate) ended: bool,
}

impl Client {
    pub(crate) fn new(session: String, way: Way) -> Self {
        Self { session, way, asked: Vec::new() }
    }

    /// Asks until an answer breaks off or nobody answers, and counts the frames that are seen.
    pub(crate) async fn ask_until_cut(
        &mut self,
        http: &reqwest::Client,
        url: &str,
        seen: &watch::Sender<u64>,
    ) {
        loop {
            let question = format!("{}-question-{}", self.session, self.asked.len());
            let mut asked = Asked::new(self.way, &self.session, question);
            asked.ask(http, url, seen).await;
            let cut = !asked.ended;
            self.asked.push(asked);
            if cut {
                return;
            }
        }
    }

    /// The question whose answer was cut.
    pub(crate) fn cut(&self) -> &Asked {
        self.asked.last().expect("each client has asked")
    }
}

impl Asked {
    pub(crate) fn new(way: Way, session: &str, question: String) -> Self {
        let session = session.to_owned();
        Self { way, question, session, acknowledged: false, seen: Vec::new(), last_id: 0, ended: false }
    }

    /// The client's id for the turn, where it chooses one.
    pub(crate) fn turn(&self) -> String {
        format!("turn-{}", self.question)
    }

    /// The client's id for the question, where it chooses one.
    pub(crate) fn message(&self) -> String {
        format!("msg-{}", self.question)
    }

    /// All text that was seen.
    pub(crate) fn text(&self) -> String {
        self.seen.iter().map(|(_, text)| text.as_str()).collect()
    }

    pub(crate) fn request(&self, http: &reqwest::Client, url: &str) -> reqwest::RequestBuilder {
        let mut body = message_in(&self.session, &self.question);
        match self.way {
            Way::Resumable => {
                body["turnId"] = json!(self.turn());
                body["messageId"] = json!(self.message());
                http.post(format!("{url}/api/chat/stream")).header("X-Chat-Stream", "v2").json(&body)
            }
            Way::Published => http.post(format!("{url}/api/chat/stream")).json(&body),
            Way::Whole => {
                http.post(format!("{url}/api/chat")).header("Idempotency-Key", &self.question).json(&body)
            }
        }
    }

    /// Asks, and reads until the end or until the server is gone.
    pub(crate) async fn ask(&mut self, http: &reqwest::Client, url: &str, seen: &watch::Sender<u64>) {
        let Ok(answer) = self.request(http, url).send().await else { return };
        assert_eq!(answer.status(), 200, "{}", self.question);
        match self.way {
            Way::Whole => self.read_whole(answer).await,
            Way::Resumable | Way::Published => self.read_stream(answer, seen).await,
        }
    }

    async fn read_whole(&mut self, answer: reqwest::Response) {
        let Ok(body) = answer.json::<Value>().await else { return };
        self.acknowledged = true;
        self.seen.push((Instant::now(), body["content"].as_str().expect("an answer").to_owned()));
        self.ended = true;
    }

    async fn read_stream(&mut self, mut answer: reqwest::Response, seen: &watch::Sender<u64>) {
        self.acknowledged = true;
        let mut unread = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) => unread.extend_from_slice(&chunk),
                Ok(None) => return assert!(self.ended, "{} ended without its end", self.question),
                Err(_cut) => return,
            }
            let now = Instant::now();
            while let Some(end) = unread.windows(2).position(|bytes| bytes == b"\n\n") {
                let frame: Vec<u8> = unread.drain(..end + 2).collect();
                self.see(std::str::from_utf8(&frame).expect("frames are UTF-8").trim_end(), now);
                seen.send_modify(|seen| *seen += 1);
            }
        }
    }

    fn see(&mut self, frame: &str, now: Instant) {
        let data = match self.way {
            Way::Resumable => {
                let (id, data) = frame.split_once('\n').expect("a v2 frame is two lines");
                self.last_id += 1;
                assert_eq!(id, format!("id: {}", self.last_id), "{}", self.question);
                data
            }
            Way::Published | Way::Whole => frame,
        };
        let event: Value = serde_json::from_str(data.strip_prefix("data: ").expect("a frame of data"))
            .expect("a frame of JSON");
        assert!(!self.ended && event.get("error").is_none(), "{}: {event}", self.question);
        if let Some(content) = event["content"].as_str() {
            self.seen.push((now, content.to_owned()));
        }
        self.ended = event["done"] == json!(true);
    }
}
