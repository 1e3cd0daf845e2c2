//! What becomes of a stream when the connection misbehaves, and of the connection when the stream is dropped.

use std::time::{Duration, Instant};

use chat::provider::{CompletionError, Provider as _};
use futures::{FutureExt as _, StreamExt as _};
use providers::openai::OpenAi;
use providers::settings::{Kind, ProviderSettings};
use testkit::upstream::{Gate, Reply, Upstream, anthropic_stream, openai_stream};

use crate::{ask, finished, provider, question, settings, text};

const KINDS: [Kind; 2] = [Kind::OpenAi, Kind::Anthropic];

/// How soon a stop must have reached the upstream.
const AT_ONCE: Duration = Duration::from_millis(250);

fn hello(kind: Kind) -> Reply {
    match kind {
        Kind::OpenAi => openai_stream(&["Hel", "lo"]),
        Kind::Anthropic => anthropic_stream(&["Hel", "lo"]),
    }
}

/// A reply that sends `Hel` and waits for the gate with the rest.
fn hesitant(kind: Kind) -> (Reply, Gate) {
    let (reply, gate) = hello(kind).paced();
    gate.release(match kind {
        Kind::OpenAi => 2,
        Kind::Anthropic => 3,
    });
    (reply, gate)
}

#[tokio::test]
async fn an_answer_is_streamed() {
    for kind in KINDS {
        let upstream = Upstream::start().await;
        let provider = provider(&settings(kind, &upstream));
        for reply in [hello(kind), hello(kind).byte_by_byte()] {
            upstream.enqueue(reply);
            let answer = ask(&*provider, question("m")).await;
            assert_eq!(answer, [text("Hel"), text("lo"), finished(9, 2)], "{kind:?}");
        }
    }
}

#[tokio::test]
async fn a_connection_serves_again_even_if_the_body_ends_later_than_the_answer() {
    for kind in KINDS {
        let upstream = Upstream::start().await;
        let provider = provider(&settings(kind, &upstream));
        let (reply, gate) = hello(kind).paced();
        upstream.enqueue(reply);
        upstream.enqueue(hello(kind));
        let mut answer = provider.stream(question("m"));
        gate.release(hello(kind).events());
        while answer.next().await != Some(finished(9, 2)) {}
        gate.open();
        assert_eq!(answer.next().await, None, "{kind:?}");
        tokio::task::yield_now().await;
        ask(&*provider, question("m")).await;
        assert_eq!(upstream.open_connections(), 1, "{kind:?}");
    }
}

#[tokio::test]
async fn deltas_come_as_they_are_sent() {
    for kind in KINDS {
        let upstream = Upstream::start().await;
        let (reply, gate) = hesitant(kind);
        upstream.enqueue(reply);
        let mut answer = provider(&settings(kind, &upstream)).stream(question("m"));
        assert_eq!(answer.next().await, Some(text("Hel")), "{kind:?}");
        assert!(answer.next().now_or_never().is_none(), "{kind:?}");
        gate.open();
        assert_eq!(answer.collect::<Vec<_>>().await, [text("lo"), finished(9, 2)], "{kind:?}");
    }
}

#[tokio::test]
async fn what_was_read_together_is_yielded_together() {
    for kind in KINDS {
        let upstream = Upstream::start().await;
        upstream.enqueue(hello(kind));
        let provider = provider(&settings(kind, &upstream));
        let batches: Vec<_> = provider.stream(question("m")).ready_chunks(100).collect().await;
        assert_eq!(batches, [vec![text("Hel"), text("lo"), finished(9, 2)]], "{kind:?}");
    }
}

#[tokio::test]
async fn dropping_the_stream_closes_the_connection() {
    for kind in KINDS {
        let upstream = Upstream::start().await;
        upstream.enqueue(Reply::hang());
        upstream.enqueue(hesitant(kind).0);
        let provider = provider(&settings(kind, &upstream));

        let mut waiting = provider.stream(question("m"));
        tokio::select! {
            _ = waiting.next() => unreachable!("the upstream hangs"),
            _ = upstream.wait_request(0) => {}
        }
        let dropped_at = Instant::now();
        drop(waiting);
        assert!(upstream.wait_closed(0).await - dropped_at < AT_ONCE, "{kind:?}");

        let mut answering = provider.stream(question("m"));
        assert_eq!(answering.next().await, Some(text("Hel")), "{kind:?}");
        let dropped_at = Instant::now();
        drop(answering);
        assert!(upstream.wait_closed(1).await - dropped_at < AT_ONCE, "{kind:?}");
        upstream.wait_idle().await;
    }
}

#[tokio::test]
async fn a_cut_answer_is_never_finished() {
    for kind in KINDS {
        let upstream = Upstream::start().await;
        let provider = provider(&settings(kind, &upstream));
        let whole = hello(kind).length();
        for position in (0..whole).step_by(7) {
            upstream.enqueue(hello(kind).cut_after(position));
            let mut answer = ask(&*provider, question("m")).await;
            assert_eq!(answer.pop(), Some(Err(CompletionError::Truncated)), "{kind:?} cut after {position}");
            assert!([text("Hel"), text("lo")].starts_with(&answer), "{kind:?} cut after {position}");
        }
    }
}

#[tokio::test]
async fn silence_ends_in_a_time_out() {
    let upstream = Upstream::start().await;
    let idle_timeout = Duration::from_millis(150);
    for kind in KINDS {
        let provider = provider(&ProviderSettings { idle_timeout, ..settings(kind, &upstream) });
        upstream.enqueue(Reply::hang());
        assert_eq!(ask(&*provider, question("m")).await, [Err(CompletionError::Timeout)], "{kind:?}");
        upstream.enqueue(hesitant(kind).0);
        let answer = ask(&*provider, question("m")).await;
        assert_eq!(answer, [text("Hel"), Err(CompletionError::Timeout)], "{kind:?}");
    }
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let gone = Upstream::start().await.base_url();
    let settings = ProviderSettings { base_url: Some(gone), ..ProviderSettings::new(Kind::OpenAi) };
    let provider = OpenAi::new("gone", &settings).unwrap();
    assert_eq!(ask(&provider, question("m")).await, [Err(CompletionError::Unreachable)]);
    assert_eq!(provider.first_token_deadline(), Some(Duration::from_secs(60)));
}

#[tokio::test]
async fn an_endless_event_is_refused_and_its_connection_closed() {
    for kind in KINDS {
        let upstream = Upstream::start().await;
        upstream.enqueue(Reply::huge_event(64 * 1024 * 1024));
        let provider = provider(&settings(kind, &upstream));
        assert_eq!(ask(&*provider, question("m")).await, [Err(CompletionError::Malformed)], "{kind:?}");
        upstream.wait_closed(0).await;
    }
}
