//! Links between the Markdown files of the repository.

use std::path::Path;

use super::repository::{Repository, TextFile};

pub(super) fn lead_somewhere(repository: &Repository) -> anyhow::Result<Vec<String>> {
    let pages = repository.files.iter().filter(|file| file.path.ends_with(".md"));
    let dead = pages.flat_map(|page| {
        let folder = repository.root.join(Path::new(&page.path).parent().unwrap_or(Path::new("")));
        let dead = links(page).into_iter().filter(move |(_, target)| !folder.join(target).exists());
        dead.map(|(number, target)| format!("{}:{number}: there is no `{target}` to link to", page.path))
    });
    Ok(dead.collect())
}

/// The files that a page links to, with the numbers of the lines; what stands in code is no link.
fn links(page: &TextFile) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in page.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        // Outside of backticks are the even pieces.
        for piece in line.split('`').step_by(2) {
            found.extend(targets(piece).map(|target| (number, target)));
        }
    }
    found
}

fn targets(prose: &str) -> impl Iterator<Item = &str> {
    let linked = prose.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let files = linked.filter_map(|target| target.split(['#', ' ']).next());
    files.filter(|file| !file.is_empty() && !file.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_files_are_found() {
        let text = "See [style](STYLE.md) and [turns](docs/turns.md#stop \"how\").\n\
                    Not [this](#below), [that](https://example.com/a.md), nor `[code](a.md)`.\n\
                    ```\n[code](b.md)\n```\n[`run`](xtask/src/run.rs)\n";
        let page = TextFile { path: "README.md".to_owned(), text: text.to_owned() };
        assert_eq!(links(&page), [(1, "STYLE.md"), (1, "docs/turns.md"), (6, "xtask/src/run.rs")]);
    }
}
