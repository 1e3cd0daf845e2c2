//! A model that remembers in a file what it has computed, by the text: a collection takes minutes, once.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use knowledge::embed::minilm::MiniLm;
use knowledge::embed::{EmbedError, Embedder, Purpose};
use sha2::{Digest, Sha256};

const KEY: usize = 32;

#[derive(Debug)]
pub(crate) struct Remembering {
    model: MiniLm,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
struct Memory {
    file: File,
    known: HashMap<[u8; KEY], Vec<f32>>,
}

impl Remembering {
    pub(crate) fn open(model: MiniLm, name: &str) -> anyhow::Result<Self> {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("eval");
        fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.vectors"));
        let bytes = fs::read(&path).unwrap_or_default();
        let records = bytes.chunks_exact(KEY + model.dimensions() * size_of::<f32>());
        let known = records.filter_map(|record| {
            let (key, numbers) = record.split_first_chunk()?;
            let (numbers, _) = numbers.as_chunks();
            Some((*key, numbers.iter().map(|number| f32::from_le_bytes(*number)).collect()))
        });
        let known = known.collect();
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        Ok(Self { model, memory: Mutex::new(Memory { file, known }) })
    }

    fn with_memory<T>(&self, work: impl FnOnce(&mut Memory) -> T) -> T {
        work(&mut self.memory.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Embedder for Remembering {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn dimensions(&self) -> usize {
        self.model.dimensions()
    }

    fn is_calibrated(&self) -> bool {
        self.model.is_calibrated()
    }

    fn batch(&self) -> usize {
        64
    }

    async fn embed(&self, purpose: Purpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        let is_known = |text: &String| self.with_memory(|memory| memory.known.contains_key(&key(text)));
        let missing: Vec<String> = texts.iter().filter(|text| !is_known(text)).cloned().collect();
        let vectors = self.model.embed(purpose, missing.clone()).await?;
        self.with_memory(|memory| {
            for (text, vector) in missing.iter().zip(vectors) {
                let numbers = vector.iter().flat_map(|value| value.to_le_bytes());
                let record: Vec<u8> = key(text).into_iter().chain(numbers).collect();
                memory.file.write_all(&record).map_err(|error| EmbedError::Failed(error.into()))?;
                memory.known.insert(key(text), vector);
            }
            Ok(texts.iter().filter_map(|text| memory.known.get(&key(text)).cloned()).collect())
        })
    }
}

fn key(text: &str) -> [u8; KEY] {
    Sha256::digest(text).into()
}
