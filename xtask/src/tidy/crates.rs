//! The crates of the workspace: which may know which, what they may bring in, and that the root names every version.

use toml::{Table, Value};

use super::repository::{Package, Repository};

/// The crates of ours that each crate of ours may depend on.
const ARROWS: &[(&str, &[&str])] = &[
    ("chat", &[]),
    ("identity", &["chat"]),
    ("knowledge", &["chat", "outbound"]),
    ("outbound", &[]),
    ("providers", &["chat", "outbound"]),
    ("store", &["chat", "identity", "knowledge"]),
    ("server", &["chat", "identity", "knowledge", "outbound", "providers", "store"]),
    ("testkit", &["chat", "identity"]),
    ("xtask", &[]),
];

/// What tests of any crate may depend on: parts for tests, and the real store with its accounts.
const FOR_TESTS: &[&str] = &["identity", "store", "testkit"];

/// Crates of others that name a foreign world, and who alone may know it.
const FOREIGN: &[(&str, &[&str])] = &[
    ("axum", &["server"]),
    ("candle-core", &["providers"]),
    ("candle-transformers", &["providers"]),
    ("rten", &["knowledge"]),
    ("rten-tensor", &["knowledge"]),
    ("sqlx", &["store"]),
    ("tower-http", &["server"]),
    ("utoipa", &["server"]),
    ("utoipa-axum", &["server"]),
];

/// What the core stays free of: wires, stores and vendors.
const NOT_IN_CHAT: &[&str] = &["http", "hyper", "reqwest", "serde", "serde_json"];

pub(super) fn arrows_point_one_way(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let ours: Vec<&str> = repository.members().map(|member| member.name.as_str()).collect();
    let mut complaints = Vec::new();
    for member in repository.members() {
        let name = &member.name;
        let Some((_, allowed)) = ARROWS.iter().find(|(from, _)| from == name) else {
            complaints.push(format!("{name}: a new crate; say in tidy's ARROWS what it may depend on"));
            continue;
        };
        for dependency in
            member.dependencies.iter().filter(|dependency| ours.contains(&dependency.name.as_str()))
        {
            let to = dependency.name.as_str();
            let is_test_part = dependency.is_dev() && FOR_TESTS.contains(&to);
            if !is_test_part && !allowed.contains(&to) {
                complaints.push(format!("{name} depends on {to}: the arrows of ARCHITECTURE.md forbid it"));
            }
        }
    }
    Ok(complaints)
}

pub(super) fn foreign_crates_stay_in_their_places(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let complaints = repository.members().flat_map(|member| {
        let shipped = member.dependencies.iter().filter(|dependency| !dependency.is_dev());
        let misplaced = shipped.filter(|dependency| !may_know(&member.name, &dependency.name));
        misplaced.map(|dependency| {
            format!("{} depends on {}: put that behind a port of the core", member.name, dependency.name)
        })
    });
    Ok(complaints.collect())
}

pub(super) fn versions_stand_in_the_root(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let mut complaints = Vec::new();
    for member in repository.members() {
        let path = manifest(repository, member);
        let manifest: Table = repository.toml(&path)?;
        for dependency in own_versions(&manifest) {
            complaints.push(format!(
                "{path}: `{dependency}` has a version of its own; name it in the root and write `workspace = true`"
            ));
        }
        if !is_inherited(manifest.get("lints")) {
            complaints.push(format!(
                "{path}: add `[lints] workspace = true`, so that the house rules hold here too"
            ));
        }
    }
    Ok(complaints)
}

fn may_know(member: &str, foreign: &str) -> bool {
    let known_to = FOREIGN.iter().find(|(name, _)| *name == foreign).map(|(_, members)| members);
    let is_at_home = known_to.is_none_or(|members| members.contains(&member));
    is_at_home && !(member == "chat" && NOT_IN_CHAT.contains(&foreign))
}

fn manifest(repository: &Repository, member: &Package) -> String {
    let path = member.manifest_path.strip_prefix(&repository.root).unwrap_or(&member.manifest_path);
    path.to_string_lossy().replace('\\', "/")
}

/// The dependencies, of any kind and platform, that a manifest does not take from the root.
fn own_versions(manifest: &Table) -> Vec<&str> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let owners = std::iter::once(manifest).chain(platforms.filter_map(Value::as_table));
    let lists = owners.flat_map(|owner| {
        ["dependencies", "dev-dependencies", "build-dependencies"]
            .into_iter()
            .filter_map(|kind| owner.get(kind).and_then(Value::as_table))
    });
    lists.flatten().filter(|(_, value)| !is_inherited(Some(value))).map(|(name, _)| name.as_str()).collect()
}

fn is_inherited(value: Option<&Value>) -> bool {
    value.and_then(|value| value.get("workspace")).and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_stays_free_of_wires_and_the_edge_of_sql() {
        assert!(may_know("store", "sqlx"));
        assert!(!may_know("server", "sqlx"));
        assert!(!may_know("chat", "serde"));
        assert!(may_know("chat", "tokio"));
    }

    #[test]
    fn a_version_outside_the_root_is_found_on_every_platform() {
        let manifest = "[dependencies]\na.workspace = true\nb = \"1\"\n\
                        [dev-dependencies]\nc = { workspace = true, features = [\"x\"] }\nd = { path = \"../d\" }\n\
                        [target.'cfg(unix)'.dependencies]\ne = \"1\"\n";
        let manifest: Table = toml::from_str(manifest).unwrap();
        assert_eq!(own_versions(&manifest), ["b", "d", "e"]);
    }
}
