//! Cody's published page, and connections to its stream that are cut, in a browser and by npm's `eventsource`.

use std::collections::VecDeque;

use secrecy::ExposeSecret;
use testkit::upstream::{Gate, openai_stream};

use crate::harness::TestServer;
use crate::node;

/// Texts that a reader may take for something else: marks, fields, ends of lines, halves of a flag.
const PIECES: [&str; 12] = [
    "He",
    "llo",
    "[END]",
    "data: x",
    "\r\n",
    "\n\n",
    "\u{1f1e9}",
    "\u{1f1ea}",
    "[START]",
    " wörld",
    "\r",
    "{\"chunk\":1}",
];
/// So many are written before the first connections are cut, and the others after.
const HELD: usize = 8;
const CUTS: usize = 20;

#[tokio::test]
async fn the_published_page_appends_every_answer_once() {
    let server = TestServer::start_with(|config, _| {
        config.server.trusted_proxies = vec!["127.0.0.1".to_owned()];
    })
    .await;
    server.upstream.always(openai_stream(&PIECES));
    let key = server.key("ada").await;
    let (url, text) = (server.url(""), PIECES.concat());

    let values = [("LATIMER", url.as_str()), ("KEY", key.expose_secret()), ("TEXT", &text)];
    node::run("cody_page.mjs", &values).await;

    server.stop().await;
}

#[tokio::test]
async fn an_answer_survives_connections_that_are_cut_anywhere() {
    let server = TestServer::start().await;
    let key = server.key("ada").await;
    server.upstream.enqueue(openai_stream(&PIECES));
    // One round in Node, one in the browser.
    let mut gates: VecDeque<Gate> = (0..2 * CUTS)
        .map(|_| {
            let (reply, gate) = openai_stream(&PIECES).paced();
            server.upstream.enqueue(reply);
            // One event goes before the first piece.
            gate.release(1 + HELD);
            gate
        })
        .collect();
    let (url, text, held, cuts) =
        (server.url(""), PIECES.concat(), PIECES[..HELD].concat(), CUTS.to_string());
    let values = [
        ("LATIMER", url.as_str()),
        ("KEY", key.expose_secret()),
        ("TEXT", &text),
        ("HELD", &held),
        ("CUTS", &cuts),
        ("SEED", "7"),
    ];

    node::follow("cody_cuts.mjs", &values, |line| {
        assert_eq!(line, "rest");
        gates.drain(..CUTS).for_each(|gate| gate.open());
    })
    .await;

    server.stop().await;
}
