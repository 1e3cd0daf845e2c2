//! Redirects: each hop is judged like the first address, and takes nothing along.

use outbound::FetchError;
use testkit::upstream::Reply;

use crate::{Site, moved, page};

#[tokio::test]
async fn redirects_are_followed_and_the_last_address_is_told() {
    let site = Site::start().await;
    for reply in [moved("/b"), moved("c?page=2"), moved("//docs.example/d"), page("Hello")] {
        site.upstream.enqueue(reply);
    }
    let address = outbound::Address::parse("http://docs.example/a").unwrap();
    let fetched = site.outbound.fetch(&address, &outbound::Limits::PAGE).await.unwrap();
    assert_eq!(fetched.address().to_string(), "http://docs.example/d");
    assert_eq!(fetched.into_bytes().await.unwrap(), b"Hello");
    assert_eq!(site.paths(), ["/a", "/b", "/c?page=2", "/d"]);
}

#[tokio::test]
async fn five_redirects_are_followed_and_not_a_sixth() {
    let site = Site::start().await;
    for _ in 0..5 {
        site.upstream.enqueue(moved("/"));
    }
    site.upstream.enqueue(page("Hello"));
    assert_eq!(site.fetch("http://docs.example/").await.unwrap(), "Hello");

    site.upstream.always(moved("/"));
    let error = site.fetch("http://docs.example/").await.unwrap_err();
    assert!(matches!(error, FetchError::Redirect), "{error:?}");
    assert_eq!(site.paths().len(), 6 + 6);
}

#[tokio::test]
async fn a_redirect_to_what_is_refused_is_refused_alike() {
    let site = Site::start().await;
    let port = site.upstream.address().port();
    site.names.lead("rebound.example", &[site.upstream.address()]);
    let direct = site.fetch("http://10.0.0.1/").await.unwrap_err().to_string();
    for location in [
        "http://127.0.0.1/".to_owned(),
        format!("http://127.0.0.1:{port}/"),
        "http://[::1]/".to_owned(),
        "http://[::ffff:7f00:1]/".to_owned(),
        "//169.254.169.254/latest/meta-data".to_owned(),
        "http://metadata.google.internal/".to_owned(),
        "http://localhost/".to_owned(),
        "http://rebound.example/".to_owned(),
        "http://nowhere.example/".to_owned(),
        format!("http://docs.example:{port}/"),
    ] {
        site.upstream.enqueue(moved(&location));
        let error = site.fetch("http://docs.example/").await.unwrap_err();
        assert!(matches!(error, FetchError::Refused(_)), "{location}: {error:?}");
        assert_eq!(error.to_string(), direct, "{location}");
    }
    assert!(site.paths().iter().all(|path| path == "/"));
    assert_eq!(site.paths().len(), 10);
}

#[tokio::test]
async fn a_redirect_to_what_is_no_ordinary_address_is_not_followed() {
    let site = Site::start().await;
    for location in [
        "http://2130706433/",
        "//0x7f.1/",
        "http://017700000001/",
        "http://docs.example./",
        "http://ada:hush@docs.example/",
        "ftp://docs.example/",
        "file:///etc/passwd",
        "/\\127.0.0.1/",
        "http://\u{ff11}27.0.0.1/",
    ] {
        site.upstream.enqueue(moved(location));
        let error = site.fetch("http://docs.example/").await.unwrap_err();
        assert!(matches!(error, FetchError::Redirect), "{location}: {error:?}");
    }
    site.upstream.enqueue(Reply::status(302));
    assert!(matches!(site.fetch("http://docs.example/").await, Err(FetchError::Redirect)));
    assert_eq!(site.paths().len(), 10);
}

#[tokio::test]
async fn a_host_that_changes_its_mind_between_redirects_is_refused() {
    let site = Site::with(crate::settings(&["127.0.0.1/32"])).await;
    let mut elsewhere = site.upstream.address();
    elsewhere.set_ip("127.0.0.2".parse().unwrap());
    site.names.lead("docs.example", &[site.upstream.address()]);
    site.names.lead("docs.example", &[elsewhere]);
    site.upstream.always(moved("/again"));
    let error = site.fetch("http://docs.example/").await.unwrap_err();
    assert!(matches!(error, FetchError::Refused(_)), "{error:?}");
    assert_eq!(site.paths(), ["/"]);
}

#[tokio::test]
async fn nothing_is_carried_from_one_hop_to_the_next() {
    let site = Site::start().await;
    site.upstream.enqueue(moved("/b").header("set-cookie", "session=1; Path=/"));
    site.upstream.enqueue(page("Hello"));
    site.fetch("http://docs.example/a").await.unwrap();
    for request in site.upstream.requests() {
        assert_eq!(request.method, "GET");
        let mut names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
    }
}
