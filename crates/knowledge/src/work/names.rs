//! What files are called that come from archives, repositories and the web, and what their names tell.

use outbound::Address;

use crate::store::Repository;

/// The longest name that a document may have.
pub(super) const LONGEST: usize = 1_024;

/// The path of an archive's entry: as if it had been unpacked where it lies. What is at an address lies within it.
pub(super) fn beside(archive: &str, entry: &str, is_address: bool) -> String {
    match archive.rsplit_once('/') {
        _ if is_address => format!("{archive}/{entry}"),
        Some((folder, _)) => format!("{folder}/{entry}"),
        None => entry.to_owned(),
    }
}

/// The path of a file of a repository, without the folder that those who pack archives put around it, which is named after
/// the repository and changes with each commit.
pub(super) fn within_repository<'a>(entry: &'a str, address: &str) -> &'a str {
    let Some((folder, rest)) = entry.split_once('/') else { return entry };
    let is_named_so = |part: &str| {
        let part =
            [".tar.gz", ".tgz", ".tar", ".zip"].iter().find_map(|end| part.strip_suffix(end)).unwrap_or(part);
        part.len() > 1
            && folder.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    };
    let path = address.split(['?', '#']).next().unwrap_or_default();
    if path.split('/').skip(3).any(is_named_so) { rest } else { entry }
}

/// Whether a file is there to test others.
pub(super) fn is_test(path: &str) -> bool {
    let mut folders: Vec<String> = path.split('/').map(str::to_lowercase).collect();
    let name = folders.pop().unwrap_or_default();
    let is_test_folder = |folder: &String| {
        matches!(folder.as_str(), "test" | "tests" | "__tests__" | "spec" | "specs" | "e2e")
    };
    let stem = name.split_once('.').map_or(name.as_str(), |(stem, _)| stem);
    let is_marked = [".test.", ".spec.", ".e2e."].iter().any(|mark| name.contains(mark));
    // `FooTest.java` is one, `latest.java` is not.
    let original = path.rsplit('/').next().unwrap_or(path);
    let camel = original.split_once('.').map_or(original, |(stem, _)| stem);
    folders.iter().any(is_test_folder)
        || is_marked
        || stem.starts_with("test_")
        || stem.ends_with("_test")
        || stem.ends_with("_spec")
        || stem == "conftest"
        || ["Test", "Tests"].iter().any(|end| camel.ends_with(end) && camel.len() > end.len())
}

/// What a page is called for whoever reads it: its ending says what its server says that it is, or else its address.
pub(super) fn of_page(address: &str, content_type: Option<&str>) -> String {
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim();
    let ending = match essence.to_ascii_lowercase().as_str() {
        "text/html" | "application/xhtml+xml" => "html",
        "text/markdown" => "md",
        "text/csv" => "csv",
        "application/json" => "json",
        "application/pdf" => "pdf",
        "application/rtf" | "text/rtf" => "rtf",
        _ => "",
    };
    if !ending.is_empty() {
        return format!("page.{ending}");
    }
    let path = address.split(['?', '#']).next().unwrap_or_default();
    let name = path.split('/').skip(3).last().unwrap_or_default();
    match name.rsplit_once('.') {
        Some((_, ending)) if ending.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            format!("page.{}", if name.ends_with(".tar.gz") { "tar.gz" } else { ending })
        }
        _ => "page".to_owned(),
    }
}

/// Why this address is not fetched, if it is that of a git repository.
pub(super) fn instead_of_git(repository: &Repository) -> Option<String> {
    let address = repository.address.trim();
    let is_git = ["git@", "git:", "git+", "ssh:"].iter().any(|start| address.starts_with(start))
        || address.trim_end_matches('/').ends_with(".git")
        || archive_at_github(repository).is_some();
    is_git.then(|| {
        format!("this is the address of a git repository, which is not fetched here; {}", instead(repository))
    })
}

/// Why what was fetched is of no use.
pub(super) fn no_archive(repository: &Repository) -> String {
    format!("what is at this address is no archive; {}", instead(repository))
}

fn instead(repository: &Repository) -> String {
    let example = archive_at_github(repository)
        .unwrap_or_else(|| "https://github.com/OWNER/NAME/archive/refs/heads/main.tar.gz".to_owned());
    format!("name the address of its archive (tar.gz or zip), such as {example}, or upload the archive")
}

/// Where the archive of a repository at GitHub is.
fn archive_at_github(repository: &Repository) -> Option<String> {
    let address = repository.address.trim().replace("git@github.com:", "https://github.com/");
    let address = Address::parse(&address).ok()?;
    let url = address.as_url();
    if url.host_str() != Some("github.com") {
        return None;
    }
    let mut parts = url.path_segments()?.filter(|part| !part.is_empty());
    let (owner, name, rest) = (parts.next()?, parts.next()?, parts.next());
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "._/-".contains(letter);
    let branch = if repository.branch.chars().all(is_plain) { repository.branch.as_str() } else { "main" };
    let name = name.strip_suffix(".git").unwrap_or(name);
    rest.is_none().then(|| format!("https://github.com/{owner}/{name}/archive/refs/heads/{branch}.tar.gz"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_lies_where_it_is_unpacked() {
        assert_eq!(beside("docs/all.zip", "a/b.md", false), "docs/a/b.md");
        assert_eq!(beside("all.zip", "a/b.md", false), "a/b.md");
        assert_eq!(beside("https://docs.example/all.zip", "a.md", true), "https://docs.example/all.zip/a.md");
    }

    #[test]
    fn the_folder_around_a_repository_is_left_out_and_no_other() {
        let github = "https://github.com/ada/kettle/archive/refs/heads/main.tar.gz";
        assert_eq!(within_repository("kettle-main/src/a.rs", github), "src/a.rs");
        assert_eq!(within_repository("src/a.rs", github), "src/a.rs");
        assert_eq!(within_repository("README.md", github), "README.md");
        assert_eq!(within_repository("kettle-1.0/a.rs", "https://files.example/kettle-1.0.zip"), "a.rs");
        assert_eq!(within_repository("kettles/a.rs", github), "kettles/a.rs");
    }

    #[test]
    fn tests_are_known_by_their_names() {
        for path in [
            "tests/a.rs",
            "src/__tests__/a.ts",
            "a.test.ts",
            "a.spec.js",
            "pkg/a_test.go",
            "test_a.py",
            "conftest.py",
            "src/FooTest.java",
        ] {
            assert!(is_test(path), "{path}");
        }
        for path in ["src/latest.java", "src/contest.py", "docs/testing.md", "attestation.rs", "src/a.rs"] {
            assert!(!is_test(path), "{path}");
        }
    }

    #[test]
    fn a_page_is_what_its_server_says_and_else_what_its_address_says() {
        for (address, content_type, name) in [
            ("https://docs.example/", Some("text/html; charset=utf-8"), "page.html"),
            ("https://docs.example/a.php", Some("text/html"), "page.html"),
            ("https://docs.example/a.md?raw=1", Some("text/plain"), "page.md"),
            ("https://docs.example/a.pdf", None, "page.pdf"),
            ("https://docs.example/all.tar.gz", Some("application/gzip"), "page.tar.gz"),
            ("https://docs.example", None, "page"),
        ] {
            assert_eq!(of_page(address, content_type), name, "{address}");
        }
    }

    #[test]
    fn a_git_address_is_answered_by_that_of_the_archive() {
        for address in [
            "git@github.com:ada/kettle.git",
            "https://github.com/ada/kettle",
            "https://github.com/ada/kettle.git",
        ] {
            let repository = Repository { address: address.to_owned(), branch: "next".to_owned() };
            let sentence = instead_of_git(&repository).unwrap();
            let archive = "https://github.com/ada/kettle/archive/refs/heads/next.tar.gz";
            assert!(sentence.contains(archive), "{address}: {sentence}");
        }
        let archive = "https://github.com/ada/kettle/archive/refs/heads/main.tar.gz".to_owned();
        assert_eq!(instead_of_git(&Repository { address: archive, branch: "main".to_owned() }), None);
    }
}
