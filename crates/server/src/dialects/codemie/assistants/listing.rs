//! What a list of assistants is asked for: scope, filters, order and page.

use chat::assistants::{AssistantFilter, AssistantQuery, Order, Reach};
use serde_json::{Map, Value};

use super::super::CodeMieError;
use super::super::query::{self, Query};

const PER_PAGE: u32 = 12;
const MAX_PER_PAGE: u32 = 1_000;

/// A page as the client counts them.
pub(super) struct Listing {
    pub(super) query: AssistantQuery,
    pub(super) page: u32,
    pub(super) per_page: u32,
    /// There are no templates, so a list of them is empty.
    pub(super) is_of_templates: bool,
}

impl Listing {
    pub(super) fn parse(query: &Query) -> Result<Self, CodeMieError> {
        let page = query.number("page", 0, u32::MAX)?.unwrap_or(0);
        let per_page = query.number("per_page", 1, MAX_PER_PAGE)?.unwrap_or(PER_PAGE);
        let scope = query.text("scope").unwrap_or("visible_to_user");
        Ok(Self {
            query: AssistantQuery {
                reach: reach(scope)?,
                filter: query.text("filters").map(filter).transpose()?.unwrap_or_default(),
                order: order(query)?,
                offset: u64::from(page) * u64::from(per_page),
                limit: per_page,
                is_brief: query.flag("minimal_response")?.unwrap_or(true),
            },
            page,
            per_page,
            is_of_templates: scope == "templates",
        })
    }
}

fn reach(scope: &str) -> Result<Reach, CodeMieError> {
    match scope {
        "visible_to_user" | "all" | "templates" => Ok(Reach::Visible),
        "marketplace" => Ok(Reach::Global),
        "created_by_user" => Ok(Reach::Own),
        "project_with_marketplace" => Ok(Reach::ProjectsAndGlobal),
        _ => {
            let message = "must be visible_to_user, marketplace, created_by_user, project_with_marketplace, all or \
                           templates";
            Err(CodeMieError::parameter("scope", message))
        }
    }
}

fn order(query: &Query) -> Result<Order, CodeMieError> {
    let is_ascending = match query.text("sort_order") {
        Some("asc") => true,
        Some("desc") | None => false,
        Some(_) => return Err(CodeMieError::parameter("sort_order", "must be asc or desc")),
    };
    match query.text("sort_by") {
        None => Ok(Order::Newest),
        Some("name") if is_ascending => Ok(Order::Name),
        Some("name") => Ok(Order::NameReversed),
        Some(by @ ("usage" | "likes" | "dislikes")) => Err(CodeMieError::not_built(&format!("sort_by={by}"))),
        Some(_) => Err(CodeMieError::parameter("sort_by", "must be name, usage, likes or dislikes")),
    }
}

/// A filter that is empty filters nothing, also where its name is unknown.
fn filter(text: &str) -> Result<AssistantFilter, CodeMieError> {
    let wrong = || CodeMieError::parameter("filters", "must be a JSON object");
    let fields: Map<String, Value> = serde_json::from_str(text).map_err(|_| wrong())?;
    let mut filter = AssistantFilter::default();
    for (name, value) in fields.iter().filter(|(_, value)| !is_empty(value)) {
        match name.as_str() {
            "search" => filter.search = Some(one(name, value)?),
            "name" => filter.name = Some(one(name, value)?),
            "project" => filter.projects = several(name, value)?,
            "created_by" => filter.created_by = Some(one(name, value)?),
            "shared" => filter.shared = Some(flag(name, value)?),
            "is_global" => filter.is_global = Some(flag(name, value)?),
            "id" => filter.id = Some(one(name, value)?),
            "slug" => filter.slug = Some(one(name, value)?),
            "categories" => filter.categories = several(name, value)?,
            _ => return Err(CodeMieError::parameter("filters", "has a filter that is not known")),
        }
    }
    Ok(filter)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

fn one(name: &str, value: &Value) -> Result<String, CodeMieError> {
    let text = value.as_str().map(str::to_owned);
    text.ok_or_else(|| CodeMieError::parameter("filters", &format!("{name} must be a text")))
}

fn several(name: &str, value: &Value) -> Result<Vec<String>, CodeMieError> {
    match value.as_array() {
        Some(items) => items.iter().map(|item| one(name, item)).collect(),
        None => Ok(vec![one(name, value)?]),
    }
}

fn flag(name: &str, value: &Value) -> Result<bool, CodeMieError> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let problem = || CodeMieError::parameter("filters", &format!("{name} must be true or false"));
    query::flag(&text).ok_or_else(problem)
}
