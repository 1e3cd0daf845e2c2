//! Files that say what a project is built of. They are read line by line: enough for names, and nothing in them can do harm.

use serde_json::Value;

/// A kind of manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manifest {
    Cargo,
    Npm,
    Requirements,
    Pyproject,
    Go,
    Maven,
    Gradle,
    Bundler,
    Composer,
    Docker,
}

impl Manifest {
    /// The one of this name.
    pub(super) fn of(path: &str) -> Option<Self> {
        Some(match path.rsplit('/').next().unwrap_or(path) {
            "Cargo.toml" => Self::Cargo,
            "package.json" => Self::Npm,
            "requirements.txt" => Self::Requirements,
            "pyproject.toml" => Self::Pyproject,
            "go.mod" => Self::Go,
            "pom.xml" => Self::Maven,
            "build.gradle" | "build.gradle.kts" => Self::Gradle,
            "Gemfile" => Self::Bundler,
            "composer.json" => Self::Composer,
            "Dockerfile" => Self::Docker,
            _ => return None,
        })
    }

    /// What reads it.
    pub(super) fn tool(self) -> &'static str {
        match self {
            Self::Cargo => "Cargo",
            Self::Npm => "npm",
            Self::Requirements => "pip",
            Self::Pyproject => "Python packaging",
            Self::Go => "Go modules",
            Self::Maven => "Maven",
            Self::Gradle => "Gradle",
            Self::Bundler => "Bundler",
            Self::Composer => "Composer",
            Self::Docker => "Docker",
        }
    }

    /// What it names, in order, each once.
    pub(super) fn dependencies(self, text: &str) -> Vec<String> {
        let mut names = match self {
            Self::Cargo => of_toml(text, |table| table.ends_with("dependencies")),
            Self::Npm => of_json(text, &["dependencies", "devDependencies", "peerDependencies"]),
            Self::Composer => of_json(text, &["require", "require-dev"]),
            Self::Requirements => text.lines().filter_map(requirement).collect(),
            Self::Pyproject => of_pyproject(text),
            Self::Go => of_go(text),
            Self::Maven => of_maven(text),
            Self::Gradle => text.lines().filter_map(of_gradle).collect(),
            Self::Bundler => {
                text.lines().filter_map(|line| quoted(line.trim().strip_prefix("gem ")?)).collect()
            }
            Self::Docker => Vec::new(),
        };
        names.sort_unstable();
        names.dedup();
        names
    }
}

/// Keys of tables, such as `[workspace.dependencies]`; `[dependencies.name]` names one too.
fn of_toml(text: &str, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let (mut names, mut is_within) = (Vec::new(), false);
    for line in text.lines() {
        let trimmed = line.trim();
        if let Some(table) = trimmed.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_within = is_wanted(table);
            let named = table.rsplit_once('.').filter(|(parent, _)| is_wanted(parent));
            names.extend(named.map(|(_, name)| name.trim_matches('"').to_owned()));
        } else if is_within
            && !line.starts_with([' ', '\t', '}', ']', '#'])
            && let Some((key, _)) = trimmed.split_once('=')
        {
            let name = key.trim().trim_matches('"');
            names.push(name.split('.').next().unwrap_or(name).to_owned());
        }
    }
    names
}

fn of_json(text: &str, fields: &[&str]) -> Vec<String> {
    let Ok(manifest) = serde_json::from_str::<Value>(text) else { return Vec::new() };
    let of_field =
        |field: &str| manifest[field].as_object().into_iter().flat_map(|names| names.keys().cloned());
    fields.iter().flat_map(|field| of_field(field).collect::<Vec<_>>()).collect()
}

/// The name at the beginning of `name[extra]>=1.0`.
fn requirement(line: &str) -> Option<String> {
    let line = line.trim();
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
    let name: String = line.chars().take_while(|letter| is_name(*letter)).collect();
    (!name.is_empty() && !line.starts_with('-')).then_some(name)
}

fn of_pyproject(text: &str) -> Vec<String> {
    let mut names =
        of_toml(text, |table| table.starts_with("tool.poetry") && table.ends_with("dependencies"));
    let mut is_within = false;
    for line in text.lines().map(str::trim) {
        is_within |= line.starts_with("dependencies") && line.contains('[');
        if is_within {
            names.extend(line.split(',').filter_map(quoted).filter_map(|entry| requirement(&entry)));
        }
        is_within &= !line.ends_with(']');
    }
    names.retain(|name| name != "python");
    names
}

fn of_go(text: &str) -> Vec<String> {
    let (mut names, mut is_within) = (Vec::new(), false);
    for line in text.lines().map(str::trim) {
        match line.strip_prefix("require ") {
            Some("(") => is_within = true,
            Some(rest) => names.extend(rest.split_whitespace().next().map(str::to_owned)),
            None if line == ")" => is_within = false,
            None if is_within && !line.starts_with("//") => {
                names.extend(line.split_whitespace().next().map(str::to_owned));
            }
            None => {}
        }
    }
    names
}

fn of_maven(text: &str) -> Vec<String> {
    let named = |dependency: &str| {
        let (_, rest) = dependency.split_once("<artifactId>")?;
        rest.split_once("</artifactId>").map(|(name, _)| name.trim().to_owned())
    };
    let dependencies = text.split("<dependency>").skip(1);
    dependencies.filter_map(|rest| named(rest.split("</dependency>").next()?)).collect()
}

/// `implementation("group:name:1.0")`
fn of_gradle(line: &str) -> Option<String> {
    let line = line.trim();
    let is_one = ["implementation", "api", "compileOnly", "runtimeOnly", "testImplementation"]
        .iter()
        .any(|word| line.strip_prefix(word).is_some_and(|rest| rest.starts_with(['(', ' '])));
    let place = quoted(line).filter(|_| is_one)?;
    place.split(':').nth(1).map(str::to_owned)
}

/// What stands in the first quotes.
fn quoted(text: &str) -> Option<String> {
    let start = text.find(['"', '\''])?;
    let quote = char::from(text.as_bytes()[start]);
    text[start + 1..].split_once(quote).map(|(name, _)| name.to_owned())
}

/// What a well-known dependency is called.
pub(super) fn framework(dependency: &str) -> Option<&'static str> {
    Some(match dependency {
        "react" => "React",
        "next" => "Next.js",
        "vue" => "Vue",
        "svelte" => "Svelte",
        "@angular/core" => "Angular",
        "express" => "Express",
        "@nestjs/core" => "NestJS",
        "prisma" | "@prisma/client" => "Prisma",
        "tailwindcss" => "Tailwind CSS",
        "vite" => "Vite",
        "typescript" => "TypeScript",
        "Django" | "django" => "Django",
        "Flask" | "flask" => "Flask",
        "fastapi" => "FastAPI",
        "SQLAlchemy" | "sqlalchemy" => "SQLAlchemy",
        "axum" => "axum",
        "actix-web" => "Actix Web",
        "tokio" => "Tokio",
        "sqlx" => "SQLx",
        "spring-boot-starter" | "spring-boot-starter-web" => "Spring Boot",
        "rails" => "Ruby on Rails",
        "laravel/framework" => "Laravel",
        "github.com/gin-gonic/gin" => "Gin",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_every_kind_of_manifest() {
        for (path, text, names) in [
            (
                "a/Cargo.toml",
                "[package]\nname = \"a\"\n\n[dependencies]\nserde = \"1\"\ntokio.workspace = true\n[dev-dependencies.insta]\nversion = \"1\"\n",
                &["insta", "serde", "tokio"][..],
            ),
            (
                "package.json",
                r#"{"name":"a","dependencies":{"react":"18"},"devDependencies":{"vite":"5"}}"#,
                &["react", "vite"],
            ),
            (
                "requirements.txt",
                "# what we need\nflask>=2\nrequests[socks]==2.0\n-r more.txt\n",
                &["flask", "requests"],
            ),
            (
                "pyproject.toml",
                "[project]\ndependencies = [\n  \"httpx>=0.2\",\n  'rich',\n]\n[tool.poetry.dependencies]\npython = \"^3.10\"\nclick = \"8\"\n",
                &["click", "httpx", "rich"],
            ),
            (
                "go.mod",
                "module a\n\nrequire github.com/a/b v1\nrequire (\n\tgithub.com/c/d v2\n)\n",
                &["github.com/a/b", "github.com/c/d"],
            ),
            (
                "pom.xml",
                "<project><artifactId>own</artifactId><dependency><artifactId>junit</artifactId></dependency></project>",
                &["junit"],
            ),
            ("build.gradle.kts", "implementation(\"org.a:b:1.0\")\nplugins { id 'c' }\n", &["b"]),
            ("Gemfile", "source 'https://rubygems.org'\ngem 'rails', '7'\n", &["rails"]),
        ] {
            assert_eq!(Manifest::of(path).unwrap().dependencies(text), names, "{path}");
        }
    }
}
