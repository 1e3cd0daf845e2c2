//! One answer: reading the prompt, then a token at a time, looking at the stop between any two steps.

use std::error::Error;
use std::sync::Arc;

use candle_core::{Device, Tensor};
use candle_transformers::generation::{LogitsProcessor, Sampling};
use candle_transformers::models::quantized_llama::ModelWeights;
use candle_transformers::utils::apply_repeat_penalty;
use chat::provider::{CompletionError, CompletionEvent, CompletionRequest, FinishReason, Usage};

use super::CONTEXT_TOKENS;
use super::decoding::Utf8Buffer;
use super::prompt::{PromptError, Prompts};
use super::queue::RunningJob;

/// How much of the prompt is read between two looks at the stop: about a fifth of a second on one core of a development
/// build. Twice as much would be read four per cent faster, and stop too late.
const PREFILL_STEP: usize = 16;

/// The room for an answer without which a prompt counts as too long.
const MIN_ANSWER: usize = 16;

/// A small model left alone talks in circles; this is where it is cut off.
const DEFAULT_MAX_TOKENS: u32 = 256;

const DEFAULT_TEMPERATURE: f32 = 0.2;

/// Colder than this is greedy: the likeliest token would win anyway, and dividing by less overflows.
const COLDEST: f64 = 1e-3;

/// Without a penalty this model repeats its last sentence for ever.
const REPEAT_PENALTY: f32 = 1.1;

/// How far back in the answer the penalty looks. The prompt is left out: an answer has to use the words of its question,
/// and to end as the turns before it do.
const REPEAT_WINDOW: usize = 64;

/// Writes answers.
pub(super) struct Generator {
    weights: ModelWeights,
    prompts: Arc<Prompts>,
    seed: Option<u64>,
}

/// Why an answer ended before its time.
enum Ended {
    /// Nobody waits for it.
    Stopped,
    Failed(CompletionError),
}

impl Generator {
    pub(super) fn new(weights: ModelWeights, prompts: Arc<Prompts>, seed: Option<u64>) -> Self {
        Self { weights, prompts, seed }
    }

    /// Answers `job`: sends it deltas and its end, unless it is stopped.
    pub(super) fn answer(&self, job: &RunningJob) {
        match self.write(job) {
            Ok(end) => job.send(Ok(end)),
            Err(Ended::Failed(error)) => job.send(Err(error)),
            Err(Ended::Stopped) => {}
        }
    }

    fn write(&self, job: &RunningJob) -> Result<CompletionEvent, Ended> {
        let request = job.request();
        let context = CONTEXT_TOKENS as usize;
        let mut tokens = self.prompts.encode(&request.messages, context)?;
        let prompt_length = tokens.len();
        if prompt_length + MIN_ANSWER > context {
            return Err(Ended::Failed(CompletionError::ContextLength));
        }
        let wanted = request.max_tokens.unwrap_or(DEFAULT_MAX_TOKENS) as usize;
        let limit = context.min(prompt_length.saturating_add(wanted));

        let mut reading = Reading { weights: self.weights.clone(), position: 0 };
        let mut sampler = self.sampler(request)?;
        let mut text = Utf8Buffer::default();
        let mut logits = reading.read_all(&tokens, job)?;
        let reason = loop {
            let recent = &tokens[tokens.len().saturating_sub(REPEAT_WINDOW).max(prompt_length)..];
            let token = sampler.sample(&apply_repeat_penalty(&logits, REPEAT_PENALTY, recent)?)?;
            if self.prompts.is_special(token) {
                break FinishReason::Stop;
            }
            tokens.push(token);
            let delta = text.push(&self.prompts.bytes(token));
            if !delta.is_empty() {
                job.send(Ok(CompletionEvent::TextDelta(delta)));
            }
            if tokens.len() >= limit {
                break FinishReason::Length;
            }
            logits = reading.read_all(&[token], job)?;
        };
        Ok(CompletionEvent::Finished {
            reason,
            usage: Some(usage(prompt_length, tokens.len() - prompt_length)),
        })
    }

    fn sampler(&self, request: &CompletionRequest) -> Result<LogitsProcessor, Ended> {
        let temperature = f64::from(request.temperature.unwrap_or(DEFAULT_TEMPERATURE));
        // A share that holds one token at most is greedy too; the library would take it for no share at all.
        let p = f64::from(request.top_p.unwrap_or(1.0));
        let sampling = match p {
            _ if temperature < COLDEST || p <= 0.0 => Sampling::ArgMax,
            p if p < 1.0 => Sampling::TopP { p, temperature },
            _ => Sampling::All { temperature },
        };
        let seed = match self.seed {
            Some(seed) => seed,
            None => getrandom::u64().map_err(|error| failed(&error))?,
        };
        Ok(LogitsProcessor::from_sampling(seed, sampling))
    }
}

/// A text on its way through the model. Its weights are shared with other texts; what it has read is its own.
struct Reading {
    weights: ModelWeights,
    position: usize,
}

impl Reading {
    /// Reads `tokens` and gives what may come after them.
    fn read_all(&mut self, tokens: &[u32], job: &RunningJob) -> Result<Tensor, Ended> {
        let mut logits = None;
        for step in tokens.chunks(PREFILL_STEP) {
            if job.is_stopped() {
                return Err(Ended::Stopped);
            }
            let input = Tensor::new(step, &Device::Cpu)?.unsqueeze(0)?;
            logits = Some(self.weights.forward(&input, self.position)?.squeeze(0)?);
            self.position += step.len();
        }
        logits.ok_or_else(|| Ended::Failed(CompletionError::Failed("the prompt is empty".into())))
    }
}

fn usage(prompt: usize, completion: usize) -> Usage {
    // Both are within the context.
    let count = |tokens| u32::try_from(tokens).unwrap_or(CONTEXT_TOKENS);
    Usage { prompt_tokens: count(prompt), completion_tokens: count(completion), ..Usage::default() }
}

impl From<candle_core::Error> for Ended {
    fn from(error: candle_core::Error) -> Self {
        failed(&error)
    }
}

impl From<PromptError> for Ended {
    fn from(error: PromptError) -> Self {
        match error {
            PromptError::TooLong(_) => Self::Failed(CompletionError::ContextLength),
            PromptError::Template(_) | PromptError::Tokenizer(_) => failed(&error),
        }
    }
}

/// None of these is expected of a model that was loaded; the caller reads little, the log all.
fn failed(error: &(dyn Error + 'static)) -> Ended {
    tracing::error!(provider.name = "local", error, "the embedded model failed");
    Ended::Failed(CompletionError::Failed("the embedded model could not compute an answer".into()))
}
