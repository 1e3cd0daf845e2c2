//! The commands of the README and of CI: a small program instead of shell scripts, so that it reads and runs alike everywhere.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks to its terminal")]

mod bench;
mod beside;
mod browser;
mod cargo;
mod ci;
mod eval;
mod keycloak;
mod models;
mod node;
mod python_sdk;
mod run;
mod steps;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cargo::Cargo;

/// Latimer's own tasks.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Set up, build and start the server.
    Run(run::Args),
    /// Run the whole test suite, or a part that needs more than it.
    Test(test::Args),
    /// Run what CI runs: format, invariants, lints, build, tests.
    Ci(ci::Args),
    /// Check the invariants that no compiler checks.
    Tidy,
    /// Measure how well search finds answers.
    Eval(eval::Args),
    /// Install the weights of the embedded models.
    Models(models::ModelDir),
    /// Measure.
    Bench(bench::Args),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().task {
        Task::Run(args) => run::run(args),
        Task::Test(args) => test::run(&args),
        Task::Ci(args) => ci::run(&args),
        Task::Eval(args) => eval::run(&args),
        Task::Tidy => tidy::run(Cargo::default()),
        Task::Models(model_dir) => models::run(&model_dir),
        Task::Bench(args) => bench::run(&args),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        super::Cli::command().debug_assert();
    }
}
