//! Query parameters as this dialect's clients spell them: `True`, `1` and an empty value where they mean none.

use super::CodeMieError;

/// The parameters of a request. Of two with one name the first counts; unknown ones are ignored.
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Self {
        Self(form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned().collect())
    }

    /// The parameter's text, unless it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(parameter, _)| parameter == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub(super) fn flag(&self, name: &str) -> Result<Option<bool>, CodeMieError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let flag = flag(text).ok_or_else(|| CodeMieError::parameter(name, "must be true or false"))?;
        Ok(Some(flag))
    }

    /// A whole number from `least` to `most`.
    pub(super) fn number(&self, name: &str, least: u32, most: u32) -> Result<Option<u32>, CodeMieError> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse::<u32>().ok().filter(|number| (least..=most).contains(number));
        let problem = || format!("must be a whole number from {least} to {most}");
        number.map(Some).ok_or_else(|| CodeMieError::parameter(name, &problem()))
    }
}

/// `true` and `false` in any case, `1` and `0`.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text {
        "1" => Some(true),
        "0" => Some(false),
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}
