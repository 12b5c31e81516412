//! The network: a decoder-only transformer over quantised weights, for the architectures `llama`,
//! `qwen2` and `qwen3`, which differ only in biases, head norms and the way positions are rotated.
//!
//! Matrix products are candle's; the rest is plain loops over a few thousand numbers. The cache of
//! keys and values can be cut back, so a prompt that begins as the last one is not read again. This
//! file knows nothing of text, sampling or threads.

use std::io::{Read, Seek};
use std::sync::Arc;

use candle_core::quantized::gguf_file::{Content, Value};
use candle_core::quantized::{QMatMul, QTensor};
use candle_core::{D, DType, Device, Module, Result, Tensor};

/// Positions by which the cache of a layer grows.
const CACHE_STEP: usize = 512;

/// How a head's numbers are paired when its position is rotated in.
#[derive(Clone, Copy)]
enum Pairing {
    /// Each number with its neighbour.
    Neighbours,
    /// The first half with the second half.
    Halves,
}

/// The sizes of a network.
struct Sizes {
    hidden: usize,
    layers: usize,
    heads: usize,
    key_heads: usize,
    head_width: usize,
    epsilon: f32,
    pairing: Pairing,
    /// One angle per pair at position 1.
    angles: Vec<f32>,
}

/// Where tensors and their sizes are read from.
struct Source<'a, R> {
    content: &'a Content,
    reader: &'a mut R,
    architecture: String,
}

impl<R: Read + Seek> Source<'_, R> {
    fn value(&self, key: &str) -> Result<&Value> {
        let full = format!("{}.{key}", self.architecture);
        match self.content.metadata.get(&full) {
            Some(value) => Ok(value),
            None => Err(candle_core::Error::Msg(format!("the weights file does not say `{full}`"))),
        }
    }

    fn count(&self, key: &str) -> Result<usize> {
        Ok(self.value(key)?.to_u32()? as usize)
    }

    fn has(&self, name: &str) -> bool {
        self.content.tensor_infos.contains_key(name)
    }

    fn tensor(&mut self, name: &str) -> Result<QTensor> {
        self.content.tensor(self.reader, name, &Device::Cpu)
    }

    fn numbers(&mut self, name: &str) -> Result<Vec<f32>> {
        self.tensor(name)?.dequantize(&Device::Cpu)?.flatten_all()?.to_vec1()
    }

    fn linear(&mut self, name: &str) -> Result<Linear> {
        let weight = QMatMul::from_qtensor(self.tensor(&format!("{name}.weight"))?)?;
        let bias_name = format!("{name}.bias");
        let bias = if self.has(&bias_name) { Some(self.numbers(&bias_name)?) } else { None };
        Ok(Linear { weight, bias })
    }

    fn sizes(&self) -> Result<Sizes> {
        let hidden = self.count("embedding_length")?;
        let heads = self.count("attention.head_count")?;
        if heads == 0 || hidden == 0 {
            return Err(candle_core::Error::Msg("the weights file names no attention heads".to_owned()));
        }
        let key_heads = self.count("attention.head_count_kv").unwrap_or(heads);
        if key_heads == 0 || !heads.is_multiple_of(key_heads) {
            return Err(candle_core::Error::Msg(format!("{heads} heads cannot share {key_heads} key heads")));
        }
        let head_width = self.count("attention.key_length").unwrap_or(hidden / heads);
        let base = self.value("rope.freq_base").and_then(Value::to_f32).unwrap_or(10_000.0);
        #[expect(clippy::cast_precision_loss, reason = "head widths are a few hundred")]
        let angles = (0..head_width / 2).map(|i| base.powf(-2.0 * i as f32 / head_width as f32)).collect();
        let pairing = if self.architecture == "llama" { Pairing::Neighbours } else { Pairing::Halves };
        Ok(Sizes {
            hidden,
            layers: self.count("block_count")?,
            heads,
            key_heads,
            head_width,
            epsilon: self.value("attention.layer_norm_rms_epsilon")?.to_f32()?,
            pairing,
            angles,
        })
    }
}

/// A matrix, with its bias where the architecture has one.
struct Linear {
    weight: QMatMul,
    bias: Option<Vec<f32>>,
}

impl Linear {
    fn apply(&self, rows: &Tensor) -> Result<Vec<f32>> {
        let mut out: Vec<f32> = self.weight.forward(rows)?.flatten_all()?.to_vec1()?;
        if let Some(bias) = &self.bias {
            for row in out.chunks_exact_mut(bias.len()) {
                add(row, bias);
            }
        }
        Ok(out)
    }
}

/// Keys and values of one layer, `[key_heads, capacity, head_width]` each.
struct Cache {
    keys: Tensor,
    values: Tensor,
}

impl Cache {
    fn new(sizes: &Sizes, capacity: usize) -> Result<Self> {
        let shape = (sizes.key_heads, capacity, sizes.head_width);
        Ok(Self {
            keys: Tensor::zeros(shape, DType::F32, &Device::Cpu)?,
            values: Tensor::zeros(shape, DType::F32, &Device::Cpu)?,
        })
    }

    /// Makes room for `needed` positions; the first `kept` stay.
    fn reserve(&mut self, sizes: &Sizes, kept: usize, needed: usize) -> Result<()> {
        if needed <= self.keys.dim(1)? {
            return Ok(());
        }
        let larger = Self::new(sizes, needed.next_multiple_of(CACHE_STEP))?;
        if kept > 0 {
            larger.keys.slice_set(&self.keys.narrow(1, 0, kept)?.contiguous()?, 1, 0)?;
            larger.values.slice_set(&self.values.narrow(1, 0, kept)?.contiguous()?, 1, 0)?;
        }
        *self = larger;
        Ok(())
    }
}

struct Layer {
    attention_norm: Vec<f32>,
    query: Linear,
    key: Linear,
    value: Linear,
    output: Linear,
    query_norm: Option<Vec<f32>>,
    key_norm: Option<Vec<f32>>,
    forward_norm: Vec<f32>,
    gate: Linear,
    up: Linear,
    down: Linear,
    cache: Cache,
}

/// What is the same for every layer of one pass.
struct Pass {
    /// Rows (tokens) of this pass.
    rows: usize,
    /// Tokens already in the cache.
    start: usize,
    /// Cosine and sine for each row and pair.
    turns: Vec<(f32, f32)>,
    /// Hides later tokens from earlier ones; `None` for a single row.
    mask: Option<Tensor>,
}

/// A loaded network with the keys and values of the tokens it has read.
pub(super) struct Network {
    sizes: Sizes,
    embedding: Arc<QTensor>,
    layers: Vec<Layer>,
    output_norm: Vec<f32>,
    output: QMatMul,
    read: usize,
}

impl Network {
    /// Reads a network out of a GGUF file. Errors name what the file lacks.
    pub(super) fn load<R: Read + Seek>(content: &Content, reader: &mut R) -> Result<Self> {
        let architecture = content.metadata.get("general.architecture").and_then(|v| v.to_string().ok()).cloned();
        let architecture = architecture.unwrap_or_default();
        if !matches!(architecture.as_str(), "llama" | "qwen2" | "qwen3") {
            let text = format!("the architecture `{architecture}` is not one of `llama`, `qwen2`, `qwen3`");
            return Err(candle_core::Error::Msg(text));
        }
        let mut source = Source { content, reader, architecture };
        let sizes = source.sizes()?;
        let embedding = Arc::new(source.tensor("token_embd.weight")?);
        let output = if source.has("output.weight") {
            QMatMul::from_qtensor(source.tensor("output.weight")?)?
        } else {
            QMatMul::from_arc(embedding.clone())?
        };
        let mut layers = Vec::with_capacity(sizes.layers);
        for index in 0..sizes.layers {
            layers.push(Layer::load(&mut source, &sizes, index)?);
        }
        let output_norm = source.numbers("output_norm.weight")?;
        Ok(Self { sizes, embedding, layers, output_norm, output, read: 0 })
    }

    /// Forgets all tokens but the first `kept`.
    pub(super) fn truncate(&mut self, kept: usize) {
        self.read = self.read.min(kept);
    }

    /// Reads more tokens; the answer is the score of every token of the vocabulary to come next.
    pub(super) fn read(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let hidden = self.pass(tokens)?;
        let last = hidden.chunks_exact(self.sizes.hidden).next_back().unwrap_or_default();
        let last = normalised(last, &self.output_norm, self.sizes.epsilon);
        let last = Tensor::from_vec(last, (1, self.sizes.hidden), &Device::Cpu)?;
        self.output.forward(&last)?.flatten_all()?.to_vec1()
    }

    /// Reads more tokens without asking what comes next.
    pub(super) fn skim(&mut self, tokens: &[u32]) -> Result<()> {
        self.pass(tokens).map(drop)
    }

    fn pass(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        let ids = Tensor::new(tokens, &Device::Cpu)?;
        let mut hidden: Vec<f32> = self.embedding.embedding(&ids)?.flatten_all()?.to_vec1()?;
        let pass = self.prepare(tokens.len())?;
        for layer in &mut self.layers {
            layer.attend(&self.sizes, &pass, &mut hidden)?;
            layer.think(&self.sizes, &pass, &mut hidden)?;
        }
        self.read += tokens.len();
        Ok(hidden)
    }

    fn prepare(&self, rows: usize) -> Result<Pass> {
        let start = self.read;
        let mut turns = Vec::with_capacity(rows * self.sizes.angles.len());
        for position in start..start + rows {
            #[expect(clippy::cast_precision_loss, reason = "positions stay far below 2^24")]
            turns.extend(self.sizes.angles.iter().map(|angle| {
                let (sine, cosine) = (angle * position as f32).sin_cos();
                (cosine, sine)
            }));
        }
        let mask = if rows == 1 {
            None
        } else {
            let width = start + rows;
            let group = self.sizes.heads / self.sizes.key_heads;
            let mut mask = Vec::with_capacity(group * rows * width);
            for _ in 0..group {
                for row in 0..rows {
                    mask.extend((0..width).map(|seen| if seen <= start + row { 0.0 } else { f32::NEG_INFINITY }));
                }
            }
            Some(Tensor::from_vec(mask, (1, group * rows, width), &Device::Cpu)?)
        };
        Ok(Pass { rows, start, turns, mask })
    }
}

impl Layer {
    fn load<R: Read + Seek>(source: &mut Source<'_, R>, sizes: &Sizes, index: usize) -> Result<Self> {
        let name = |part: &str| format!("blk.{index}.{part}");
        let head_norm = |source: &mut Source<'_, R>, part: &str| {
            let name = name(part);
            if source.has(&name) { source.numbers(&name).map(Some) } else { Ok(None) }
        };
        Ok(Self {
            attention_norm: source.numbers(&name("attn_norm.weight"))?,
            query: source.linear(&name("attn_q"))?,
            key: source.linear(&name("attn_k"))?,
            value: source.linear(&name("attn_v"))?,
            output: source.linear(&name("attn_output"))?,
            query_norm: head_norm(source, "attn_q_norm.weight")?,
            key_norm: head_norm(source, "attn_k_norm.weight")?,
            forward_norm: source.numbers(&name("ffn_norm.weight"))?,
            gate: source.linear(&name("ffn_gate"))?,
            up: source.linear(&name("ffn_up"))?,
            down: source.linear(&name("ffn_down"))?,
            cache: Cache::new(sizes, CACHE_STEP)?,
        })
    }

    /// Self-attention, added to `hidden`.
    fn attend(&mut self, sizes: &Sizes, pass: &Pass, hidden: &mut [f32]) -> Result<()> {
        let rows = normalised(hidden, &self.attention_norm, sizes.epsilon);
        let rows = Tensor::from_vec(rows, (pass.rows, sizes.hidden), &Device::Cpu)?;
        let mut query = self.query.apply(&rows)?;
        let mut key = self.key.apply(&rows)?;
        let value = self.value.apply(&rows)?;
        if let Some(norm) = &self.query_norm {
            query = normalised(&query, norm, sizes.epsilon);
        }
        if let Some(norm) = &self.key_norm {
            key = normalised(&key, norm, sizes.epsilon);
        }
        rotate(&mut query, sizes, sizes.heads, &pass.turns);
        rotate(&mut key, sizes, sizes.key_heads, &pass.turns);

        let (width, heads, keys) = (sizes.head_width, sizes.heads, sizes.key_heads);
        let seen = pass.start + pass.rows;
        self.cache.reserve(sizes, pass.start, seen)?;
        let by_key_head = (keys, pass.rows, width);
        let key = Tensor::from_vec(by_head(&key, keys, width), by_key_head, &Device::Cpu)?;
        let value = Tensor::from_vec(by_head(&value, keys, width), by_key_head, &Device::Cpu)?;
        self.cache.keys.slice_set(&key, 1, pass.start)?;
        self.cache.values.slice_set(&value, 1, pass.start)?;

        // Heads that share a key head are stacked as further rows, so nothing is copied per head.
        let grouped = (keys, heads / keys * pass.rows, width);
        let query = Tensor::from_vec(by_head(&query, heads, width), grouped, &Device::Cpu)?;
        let all_keys = self.cache.keys.narrow(1, 0, seen)?;
        let all_values = self.cache.values.narrow(1, 0, seen)?;
        #[expect(clippy::cast_precision_loss, reason = "head widths are a few hundred")]
        let scores = (query.matmul(&all_keys.transpose(1, 2)?)? * (1.0 / (width as f64).sqrt()))?;
        let scores = match &pass.mask {
            Some(mask) => scores.broadcast_add(mask)?,
            None => scores,
        };
        let scores = scores.broadcast_sub(&scores.max_keepdim(D::Minus1)?)?.exp()?;
        let scores = scores.broadcast_div(&scores.sum_keepdim(D::Minus1)?)?;
        let mixed: Vec<f32> = scores.matmul(&all_values)?.flatten_all()?.to_vec1()?;
        let mixed = by_row(&mixed, pass.rows, width);
        let mixed = Tensor::from_vec(mixed, (pass.rows, heads * width), &Device::Cpu)?;
        add(hidden, &self.output.apply(&mixed)?);
        Ok(())
    }

    /// The feed-forward part, added to `hidden`.
    fn think(&self, sizes: &Sizes, pass: &Pass, hidden: &mut [f32]) -> Result<()> {
        let rows = normalised(hidden, &self.forward_norm, sizes.epsilon);
        let rows = Tensor::from_vec(rows, (pass.rows, sizes.hidden), &Device::Cpu)?;
        let gate = self.gate.weight.forward(&rows)?.silu()?;
        let inner = (gate * self.up.weight.forward(&rows)?)?;
        add(hidden, &self.down.apply(&inner)?);
        Ok(())
    }
}

fn add(to: &mut [f32], what: &[f32]) {
    for (a, b) in to.iter_mut().zip(what) {
        *a += b;
    }
}

/// Each row of the norm's length, scaled to unit mean square and then by the norm.
fn normalised(rows: &[f32], norm: &[f32], epsilon: f32) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows.len());
    for row in rows.chunks_exact(norm.len().max(1)) {
        #[expect(clippy::cast_precision_loss, reason = "rows are a few thousand long")]
        let mean = row.iter().map(|x| x * x).sum::<f32>() / row.len() as f32;
        let scale = (mean + epsilon).sqrt().recip();
        out.extend(row.iter().zip(norm).map(|(x, w)| x * scale * w));
    }
    out
}

/// Rotates positions into heads; `turns` holds the pairs of one head for each row.
fn rotate(rows: &mut [f32], sizes: &Sizes, heads: usize, turns: &[(f32, f32)]) {
    let pairs = sizes.angles.len();
    for (row, turns) in rows.chunks_exact_mut(heads * sizes.head_width).zip(turns.chunks_exact(pairs)) {
        for head in row.chunks_exact_mut(sizes.head_width) {
            match sizes.pairing {
                Pairing::Neighbours => {
                    for (pair, turn) in head.chunks_exact_mut(2).zip(turns) {
                        if let [a, b] = pair {
                            (*a, *b) = turned(*a, *b, *turn);
                        }
                    }
                }
                Pairing::Halves => {
                    let (first, second) = head.split_at_mut(pairs);
                    for ((a, b), turn) in first.iter_mut().zip(second).zip(turns) {
                        (*a, *b) = turned(*a, *b, *turn);
                    }
                }
            }
        }
    }
}

fn turned(a: f32, b: f32, (cosine, sine): (f32, f32)) -> (f32, f32) {
    (a * cosine - b * sine, a * sine + b * cosine)
}

/// From rows of heads to heads of rows.
fn by_head(rows: &[f32], heads: usize, width: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(rows.len());
    for head in 0..heads {
        for row in rows.chunks_exact(heads * width) {
            out.extend_from_slice(row.chunks_exact(width).nth(head).unwrap_or_default());
        }
    }
    out
}

/// From heads of rows back to rows of heads.
fn by_row(heads: &[f32], rows: usize, width: usize) -> Vec<f32> {
    let mut out = Vec::with_capacity(heads.len());
    for row in 0..rows {
        for head in heads.chunks_exact(rows * width) {
            out.extend_from_slice(head.chunks_exact(width).nth(row).unwrap_or_default());
        }
    }
    out
}
