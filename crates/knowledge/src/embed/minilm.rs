//! all-MiniLM-L6-v2 in the process: an ONNX file of eight-bit weights, run by rten.

use std::num::NonZero;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use rten::{Model, ModelOptions, NodeId, RunOptions, ThreadPool, ValueOrView};
use rten_tensor::prelude::*;
use rten_tensor::{NdTensor, NdTensorView};
use tokenizers::{Encoding, Tokenizer, TruncationParams};
use tokio::sync::Semaphore;

use super::{EmbedError, Embedder, Purpose, normalise};

/// The file of weights that is looked for in the directory of models.
pub const FILE: &str = "all-MiniLM-L6-v2.int8.onnx";

/// Of a longer text only so much is read.
const MAX_TOKENS: usize = 256;
const DIMENSIONS: usize = 384;
/// Longer words are for no reader, and an endless one must not cost memory.
const MAX_BYTES: usize = 16 * 1024;
/// A question is too short for more to gain anything.
const QUESTION_THREADS: usize = 2;
/// As `nice` says it.
const LEAST_URGENT: i32 = 10;
/// More texts at once gain nothing, and keep a question waiting.
const BATCH: usize = 8;

/// The model. Cheap to clone.
#[derive(Clone)]
pub struct MiniLm {
    network: Arc<Network>,
    questions: Lane,
    passages: Lane,
}

/// Threads of their own for each purpose, so that a question never waits for the passages of an upload.
#[derive(Clone)]
struct Lane {
    threads: usize,
    pool: Arc<ThreadPool>,
    turns: Arc<Semaphore>,
}

struct Network {
    model: Model,
    tokenizer: Tokenizer,
    inputs: [NodeId; 3],
    output: NodeId,
}

impl MiniLm {
    /// Reads the weights at `path`; takes a tenth of a second.
    pub fn load(path: &Path) -> Result<Self, EmbedError> {
        // Weights in the order that products read them: some 20 MB more, and a question takes half the time.
        let model = ModelOptions::with_all_ops().prepack_weights(true).load_file(path);
        let model = model.map_err(|error| EmbedError::Unreadable(error.into()))?;
        let network = Network::new(model).map_err(EmbedError::Unreadable)?;
        let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
        Ok(Self {
            network: Arc::new(network),
            questions: Lane::new(cores.min(QUESTION_THREADS)),
            passages: Lane::behind_all_else(cores.saturating_sub(1).max(1)),
        })
    }

    /// How many threads compute passages.
    pub fn threads(&self) -> usize {
        self.passages.threads
    }

    /// The vectors of `texts`, computed on this thread's account: the caller waits.
    pub fn encode(&self, purpose: Purpose, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let pool = &self.lane(purpose).pool;
        self.network.encode(texts, pool).map_err(EmbedError::Failed)
    }

    fn lane(&self, purpose: Purpose) -> &Lane {
        match purpose {
            Purpose::Question => &self.questions,
            Purpose::Passage => &self.passages,
        }
    }
}

#[async_trait]
impl Embedder for MiniLm {
    fn name(&self) -> &str {
        "all-minilm-l6-v2-int8"
    }

    fn dimensions(&self) -> usize {
        DIMENSIONS
    }

    fn is_calibrated(&self) -> bool {
        true
    }

    async fn embed(&self, purpose: Purpose, texts: Vec<String>) -> Result<Vec<Vec<f32>>, EmbedError> {
        let turns = Arc::clone(&self.lane(purpose).turns);
        let turn = turns.acquire_owned().await.map_err(|error| EmbedError::Failed(error.into()))?;
        let model = self.clone();
        let work = move || {
            let _until_done = turn;
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            model.encode(purpose, &texts)
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| EmbedError::Failed(error.into()))?
    }
}

impl std::fmt::Debug for MiniLm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MiniLm").finish_non_exhaustive()
    }
}

impl Lane {
    fn new(threads: usize) -> Self {
        Self {
            threads,
            pool: Arc::new(ThreadPool::with_num_threads(threads)),
            turns: Arc::new(Semaphore::new(1)),
        }
    }

    /// Its threads get what others leave: an upload must not slow down a chat. Where the system does not let them step
    /// back they are as others.
    fn behind_all_else(threads: usize) -> Self {
        let lane = Self::new(threads);
        let step_back = |_: rayon::BroadcastContext<'_>| rustix::process::nice(LEAST_URGENT).is_ok();
        let stepped_back = lane.pool.run(|| rayon::broadcast(step_back));
        if stepped_back.contains(&false) {
            tracing::debug!("the threads that embed passages are as urgent as others");
        }
        lane
    }
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Network {
    fn new(model: Model) -> Result<Self, Failure> {
        let mut tokenizer = Tokenizer::from_bytes(include_bytes!("../../assets/minilm-tokenizer.json"))?;
        tokenizer.with_padding(None);
        tokenizer.with_truncation(Some(TruncationParams {
            max_length: MAX_TOKENS,
            ..TruncationParams::default()
        }))?;
        let input = |name| model.node_id(name);
        let inputs = [input("input_ids")?, input("attention_mask")?, input("token_type_ids")?];
        let output = *model.output_ids().first().ok_or("the model has no output")?;
        Ok(Self { model, tokenizer, inputs, output })
    }

    /// Texts of like length share a run, since each is padded to the longest beside it.
    fn encode(&self, texts: &[&str], pool: &Arc<ThreadPool>) -> Result<Vec<Vec<f32>>, Failure> {
        let encodings = texts.iter().map(|text| self.tokenizer.encode(beginning(text), true));
        let encodings = encodings.collect::<Result<Vec<Encoding>, _>>()?;
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|place| encodings[*place].len());

        let mut vectors = vec![Vec::new(); texts.len()];
        for places in order.chunks(BATCH) {
            let batch: Vec<&Encoding> = places.iter().map(|place| &encodings[*place]).collect();
            for (place, vector) in places.iter().zip(self.run(&batch, pool)?) {
                vectors[*place] = vector;
            }
        }
        Ok(vectors)
    }

    fn run(&self, batch: &[&Encoding], pool: &Arc<ThreadPool>) -> Result<Vec<Vec<f32>>, Failure> {
        let width = batch.iter().map(|encoding| encoding.len()).max().unwrap_or_default();
        let shape = [batch.len(), width];
        let mut ids = NdTensor::<i32, 2>::zeros(shape);
        let mut mask = NdTensor::<i32, 2>::zeros(shape);
        for (row, encoding) in batch.iter().enumerate() {
            for (column, id) in encoding.get_ids().iter().enumerate() {
                ids[[row, column]] = i32::try_from(*id)?;
                mask[[row, column]] = 1;
            }
        }
        let kinds = NdTensor::<i32, 2>::zeros(shape);
        let [ids_input, mask_input, kinds_input] = self.inputs;
        let inputs: Vec<(NodeId, ValueOrView<'_>)> = vec![
            (ids_input, ids.view().into()),
            (mask_input, mask.view().into()),
            (kinds_input, kinds.view().into()),
        ];
        let mut options = RunOptions::default();
        options.thread_pool = Some(Arc::clone(pool));
        let [states] = self.model.run_n(inputs, [self.output], Some(options))?;
        let states: NdTensor<f32, 3> = states.try_into()?;
        Ok(batch
            .iter()
            .enumerate()
            .map(|(row, encoding)| pooled(states.slice(row), encoding.len()))
            .collect())
    }
}

/// The mean over the tokens that are there, at unit length.
fn pooled(states: NdTensorView<'_, f32, 2>, tokens: usize) -> Vec<f32> {
    let mut vector = vec![0.0; states.size(1)];
    for token in 0..tokens {
        for (sum, value) in vector.iter_mut().zip(states.slice(token).iter()) {
            *sum += value;
        }
    }
    normalise(&mut vector);
    vector
}

fn beginning(text: &str) -> &str {
    &text[..text.floor_char_boundary(MAX_BYTES)]
}
