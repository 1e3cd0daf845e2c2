//! What the first start makes is printed once and written down once, for the owner only.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::program::{Program, latimer};

const INTRODUCTION: &str = "This is the first start. Keep what follows, it is not shown again:\n\n";

fn home() -> (TempDir, PathBuf) {
    let home = TempDir::new().expect("a temporary directory");
    let file = home.path().join("data/first-start.txt");
    (home, file)
}

fn serve(home: &Path, variable: Option<(&str, &str)>) -> Program {
    let mut command = latimer(home);
    command.args(["serve", "--listen", "127.0.0.1:0"]).envs(variable);
    Program::start(home, command)
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).expect("it is there")
}

#[test]
fn it_is_written_down_for_the_owner_only() {
    let (home, file) = home();

    let banner = serve(home.path(), None).banner().to_owned();

    let mode = std::fs::metadata(&file).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let written = read(&file);
    let words: Vec<&str> = written.split_whitespace().collect();
    let ["user", "admin", "password", password, "API", "key", key] = words[..] else { panic!("{written}") };
    assert!(password.len() == 22 && key.starts_with("lat_"), "{written}");
    let told = format!(
        "{INTRODUCTION}{written}\nIt is written down in data/first-start.txt, for you only; delete that once you have it.\n"
    );
    assert!(banner.contains(&told), "{banner}");
    let again = serve(home.path(), None).banner().to_owned();
    assert!(!again.contains("first start") && !again.contains(password), "{again}");
    assert_eq!(read(&file), written);
    std::fs::remove_file(&file).expect("it may be deleted");
    drop(serve(home.path(), None));
    assert!(!file.exists(), "it was the first start only");
}

#[test]
fn a_password_that_was_given_is_written_nowhere() {
    let (home, file) = home();

    let banner =
        serve(home.path(), Some(("LATIMER_ADMIN_PASSWORD", "correct-horse-battery"))).banner().to_owned();

    assert!(!banner.contains("correct-horse-battery") && !banner.contains("password"), "{banner}");
    assert!(!read(&file).contains("correct-horse-battery") && read(&file).contains("API key   lat_"));
}

#[test]
fn what_is_there_is_never_written_over() {
    let (home, file) = home();
    std::fs::create_dir(home.path().join("data")).expect("a data directory");
    std::fs::write(&file, "of an earlier life").expect("a file");

    let banner = serve(home.path(), None).banner().to_owned();

    assert_eq!(read(&file), "of an earlier life");
    assert!(banner.contains(INTRODUCTION) && banner.contains("API key   lat_"), "{banner}");
    assert!(!banner.contains("written down"), "{banner}");
}
