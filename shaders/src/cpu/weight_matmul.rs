//! Products with a frozen weight: blocks are decoded into tiles that stay in a core's cache while every row of
//! the batch meets them, so no dense copy of a weight exists.
//!
//! Both directions run the loop of [`super::panel`]. Forward, the batch is packed into panels once and rows of
//! the weight are broadcast as they decode; backward, decoded columns of the weight are the panels and rows of
//! the gradient are broadcast as they lie. Each element of a result belongs to one task and its sum has one
//! order, whatever the number of threads.

use std::cell::RefCell;

use rayon::prelude::*;

use super::{
    as_f32,
    panel::{Sums, TILE_ROWS, Tile, width_for},
    shared::{Shared, room},
};
use crate::{Format, WeightSource, format};

/// Values of decoded weights that a task holds, 512 KiB: half of a core's second-level cache.
const TILE_ELEMENTS: usize = 128 * 1024;
/// Most rows of a weight that a forward task decodes; further ones would only delay other threads.
const FORWARD_ROWS: usize = 96;
/// Depth of a forward product: 64 columns of it are 256 KiB.
const FORWARD_DEPTH: usize = 1024;
/// Rows of a weight that a backward task decodes at a time.
const BACKWARD_ROWS: usize = 256;
/// Gradients that all backward tasks read before any goes further, 4 MiB: they stay in the shared cache, where
/// those of a whole vocabulary would come from memory once for each task.
const GRADIENT_ELEMENTS: usize = 1024 * 1024;
/// Columns of a backward task: one super-block, or one panel.
const BACKWARD_COLUMNS: usize = 256;
const BACKWARD_COLUMNS_MIN: usize = 64;
/// Fewest rows of a batch for which a backward task decodes its columns.
const BACKWARD_BATCH: usize = 96;
/// Tasks that keep each thread busy when some are slower.
const TASKS_PER_THREAD: usize = 4;

thread_local! {
    /// Decoded weights of a thread.
    static DECODED: RefCell<Vec<f32>> = const { RefCell::new(Vec::new()) };
}

/// `out [rows, n] = x [rows, k] weight^T`, added to `out` when `accumulate`. `packed` is scratch.
pub fn forward(
    x: &[f32],
    weight: &WeightSource,
    rows: usize,
    accumulate: bool,
    out: &mut [f32],
    packed: &mut Vec<f32>,
) {
    let (n, k) = (weight.rows, weight.columns);
    if rows == 0 || n == 0 {
        return;
    }
    let width = width_for(rows);
    let panels = rows.div_ceil(width);
    if packed.len() < panels * width * k {
        packed.resize(panels * width * k, 0.0);
    }
    packed.par_chunks_mut(width * k).take(panels).enumerate().for_each(|(index, panel)| {
        pack(&x[index * width * k..rows * k], k, width, panel);
    });
    let packed = &packed[..panels * width * k];
    let row_bytes = weight.bytes.as_slice().len() / n;
    let task_rows = (TILE_ELEMENTS / k / TILE_ROWS * TILE_ROWS).clamp(TILE_ROWS, FORWARD_ROWS);
    let out = Shared::new(&mut out[..rows * n]);
    (0..n.div_ceil(task_rows)).into_par_iter().for_each(|task| {
        let first = task * task_rows;
        let count = task_rows.min(n - first);
        let multiply = |decoded: &[f32]| {
            for depth0 in (0..k).step_by(FORWARD_DEPTH) {
                let depth = FORWARD_DEPTH.min(k - depth0);
                for (index, panel) in packed.chunks_exact(width * k).enumerate() {
                    let columns = index * width..rows.min((index + 1) * width);
                    let panel = &panel[depth0 * width..(depth0 + depth) * width];
                    for row in (0..count).step_by(TILE_ROWS) {
                        let tile_rows = TILE_ROWS.min(count - row);
                        let rows = &decoded[row * k + depth0..];
                        let mut sums: Sums = [[0.0; 64]; TILE_ROWS];
                        Tile { panel, width, rows, row_stride: k, count: tile_rows }.multiply(&mut sums);
                        for (lane, column) in columns.clone().enumerate() {
                            // SAFETY: columns first .. first + count of the result are this task's.
                            let out = unsafe { out.slice(column * n + first + row, tile_rows) };
                            let adds = accumulate || depth0 > 0;
                            for (out, sums) in out.iter_mut().zip(&sums) {
                                *out = if adds { *out + sums[lane] } else { sums[lane] };
                            }
                        }
                    }
                }
            }
        };
        if let Some(values) = as_f32(weight) {
            return multiply(&values[first * k..(first + count) * k]);
        }
        DECODED.with_borrow_mut(|decoded| {
            let decoded = room(decoded, count * k, 0.0);
            let bytes = &weight.bytes.as_slice()[first * row_bytes..(first + count) * row_bytes];
            format::decode(weight.format, bytes, decoded);
            multiply(decoded);
        });
    });
}

/// Transposes up to `width` rows of `x [.., k]` into `panel [k, width]`; missing rows are zero.
fn pack(x: &[f32], k: usize, width: usize, panel: &mut [f32]) {
    /// Columns moved at a time: their panel rows stay in the first-level cache.
    const STRIP: usize = 16;
    let rows = (x.len() / k).min(width);
    for first in (0..k).step_by(STRIP) {
        let count = STRIP.min(k - first);
        let panel = &mut panel[first * width..(first + count) * width];
        if rows < width {
            panel.fill(0.0);
        }
        for (row, x) in x.chunks_exact(k).take(rows).enumerate() {
            for (c, value) in x[first..first + count].iter().enumerate() {
                panel[c * width + row] = *value;
            }
        }
    }
}

/// `d_x [rows, k] = d_out [rows, n] weight`, added to `d_x` when `accumulate`.
pub fn backward(d_out: &[f32], weight: &WeightSource, rows: usize, accumulate: bool, d_x: &mut [f32]) {
    let (n, k) = (weight.rows, weight.columns);
    if rows == 0 || k == 0 {
        return;
    }
    let span = (GRADIENT_ELEMENTS / rows).next_multiple_of(BACKWARD_ROWS);
    for first in (0..n).step_by(span) {
        let span = first..n.min(first + span);
        backward_span(&d_out[..rows * n], weight, span, rows, accumulate || first > 0, &mut d_x[..rows * k]);
    }
}

/// [`backward`] over some rows of the weight, which are columns of `d_out`.
fn backward_span(
    d_out: &[f32],
    weight: &WeightSource,
    span: std::ops::Range<usize>,
    rows: usize,
    accumulate: bool,
    d_x: &mut [f32],
) {
    let (n, k) = (weight.rows, weight.columns);
    let split = Split::new(weight.format, rows, k);
    let d_x = Shared::new(d_x);
    (0..split.tasks()).into_par_iter().for_each(|task| {
        let (columns, batch) = split.task(task, rows, k);
        let count = columns.len();
        let width = width_for(count);
        let strips = count.div_ceil(width);
        let panel_len = BACKWARD_ROWS * width;
        DECODED.with_borrow_mut(|decoded| {
            let (panels, line) = room(decoded, strips * panel_len + count, 0.0).split_at_mut(strips * panel_len);
            for first in span.clone().step_by(BACKWARD_ROWS) {
                let depth = BACKWARD_ROWS.min(span.end - first);
                decode_panels(weight, first..first + depth, columns.start, width, line, panels, panel_len);
                for row in batch.clone().step_by(TILE_ROWS) {
                    let tile_rows = TILE_ROWS.min(batch.end - row);
                    let rows = &d_out[row * n + first..];
                    for (strip, panel) in panels.chunks_exact(panel_len).enumerate() {
                        let mut sums: Sums = [[0.0; 64]; TILE_ROWS];
                        let panel = &panel[..depth * width];
                        Tile { panel, width, rows, row_stride: n, count: tile_rows }.multiply(&mut sums);
                        let valid = width.min(count - strip * width);
                        for (r, sums) in sums.iter().enumerate().take(tile_rows) {
                            let at = (row + r) * k + columns.start + strip * width;
                            // SAFETY: these rows and columns of the result are this task's.
                            let d_x = unsafe { d_x.slice(at, valid) };
                            if accumulate || first > span.start {
                                d_x.iter_mut().zip(sums).for_each(|(d_x, sum)| *d_x += sum);
                            } else {
                                d_x.copy_from_slice(&sums[..valid]);
                            }
                        }
                    }
                }
            }
        });
    });
}

/// How a backward product divides into tasks: columns of the weight, and rows of the batch where columns alone
/// would leave threads without work.
struct Split {
    columns: usize,
    column_tasks: usize,
    batch: usize,
    batch_tasks: usize,
}

impl Split {
    fn new(format: Format, rows: usize, k: usize) -> Self {
        let threads = rayon::current_num_threads();
        // Narrow tasks where wide ones would be few, as far as blocks allow: dividing the batch instead would
        // decode the same columns twice.
        let few = k < 2 * TASKS_PER_THREAD * threads * BACKWARD_COLUMNS;
        let columns = if few { BACKWARD_COLUMNS_MIN } else { BACKWARD_COLUMNS };
        let columns = columns.max(format.block_elements()).min(k);
        let column_tasks = k.div_ceil(columns);
        let wanted = (TASKS_PER_THREAD * threads).div_ceil(column_tasks);
        let batch = rows.div_ceil(wanted.min(rows.div_ceil(BACKWARD_BATCH))).next_multiple_of(TILE_ROWS);
        Self { columns, column_tasks, batch, batch_tasks: rows.div_ceil(batch) }
    }

    fn tasks(&self) -> usize {
        self.column_tasks * self.batch_tasks
    }

    /// Columns and rows of a task.
    fn task(&self, task: usize, rows: usize, k: usize) -> (std::ops::Range<usize>, std::ops::Range<usize>) {
        let (column, row) = (task / self.batch_tasks * self.columns, task % self.batch_tasks * self.batch);
        (column..k.min(column + self.columns), row..rows.min(row + self.batch))
    }
}

/// Decodes the columns from `first_column` on, as many as `line` holds, of some rows of a weight into panels of
/// `width` columns; a panel begins every `panel_len` values.
fn decode_panels(
    weight: &WeightSource,
    rows: std::ops::Range<usize>,
    first_column: usize,
    width: usize,
    line: &mut [f32],
    panels: &mut [f32],
    panel_len: usize,
) {
    let bytes = weight.bytes.as_slice();
    let row_bytes = bytes.len() / weight.rows;
    let (block, block_bytes) = (weight.format.block_elements(), weight.format.block_bytes());
    let offset = first_column / block * block_bytes;
    let line_bytes = line.len() / block * block_bytes;
    for (d, row) in rows.enumerate() {
        let start = row * row_bytes + offset;
        format::decode(weight.format, &bytes[start..start + line_bytes], line);
        for (strip, values) in line.chunks(width).enumerate() {
            let panel = &mut panels[strip * panel_len + d * width..][..width];
            panel[..values.len()].copy_from_slice(values);
            panel[values.len()..].fill(0.0);
        }
    }
}
