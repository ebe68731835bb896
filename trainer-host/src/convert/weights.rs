//! Moves weights from the checkpoint into the file, a few megabytes at a time.

use half::{bf16, f16, slice::HalfFloatSliceExt as _};
use halligan_finetune::gguf::{GgmlType, TensorSink};

use super::architecture::Change;
use super::checkpoint::{Checkpoint, StoredTensor};
use super::plan::{Planned, Source};

/// Elements that are in memory at once, unless one head or one row has more.
const PIECE_ELEMENTS: usize = 1 << 20;

/// What changes of queries and keys need to know.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// Channels of a head.
    pub channels: usize,
    /// What queries are multiplied by.
    pub query_scale: f32,
}

/// What the values of a tensor turned out to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Values that are no number.
    pub nan: usize,
    /// Infinite values.
    pub infinite: usize,
    /// Finite values that F16 cannot hold.
    pub beyond_f16: usize,
}

impl Findings {
    /// One line about the tensor, `None` where nothing is wrong.
    pub fn warning(&self, name: &str) -> Option<String> {
        let Self { nan, infinite, beyond_f16 } = *self;
        if nan + infinite > 0 {
            return Some(format!(
                "tensor `{name}` holds {nan} NaN and {infinite} infinite values, which are kept: the model is damaged; \
                 fetch it again"
            ));
        }
        (beyond_f16 > 0).then(|| {
            format!(
                "tensor `{name}` holds {beyond_f16} values beyond F16 (65504), which became infinite; use --type bf16"
            )
        })
    }
}

/// Writes one tensor. `on_bytes` sees the bytes of each piece and
/// returns an error to stop.
///
/// # Errors
/// A checkpoint that cannot be read, a disk that cannot be written, what `on_bytes` returned.
pub fn write(
    checkpoint: &mut Checkpoint,
    planned: &Planned,
    heads: Heads,
    sink: &mut TensorSink<'_>,
    on_bytes: &mut dyn FnMut(usize) -> anyhow::Result<()>,
) -> anyhow::Result<Findings> {
    let mut output = Output { sink, ggml_type: planned.layout.ggml_type, findings: Findings::default(), on_bytes };
    match &planned.source {
        Source::Computed(values) => output.put(values)?,
        Source::Stored { tensor, change: Change::Transpose } => write_transposed(checkpoint, tensor, &mut output)?,
        Source::Stored { tensor, change } => write_rows(checkpoint, tensor, *change, heads, &mut output)?,
    }
    Ok(output.findings)
}

/// Rows in their order, or each head's halves as pairs.
fn write_rows(
    checkpoint: &mut Checkpoint,
    tensor: &StoredTensor,
    change: Change,
    Heads { channels, query_scale }: Heads,
    output: &mut Output<'_, '_>,
) -> anyhow::Result<()> {
    let (rows, columns) = match tensor.shape[..] {
        [rows, columns] => (rows, columns),
        _ => (tensor.elements(), 1),
    };
    let group = if change == Change::Pairs { channels } else { 1 };
    let step = (PIECE_ELEMENTS / columns).next_multiple_of(group).max(group);
    let mut values = Vec::new();
    let mut paired = Vec::new();
    for first in (0..rows).step_by(step) {
        let count = step.min(rows - first);
        values.resize(count * columns, 0.0);
        checkpoint.read(tensor, first * columns, &mut values)?;
        match change {
            Change::Pairs => {
                pair_halves(&values, channels, columns, &mut paired);
                output.put(&paired)?;
                continue;
            }
            Change::AddOne => values.iter_mut().for_each(|value| *value += 1.0),
            Change::AddOneAndScale => values.iter_mut().for_each(|value| *value = (*value + 1.0) * query_scale),
            Change::Scale if query_scale != 1.0 => values.iter_mut().for_each(|value| *value *= query_scale),
            _ => {}
        }
        output.put(&values)?;
    }
    Ok(())
}

/// Row `2 j` of a head is row `j` of its first half, row `2 j + 1` row `j` of its second.
fn pair_halves(values: &[f32], head_dim: usize, columns: usize, paired: &mut Vec<f32>) {
    paired.clear();
    let half = head_dim / 2 * columns;
    for head in values.chunks(head_dim * columns) {
        let (first, second) = head.split_at(half);
        for (one, other) in first.chunks(columns).zip(second.chunks(columns)) {
            paired.extend_from_slice(one);
            paired.extend_from_slice(other);
        }
    }
}

/// Columns become rows; as many at once as fit in a piece.
fn write_transposed(
    checkpoint: &mut Checkpoint,
    tensor: &StoredTensor,
    output: &mut Output<'_, '_>,
) -> anyhow::Result<()> {
    let [rows, columns] = tensor.shape[..] else {
        anyhow::bail!("a tensor of shape {:?} is no matrix", tensor.shape);
    };
    let step = (4 * PIECE_ELEMENTS / rows).clamp(1, columns);
    for first in (0..columns).step_by(step) {
        let count = step.min(columns - first);
        let mut part = vec![0.0; count];
        let mut turned = vec![0.0; count * rows];
        for row in 0..rows {
            checkpoint.read(tensor, row * columns + first, &mut part)?;
            for (column, value) in part.iter().enumerate() {
                turned[column * rows + row] = *value;
            }
        }
        output.put(&turned)?;
    }
    Ok(())
}

struct Output<'a, 'b> {
    sink: &'a mut TensorSink<'b>,
    ggml_type: GgmlType,
    findings: Findings,
    on_bytes: &'a mut dyn FnMut(usize) -> anyhow::Result<()>,
}

impl Output<'_, '_> {
    fn put(&mut self, values: &[f32]) -> anyhow::Result<()> {
        if !values.iter().all(|value| value.is_finite()) {
            self.findings.nan += values.iter().filter(|value| value.is_nan()).count();
            self.findings.infinite += values.iter().filter(|value| value.is_infinite()).count();
        }
        match self.ggml_type {
            GgmlType::F16 => {
                let mut halves = vec![f16::ZERO; values.len()];
                halves.convert_from_f32_slice(values);
                let lost = |(half, value): (&f16, &f32)| half.is_infinite() && value.is_finite();
                self.findings.beyond_f16 += halves.iter().zip(values).filter(|pair| lost(*pair)).count();
                self.send(bytemuck::cast_slice(&halves))
            }
            GgmlType::BF16 => {
                let mut halves = vec![bf16::ZERO; values.len()];
                halves.convert_from_f32_slice(values);
                self.send(bytemuck::cast_slice(&halves))
            }
            _ => self.send(bytemuck::cast_slice(values)),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        self.sink.write(bytes)?;
        (self.on_bytes)(bytes.len())
    }
}
