//! An analysis as it is kept and shown: JSON.

use serde::Serialize;

/// What a project is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Analysis {
    pub(super) structure: Structure,
    pub(super) tech_stack: TechStack,
    pub(super) architecture: Architecture,
}

impl Analysis {
    /// As JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("names and numbers are valid JSON")
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Structure {
    pub(super) documents: usize,
    pub(super) bytes: usize,
    pub(super) types: Vec<Count>,
    pub(super) folders: Vec<Count>,
}

/// How many documents something has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Count {
    pub(super) name: String,
    pub(super) documents: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct TechStack {
    pub(super) languages: Vec<Language>,
    pub(super) tools: Vec<&'static str>,
    pub(super) manifests: Vec<String>,
    pub(super) dependencies: Vec<Dependency>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Language {
    pub(super) name: &'static str,
    pub(super) documents: usize,
    pub(super) bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Dependency {
    pub(super) name: String,
    pub(super) manifest: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Architecture {
    pub(super) summary: String,
    pub(super) components: Vec<Component>,
    pub(super) entry_points: Vec<String>,
    pub(super) documentation: Vec<String>,
    pub(super) tests: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Component {
    pub(super) folder: String,
    pub(super) language: &'static str,
    pub(super) documents: usize,
}
