//! The model's files: finding, checking and converting them.
//!
//! The published file is quantised as Q4_1, for which candle has scalar code only: ten seconds to the first token of a
//! page. So it is converted to Q8_0 once, and the result is kept beside it.

use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

use candle_core::Device;
use candle_core::quantized::{GgmlDType, QTensor, gguf_file};
use candle_transformers::models::quantized_llama::ModelWeights;
use sha2::{Digest, Sha256};

use super::prompt::Prompts;

/// The name of the model's file: SmolLM2-135M-Instruct, quantised as Q4_1.
pub const FILE: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";

/// What the converted form is called.
const CONVERTED: &str = "SmolLM2-135M-Instruct.Q8_0.gguf";

const SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";

/// Where the converted form says which file it was made of; so that file is hashed once only.
const SOURCE: &str = "latimer.source.sha256";

/// Why the embedded model can't be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is not there.
    #[error("the embedded model is not installed: there is no {}", .looked_for.display())]
    Missing {
        /// What was looked for.
        looked_for: PathBuf,
    },
    /// The file is not the published one, or can't be understood.
    #[error("{} is not the model it should be ({reason}); remove it and install it again", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file can't be read.
    #[error("{} can't be read", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The model's thread can't be started.
    #[error("the embedded model's thread can't be started")]
    Thread(#[source] io::Error),
}

/// A model ready to run.
pub(super) struct Model {
    pub(super) weights: ModelWeights,
    pub(super) prompts: Prompts,
}

/// Loads the model in `dir`, from the converted form if there is one.
pub(super) fn load(dir: &Path) -> Result<Model, LoadError> {
    let converted = dir.join(CONVERTED);
    match File::open(&converted).map(|file| read(BufReader::new(file))) {
        Ok(Ok(model)) => return Ok(model),
        Ok(Err(error)) => {
            tracing::warn!(path = %converted.display(), %error, "the converted model is unusable; making it again");
        }
        // Not made yet, or not to be read: the source answers for both.
        Err(_) => {}
    }

    let source = dir.join(FILE);
    let corrupt =
        |error: candle_core::Error| LoadError::Corrupt { path: source.clone(), reason: error.to_string() };
    let bytes = convert(&verified(&source)?).map_err(corrupt)?;
    if let Err(error) = keep(&bytes, &converted, &source) {
        tracing::warn!(path = %converted.display(), %error, "the converted model can't be kept; every start makes it again");
    }
    read(Cursor::new(bytes)).map_err(corrupt)
}

/// The bytes of the published file.
fn verified(path: &Path) -> Result<Vec<u8>, LoadError> {
    let bytes = fs::read(path).map_err(|source| {
        if source.kind() == io::ErrorKind::NotFound {
            LoadError::Missing { looked_for: path.to_owned() }
        } else {
            LoadError::Unreadable { path: path.to_owned(), source }
        }
    })?;
    let found = format!("{:x}", Sha256::digest(&bytes));
    if found != SHA256 {
        return Err(LoadError::Corrupt { path: path.to_owned(), reason: format!("its SHA-256 is {found}") });
    }
    Ok(bytes)
}

/// The same model with every tensor in a form that candle computes fast.
fn convert(source: &[u8]) -> candle_core::Result<Vec<u8>> {
    let mut reader = Cursor::new(source);
    let content = gguf_file::Content::read(&mut reader)?;
    let mut tensors = Vec::new();
    for (name, info) in &content.tensor_infos {
        let tensor = info.read(&mut reader, content.tensor_data_offset, &Device::Cpu)?;
        tensors.push((name.as_str(), with_fast_kernel(tensor)?));
    }

    let stamp = gguf_file::Value::String(SHA256.to_owned());
    let mut metadata: Vec<_> = content.metadata.iter().map(|(name, value)| (name.as_str(), value)).collect();
    metadata.push((SOURCE, &stamp));
    let tensors: Vec<_> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut converted = Cursor::new(Vec::new());
    gguf_file::write(&mut converted, &metadata, &tensors)?;
    Ok(converted.into_inner())
}

fn with_fast_kernel(tensor: QTensor) -> candle_core::Result<QTensor> {
    if matches!(tensor.dtype(), GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1) {
        return QTensor::quantize(&tensor.dequantize(&Device::Cpu)?, GgmlDType::Q8_0);
    }
    Ok(tensor)
}

/// Writes `bytes` to `path` whole or not at all, readable by whom `source` is readable by.
fn keep(bytes: &[u8], path: &Path, source: &Path) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(".model-").tempfile_in(dir)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(fs::metadata(source)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn read(mut reader: impl Read + Seek) -> candle_core::Result<Model> {
    let content = gguf_file::Content::read(&mut reader)?;
    match content.metadata.get(SOURCE) {
        Some(gguf_file::Value::String(source)) if source == SHA256 => {}
        _ => candle_core::bail!("it was made of another file"),
    }
    let prompts = Prompts::from_gguf(&content)?;
    let weights = ModelWeights::from_gguf(content, &mut reader, &Device::Cpu)?;
    Ok(Model { weights, prompts })
}
