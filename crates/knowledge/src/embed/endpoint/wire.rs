//! The JSON of OpenAI's embeddings, and nothing but its translation.

use serde::{Deserialize, Serialize};

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    input: &'a [&'a str],
    encoding_format: &'static str,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    index: usize,
    embedding: Vec<f32>,
}

/// The body that asks for the vectors of these texts.
pub(super) fn request<'a>(model: &'a str, input: &'a [&'a str]) -> impl Serialize {
    Request { model, input, encoding_format: "float" }
}

/// The vectors of an answer, each with the place of its text.
pub(super) fn vectors(body: &[u8]) -> Result<Vec<(usize, Vec<f32>)>, serde_json::Error> {
    let answer: Answer = serde_json::from_slice(body)?;
    Ok(answer.data.into_iter().map(|item| (item.index, item.embedding)).collect())
}
