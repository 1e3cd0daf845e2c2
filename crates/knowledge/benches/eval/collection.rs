//! A collection on disk: documents, questions, and which documents answer which question.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, ensure};
use knowledge::extract::{Extracted, Kind};
use serde_json::Value;

pub(crate) struct Collection {
    pub(crate) name: String,
    pub(crate) documents: Vec<Document>,
    /// Those with at least one relevant document.
    pub(crate) queries: Vec<Query>,
    /// Those whose answers are known; none in most collections.
    pub(crate) questions: Vec<Question>,
}

pub(crate) struct Document {
    pub(crate) id: String,
    pub(crate) content: String,
}

pub(crate) struct Query {
    pub(crate) text: String,
    /// The gain of each relevant document.
    pub(crate) relevant: HashMap<String, f64>,
}

/// A question with its answers.
pub(crate) struct Question {
    pub(crate) text: String,
    /// Whether the documents hold the answer.
    pub(crate) answerable: bool,
    pub(crate) answers: Vec<String>,
    /// What the answer was before the documents were changed.
    pub(crate) original: Vec<String>,
    /// The documents that answer it.
    pub(crate) relevant: HashSet<String>,
}

impl Document {
    /// As a plain text is read.
    pub(crate) fn extracted(&self) -> Extracted {
        Extracted {
            text: self.content.clone(),
            kind: Kind::Prose,
            title: None,
            pages: Vec::new(),
            headings: Vec::new(),
            tables: Vec::new(),
        }
    }
}

impl Collection {
    /// Reads a folder, or a packed one.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() {
            return Self::read_folder(path);
        }
        let unpacked = tempfile::tempdir()?;
        let status = Command::new("tar").arg("xzf").arg(path).arg("-C").arg(unpacked.path()).status()?;
        ensure!(status.success(), "cannot unpack {}", path.display());
        let folder = fs::read_dir(unpacked.path())?.next().context("the archive is empty")??;
        Self::read_folder(&folder.path())
    }

    fn read_folder(path: &Path) -> anyhow::Result<Self> {
        let path = path.canonicalize()?;
        let name = path.file_name().context("a collection has a name")?.to_string_lossy().into_owned();
        let documents = lines(&path.join("corpus.jsonl"))?.iter().map(document).collect::<Option<_>>();
        let mut relevant = relevant(&path.join("qrels.tsv"))?;
        let lines_of_queries = lines(&path.join("queries.jsonl"))?;
        let answers = path.join("answers.jsonl");
        let answers = if answers.is_file() { lines(&answers)? } else { Vec::new() };
        let questions = answers
            .iter()
            .map(|answer| question(answer, &lines_of_queries, &relevant))
            .collect::<Option<_>>();
        let queries = lines_of_queries.iter().filter_map(|query| {
            let relevant = relevant.remove(query["_id"].as_str()?)?;
            Some(Query { text: query["text"].as_str()?.to_owned(), relevant })
        });
        Ok(Self {
            name,
            documents: documents.context("a document lacks its id or text")?,
            queries: queries.collect(),
            questions: questions.context("an answer lacks its question")?,
        })
    }
}

fn document(line: &Value) -> Option<Document> {
    let text = line["text"].as_str()?;
    let title = line["title"].as_str().unwrap_or_default();
    let content =
        if title.is_empty() { text.to_owned() } else { format!("{title}\n\n{text}").trim().to_owned() };
    Some(Document { id: line["_id"].as_str()?.to_owned(), content })
}

fn question(
    answer: &Value,
    queries: &[Value],
    relevant: &HashMap<String, HashMap<String, f64>>,
) -> Option<Question> {
    let id = answer["_id"].as_str()?;
    let text = queries.iter().find(|query| query["_id"] == id)?["text"].as_str()?.to_owned();
    let texts = |field: &str| {
        let texts = answer[field].as_array().into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    };
    let relevant = relevant.get(id).into_iter().flat_map(HashMap::keys).cloned().collect();
    let answerable = answer["answerable"].as_bool()?;
    Some(Question { text, answerable, answers: texts("answers"), original: texts("original"), relevant })
}

fn lines(path: &Path) -> anyhow::Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

/// The gains of each question, without its zeros.
fn relevant(path: &Path) -> anyhow::Result<HashMap<String, HashMap<String, f64>>> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut relevant: HashMap<String, HashMap<String, f64>> = HashMap::new();
    for line in text.lines().skip(1) {
        let mut fields = line.split('\t');
        let (Some(query), Some(document), Some(gain)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let gain: f64 = gain.trim().parse()?;
        if gain > 0.0 {
            relevant.entry(query.to_owned()).or_default().insert(document.to_owned(), gain);
        }
    }
    Ok(relevant)
}
