//! What is never reached, however it is written and wherever its name leads.

use std::net::{IpAddr, SocketAddr};

use outbound::{FetchError, Settings};

use crate::{Site, page, settings};

fn at(address: &str) -> SocketAddr {
    SocketAddr::new(address.parse::<IpAddr>().expect("a number"), 0)
}

/// The sentence, which must be the same for all that is refused.
fn sentence(result: Result<String, FetchError>) -> String {
    let error = result.expect_err("it is refused");
    assert!(matches!(error, FetchError::Refused(_)), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn a_public_page_is_read() {
    let site = Site::start().await;
    site.upstream.enqueue(page("<p>Hello"));
    assert_eq!(site.fetch("http://docs.example/guide?page=2#top").await.unwrap(), "<p>Hello");
    assert_eq!(site.paths(), ["/guide?page=2"]);
    assert_eq!(site.upstream.requests()[0].header("host"), Some("docs.example"));
}

#[tokio::test]
async fn the_type_and_the_address_of_a_page_are_told() {
    let site = Site::start().await;
    site.upstream.enqueue(page("<p>Hello"));
    let address = outbound::Address::parse("http://docs.example/guide").unwrap();
    let fetched = site.outbound.fetch(&address, &outbound::Limits::PAGE).await.unwrap();
    assert_eq!(fetched.content_type(), Some("text/html; charset=utf-8"));
    assert_eq!(fetched.address(), &address);
}

#[tokio::test]
async fn numbers_of_our_own_networks_are_refused_with_one_sentence() {
    let site = Site::with(Settings::default()).await;
    let port = site.upstream.address().port();
    let site = site.under(Settings { ports: vec![80, 443, port], ..Settings::default() });
    let nowhere = sentence(site.fetch("http://nowhere.example/").await);
    for host in [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "[::]",
        "[::1]",
        "[::127.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
        "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
        "[fe80::1]",
        "[fc00::1]",
        "[fd00:ec2::254]",
        "[ff02::1]",
        "[2001:db8::1]",
    ] {
        for address in
            [format!("http://{host}:{port}/"), format!("http://{host}/"), format!("https://{host}/")]
        {
            assert_eq!(sentence(site.fetch(&address).await), nowhere, "{address}");
        }
    }
    assert_eq!((site.upstream.open_connections(), site.paths().len()), (0, 0));
}

#[tokio::test]
async fn names_of_our_own_networks_are_not_even_looked_up() {
    let site = Site::with(Settings::default()).await;
    for name in ["localhost", "db", "metadata", "metadata.google.internal", "printer.local", "a.localhost"] {
        site.names.lead(name, &[at("8.8.8.8")]);
        sentence(site.fetch(&format!("http://{name}/")).await);
    }
    assert!(site.names.asked().is_empty());
}

#[tokio::test]
async fn a_name_is_refused_for_what_it_leads_to() {
    let site = Site::with(Settings::default()).await;
    let nowhere = sentence(site.fetch("http://nowhere.example/").await);
    let answers: [&[&str]; 9] = [
        &["127.0.0.1"],
        &["10.0.0.1"],
        &["169.254.169.254"],
        &["::1"],
        &["::ffff:10.0.0.1"],
        &["64:ff9b::a00:1"],
        &["fd00::1"],
        &["8.8.8.8", "10.0.0.1"],
        &[],
    ];
    for (index, answer) in answers.iter().enumerate() {
        let name = format!("rebound{index}.example");
        let addresses: Vec<SocketAddr> = answer.iter().map(|address| at(address)).collect();
        site.names.lead(&name, &addresses);
        assert_eq!(sentence(site.fetch(&format!("http://{name}/")).await), nowhere, "{answer:?}");
    }
}

#[tokio::test]
async fn a_name_that_changes_its_mind_is_judged_by_the_answer_that_is_connected_to() {
    let site = Site::with(settings(&["127.0.0.1/32"])).await;
    let allowed = site.upstream.address();
    let forbidden = SocketAddr::new("127.0.0.2".parse().unwrap(), allowed.port());
    site.upstream.always(page("Hello"));
    site.names.lead("docs.example", &[allowed]);
    site.names.lead("docs.example", &[forbidden]);

    assert_eq!(site.fetch("http://docs.example/").await.unwrap(), "Hello");
    assert_eq!(site.names.asked().len(), 1, "judged and connected to by one answer");
    sentence(site.fetch("http://docs.example/").await);
    assert_eq!(site.names.asked().len(), 2, "no connection outlives the answer it was judged by");
    assert_eq!(site.paths().len(), 1);
}

#[tokio::test]
async fn a_port_is_refused_before_anything_is_looked_up() {
    let site = Site::start().await;
    for address in ["http://docs.example:22/", "http://docs.example:6379/", "https://docs.example:8443/"] {
        sentence(site.fetch(address).await);
    }
    assert!(site.names.asked().is_empty());
}

#[tokio::test]
async fn a_host_that_is_allowed_with_a_port_is_reached_at_that_port_only() {
    let site = Site::with(Settings::default()).await;
    let port = site.upstream.address().port();
    let site = site.under(settings(&[&format!("wiki.corp:{port}"), &format!("127.0.0.1:{port}")]));
    site.names.lead("wiki.corp", &[site.upstream.address()]);
    site.upstream.always(page("Hello"));
    for host in ["wiki.corp", "127.0.0.1"] {
        assert_eq!(site.fetch(&format!("http://{host}:{port}/")).await.unwrap(), "Hello", "{host}");
        sentence(site.fetch(&format!("http://{host}/")).await);
        sentence(site.fetch(&format!("http://{host}:{}/", port ^ 1)).await);
    }
    sentence(site.fetch(&format!("http://other.example:{port}/")).await);
    assert_eq!(site.names.asked(), ["wiki.corp"]);
}

#[tokio::test]
async fn a_network_that_is_allowed_is_reached_by_number_and_by_any_name() {
    let site = Site::with(settings(&["127.0.0.0/8"])).await;
    let port = site.upstream.address().port();
    let site = site.under(Settings { ports: vec![80, port], ..settings(&["127.0.0.0/8"]) });
    site.upstream.always(page("Hello"));
    for name in ["wiki", "wiki.corp", "wiki.example"] {
        site.names.lead(name, &[site.upstream.address()]);
        assert_eq!(site.fetch(&format!("http://{name}/")).await.unwrap(), "Hello", "{name}");
    }
    for number in ["127.0.0.1", "[::ffff:127.0.0.1]"] {
        assert_eq!(site.fetch(&format!("http://{number}:{port}/")).await.unwrap(), "Hello", "{number}");
    }
    sentence(site.fetch(&format!("http://[::1]:{port}/")).await);
}

#[tokio::test]
async fn what_is_refused_by_the_configuration_is_refused_though_it_is_public_or_allowed() {
    let refused = ["127.0.0.1/32", "8.8.8.0/24", "64:ff9b::/96"].map(|network| network.parse().unwrap());
    let site = Site::with(Settings { refused: refused.to_vec(), ..settings(&["127.0.0.0/8"]) }).await;
    site.names.lead("docs.example", &[site.upstream.address()]);
    site.names.lead("dns.example", &[at("8.8.8.8")]);
    for address in [
        "http://docs.example/",
        "http://dns.example/",
        "http://127.0.0.1/",
        "http://8.8.8.8/",
        "http://[::ffff:8.8.8.8]/",
        "http://[64:ff9b::1.1.1.1]/",
    ] {
        sentence(site.fetch(address).await);
    }
}

#[tokio::test]
async fn without_the_public_internet_only_the_allowed_is_reached() {
    let site = Site::with(Settings { public: false, ..settings(&["docs.example"]) }).await;
    site.names.lead("docs.example", &[site.upstream.address()]);
    site.upstream.enqueue(page("Hello"));
    assert_eq!(site.fetch("http://docs.example/").await.unwrap(), "Hello");
    sentence(site.fetch("http://8.8.8.8/").await);
    sentence(site.fetch("http://other.example/").await);
    assert_eq!(site.names.asked(), ["docs.example"]);
}
