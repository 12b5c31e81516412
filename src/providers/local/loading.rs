//! From a GGUF file to a model that can answer.
//!
//! Candle has fast kernels for some kinds of quantisation only. Tensors of the slow kinds are
//! rewritten once as `Q8_0` into a file beside the weights; it is made under another name and
//! renamed, so it is whole or absent.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use candle_core::Device;
use candle_core::quantized::gguf_file::{self, Content, Value};
use candle_core::quantized::{GgmlDType, QTensor};

use super::constraint::Grammars;
use super::network::Network;
use super::template::Marks;
use super::vocabulary::{self, Vocabulary};

/// A model in memory.
pub(super) struct Model {
    pub(super) network: Network,
    pub(super) vocabulary: Arc<Vocabulary>,
    pub(super) grammars: Grammars,
    pub(super) template: Option<String>,
    pub(super) marks: Marks,
    /// Tokens of prompt and answer together.
    pub(super) window: usize,
    /// The tokens whose keys and values the network holds.
    pub(super) read: Vec<u32>,
}

/// Loads weights; `window` caps what the file itself allows. The error says what is wrong with the
/// file.
pub(super) fn load(path: &Path, window: usize) -> Result<Model, String> {
    let fast = fast_file(path)?;
    let (content, mut reader) = open(&fast)?;
    let network = Network::load(&content, &mut reader).map_err(|error| plain(&error))?;
    let vocabulary = Arc::new(Vocabulary::load(&content)?);
    let grammars = Grammars::new(&vocabulary)?;
    let template = vocabulary::text(&content, "tokenizer.chat_template").map(str::to_owned);
    let architecture = vocabulary::text(&content, "general.architecture").unwrap_or_default();
    let trained = content.metadata.get(&format!("{architecture}.context_length")).and_then(vocabulary::number);
    let begin = vocabulary.begin().map(|token| vocabulary.name(token)).unwrap_or_default();
    let end = vocabulary.end_tokens().next().map(|token| vocabulary.name(token)).unwrap_or_default();
    Ok(Model {
        network,
        grammars,
        template,
        marks: Marks { begin, end },
        window: trained.map_or(window, |trained| window.min(trained as usize)),
        read: Vec::new(),
        vocabulary,
    })
}

/// Where the rewritten form of a weights file lies.
pub fn requantised_path(path: &Path) -> PathBuf {
    path.with_extension("q8_0.gguf")
}

fn open(path: &Path) -> Result<(Content, BufReader<File>), String> {
    let file = File::open(path).map_err(|error| format!("`{}` cannot be opened: {error}", path.display()))?;
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let content = Content::read(&mut reader).map_err(|error| plain(&error))?;
    Ok((content, reader))
}

/// Candle's message without its backtrace.
fn plain(error: &candle_core::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().to_owned()
}

fn is_slow(kind: GgmlDType) -> bool {
    matches!(kind, GgmlDType::Q4_1 | GgmlDType::Q5_0 | GgmlDType::Q5_1)
}

/// The file to load: the given one, or its rewritten form.
fn fast_file(path: &Path) -> Result<PathBuf, String> {
    let (content, mut reader) = open(path)?;
    if !content.tensor_infos.values().any(|info| is_slow(info.ggml_dtype)) {
        return Ok(path.to_owned());
    }
    let target = requantised_path(path);
    if open(&target).is_ok_and(|(there, _)| there.tensor_infos.len() == content.tensor_infos.len()) {
        return Ok(target);
    }
    let mut names: Vec<&String> = content.tensor_infos.keys().collect();
    names.sort_unstable();
    let mut tensors: Vec<(&str, QTensor)> = Vec::with_capacity(names.len());
    for name in names {
        let tensor = content.tensor(&mut reader, name, &Device::Cpu).map_err(|error| plain(&error))?;
        let tensor = if is_slow(tensor.dtype()) { rewritten(&tensor).map_err(|error| plain(&error))? } else { tensor };
        tensors.push((name, tensor));
    }
    write(&target, &content, &tensors).map_err(|error| format!("`{}` cannot be written: {error}", target.display()))?;
    Ok(target)
}

fn rewritten(tensor: &QTensor) -> candle_core::Result<QTensor> {
    QTensor::quantize(&tensor.dequantize(&Device::Cpu)?, GgmlDType::Q8_0)
}

fn write(target: &Path, content: &Content, tensors: &[(&str, QTensor)]) -> Result<(), String> {
    let folder = target.parent().unwrap_or(Path::new("."));
    let temporary = tempfile::NamedTempFile::new_in(folder).map_err(|error| error.to_string())?;
    let metadata: Vec<(&str, &Value)> = content.metadata.iter().map(|(key, value)| (key.as_str(), value)).collect();
    let borrowed: Vec<(&str, &QTensor)> = tensors.iter().map(|(name, tensor)| (*name, tensor)).collect();
    let mut writer = BufWriter::with_capacity(1 << 20, temporary.as_file());
    gguf_file::write(&mut writer, &metadata, &borrowed).map_err(|error| plain(&error))?;
    writer.flush().map_err(|error| error.to_string())?;
    drop(writer);
    temporary.as_file().sync_all().map_err(|error| error.to_string())?;
    temporary.persist(target).map_err(|error| error.error.to_string())?;
    Ok(())
}
