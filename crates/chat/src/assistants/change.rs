//! What to set on an assistant, and the bounds of each field.

use super::{Assistant, NamedProject};
use crate::error::Error;

const MAX_NAME: usize = 200;
const MAX_DESCRIPTION: usize = 4_000;
const MAX_INSTRUCTIONS: usize = 50_000;
const MAX_MODEL: usize = 200;
const MAX_SLUG: usize = 64;
/// Leaves room for a number after it.
const MAX_SLUG_OF_NAME: usize = 56;
const MAX_STARTERS: usize = 20;
const MAX_STARTER: usize = 1_000;
const MAX_CATEGORIES: usize = 3;
const MAX_CATEGORY: usize = 100;
const MAX_ICON_URL: usize = 2_048;
const MAX_KNOWLEDGE: usize = 20;
/// The slug of a name that has nothing for one.
const PLAIN_SLUG: &str = "assistant";

/// What to set on an assistant; `None` leaves it as it is, `Some(None)` takes it away.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AssistantChange {
    /// What people call it.
    pub name: Option<String>,
    /// A name for addresses: `a` to `z`, digits and `-`, which stands within.
    pub slug: Option<String>,
    /// What it is for.
    pub description: Option<String>,
    /// The id of the project to put it into.
    pub project: Option<String>,
    /// The ids of the projects whose documents its answers rest on.
    pub knowledge: Option<Vec<String>>,
    /// What the model is told before everything else.
    pub instructions: Option<String>,
    /// The model that answers.
    pub model: Option<Option<String>>,
    /// 0 to 2.
    pub temperature: Option<Option<f32>>,
    /// 0 to 1.
    pub top_p: Option<Option<f32>>,
    /// Questions to begin with.
    pub conversation_starters: Option<Vec<String>>,
    /// What it is found under.
    pub categories: Option<Vec<String>>,
    /// Where its picture is: an `http` or `https` address.
    pub icon_url: Option<Option<String>>,
    /// A note of the client's.
    pub is_react: Option<bool>,
    /// Whether the members of its project may ask it.
    pub shared: Option<bool>,
    /// Whether everyone may ask it.
    pub is_global: Option<bool>,
}

impl AssistantChange {
    /// Sets it all. Of projects only the ids are known here.
    pub fn apply(self, assistant: &mut Assistant) {
        fn set<T>(field: &mut T, value: Option<T>) {
            if let Some(value) = value {
                *field = value;
            }
        }
        set(&mut assistant.name, self.name);
        set(&mut assistant.slug, self.slug);
        set(&mut assistant.description, self.description);
        set(&mut assistant.instructions, self.instructions);
        set(&mut assistant.model, self.model);
        set(&mut assistant.temperature, self.temperature);
        set(&mut assistant.top_p, self.top_p);
        set(&mut assistant.conversation_starters, self.conversation_starters);
        set(&mut assistant.categories, self.categories);
        set(&mut assistant.icon_url, self.icon_url);
        set(&mut assistant.is_react, self.is_react);
        set(&mut assistant.shared, self.shared);
        set(&mut assistant.is_global, self.is_global);
        let named = |id| NamedProject { id, name: String::new() };
        set(&mut assistant.project, self.project.map(|id| Some(named(id))));
        set(&mut assistant.knowledge, self.knowledge.map(|ids| ids.into_iter().map(named).collect()));
    }

    /// Whether every value is within its bounds.
    pub(super) fn check(&self) -> Result<(), Error> {
        if let Some(name) = &self.name {
            check_line("name", name, MAX_NAME)?;
        }
        if let Some(slug) = &self.slug {
            check_slug(slug)?;
        }
        check_text("description", self.description.as_deref().unwrap_or_default(), MAX_DESCRIPTION)?;
        check_text("instructions", self.instructions.as_deref().unwrap_or_default(), MAX_INSTRUCTIONS)?;
        if let Some(model) = self.model.iter().flatten().next() {
            check_line("model", model, MAX_MODEL)?;
        }
        check_number("temperature", self.temperature.flatten(), 2.0)?;
        check_number("top_p", self.top_p.flatten(), 1.0)?;
        let starters = self.conversation_starters.as_deref().unwrap_or_default();
        check_count("conversation_starters", starters, MAX_STARTERS)?;
        starters.iter().try_for_each(|text| check_text("conversation_starters", text, MAX_STARTER))?;
        let categories = self.categories.as_deref().unwrap_or_default();
        check_count("categories", categories, MAX_CATEGORIES)?;
        categories.iter().try_for_each(|category| check_line("categories", category, MAX_CATEGORY))?;
        check_count("knowledge", self.knowledge.as_deref().unwrap_or_default(), MAX_KNOWLEDGE)?;
        match self.icon_url.iter().flatten().next() {
            Some(url) => check_url(url),
            None => Ok(()),
        }
    }
}

/// The slug that a name suggests.
pub(super) fn slug_of(name: &str) -> String {
    let lower = name.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let slug: String = words.collect::<Vec<_>>().join("-").chars().take(MAX_SLUG_OF_NAME).collect();
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { PLAIN_SLUG.to_owned() } else { slug.to_owned() }
}

fn check_slug(slug: &str) -> Result<(), Error> {
    let is_plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    let is_good = (1..=MAX_SLUG).contains(&slug.len())
        && slug.chars().all(is_plain)
        && !slug.starts_with('-')
        && !slug.ends_with('-');
    let problem = "must be 1 to 64 of a-z, 0-9 and -, and neither begin nor end with -";
    is_good.then_some(()).ok_or_else(|| Error::invalid("slug", problem))
}

/// One line, not empty.
fn check_line(field: &'static str, line: &str, limit: usize) -> Result<(), Error> {
    let is_good =
        !line.trim().is_empty() && line.chars().count() <= limit && !line.chars().any(char::is_control);
    let problem = || format!("must have 1 to {limit} characters, not all blank and none a control character");
    is_good.then_some(()).ok_or_else(|| Error::invalid(field, problem()))
}

/// Any number of lines.
fn check_text(field: &'static str, text: &str, limit: usize) -> Result<(), Error> {
    let is_wrong = |letter: char| letter.is_control() && !matches!(letter, '\n' | '\r' | '\t');
    let is_good = text.chars().count() <= limit && !text.chars().any(is_wrong);
    let problem =
        || format!("must have at most {limit} characters, and no control character but line ends and tabs");
    is_good.then_some(()).ok_or_else(|| Error::invalid(field, problem()))
}

fn check_count(field: &'static str, list: &[String], limit: usize) -> Result<(), Error> {
    let problem = || format!("must be at most {limit}");
    (list.len() <= limit).then_some(()).ok_or_else(|| Error::invalid(field, problem()))
}

fn check_number(field: &'static str, number: Option<f32>, most: f32) -> Result<(), Error> {
    let is_good = number.is_none_or(|number| (0.0..=most).contains(&number));
    is_good.then_some(()).ok_or_else(|| Error::invalid(field, format!("must be between 0 and {most}")))
}

/// Pages show it as a picture, so it must not be a script.
fn check_url(url: &str) -> Result<(), Error> {
    let is_web = url.starts_with("https://") || url.starts_with("http://");
    let is_good = is_web
        && url.chars().count() <= MAX_ICON_URL
        && !url.contains(|letter: char| letter.is_control() || letter.is_whitespace());
    let problem = "must be an http or https address of at most 2048 characters";
    is_good.then_some(()).ok_or_else(|| Error::invalid("icon_url", problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_suggests_a_slug() {
        for (name, slug) in [
            ("Code Reviewer", "code-reviewer"),
            ("  C++ (v2)!  ", "c-v2"),
            ("Über", "ber"),
            ("助手", "assistant"),
            ("--", "assistant"),
        ] {
            assert_eq!(slug_of(name), slug);
            assert!(check_slug(&slug_of(name)).is_ok());
        }
        assert_eq!(slug_of(&"ab ".repeat(99)).len(), 56);
    }

    #[test]
    fn values_out_of_bounds_name_their_field() {
        let text = |length: usize| "x".repeat(length);
        let named = |name: &str| AssistantChange { name: Some(name.to_owned()), ..Default::default() };
        let slug = |slug: &str| AssistantChange { slug: Some(slug.to_owned()), ..Default::default() };
        let icon = |url: &str| AssistantChange { icon_url: Some(Some(url.to_owned())), ..Default::default() };
        let default = AssistantChange::default;
        for (change, field) in [
            (named(""), "name"),
            (named(" "), "name"),
            (named("a\nb"), "name"),
            (named(&text(201)), "name"),
            (slug("A"), "slug"),
            (slug("-a"), "slug"),
            (slug(&text(65)), "slug"),
            (AssistantChange { description: Some(text(4_001)), ..default() }, "description"),
            (AssistantChange { instructions: Some("a\0b".to_owned()), ..default() }, "instructions"),
            (AssistantChange { instructions: Some(text(50_001)), ..default() }, "instructions"),
            (AssistantChange { model: Some(Some(String::new())), ..default() }, "model"),
            (AssistantChange { temperature: Some(Some(2.1)), ..default() }, "temperature"),
            (AssistantChange { top_p: Some(Some(f32::NAN)), ..default() }, "top_p"),
            (AssistantChange { categories: Some(vec![text(1); 4]), ..default() }, "categories"),
            (AssistantChange { categories: Some(vec![String::new()]), ..default() }, "categories"),
            (
                AssistantChange { conversation_starters: Some(vec![text(1_001)]), ..default() },
                "conversation_starters",
            ),
            (AssistantChange { knowledge: Some(vec![text(1); 21]), ..default() }, "knowledge"),
            (icon("javascript:alert(1)"), "icon_url"),
            (icon("https://a b"), "icon_url"),
        ] {
            let refused = change.check().expect_err(field);
            assert_eq!(refused.kind, crate::ErrorKind::Invalid { field: Some(field) });
        }
        assert!(named(&text(200)).check().is_ok());
        assert!(icon("https://example.com/a.png").check().is_ok());
        assert!(
            AssistantChange { temperature: Some(Some(2.0)), top_p: Some(None), ..default() }.check().is_ok()
        );
    }
}
