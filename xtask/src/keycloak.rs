//! `test keycloak`: signing in at a real Keycloak, which Maven fetches and which is unpacked below `target/`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use sha2::{Digest, Sha256};

use crate::beside::{answers, skip};
use crate::cargo::{Cargo, root, succeed};

const VERSION: &str = "26.4.7";
/// Of the archive.
const SHA256: &str = "aca60ab72ae4d67adc6b8fe7fca5e08d16a6bb5e4a4f2ebb54050e3f5503fd2b";
/// The part of Maven that copies an artifact; named whole, since there is no project.
const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy";

/// Runs the tests, or says in one sentence why there is nothing to run them against.
pub(crate) fn test(cargo: Cargo) -> anyhow::Result<()> {
    let folder = root().join("target/keycloak");
    let distribution = folder.join(format!("keycloak-{VERSION}"));
    if !distribution.exists() {
        if let Err(reason) = fetch(&folder) {
            skip(&reason);
            return Ok(());
        }
        unpack(&folder, &distribution)?;
    }
    if let Err(reason) = java() {
        skip(&reason);
        return Ok(());
    }
    let mut tests = cargo.command("test --workspace --locked --test keycloak");
    succeed(tests.env("KEYCLOAK_DISTRIBUTION", distribution))
}

/// Lets Maven put the archive into the folder.
fn fetch(folder: &Path) -> anyhow::Result<()> {
    java()?;
    ensure!(answers("mvn", "-version"), "Keycloak is fetched by Maven, and no `mvn` was found");
    fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    println!("fetching Keycloak {VERSION} (160 MB)");
    let status = Command::new("mvn")
        // Away from any project, whose settings would count.
        .current_dir(folder)
        .args(["--batch-mode", "--quiet", COPY])
        .arg(format!("-Dartifact=org.keycloak:keycloak-quarkus-dist:{VERSION}:tar.gz"))
        .arg(format!("-DoutputDirectory={}", folder.display()))
        .stdin(Stdio::null())
        .status()
        .context("cannot start mvn")?;
    ensure!(status.success(), "Maven could not fetch Keycloak {VERSION}: see its message above");
    Ok(())
}

/// Checks the archive, unpacks it, and lets Keycloak settle on its kind of database, which takes seconds each time else.
fn unpack(folder: &Path, distribution: &Path) -> anyhow::Result<()> {
    let archive = folder.join(format!("keycloak-quarkus-dist-{VERSION}.tar.gz"));
    check(&archive)?;
    // Beside its place, so that a half unpacked one is never taken for whole.
    let unpacked = tempfile::Builder::new().prefix(".unpacking-").tempdir_in(folder)?;
    succeed(Command::new("tar").arg("-xzf").arg(&archive).arg("-C").arg(unpacked.path()))?;
    let fresh = unpacked.path().join(format!("keycloak-{VERSION}"));
    succeed(Command::new(fresh.join("bin/kc.sh")).args(["build", "--db=dev-file"]).stdin(Stdio::null()))?;
    fs::rename(&fresh, distribution).with_context(|| format!("cannot write {}", distribution.display()))?;
    fs::remove_file(&archive).with_context(|| format!("cannot delete {}", archive.display()))
}

fn check(archive: &PathBuf) -> anyhow::Result<()> {
    let mut file = File::open(archive).with_context(|| format!("cannot open {}", archive.display()))?;
    let mut hasher = Sha256::new();
    io::copy(&mut file, &mut hasher).with_context(|| format!("cannot read {}", archive.display()))?;
    let sha256 = format!("{:x}", hasher.finalize());
    if sha256 != SHA256 {
        bail!("{} has the checksum {sha256} instead of {SHA256}; delete it", archive.display());
    }
    Ok(())
}

fn java() -> anyhow::Result<()> {
    ensure!(answers("java", "-version"), "Keycloak needs Java 17 or later, and none was found");
    Ok(())
}
