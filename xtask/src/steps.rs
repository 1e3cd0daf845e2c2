//! Steps run one after the other, each with its seconds, and the table of them at the end.

use std::time::{Duration, Instant};

/// The steps that have run so far.
#[derive(Default)]
pub(crate) struct Steps {
    done: Vec<Step>,
}

struct Step {
    name: &'static str,
    took: Duration,
    failed: bool,
}

impl Steps {
    /// Runs all of `work`'s steps, then prints the table, whether they succeeded or not.
    pub(crate) fn table(work: impl FnOnce(&mut Self) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let mut steps = Self::default();
        let outcome = work(&mut steps);
        print!("\n{}", steps.rendered());
        outcome
    }

    /// Runs one step.
    pub(crate) fn step(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        println!("\n== {name}");
        let start = Instant::now();
        let outcome = work();
        self.done.push(Step { name, took: start.elapsed(), failed: outcome.is_err() });
        outcome.map_err(|error| error.context(name))
    }

    fn rendered(&self) -> String {
        let row = |name: &str, took: Duration, note: &str| {
            format!("{name:<10} {:>8.1} s{note}\n", took.as_secs_f64())
        };
        let sum = self.done.iter().map(|step| step.took).sum();
        let rows =
            self.done.iter().map(|step| row(step.name, step.took, if step.failed { "  failed" } else { "" }));
        rows.chain([row("sum", sum, "")]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_the_failed_step_and_sums_up() {
        let step = |name, seconds, failed| Step { name, took: Duration::from_secs(seconds), failed };
        let steps = Steps { done: vec![step("build", 90, false), step("test", 5, true)] };
        let table = "build          90.0 s\ntest            5.0 s  failed\nsum            95.0 s\n";
        assert_eq!(steps.rendered(), table);
    }
}
