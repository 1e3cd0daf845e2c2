//! What a project is, told by facts of its documents alone: the same documents give the same words.

mod manifest;
mod wire;

use std::collections::BTreeMap;

use chat::store::StoreError;

use super::names;
use crate::library::Library;
use crate::store::Listed;
use manifest::Manifest;
pub use wire::Analysis;
use wire::{Architecture, Component, Count, Dependency, Language, Structure, TechStack};

/// How many documents are listed at once.
const PAGE: usize = 500;
/// How many folders, dependencies and so on are named at most.
const MOST: usize = 100;
/// A larger manifest is not read.
const LARGEST_MANIFEST: usize = 1 << 20;

/// All documents of a project.
pub(super) async fn documents(library: &Library, project: &str) -> Result<Vec<Listed>, StoreError> {
    let mut all: Vec<Listed> = Vec::new();
    loop {
        let page = library.documents(project, all.last().map(|last| last.id), PAGE).await?;
        let is_last = page.len() < PAGE;
        all.extend(page);
        if is_last {
            return Ok(all);
        }
    }
}

/// Looks at all documents of a project; at tests only if they are wanted.
pub(super) async fn of(
    library: &Library,
    project: &str,
    include_tests: bool,
) -> Result<Analysis, StoreError> {
    let mut documents = documents(library, project).await?;
    documents.retain(|document| include_tests || !names::is_test(&document.label.path));
    documents.sort_by(|one, other| one.label.path.cmp(&other.label.path));
    let mut manifests = Vec::new();
    for document in documents.iter().filter(|document| document.bytes <= LARGEST_MANIFEST) {
        let Some(manifest) = Manifest::of(&document.label.path) else { continue };
        let text = library.text(project, document.id, 0..document.bytes).await?.unwrap_or_default();
        manifests.push((document.label.path.clone(), manifest, manifest.dependencies(&text)));
    }
    let structure = structure(&documents);
    let tech_stack = tech_stack(&documents, &manifests);
    let architecture = architecture(&documents, &structure, &tech_stack);
    Ok(Analysis { structure, tech_stack, architecture })
}

fn structure(documents: &[Listed]) -> Structure {
    let kinds = counted(documents.iter().map(|document| document.label.kind.name().to_owned()));
    let folders = counted(documents.iter().flat_map(|document| folders(&document.label.path)));
    let bytes = documents.iter().map(|document| document.bytes).sum();
    Structure { documents: documents.len(), bytes, types: kinds, folders: first(by_name(folders)) }
}

/// The folders of a path, two levels deep; none for what came from the web.
fn folders(path: &str) -> Vec<String> {
    if path.contains("://") {
        return Vec::new();
    }
    let ends: Vec<usize> = path.match_indices('/').map(|(at, _)| at).take(2).collect();
    ends.into_iter().map(|end| path[..end].to_owned()).collect()
}

fn tech_stack(documents: &[Listed], manifests: &[(String, Manifest, Vec<String>)]) -> TechStack {
    let mut by_language: BTreeMap<&'static str, Language> = BTreeMap::new();
    for document in documents {
        let Some(name) = language(&document.label.path) else { continue };
        let language = by_language.entry(name).or_insert(Language { name, documents: 0, bytes: 0 });
        language.documents += 1;
        language.bytes += document.bytes;
    }
    let mut languages: Vec<Language> = by_language.into_values().collect();
    languages.sort_by(|one, other| other.bytes.cmp(&one.bytes).then(one.name.cmp(other.name)));
    let dependency = |(path, _, names): &(String, Manifest, Vec<String>)| {
        let path = path.clone();
        names
            .clone()
            .into_iter()
            .map(move |name| Dependency { name, manifest: path.clone() })
            .collect::<Vec<_>>()
    };
    let dependencies: Vec<Dependency> = manifests.iter().flat_map(dependency).collect();
    let mut tools: Vec<&'static str> = manifests.iter().map(|(_, manifest, _)| manifest.tool()).collect();
    tools.extend(dependencies.iter().filter_map(|dependency| manifest::framework(&dependency.name)));
    tools.sort_unstable();
    tools.dedup();
    let manifests = manifests.iter().map(|(path, ..)| path.clone()).collect();
    TechStack { languages, tools, manifests: first(manifests), dependencies: first(dependencies) }
}

fn architecture(documents: &[Listed], structure: &Structure, stack: &TechStack) -> Architecture {
    let paths = || documents.iter().map(|document| document.label.path.as_str());
    let entry_points: Vec<String> = paths().filter(|path| is_entry_point(path)).map(str::to_owned).collect();
    let documentation: Vec<String> = paths().filter(|path| tells_of_it(path)).map(str::to_owned).collect();
    let mut by_folder: BTreeMap<&str, BTreeMap<&'static str, usize>> = BTreeMap::new();
    for path in paths().filter(|path| !path.contains("://")) {
        let (Some((folder, _)), Some(language)) = (path.split_once('/'), language(path)) else { continue };
        *by_folder.entry(folder).or_default().entry(language).or_default() += 1;
    }
    let component = |(folder, languages): (&str, BTreeMap<&'static str, usize>)| {
        let main = languages.iter().max_by_key(|(name, count)| (**count, std::cmp::Reverse(**name)));
        let language = main.map_or("", |(name, _)| name);
        Component { folder: folder.to_owned(), language, documents: languages.values().sum() }
    };
    let components: Vec<Component> = by_folder.into_iter().map(component).collect();
    let tests = paths().filter(|path| names::is_test(path)).count();
    let summary = summary(structure, stack, &components, &entry_points);
    Architecture {
        summary,
        components: first(components),
        entry_points: first(entry_points),
        documentation: first(documentation),
        tests,
    }
}

fn summary(
    structure: &Structure,
    stack: &TechStack,
    components: &[Component],
    entry_points: &[String],
) -> String {
    if structure.documents == 0 {
        return "The project has no documents.".to_owned();
    }
    let mut sentences = vec![match structure.documents {
        1 => "The project has 1 document.".to_owned(),
        many => format!("The project has {many} documents."),
    }];
    let some = |names: Vec<&str>| names.into_iter().take(5).collect::<Vec<_>>().join(", ");
    let mut say = |what: &str, names: Vec<&str>| {
        if !names.is_empty() {
            sentences.push(format!("{what}: {}.", some(names)));
        }
    };
    say("Its languages, the most used first", stack.languages.iter().map(|language| language.name).collect());
    say("It is built with", stack.tools.clone());
    say("Its code lies in", components.iter().map(|component| component.folder.as_str()).collect());
    say("It begins in", entry_points.iter().map(String::as_str).collect());
    sentences.join(" ")
}

fn is_entry_point(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let is_named_so = matches!(
        name,
        "main.rs"
            | "main.go"
            | "main.py"
            | "__main__.py"
            | "manage.py"
            | "app.py"
            | "wsgi.py"
            | "asgi.py"
            | "main.c"
            | "main.cpp"
            | "Main.java"
            | "Application.java"
            | "Program.cs"
            | "Dockerfile"
            | "index.ts"
            | "index.js"
            | "main.ts"
            | "main.js"
            | "server.ts"
            | "server.js"
            | "app.ts"
            | "app.js"
    );
    // `index.ts` is in every folder of some.
    let depth = path.matches('/').count();
    is_named_so && !names::is_test(path) && (depth <= 1 || !name.starts_with("index."))
}

fn tells_of_it(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
    let stem = name.split('.').next().unwrap_or_default();
    matches!(stem, "readme" | "architecture" | "contributing" | "changelog" | "design" | "overview")
}

/// The language of a file by its ending.
fn language(path: &str) -> Option<&'static str> {
    let name = path.rsplit('/').next().unwrap_or(path);
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending {
        "rs" => "Rust",
        "py" => "Python",
        "js" | "mjs" | "cjs" | "jsx" => "JavaScript",
        "ts" | "mts" | "cts" | "tsx" => "TypeScript",
        "java" => "Java",
        "kt" | "kts" => "Kotlin",
        "go" => "Go",
        "c" | "h" => "C",
        "cc" | "cpp" | "cxx" | "hpp" => "C++",
        "cs" => "C#",
        "rb" => "Ruby",
        "php" => "PHP",
        "swift" => "Swift",
        "scala" => "Scala",
        "sh" | "bash" => "Shell",
        "sql" => "SQL",
        "html" | "htm" => "HTML",
        "css" | "scss" => "CSS",
        _ => return None,
    })
}

fn counted(names: impl Iterator<Item = String>) -> Vec<Count> {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    names.for_each(|name| *counts.entry(name).or_default() += 1);
    counts.into_iter().map(|(name, documents)| Count { name, documents }).collect()
}

/// Of too many those that have most, by name.
fn by_name(mut counts: Vec<Count>) -> Vec<Count> {
    counts.sort_by(|one, other| other.documents.cmp(&one.documents).then(one.name.cmp(&other.name)));
    counts.truncate(MOST);
    counts.sort_by(|one, other| one.name.cmp(&other.name));
    counts
}

fn first<T>(mut items: Vec<T>) -> Vec<T> {
    items.truncate(MOST);
    items
}
