//! `tidy`: the invariants of the project that no compiler checks; all that fails is listed at once, each with what to do.

mod crates;
mod dependencies;
mod glob;
mod licence;
mod links;
mod repository;
mod shape;
mod words;

use anyhow::bail;

use crate::cargo::Cargo;
use repository::Repository;

/// A check returns its complaints, each a line that names the place and the way out.
type Check = fn(&Repository) -> anyhow::Result<Vec<String>>;

const CHECKS: &[Check] = &[
    shape::files_begin_with_their_story,
    shape::files_stay_readable,
    words::stay_in_their_places,
    words::serde_derives_stay_at_the_edge,
    crates::arrows_point_one_way,
    crates::foreign_crates_stay_in_their_places,
    crates::versions_stand_in_the_root,
    dependencies::are_locked,
    dependencies::come_from_the_registry,
    dependencies::are_licensed_for_us,
    dependencies::are_not_banned,
    links::lead_somewhere,
];

pub(crate) fn run(cargo: Cargo) -> anyhow::Result<()> {
    let repository = Repository::read(cargo)?;
    let mut complaints = Vec::new();
    for check in CHECKS {
        complaints.extend(check(&repository)?);
    }
    if complaints.is_empty() {
        return Ok(());
    }
    for complaint in &complaints {
        eprintln!("{complaint}");
    }
    bail!("{} to put in order", complaints.len());
}
