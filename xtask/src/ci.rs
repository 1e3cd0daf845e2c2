//! `ci`: what must hold before a change lands, the quickest to fail first.

use clap::builder::FalseyValueParser;

use crate::cargo::Cargo;
use crate::models::ModelDir;
use crate::steps::Steps;
use crate::{bench, browser, keycloak, node, python_sdk, test, tidy};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Build as on a CI machine: once, from scratch, output for a log.
    #[arg(long = "ci", env = "CI", value_parser = FalseyValueParser::new())]
    on_ci_machine: bool,

    #[command(flatten)]
    model_dir: ModelDir,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let cargo = if args.on_ci_machine { Cargo::ONCE } else { Cargo::default() };
    Steps::table(|steps| {
        steps.step("fmt", || cargo.run("fmt --all --check"))?;
        steps.step("tidy", || tidy::run(cargo))?;
        steps.step("clippy", || cargo.run("clippy --workspace --all-targets --locked -- -D warnings"))?;
        test::suite(steps, cargo, &args.model_dir)?;
        steps.step("keycloak", || keycloak::test(cargo))?;
        steps.step("openid", || node::test(cargo, "openid"))?;
        steps.step("browser", || browser::test(cargo))?;
        steps.step("python sdk", || python_sdk::test(cargo, &args.model_dir))?;
        steps.step("bench smoke", || bench::smoke(cargo))
    })
}
