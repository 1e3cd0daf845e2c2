//! The one body extractor: JSON of bounded size and depth, with errors that name the field.

use std::marker::PhantomData;
use std::time::Duration;

use axum::extract::{FromRef, FromRequest, FromRequestParts, Path, Request};
use axum::response::IntoResponse;
use bytes::Bytes;
use chat::Error;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use http::request::Parts;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::dialects::codmir::CodmirError;

/// The most bytes of a JSON body.
pub(crate) const MAX_BODY: usize = 2 << 20;
/// The most levels of arrays and objects.
const MAX_DEPTH: usize = 64;

/// What is wrong with a body; each dialect has its own form for it.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// More bytes than we take.
    TooLarge(String),
    /// Not JSON at all.
    Malformed(WrongField),
    /// JSON that says something else than it should.
    Wrong(WrongField),
}

/// The field that is to blame, and a sentence.
#[derive(Debug)]
pub(crate) struct WrongField {
    pub(crate) field: String,
    pub(crate) message: String,
}

impl BodyError {
    fn malformed(message: impl Into<String>) -> Self {
        Self::Malformed(WrongField { field: "body".to_owned(), message: message.into() })
    }
}

/// How long a body may take to arrive.
pub(crate) struct BodyTimeout(pub(crate) Duration);

/// The form that a dialect gives to refusals, and what it takes.
pub(crate) trait Refusal: From<BodyError> + From<Error> + IntoResponse {
    /// Whether a body counts as JSON whatever its `Content-Type`. A dialect that answers without a key can't: a page can
    /// make a browser send other types to another site without asking first.
    const ANY_CONTENT_TYPE: bool;
}

/// A JSON body: what it says, and the SHA-256 of its bytes, which tells a repeat from another request.
pub(crate) struct Json<T, E = CodmirError> {
    pub(crate) value: T,
    pub(crate) hash: [u8; 32],
    refusal: PhantomData<E>,
}

/// The fields of a JSON object or of a form, whatever the `Content-Type`; no body has none.
pub(crate) struct Fields<E> {
    pub(crate) value: Map<String, Value>,
    pub(crate) hash: [u8; 32],
    refusal: PhantomData<E>,
}

/// As [`Json`], where no body at all is the default.
pub(crate) struct OptionalJson<T, E = CodmirError>(pub(crate) T, pub(crate) PhantomData<E>);

/// The id in a path, or several as a tuple. One that can't be decoded names nothing.
pub(crate) struct PathId<E = CodmirError, Id = String>(pub(crate) Id, pub(crate) PhantomData<E>);

impl<S, E, Id> FromRequestParts<S> for PathId<E, Id>
where
    S: Send + Sync,
    E: Refusal,
    Id: DeserializeOwned + Send,
{
    type Rejection = E;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, E> {
        let path = Path::<Id>::from_request_parts(parts, state).await;
        path.map(|Path(id)| Self(id, PhantomData)).map_err(|_| Error::not_found("route").into())
    }
}

impl<S, T, E> FromRequest<S> for Json<T, E>
where
    S: Send + Sync,
    T: DeserializeOwned,
    E: Refusal,
    BodyTimeout: FromRef<S>,
{
    type Rejection = E;

    async fn from_request(request: Request, state: &S) -> Result<Self, E> {
        check_content_type::<E>(&request)?;
        let bytes = read(request, BodyTimeout::from_ref(state)).await?;
        Ok(Self { value: parse(&bytes)?, hash: Sha256::digest(&bytes).into(), refusal: PhantomData })
    }
}

impl<S, T, E> FromRequest<S> for OptionalJson<T, E>
where
    S: Send + Sync,
    T: DeserializeOwned + Default,
    E: Refusal,
    BodyTimeout: FromRef<S>,
{
    type Rejection = E;

    async fn from_request(request: Request, state: &S) -> Result<Self, E> {
        let content_type = check_content_type::<E>(&request);
        let bytes = read(request, BodyTimeout::from_ref(state)).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default(), PhantomData));
        }
        content_type?;
        Ok(Self(parse(&bytes)?, PhantomData))
    }
}

impl<S, E> FromRequest<S> for Fields<E>
where
    S: Send + Sync,
    E: Refusal,
    BodyTimeout: FromRef<S>,
{
    type Rejection = E;

    async fn from_request(request: Request, state: &S) -> Result<Self, E> {
        check_content_type::<E>(&request)?;
        let is_form = content_type(&request).eq_ignore_ascii_case("application/x-www-form-urlencoded");
        let bytes = read(request, BodyTimeout::from_ref(state)).await?;
        let text = bytes.trim_ascii_start();
        let value = match text.first() {
            None => Map::new(),
            // `curl -d` calls JSON a form.
            Some(b'{' | b'[') => parse(text)?,
            Some(_) if is_form => form(text),
            Some(_) => parse(text)?,
        };
        Ok(Self { value, hash: Sha256::digest(&bytes).into(), refusal: PhantomData })
    }
}

/// Texts by name; the values of a name that ends in `[]` are a list. The last of several counts, as in PHP.
fn form(bytes: &[u8]) -> Map<String, Value> {
    let mut fields = Map::new();
    for (name, value) in form_urlencoded::parse(bytes) {
        let value = Value::from(value.into_owned());
        match name.strip_suffix("[]") {
            Some(name) => {
                let list = fields.entry(name).or_insert_with(|| Value::Array(Vec::new()));
                if let Value::Array(values) = list {
                    values.push(value);
                } else {
                    *list = Value::Array(vec![value]);
                }
            }
            None => {
                fields.insert(name.into_owned(), value);
            }
        }
    }
    fields
}

fn content_type(request: &Request) -> &str {
    let named = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    named.split(';').next().unwrap_or_default().trim()
}

fn check_content_type<E: Refusal>(request: &Request) -> Result<(), BodyError> {
    let essence = content_type(request);
    let json =
        essence.eq_ignore_ascii_case("application/json") || essence.to_ascii_lowercase().ends_with("+json");
    if json || E::ANY_CONTENT_TYPE || request.headers().contains_key(AUTHORIZATION) {
        return Ok(());
    }
    let message = "Content-Type must be application/json".to_owned();
    Err(BodyError::Wrong(WrongField { field: "Content-Type".to_owned(), message }))
}

async fn read(request: Request, BodyTimeout(patience): BodyTimeout) -> Result<Bytes, BodyError> {
    let too_large = || BodyError::TooLarge(format!("the body must be at most {MAX_BODY} bytes"));
    let announced =
        request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > MAX_BODY as u64) {
        return Err(too_large());
    }
    let body = Limited::new(request.into_body(), MAX_BODY).collect();
    match tokio::time::timeout(patience, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(BodyError::malformed("the body could not be read")),
        Err(_) => Err(BodyError::malformed("the body took too long to arrive")),
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, BodyError> {
    if bytes.is_empty() {
        return Err(BodyError::malformed("the body is empty; send a JSON object"));
    }
    if too_deep(bytes) {
        return Err(BodyError::malformed(format!("the body is nested deeper than {MAX_DEPTH} levels")));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Object(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| field_error(&error))?;
    json.end().map_err(|error| BodyError::malformed(format!("the body is not one JSON value: {error}")))?;
    Ok(value)
}

/// Names the field of an error that serde found.
pub(crate) fn field_error(error: &serde_path_to_error::Error<serde_json::Error>) -> BodyError {
    let path = error.path().to_string();
    let cause = error.inner();
    // What serde says may quote what it found; a caller knows what it sent.
    let reason: String = cause.to_string().chars().take(200).collect();
    let field = if path == "." || path == "?" { "body".to_owned() } else { path };
    if cause.is_data() {
        let message = format!("{field}: {reason}");
        return BodyError::Wrong(WrongField { field, message });
    }
    BodyError::Malformed(WrongField { field, message: format!("the body is not valid JSON: {reason}") })
}

/// Tells `null`, which is `Some(None)`, from a field that is left out.
pub(crate) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A list of objects, for a field that is one.
pub(crate) fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let objects = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(objects.into_iter().map(|Object(value)| value).collect())
}

/// An object or `null`, for a field that may be one.
pub(crate) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Ok(Option::<Object<T>>::deserialize(deserializer)?.map(|Object(value)| value))
}

/// A JSON object. What serde derives for a struct takes an array as well, its fields by position.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData)).map(Self)
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = T;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

/// Whether arrays and objects are nested too deep; looks at brackets outside strings, nothing else.
fn too_deep(json: &[u8]) -> bool {
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    for byte in json {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => depth += 1,
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return true;
        }
    }
    false
}

/// Refuses text that no store and no vendor takes: NUL.
pub(crate) fn check_text(field: &str, text: &str) -> Result<(), BodyError> {
    if text.contains('\0') {
        let message = format!("{field} must not contain U+0000");
        return Err(BodyError::Wrong(WrongField { field: field.to_owned(), message }));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_strings() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        assert!(!too_deep(nested(64).as_bytes()));
        assert!(too_deep(nested(65).as_bytes()));
        assert!(!too_deep(format!("{{\"a\":\"{}\\\"{}\"}}", "[".repeat(99), "{".repeat(99)).as_bytes()));
    }
}
