//! One process owns a data directory.

use store::{DataDir, DataDirError};

#[test]
fn a_second_owner_is_refused_and_told_who_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("data");
    let first = DataDir::lock(&path).unwrap();

    let refused = DataDir::lock(&path).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!(
            "{} is in use by process {}; stop it or choose another --data-dir",
            path.display(),
            std::process::id()
        )
    );
    assert!(matches!(refused, DataDirError::InUse { .. }));

    drop(first);
    DataDir::lock(&path).unwrap();
}

#[test]
fn a_place_that_is_no_directory_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, "here").unwrap();
    let refused = DataDir::lock(&path).unwrap_err();
    assert_eq!(
        refused.to_string(),
        format!("{} can't be used as data directory; check that it can be written", path.display())
    );
}

#[cfg(unix)]
#[test]
fn a_new_data_directory_is_its_owners_only() {
    use std::os::unix::fs::PermissionsExt;

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    let _data_dir = DataDir::lock(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}
