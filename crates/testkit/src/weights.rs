//! Where the embedded model's weights are for tests that run it.

use std::path::{Path, PathBuf};

/// `LATIMER_MODEL_DIR`, else `models` in the repository. Fails with the command that installs them if none are there.
#[expect(clippy::disallowed_methods, reason = "where the weights are is the tests' only setting")]
pub fn model_dir() -> PathBuf {
    let installed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let dir = std::env::var_os("LATIMER_MODEL_DIR").map_or(installed, PathBuf::from);
    let holds_weights = std::fs::read_dir(&dir).is_ok_and(|files| {
        files.flatten().any(|file| file.path().extension().is_some_and(|extension| extension == "gguf"))
    });
    assert!(holds_weights, "there are no weights in {}; `cargo xtask models` installs them", dir.display());
    dir
}
