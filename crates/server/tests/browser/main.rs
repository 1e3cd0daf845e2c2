//! Pages of other origins in a real browser, which is driven by Node: what they may ask, and how streams reach them.
//!
//! A binary of its own, run by `cargo xtask test browser`.

use std::collections::VecDeque;

use secrecy::ExposeSecret;
use serde_json::json;
use testkit::upstream::{Gate, openai_stream};

use harness::TestServer;

mod cody;
#[expect(dead_code, reason = "these tests look at less of it")]
#[path = "../it/harness.rs"]
mod harness;
#[path = "../openid/node.rs"]
mod node;

/// Text that breaks readers who cut inside a character or at a line's end.
const PIECES: [&str; 5] = ["He", "llo wörld", " \u{1f1e9}", "\u{1f1ea}\n\ndata: x", "\r\n[END]"];

#[tokio::test]
async fn a_page_from_elsewhere_needs_a_key_and_nothing_else() {
    let server = TestServer::start().await;
    server.upstream.always(openai_stream(&PIECES));
    let key = server.key("ada").await;
    let url = server.url("");
    let values = [
        ("LATIMER", url.as_str()),
        ("KEY", key.expose_secret()),
        ("SESSION", "session-of-the-page"),
        ("TEXT", &PIECES.concat()),
    ];

    node::run("answers.mjs", &values).await;

    server.stop().await;
}

#[tokio::test]
async fn a_page_reads_each_piece_when_it_is_written() {
    let server = TestServer::start().await;
    let key = server.key("ada").await;
    let mut gates: VecDeque<Gate> = (0..5)
        .map(|_| {
            let (reply, gate) = openai_stream(&PIECES).paced();
            server.upstream.enqueue(reply);
            // The event before the first piece.
            gate.release(1);
            gate
        })
        .collect();
    let (url, pieces) = (server.url(""), json!(PIECES).to_string());
    let values = [("LATIMER", url.as_str()), ("KEY", key.expose_secret()), ("PIECES", &pieces)];

    node::follow("streams.mjs", &values, |line| match line {
        "next" => gates[0].release(1),
        "rest" => gates.pop_front().expect("each stream has a gate").open(),
        other => panic!("not a word of the script's: {other}"),
    })
    .await;

    server.stop().await;
}
