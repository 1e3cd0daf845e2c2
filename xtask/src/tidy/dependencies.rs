//! What comes in from outside: where from, under which licence, and not below a security floor; `deny.toml` has the rules.

use anyhow::Context;
use semver::VersionReq;
use serde::Deserialize;

use super::licence;
use super::repository::{Package, Repository};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn are_locked(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let is_locked = repository.file("Cargo.lock").is_some();
    Ok(if is_locked {
        vec![]
    } else {
        vec!["Cargo.lock: commit it, so that everybody builds the same".to_owned()]
    })
}

pub(super) fn come_from_the_registry(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let is_trusted = |package: &Package| match &package.source {
        Some(source) => source == REGISTRY,
        None => package.manifest_path.starts_with(&repository.root),
    };
    let strangers = repository.packages.iter().filter(|package| !is_trusted(package));
    Ok(strangers.map(|package| format!("{}: take it from crates.io", shown(package))).collect())
}

pub(super) fn are_licensed_for_us(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let allowed = repository.toml::<Deny>("deny.toml")?.licenses.allow;
    let mut complaints = Vec::new();
    for package in &repository.packages {
        let Some(expression) = &package.license else {
            complaints.push(format!("{}: names no licence; do without it", shown(package)));
            continue;
        };
        let is_allowed = licence::is_allowed(expression, &allowed).with_context(|| shown(package))?;
        if !is_allowed {
            let package = shown(package);
            complaints
                .push(format!("{package}: `{expression}` is not within deny.toml's list; do without it"));
        }
    }
    Ok(complaints)
}

pub(super) fn are_not_banned(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let mut complaints = Vec::new();
    for ban in repository.toml::<Deny>("deny.toml")?.bans.deny {
        let ban = Ban::parse(ban.spec())?;
        for package in repository.packages.iter().filter(|package| ban.applies(package)) {
            complaints.push(format!("{}: banned by deny.toml; update it or do without it", shown(package)));
        }
    }
    Ok(complaints)
}

fn shown(package: &Package) -> String {
    format!("{} {}", package.name, package.version)
}

/// The part of `deny.toml` that can be checked without further tools or the network.
#[derive(Deserialize)]
struct Deny {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    deny: Vec<BanEntry>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum BanEntry {
    Bare(String),
    Explained {
        #[serde(rename = "crate")]
        spec: String,
    },
}

impl BanEntry {
    fn spec(&self) -> &str {
        match self {
            Self::Bare(spec) | Self::Explained { spec } => spec,
        }
    }
}

/// A crate at some versions: `name`, `name:requirement` or `name@version`.
struct Ban {
    name: String,
    versions: VersionReq,
}

impl Ban {
    fn parse(spec: &str) -> anyhow::Result<Self> {
        let (name, versions) = match (spec.split_once(':'), spec.split_once('@')) {
            (Some((name, versions)), _) => (name, versions.to_owned()),
            (None, Some((name, version))) => (name, format!("={version}")),
            (None, None) => (spec, "*".to_owned()),
        };
        let versions =
            VersionReq::parse(&versions).with_context(|| format!("cannot read deny.toml's `{spec}`"))?;
        Ok(Self { name: name.to_owned(), versions })
    }

    fn applies(&self, package: &Package) -> bool {
        package.name == self.name && self.versions.matches(&package.version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_floor_bans_what_is_older() {
        let floor = Ban::parse("h2:<0.4.16").unwrap();
        assert!(floor.applies(&package("h2", "0.4.9")));
        assert!(floor.applies(&package("h2", "0.3.27")));
        assert!(!floor.applies(&package("h2", "0.4.16")));
        assert!(!floor.applies(&package("h2", "1.0.0")));
        assert!(!floor.applies(&package("h3", "0.0.8")));
    }

    #[test]
    fn a_bare_name_bans_every_version_and_an_at_sign_one() {
        assert!(Ban::parse("serde_yml").unwrap().applies(&package("serde_yml", "0.0.12")));
        assert!(Ban::parse("left@1.2.3").unwrap().applies(&package("left", "1.2.3")));
        assert!(!Ban::parse("left@1.2.3").unwrap().applies(&package("left", "1.2.4")));
    }

    fn package(name: &str, version: &str) -> Package {
        Package {
            name: name.to_owned(),
            version: version.parse().unwrap(),
            license: None,
            source: None,
            manifest_path: "Cargo.toml".into(),
            dependencies: vec![],
        }
    }
}
