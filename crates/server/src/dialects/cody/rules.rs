//! What Cody's documentation says of fields, checked as Laravel checks it: texts are trimmed, an empty one is missing, and
//! lengths count code points.

use serde_json::{Map, Value};

use super::CodyError;

/// The longest text of a message and name of a conversation, in code points.
pub(super) const MAX_TEXT: usize = 2_000;
/// The most documents that a conversation is about.
const MAX_DOCUMENTS: usize = 1_000;

/// The fields of a body, and what was found wrong with those that were asked for.
pub(super) struct Fields {
    fields: Map<String, Value>,
    errors: Vec<(String, String)>,
}

impl Fields {
    pub(super) fn of(fields: Map<String, Value>) -> Self {
        Self { fields, errors: Vec::new() }
    }

    /// A text that must be there, of at most `longest` code points. Empty if it is wrong, which [`Fields::check`] tells.
    pub(super) fn text(&mut self, name: &str, longest: usize) -> String {
        match self.fields.remove(name) {
            None | Some(Value::Null) => self.wrong(name, "is required."),
            Some(Value::String(text)) => {
                let trimmed = text.trim();
                match trimmed.chars().count() {
                    0 => self.wrong(name, "is required."),
                    length if length > longest => {
                        self.wrong(name, &format!("must not be greater than {longest} characters."));
                    }
                    _ if trimmed.contains('\0') => self.wrong(name, "must not contain U+0000."),
                    _ => return trimmed.to_owned(),
                }
            }
            Some(_) => self.wrong(name, "must be a string."),
        }
        String::new()
    }

    /// A boolean in any of its spellings; `None` if it is absent or wrong.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.fields.remove(name)?;
        let flag = match &value {
            Value::Null => return None,
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) => match number.as_u64() {
                Some(0) => Some(false),
                Some(1) => Some(true),
                _ => None,
            },
            Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
                "" => return None,
                "0" | "false" => Some(false),
                "1" | "true" => Some(true),
                _ => None,
            },
            Value::Array(_) | Value::Object(_) => None,
        };
        if flag.is_none() {
            self.wrong(name, "must be true or false.");
        }
        flag
    }

    /// The documents that a conversation is about. There are none yet, so that each named one is wrong.
    pub(super) fn documents(&mut self, name: &str) {
        match self.fields.remove(name) {
            None | Some(Value::Null) => {}
            Some(Value::Array(ids)) if ids.len() > MAX_DOCUMENTS => {
                self.wrong(name, &format!("must not have more than {MAX_DOCUMENTS} items."));
            }
            Some(Value::Array(ids)) => {
                for at in 0..ids.len() {
                    let item = format!("{name}.{at}");
                    let text = format!("The selected {item} is invalid.");
                    self.errors.push((item, text));
                }
            }
            Some(_) => self.wrong(name, "must be an array."),
        }
    }

    /// Fails if anything that was asked for is wrong.
    pub(super) fn check(self) -> Result<(), CodyError> {
        if self.errors.is_empty() { Ok(()) } else { Err(CodyError::fields(self.errors)) }
    }

    fn wrong(&mut self, name: &str, what: &str) {
        let text = format!("The {} field {what}", name.replace('_', " "));
        self.errors.push((name.to_owned(), text));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(body: &Value) -> Fields {
        Fields::of(body.as_object().unwrap().clone())
    }

    #[test]
    fn lengths_count_code_points_after_trimming() {
        // Two code points each: a letter with a combining mark, and a flag.
        for pair in ["e\u{301}", "🇨🇭"] {
            let text = pair.repeat(MAX_TEXT / 2);
            let mut fits = fields(&json!({ "content": format!("  {text}\n") }));
            assert_eq!(fits.text("content", MAX_TEXT), text);
            assert!(fits.check().is_ok());
            let mut long = fields(&json!({ "content": format!("{text}x") }));
            assert_eq!(long.text("content", MAX_TEXT), "");
            assert_eq!(long.errors[0].1, "The content field must not be greater than 2000 characters.");
        }
    }

    #[test]
    fn a_text_is_a_string_that_says_something() {
        for (body, text) in [
            (json!({}), "The conversation id field is required."),
            (json!({ "conversation_id": null }), "The conversation id field is required."),
            (json!({ "conversation_id": " \u{a0}\n" }), "The conversation id field is required."),
            (json!({ "conversation_id": 7 }), "The conversation id field must be a string."),
            (json!({ "conversation_id": "a\u{0}b" }), "The conversation id field must not contain U+0000."),
        ] {
            let mut wrong = fields(&body);
            wrong.text("conversation_id", MAX_TEXT);
            assert_eq!(wrong.errors, [("conversation_id".to_owned(), text.to_owned())], "{body}");
        }
    }

    #[test]
    fn a_flag_has_several_spellings() {
        for (value, flag) in [
            (json!(true), Some(true)),
            (json!(0), Some(false)),
            (json!("1"), Some(true)),
            (json!("False"), Some(false)),
            (json!(null), None),
            (json!(""), None),
        ] {
            let mut right = fields(&json!({ "redirect": value }));
            assert_eq!(right.flag("redirect"), flag, "{value}");
            assert!(right.check().is_ok(), "{value}");
        }
        for value in [json!("yes"), json!(2), json!([]), json!(1.5)] {
            let mut wrong = fields(&json!({ "redirect": value }));
            assert_eq!(wrong.flag("redirect"), None, "{value}");
            assert_eq!(wrong.errors[0].1, "The redirect field must be true or false.", "{value}");
        }
    }

    #[test]
    fn documents_are_a_list_of_none() {
        for body in [json!({}), json!({ "document_ids": null }), json!({ "document_ids": [] })] {
            let mut right = fields(&body);
            right.documents("document_ids");
            assert!(right.check().is_ok(), "{body}");
        }
        for (value, field, text) in [
            (json!(["Jw31Pv6PMmro"]), "document_ids.0", "The selected document_ids.0 is invalid."),
            (json!("x"), "document_ids", "The document ids field must be an array."),
            (
                json!(vec!["x"; 1_001]),
                "document_ids",
                "The document ids field must not have more than 1000 items.",
            ),
        ] {
            let mut wrong = fields(&json!({ "document_ids": value }));
            wrong.documents("document_ids");
            assert_eq!(wrong.errors, [(field.to_owned(), text.to_owned())]);
        }
    }
}
