//! What a fetch may take, whatever the server at the other end has in mind.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use outbound::{Address, FetchError, Limits};
use testkit::upstream::{Reply, Upstream};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::{Site, page, patient, settings};

const SOON: Duration = Duration::from_millis(150);

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).expect("memory takes all");
    encoder.finish().expect("memory takes all")
}

fn packed(body: Vec<u8>) -> Reply {
    Reply::status(200).header("content-encoding", "gzip").body(body)
}

#[tokio::test]
async fn a_status_other_than_success_is_told() {
    let site = Site::start().await;
    for status in [204, 206, 300, 304, 401, 404, 500] {
        site.upstream.enqueue(Reply::status(status));
        let result = site.fetch("http://docs.example/").await;
        match status {
            200..300 => assert_eq!(result.unwrap(), ""),
            _ => assert!(matches!(result, Err(FetchError::Status(told)) if told == status), "{status}"),
        }
    }
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_read_and_no_byte_more() {
    let site = Site::start().await;
    let limits = Limits { bytes: 5, ..patient() };
    site.upstream.enqueue(page("Hello").byte_by_byte());
    assert_eq!(site.fetch_within("http://docs.example/", limits).await.unwrap(), "Hello");
    site.upstream.enqueue(page("Hello!").byte_by_byte());
    let error = site.fetch_within("http://docs.example/", limits).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge(5)), "{error:?}");
}

#[tokio::test]
async fn an_endless_body_is_left() {
    let site = Site::start().await;
    site.upstream.enqueue(Reply::huge_event(256 << 20));
    let limits = Limits { bytes: 1 << 20, ..patient() };
    let error = site.fetch_within("http://docs.example/", limits).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge(_)), "{error:?}");
    site.upstream.wait_closed(0).await;
}

#[tokio::test]
async fn a_body_that_says_it_is_too_large_is_not_begun() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let site = Site::with(settings(&["docs.example"])).await;
    site.names.lead("docs.example", &[listener.local_addr().unwrap()]);
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_exact(&mut [0; 4]).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n").await.unwrap();
        // It ends when the client leaves, although no byte of the body was sent.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    };
    let limits = Limits { bytes: 999, ..patient() };
    let (result, ()) = tokio::join!(site.fetch_within("http://docs.example/", limits), server);
    assert!(matches!(result, Err(FetchError::TooLarge(999))), "{result:?}");
}

#[tokio::test]
async fn silence_ends_a_fetch_before_and_amid_the_body() {
    let site = Site::start().await;
    let limits = Limits { idle: SOON, ..patient() };
    for reply in [Reply::hang(), page("Hello").stall_after(2)] {
        site.upstream.enqueue(reply);
        let error = site.fetch_within("http://docs.example/", limits).await.unwrap_err();
        assert!(matches!(error, FetchError::Slow), "{error:?}");
    }
}

#[tokio::test]
async fn a_fetch_ends_in_time_however_busy_the_server_is() {
    let site = Site::start().await;
    let limits = Limits { total: SOON, ..patient() };
    let drip = page(&"a\n\n".repeat(100_000)).every(Duration::from_millis(5));
    for reply in [Reply::hang(), page("Hello").stall_after(2), drip] {
        site.upstream.enqueue(reply);
        let error = site.fetch_within("http://docs.example/", limits).await.unwrap_err();
        assert!(matches!(error, FetchError::Slow), "{error:?}");
    }
}

#[tokio::test]
async fn a_packed_body_is_unpacked_however_it_is_cut() {
    let site = Site::start().await;
    let text = "Grüße aus dem Lager. ".repeat(500);
    let twice = [gzip(text.as_bytes()), gzip(b"The end.")].concat();
    for reply in [packed(gzip(text.as_bytes())), packed(gzip(text.as_bytes())).byte_by_byte()] {
        site.upstream.enqueue(reply);
        assert_eq!(site.fetch("http://docs.example/").await.unwrap(), text);
    }
    site.upstream.enqueue(packed(twice));
    assert_eq!(site.fetch("http://docs.example/").await.unwrap(), format!("{text}The end."));
    site.upstream.enqueue(packed(Vec::new()));
    assert_eq!(site.fetch("http://docs.example/").await.unwrap(), "");
}

#[tokio::test]
async fn a_bomb_is_left_before_it_fills_anything() {
    let site = Site::start().await;
    let bomb = gzip(&vec![0; 16 << 20]);
    site.upstream.enqueue(packed(bomb.clone()));
    let error = site.fetch_within("http://docs.example/", patient()).await.unwrap_err();
    assert!(matches!(error, FetchError::TooTight), "{error:?}");

    site.upstream.enqueue(packed(bomb));
    let limits = Limits { bytes: 100_000, ..patient() };
    let error = site.fetch_within("http://docs.example/", limits).await.unwrap_err();
    assert!(matches!(error, FetchError::TooLarge(100_000)), "{error:?}");
}

#[tokio::test]
async fn a_body_that_breaks_off_or_is_damaged_is_no_body() {
    let site = Site::start().await;
    let whole = gzip("Hello, hello, hello.".as_bytes());
    let mut damaged = whole.clone();
    damaged[12] ^= 0xff;
    let mut replies = vec![page("Hello").cut_after(2), packed(b"no gzip at all".to_vec()), packed(damaged)];
    replies.extend((1..whole.len()).map(|length| packed(whole[..length].to_vec())));
    for reply in replies {
        site.upstream.enqueue(reply.clone());
        let error = site.fetch("http://docs.example/").await.unwrap_err();
        assert!(matches!(error, FetchError::Broken(_)), "{reply:?}: {error:?}");
    }
}

#[tokio::test]
async fn packing_that_was_not_asked_for_is_refused() {
    let site = Site::start().await;
    for encoding in ["br", "zstd", "deflate", "gzip, gzip", "gzip,br"] {
        site.upstream.enqueue(page("Hello").header("content-encoding", encoding));
        let error = site.fetch("http://docs.example/").await.unwrap_err();
        assert!(matches!(error, FetchError::Encoding), "{encoding}: {error:?}");
    }
    let twice = page("Hello").header("content-encoding", "gzip").header("content-encoding", "gzip");
    site.upstream.enqueue(twice);
    assert!(matches!(site.fetch("http://docs.example/").await, Err(FetchError::Encoding)));
}

#[tokio::test]
async fn too_many_headers_are_refused() {
    let site = Site::start().await;
    site.upstream.enqueue(page("Hello").header("x-long", &"a".repeat(100_000)));
    let error = site.fetch("http://docs.example/").await.unwrap_err();
    assert!(matches!(error, FetchError::Headers), "{error:?}");
}

#[tokio::test]
async fn nobody_at_an_allowed_address_is_unreachable() {
    let site = Site::with(settings(&["docs.example"])).await;
    site.names.lead("docs.example", &[Upstream::start().await.address()]);
    let error = site.fetch("http://docs.example/").await.unwrap_err();
    assert!(matches!(error, FetchError::Unreachable(_)), "{error:?}");
}

#[tokio::test]
async fn a_file_is_written_piece_by_piece() {
    let site = Site::start().await;
    let text = "Hello, hello. ".repeat(10_000);
    site.upstream.enqueue(packed(gzip(text.as_bytes())));
    let address = Address::parse("http://docs.example/archive.tar").unwrap();
    let fetched = site.outbound.fetch(&address, &Limits::ARCHIVE).await.unwrap();
    let mut file = Vec::new();
    assert_eq!(fetched.copy_to(&mut file).await.unwrap(), text.len() as u64);
    assert_eq!(file, text.as_bytes());
}
