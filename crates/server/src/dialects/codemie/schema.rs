//! Structured output: an answer that must be JSON and satisfy the caller's schema.

use chat::turn::AnswerForm;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use super::CodeMieError;

/// A longer schema leaves the model no room.
const MAX_SCHEMA: usize = 64 << 10;
/// So many mistakes are shown to the model; the rest follows from them more often than not.
const SHOWN_MISTAKES: usize = 5;
const MAX_MISTAKE: usize = 300;

/// A schema that answers are held to.
#[derive(Debug)]
pub(super) struct JsonAnswer {
    schema: String,
    validator: Validator,
}

impl JsonAnswer {
    /// Refuses what is no JSON schema. Nothing is fetched: a schema that refers to another address is refused.
    pub(super) fn new(schema: &Value) -> Result<Self, CodeMieError> {
        if !schema.is_object() {
            return Err(CodeMieError::wrong_schema("output_schema must be a JSON object".to_owned()));
        }
        let text = schema.to_string();
        if text.len() > MAX_SCHEMA {
            return Err(CodeMieError::wrong_schema(format!("it is longer than {MAX_SCHEMA} bytes")));
        }
        // Patterns are the caller's: this engine takes linear time for every one of them.
        let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
        let validator =
            options.build(schema).map_err(|error| CodeMieError::wrong_schema(error.to_string()))?;
        Ok(Self { schema: text, validator })
    }
}

impl AnswerForm for JsonAnswer {
    fn instructions(&self) -> String {
        format!(
            "Answer with one JSON value and nothing else: no explanation, no Markdown. \
             It must be valid against this JSON schema:\n{}",
            self.schema
        )
    }

    fn accept(&self, answer: &str) -> Result<String, String> {
        let json = without_fence(answer);
        let again = "Answer again with corrected JSON and nothing else.";
        let value: Value = serde_json::from_str(json)
            .map_err(|error| format!("Your answer is not valid JSON: {error}. {again}"))?;
        let mistakes: Vec<String> =
            self.validator.iter_errors(&value).take(SHOWN_MISTAKES).map(|error| mistake(&error)).collect();
        if mistakes.is_empty() {
            return Ok(json.to_owned());
        }
        Err(format!("Your answer does not satisfy the schema: {}. {again}", mistakes.join("; ")))
    }
}

fn mistake(error: &jsonschema::ValidationError<'_>) -> String {
    let text = format!("at \"{}\": {error}", error.instance_path());
    text.chars().take(MAX_MISTAKE).collect()
}

/// Models like to put JSON into a Markdown block, whatever they are told.
fn without_fence(answer: &str) -> &str {
    let answer = answer.trim();
    let inner = answer.strip_prefix("```").and_then(|rest| rest.strip_suffix("```"));
    let Some(inner) = inner else { return answer };
    inner.strip_prefix("json").unwrap_or(inner).trim()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn city() -> JsonAnswer {
        let schema = json!({
            "type": "object",
            "properties": { "city": { "type": "string" }, "people": { "type": "integer" } },
            "required": ["city"]
        });
        JsonAnswer::new(&schema).expect("a schema")
    }

    #[test]
    fn what_satisfies_the_schema_is_told_without_its_markdown() {
        for answer in
            [r#"{"city": "Paris"}"#, "```json\n{\"city\": \"Paris\"}\n```", " {\"city\": \"Paris\"}\n"]
        {
            assert_eq!(city().accept(answer).as_deref(), Ok(r#"{"city": "Paris"}"#), "{answer}");
        }
    }

    #[test]
    fn the_model_is_told_what_is_wrong() {
        let not_json = city().accept("Paris it is.").expect_err("no JSON");
        assert!(not_json.starts_with("Your answer is not valid JSON: "), "{not_json}");
        let incomplete = city().accept(r#"{"people": "many"}"#).expect_err("two mistakes");
        assert!(incomplete.contains("\"city\" is a required property"), "{incomplete}");
        assert!(incomplete.contains("at \"/people\": "), "{incomplete}");
    }

    #[test]
    fn what_is_no_schema_is_refused() {
        let elsewhere = json!({ "$ref": "http://169.254.169.254/schema.json" });
        let long = json!({ "description": "x".repeat(MAX_SCHEMA) });
        for schema in [json!([]), json!("object"), json!({ "type": "thing" }), elsewhere, long] {
            assert!(JsonAnswer::new(&schema).is_err(), "{schema:.80}");
        }
    }

    #[test]
    fn no_pattern_takes_long() {
        let schema = json!({ "type": "string", "pattern": "^(a+)+$" });
        let form = JsonAnswer::new(&schema).expect("a schema");
        assert!(form.accept(&format!("\"{}!\"", "a".repeat(10_000))).is_err());
    }
}
