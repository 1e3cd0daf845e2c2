//! What the vendors refuse, in their own words, so that a request our tests accept is one the vendor accepts.
//! Written after the vendors' references; only what a provider of ours could get wrong.

use serde_json::{Map, Value, json};

use super::{ReceivedRequest, Reply};

/// Whose rules a strict upstream applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strict {
    /// Chat completions.
    OpenAi {
        /// As at `api.openai.com`, where newer models refuse what compatible servers take. A flag, since the scripted
        /// upstream always listens on loopback.
        own_address: bool,
    },
    /// Messages.
    Anthropic,
}

impl Strict {
    /// The vendor's answer to a request that it refuses.
    pub(super) fn refusal_of(self, request: &ReceivedRequest) -> Option<Reply> {
        let body = request.json();
        let Some(body) = body.as_object() else {
            return Some(self.refuse(400, "", "We could not parse the JSON body of your request."));
        };
        let verdict = match self {
            Self::OpenAi { own_address } => openai(request, body, own_address),
            Self::Anthropic => anthropic(request, body),
        };
        verdict.err().map(|refusal| self.refuse(refusal.status, refusal.code, &refusal.message))
    }

    fn refuse(self, status: u16, code: &str, message: &str) -> Reply {
        let kind = if status == 401 { "authentication_error" } else { "invalid_request_error" };
        let body = match self {
            Self::OpenAi { .. } => {
                json!({"error": {"message": message, "type": kind, "param": null, "code": code}})
            }
            Self::Anthropic => json!({"type": "error", "error": {"type": kind, "message": message}}),
        };
        Reply::json(status, &body)
    }
}

struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

/// Refuses with a 400 unless `holds`.
fn require(holds: bool, code: &'static str, message: impl Into<String>) -> Result<(), Refusal> {
    if holds { Ok(()) } else { Err(Refusal { status: 400, code, message: message.into() }) }
}

const OPENAI_FIELDS: &[&str] = &[
    "audio",
    "frequency_penalty",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "metadata",
    "modalities",
    "model",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
    "web_search_options",
];

fn openai(request: &ReceivedRequest, body: &Map<String, Value>, own_address: bool) -> Result<(), Refusal> {
    if own_address && !request.header("authorization").is_some_and(|value| value.starts_with("Bearer ")) {
        return Err(Refusal { status: 401, code: "", message: "You didn't provide an API key.".to_owned() });
    }
    if let Some(unknown) = unknown_field(body, OPENAI_FIELDS) {
        require(false, "unknown_parameter", format!("Unknown parameter: '{unknown}'."))?;
    }
    require(body.get("model").is_some_and(is_text), "", "you must provide a model parameter")?;
    let messages = messages(body)?;
    for (index, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        let known = ["developer", "system", "user", "assistant"].contains(&role);
        require(known, "invalid_value", format!("Invalid value: '{role}' at messages[{index}].role."))?;
        let wanted = format!("Invalid type for 'messages[{index}].content': expected a non-empty string.");
        require(is_text(&message["content"]), "invalid_type", wanted)?;
    }
    check_temperature(body, 2.0)?;
    if own_address && is_reasoning_model(body) { check_reasoning_model(body) } else { Ok(()) }
}

fn is_reasoning_model(body: &Map<String, Value>) -> bool {
    let model = body["model"].as_str().unwrap_or_default();
    ["gpt-5", "o1", "o3", "o4"].iter().any(|family| model.starts_with(family))
}

fn check_reasoning_model(body: &Map<String, Value>) -> Result<(), Refusal> {
    let message = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' \
                   instead.";
    require(!body.contains_key("max_tokens"), "unsupported_parameter", message)?;
    let temperature = body.get("temperature").and_then(Value::as_f64).unwrap_or(1.0);
    let message = format!(
        "Unsupported value: 'temperature' does not support {temperature} with this model. Only the default (1) value \
         is supported."
    );
    require((temperature - 1.0).abs() < f64::EPSILON, "unsupported_value", message)
}

const ANTHROPIC_FIELDS: &[&str] = &[
    "container",
    "context_management",
    "max_tokens",
    "mcp_servers",
    "messages",
    "metadata",
    "model",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_k",
    "top_p",
];

fn anthropic(request: &ReceivedRequest, body: &Map<String, Value>) -> Result<(), Refusal> {
    if request.header("x-api-key").is_none() {
        return Err(Refusal { status: 401, code: "", message: "x-api-key header is required".to_owned() });
    }
    let version = request.header("anthropic-version");
    require(version == Some("2023-06-01"), "", "anthropic-version: header is required")?;
    if let Some(unknown) = unknown_field(body, ANTHROPIC_FIELDS) {
        require(false, "", format!("{unknown}: Extra inputs are not permitted"))?;
    }
    require(body.get("model").is_some_and(is_text), "", "model: Field required")?;
    let limit = body.get("max_tokens").and_then(Value::as_u64);
    require(limit.is_some_and(|limit| limit >= 1), "", "max_tokens: Field required")?;
    require(body.get("system").is_none_or(is_text), "", "system: text content blocks must be non-empty")?;
    let messages = messages(body)?;
    require(messages[0]["role"] == "user", "", "messages: first message must use the \"user\" role")?;
    for (index, message) in messages.iter().enumerate() {
        let role = message["role"].as_str().unwrap_or_default();
        let unexpected = format!("messages.{index}: Unexpected role \"{role}\".");
        require(["user", "assistant"].contains(&role), "", unexpected)?;
        let empty = format!("messages.{index}: text content blocks must be non-empty");
        require(is_text(&message["content"]), "", empty)?;
    }
    check_temperature(body, 1.0)
}

fn unknown_field<'a>(body: &'a Map<String, Value>, known: &[&str]) -> Option<&'a String> {
    body.keys().find(|key| !known.contains(&key.as_str()))
}

fn messages(body: &Map<String, Value>) -> Result<&Vec<Value>, Refusal> {
    let messages = body.get("messages").and_then(Value::as_array).filter(|messages| !messages.is_empty());
    let message = "messages: at least one message is required".to_owned();
    messages.ok_or(Refusal { status: 400, code: "empty_array", message })
}

fn check_temperature(body: &Map<String, Value>, most: f64) -> Result<(), Refusal> {
    let Some(temperature) = body.get("temperature") else { return Ok(()) };
    let fits = temperature.as_f64().is_some_and(|value| (0.0..=most).contains(&value));
    require(fits, "decimal_above_max_value", format!("temperature: expected a number from 0 to {most}"))
}

fn is_text(value: &Value) -> bool {
    value.as_str().is_some_and(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether `strict` refuses a request that is right but for `changes` to its body; `null` takes a field away.
    fn refuses(strict: Strict, changes: &Value) -> bool {
        let mut body =
            json!({"model": "gpt-5", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 9});
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        body.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        let headers =
            [("authorization", "Bearer k"), ("x-api-key", "k"), ("anthropic-version", "2023-06-01")];
        let request = ReceivedRequest {
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            body: body.to_string().into(),
        };
        strict.refusal_of(&request).is_some()
    }

    #[test]
    fn openai_itself_is_stricter_than_servers_like_it() {
        for (changes, by_openai, by_others) in [
            (json!({"max_tokens": null, "max_completion_tokens": 9}), false, false),
            (json!({}), true, false),
            (json!({"model": "gpt-4o"}), false, false),
            (json!({"max_tokens": null, "temperature": 1}), false, false),
            (json!({"max_tokens": null, "temperature": 0.7}), true, false),
            (json!({"model": "gpt-4o", "temperature": 2.1}), true, true),
            (json!({"model": "gpt-4o", "top_k": 3}), true, true),
            (json!({"model": "gpt-4o", "messages": []}), true, true),
            (json!({"model": "gpt-4o", "messages": [{"role": "user", "content": ""}]}), true, true),
            (json!({"model": "gpt-4o", "messages": [{"role": "bot", "content": "Hi"}]}), true, true),
        ] {
            let verdicts = [true, false].map(|own_address| refuses(Strict::OpenAi { own_address }, &changes));
            assert_eq!(verdicts, [by_openai, by_others], "{changes}");
        }
    }

    #[test]
    fn anthropic_wants_a_limit_and_a_user_first() {
        for (changes, expected) in [
            (json!({}), false),
            (json!({"system": "Be kind.", "temperature": 1}), false),
            (json!({"max_tokens": null}), true),
            (json!({"temperature": 1.1}), true),
            (json!({"stream_options": {}}), true),
            (json!({"messages": [{"role": "system", "content": "Hi"}]}), true),
            (json!({"messages": [{"role": "assistant", "content": "Hi"}]}), true),
        ] {
            assert_eq!(refuses(Strict::Anthropic, &changes), expected, "{changes}");
        }
    }
}
