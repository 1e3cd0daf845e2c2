//! The figures that tell how good a ranking is, and a table of them beside those of other systems.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::collection::Query;

/// Named as in the files of other systems' figures.
const COLUMNS: [&str; 4] = ["ndcg@10", "recall@10", "recall@100", "mrr@10"];

/// Sums over the questions so far.
#[derive(Default)]
pub(crate) struct Figures {
    sums: [f64; COLUMNS.len()],
    questions: usize,
}

impl Figures {
    pub(crate) fn add(&mut self, query: &Query, ranked: &[&str]) {
        let gain = |document: &&str| query.relevant.get(*document).copied().unwrap_or(0.0);
        let discounted = |gains: &[f64]| {
            let discount = |(rank, gain): (usize, &f64)| gain / (rank as f64 + 2.0).log2();
            gains.iter().take(10).enumerate().map(discount).sum::<f64>()
        };
        let gains: Vec<f64> = ranked.iter().map(gain).collect();
        let mut best: Vec<f64> = query.relevant.values().copied().collect();
        best.sort_by(|one, other| other.total_cmp(one));
        let recall = |depth: usize| {
            gains.iter().take(depth).filter(|gain| **gain > 0.0).count() as f64 / best.len() as f64
        };
        let first = gains.iter().take(10).position(|gain| *gain > 0.0);
        let values = [
            discounted(&gains) / discounted(&best),
            recall(10),
            recall(100),
            first.map_or(0.0, |rank| 1.0 / (rank as f64 + 1.0)),
        ];
        self.sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
        self.questions += 1;
    }
}

/// Rows of figures.
pub(crate) struct Table {
    rows: Vec<(String, [Option<f64>; COLUMNS.len()])>,
}

impl Table {
    /// Begins with other systems' figures for a collection, if a `baselines.json` lies in its folder or one above.
    pub(crate) fn beside(path: &Path, name: &str) -> anyhow::Result<Self> {
        let file = path.ancestors().map(|folder| folder.join("baselines.json")).find(|file| file.is_file());
        let Some(file) = file else { return Ok(Self { rows: Vec::new() }) };
        let baselines: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
        let systems = baselines[name].as_object().into_iter().flatten();
        let row = |(system, figures): (&String, &Value)| {
            (system.clone(), COLUMNS.map(|column| figures[column].as_f64()))
        };
        Ok(Self { rows: systems.map(row).collect() })
    }

    pub(crate) fn add(&mut self, name: &str, figures: &Figures) {
        let mean = |sum: f64| Some(sum / figures.questions.max(1) as f64);
        self.rows.push((name.to_owned(), figures.sums.map(mean)));
    }

    pub(crate) fn print(&self) {
        println!("{:18}{}", "", COLUMNS.map(|column| format!("{column:>12}")).concat());
        for (name, figures) in &self.rows {
            let shown =
                |figure: Option<f64>| figure.map_or_else(String::new, |figure| format!("{figure:.4}"));
            println!("{name:18}{}", figures.map(|figure| format!("{:>12}", shown(figure))).concat());
        }
    }
}
