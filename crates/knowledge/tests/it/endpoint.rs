//! Vectors of an endpoint that speaks OpenAI's embeddings, over real HTTP.

use std::time::Duration;

use knowledge::embed::endpoint::{Endpoint, EndpointSettings};
use knowledge::embed::{EmbedError, Embedder, Purpose};
use serde_json::{Value, json};
use testkit::upstream::{Reply, Upstream};

#[tokio::test]
async fn texts_get_their_vectors_in_their_order_at_unit_length() {
    let upstream = Upstream::start().await;
    upstream.enqueue(answer(&[(1, json!([0, 2])), (0, json!([3.0, 4.0]))]));

    let vectors = embed(&settings(&upstream), &["one", "other"]).await.unwrap();

    assert_eq!(vectors, [[0.6, 0.8], [0.0, 1.0]]);
    let asked = upstream.requests().remove(0);
    assert_eq!((asked.method.as_str(), asked.path.as_str()), ("POST", "/v1/embeddings"));
    assert_eq!(asked.header("authorization"), Some("Bearer sk-hush"));
    let body = json!({ "model": "house/near", "input": ["one", "other"], "encoding_format": "float" });
    assert_eq!(asked.json(), body);
}

#[tokio::test]
async fn many_texts_are_asked_for_in_requests_that_are_no_larger_than_need_be() {
    let upstream = Upstream::start().await;
    let replies = |count: usize| {
        let vectors: Vec<(usize, Value)> = (0..count).map(|place| (place, json!([1, 0]))).collect();
        answer(&vectors)
    };
    for count in [64, 6, 32, 8] {
        upstream.enqueue(replies(count));
    }

    assert_eq!(embed(&settings(&upstream), &["short"; 70]).await.unwrap().len(), 70);
    // Each of them is cut to 8 KiB, and 32 of those are 256 KiB.
    let long = "ä".repeat(100_000);
    assert_eq!(embed(&settings(&upstream), &[long.as_str(); 40]).await.unwrap().len(), 40);

    let asked: Vec<Value> =
        upstream.requests().iter().map(|request| request.json()["input"].clone()).collect();
    let counts: Vec<usize> = asked.iter().map(|input| input.as_array().unwrap().len()).collect();
    assert_eq!(counts, [64, 6, 32, 8]);
    assert_eq!(asked[2][0].as_str().unwrap().len(), 8 * 1024);
}

#[tokio::test]
async fn an_answer_that_is_not_what_was_asked_for_is_refused_in_a_sentence() {
    let upstream = Upstream::start().await;
    let one = json!([1, 0]);
    for (reply, expected) in [
        (answer(&[(0, json!([1, 0, 0]))]), "gave a vector of 3 numbers, while embedding.dimensions is 2"),
        (answer(&[]), "gave 0 vectors for 1 texts, or not one for each"),
        (answer(&[(0, one.clone()), (1, one.clone())]), "gave 2 vectors for 1 texts, or not one for each"),
        (answer(&[(1, one)]), "gave 1 vectors for 1 texts, or not one for each"),
        (answer(&[(0, json!([1e30, 0]))]), "gave a vector with numbers that are not finite"),
        (answer(&[(0, json!([null, 0]))]), "answered with something that is no list of vectors"),
        (Reply::html(), "answered with something that is no list of vectors"),
        (Reply::status(200).body(vec![b' '; 1 << 20]), "answered with something that is no list of vectors"),
        (Reply::status(302).header("location", "http://127.0.0.1:9/"), "answered with HTTP status 302"),
        (
            Reply::json(401, &json!({ "error": { "message": "sk-hush is wrong" } })),
            "answered with HTTP status 401",
        ),
        (answer(&[(0, json!([1, 0]))]).cut_after(10), "can't be reached"),
    ] {
        upstream.enqueue(reply);
        let refused = embed(&settings(&upstream), &["one"]).await.unwrap_err();
        assert_eq!(refused.to_string(), format!("the embedding endpoint {expected}"));
        assert!(!format!("{refused:?}").contains("hush"));
    }
    upstream.always(Reply::hang());
    let brief = EndpointSettings { timeout: Duration::from_millis(1), ..settings(&upstream) };
    let refused = embed(&brief, &["one"]).await.unwrap_err();
    assert_eq!(refused.to_string(), "the embedding endpoint took longer than embedding.timeout");
}

#[test]
fn vectors_of_another_model_or_size_are_told_apart_by_its_name() {
    let named = |model: &str, dimensions| {
        let settings = EndpointSettings { model: model.to_owned(), dimensions, ..at("http://localhost/v1") };
        Endpoint::new(&settings).unwrap().name().to_owned()
    };
    assert_eq!(named("house/near", 2), "endpoint/house/near/2");
    assert_eq!(named("house/near", 3), "endpoint/house/near/3");
}

#[test]
fn settings_that_cannot_work_are_refused() {
    let refused = |settings: EndpointSettings| Endpoint::new(&settings).unwrap_err().to_string();
    let base_url = refused(at("http://u:hush@localhost/v1?key=hush"));
    assert_eq!(
        base_url,
        "base_url \"…@localhost/v1\" is no http or https address with a host and without user, query or fragment"
    );
    let local = at("http://localhost/v1");
    assert_eq!(refused(EndpointSettings { model: " ".to_owned(), ..local.clone() }), "model is empty");
    let key = EndpointSettings { api_key: Some("two\nlines".into()), ..local };
    assert_eq!(refused(key), "api_key holds characters that a header can't carry");
}

fn at(base_url: &str) -> EndpointSettings {
    EndpointSettings {
        base_url: base_url.to_owned(),
        api_key: Some("sk-hush".into()),
        model: "house/near".to_owned(),
        dimensions: 2,
        timeout: Duration::from_secs(60),
    }
}

fn settings(upstream: &Upstream) -> EndpointSettings {
    at(&format!("{}/v1/", upstream.base_url()))
}

async fn embed(settings: &EndpointSettings, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    Endpoint::new(settings).expect("they are fine").embed(Purpose::Passage, texts).await
}

fn answer(vectors: &[(usize, Value)]) -> Reply {
    let item = |(index, embedding): &(usize, Value)| json!({ "object": "embedding", "index": index, "embedding": embedding });
    let data: Vec<Value> = vectors.iter().map(item).collect();
    Reply::json(
        200,
        &json!({ "object": "list", "data": data, "model": "near", "usage": { "total_tokens": 2 } }),
    )
}
