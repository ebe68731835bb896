//! Products with a frozen weight on the tile unit of Intel's processors (AMX), at f32's precision but for the
//! last bits.
//!
//! Tiles multiply bf16 and add in f32. Each value is taken as two pieces of bf16, and of the four products of
//! their pieces the three that matter are added (Henry, Tang and Heinecke 2019, arXiv 1904.06376): an error of
//! about 2^-16 of each product. Panels of 32 lines are packed in the order of the tiles; those of the batch once
//! for all tasks, those of the weight by the task that decodes it, which keeps them in its core's cache while
//! the whole batch meets them. Each element of a result belongs to one task and its sum has one order, whatever
//! the number of threads.

mod pack;
mod tiles;

use std::{cell::RefCell, ops::Range};

use rayon::prelude::*;

use self::tiles::{BLOCK, Configured, STEP, Step, Sums, Tile};
use super::shared::{Shared, room};
use crate::{Format, WeightSource, format};

/// Depth of a forward product, in steps: 32 lines of it are 128 KiB, four times that is a task's.
const FORWARD_STEPS: usize = 32;
/// Depth of a backward product, in steps.
const BACKWARD_STEPS: usize = 16;
/// Steps of panels that a task decodes, 512 KiB: a quarter of a core's second-level cache.
const TASK_STEPS: usize = 128;
/// Gradients that are packed at a time, 4 MiB: all tasks read them from the shared cache.
const GRADIENT_ELEMENTS: usize = 1024 * 1024;
/// How many rows of a weight are asked for before they are decoded.
const ROWS_AHEAD: usize = 4;
/// Fewest rows of a batch that are worth the packing.
const ROWS_MIN: usize = 24;

const EMPTY: Step = [Tile([[0; 16]; 16]); 4];

thread_local! {
    /// Decoded panels of a thread, and lines of values on the way there.
    static DECODED: RefCell<(Vec<Step>, Vec<f32>)> = const { RefCell::new((Vec::new(), Vec::new())) };
}

/// The tile unit, where there is one, and its scratch.
pub struct Amx {
    /// Input of a product in panels.
    packed: Vec<Step>,
}

impl Amx {
    /// `None` where the processor or the system has no tiles for this process.
    pub fn new() -> Option<Self> {
        tiles::available().then(|| Self { packed: Vec::new() })
    }

    /// Whether a product is computed here. Weights in f32 are not: who keeps those wants all of their bits.
    pub fn takes(&self, weight: &WeightSource, rows: usize) -> bool {
        weight.format != Format::F32 && rows >= ROWS_MIN && weight.rows > 0 && weight.columns > 0
    }

    /// `out [rows, n] = x [rows, k] weight^T`, added to `out` when `accumulate`.
    pub fn forward(&mut self, x: &[f32], weight: &WeightSource, rows: usize, accumulate: bool, out: &mut [f32]) {
        let (n, k) = (weight.rows, weight.columns);
        let steps = k.div_ceil(STEP);
        let packed = room(&mut self.packed, rows.div_ceil(BLOCK) * steps, EMPTY);
        packed.par_chunks_mut(steps).zip(x[..rows * k].par_chunks(BLOCK * k)).for_each(|(panel, x)| {
            // SAFETY: the processor has the instructions, as tiles are available.
            unsafe { pack::right_lines(x, k, x.len() / k, panel) };
        });
        let packed = &*packed;
        let out = Shared::new(&mut out[..rows * n]);
        let split = Split::new(n.div_ceil(BLOCK), TASK_STEPS / FORWARD_STEPS);
        (0..split.tasks).into_par_iter().for_each(|task| {
            let units = split.units(task);
            DECODED.with_borrow_mut(|(decoded, line)| {
                for first in (0..steps).step_by(FORWARD_STEPS) {
                    let depth = FORWARD_STEPS.min(steps - first);
                    let decoded = room(decoded, units.len() * depth, EMPTY);
                    let span = first * STEP..k.min((first + depth) * STEP);
                    for (unit, panel) in units.clone().zip(decoded.chunks_exact_mut(depth)) {
                        decode_lines(weight, unit * BLOCK, span.clone(), line, panel);
                    }
                    let adds = accumulate || first > 0;
                    let batch = Batch { packed, steps, first, depth };
                    let product = |tiles: &Configured, x: &[Step], weight: &[Step], next, sums: &mut Sums| {
                        tiles.multiply(weight, x, next, sums);
                    };
                    batch.each_block(decoded, product, |sums, panel, unit| {
                        // SAFETY: as above.
                        unsafe { pack::transpose_sums(sums) };
                        // SAFETY: these columns of the result are this task's.
                        unsafe { write(sums, [rows, n], [panel, units.start + unit], adds, out) };
                    });
                }
            });
        });
    }

    /// `d_x [rows, k] = d_out [rows, n] weight`, added to `d_x` when `accumulate`.
    pub fn backward(&mut self, d_out: &[f32], weight: &WeightSource, rows: usize, accumulate: bool, d_x: &mut [f32]) {
        const DEPTH: usize = BACKWARD_STEPS * STEP;
        let (n, k) = (weight.rows, weight.columns);
        let d_x = Shared::new(&mut d_x[..rows * k]);
        // A block is decoded by one task.
        let block = BLOCK.max(weight.format.block_elements());
        let split = Split::new(k.div_ceil(block), TASK_STEPS / BACKWARD_STEPS / (block / BLOCK));
        let longest = (GRADIENT_ELEMENTS / rows).max(1).next_multiple_of(DEPTH);
        for start in (0..n).step_by(longest) {
            let span = start..n.min(start + longest);
            let steps = span.len().div_ceil(STEP);
            let packed = room(&mut self.packed, rows.div_ceil(BLOCK) * steps, EMPTY);
            packed.par_chunks_mut(steps).zip(d_out[..rows * n].par_chunks(BLOCK * n)).for_each(|(panel, d_out)| {
                for line in 0..BLOCK {
                    let values = d_out.get(line * n..(line + 1) * n).map_or(&[][..], |line| &line[span.clone()]);
                    // SAFETY: the processor has the instructions, as tiles are available.
                    unsafe { pack::left_line(values, line, panel) };
                }
            });
            let packed = &*packed;
            (0..split.tasks).into_par_iter().for_each(|task| {
                let blocks = split.units(task);
                let columns = blocks.start * block..k.min(blocks.end * block);
                let first_unit = columns.start / BLOCK;
                DECODED.with_borrow_mut(|(decoded, line)| {
                    for first in (0..steps).step_by(BACKWARD_STEPS) {
                        let depth = BACKWARD_STEPS.min(steps - first);
                        let decoded = room(decoded, columns.len().div_ceil(BLOCK) * depth, EMPTY);
                        let above = span.start + first * STEP;
                        decode_pairs(weight, above..span.end.min(above + DEPTH), columns.clone(), line, decoded);
                        let adds = accumulate || above > 0;
                        let batch = Batch { packed, steps, first, depth };
                        batch.each_block(decoded, Configured::multiply, |sums, panel, unit| {
                            // SAFETY: these columns of the result are this task's.
                            unsafe { write(sums, [rows, k], [panel, first_unit + unit], adds, d_x) };
                        });
                    }
                });
            });
        }
    }
}

/// Some depth of the packed rows of a batch.
#[derive(Clone, Copy)]
struct Batch<'a> {
    /// Panels of `steps` steps.
    packed: &'a [Step],
    steps: usize,
    /// The first step and the number of them.
    first: usize,
    depth: usize,
}

impl Batch<'_> {
    /// Has `product` make the block of each panel of the batch with each of `decoded`, which are `depth` steps
    /// each, and `put` take it, with the numbers of both panels.
    ///
    /// `product` is told where lie the lines that will be wanted next: all blocks of one panel together fetch
    /// the next panel of the batch, which comes from the shared cache, before it is needed.
    fn each_block(
        self,
        decoded: &[Step],
        product: impl Fn(&Configured, &[Step], &[Step], *const Tile, &mut Sums),
        mut put: impl FnMut(&mut Sums, usize, usize),
    ) {
        let Self { packed, steps, first, depth } = self;
        let tiles = Configured::new();
        let mut sums = Sums::new();
        for (panel, lines) in packed.chunks_exact(steps).enumerate() {
            let next = packed.as_ptr().wrapping_add((panel + 1) * steps + first).cast::<Tile>();
            let lines = &lines[first..first + depth];
            for (unit, decoded) in decoded.chunks_exact(depth).enumerate() {
                product(&tiles, lines, decoded, next.wrapping_add(unit * depth), &mut sums);
                put(&mut sums, panel, unit);
            }
        }
    }
}

/// How units of a result's columns divide into tasks.
struct Split {
    units: usize,
    tasks: usize,
}

impl Split {
    /// Tasks of at most `most` units; where there are few, as many as threads can share evenly.
    fn new(units: usize, most: usize) -> Self {
        let tasks = units.div_ceil(most.max(1)).next_multiple_of(rayon::current_num_threads());
        Self { units, tasks: tasks.min(units) }
    }

    fn units(&self, task: usize) -> Range<usize> {
        task * self.units / self.tasks..(task + 1) * self.units / self.tasks
    }
}

/// Decodes columns `span` of 32 rows of a weight, from `first` on, into a left operand.
fn decode_lines(weight: &WeightSource, first: usize, span: Range<usize>, line: &mut Vec<f32>, panel: &mut [Step]) {
    let line = room(line, span.len(), 0.0);
    for index in 0..BLOCK {
        let values = if first + index < weight.rows {
            decode(weight, first + index, span.start, line);
            &*line
        } else {
            &[]
        };
        // SAFETY: the processor has the instructions, as tiles are available.
        unsafe { pack::left_line(values, index, panel) };
    }
}

/// Decodes `columns` of rows `span` of a weight into right operands of 32 columns each.
fn decode_pairs(
    weight: &WeightSource,
    span: Range<usize>,
    columns: Range<usize>,
    line: &mut Vec<f32>,
    panels: &mut [Step],
) {
    let stride = span.len().div_ceil(STEP);
    let (first, second) = room(line, 2 * columns.len(), 0.0).split_at_mut(columns.len());
    for step in 0..stride {
        for pair in 0..STEP / 2 {
            let row = span.start + step * STEP + pair;
            for (row, line) in [(row, &mut *first), (row + STEP / 2, &mut *second)] {
                if row < span.end {
                    decode(weight, row, columns.start, line);
                } else {
                    line.fill(0.0);
                }
            }
            // SAFETY: the processor has the instructions, as tiles are available.
            unsafe { pack::right_pair(first, second, pair, &mut panels[step..], stride) };
        }
    }
}

/// Decodes values of a row of a weight, from a column on that begins a block.
fn decode(weight: &WeightSource, row: usize, column: usize, out: &mut [f32]) {
    let bytes = weight.bytes.as_slice();
    let (block, block_bytes) = (weight.format.block_elements(), weight.format.block_bytes());
    let row_bytes = bytes.len() / weight.rows;
    let start = row * row_bytes + column / block * block_bytes;
    let end = start + out.len() / block * block_bytes;
    if let Some(next) = bytes.get(start + ROWS_AHEAD * row_bytes..end + ROWS_AHEAD * row_bytes) {
        prefetch(next);
    }
    format::decode(weight.format, &bytes[start..end], out);
}

/// Asks for bytes that will be read soon: pieces of rows lie too far apart for the processor to guess the next.
fn prefetch(bytes: &[u8]) {
    use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in bytes.chunks(64) {
        // SAFETY: a hint, which reads nothing; every x86-64 has it.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
}

/// Writes or adds a block of sums to its place in `out [rows, columns]`, as much of it as there is.
///
/// # Safety
/// No other task may hold these columns of `out`.
unsafe fn write(sums: &Sums, [rows, columns]: [usize; 2], [row, column]: [usize; 2], adds: bool, out: Shared) {
    let (row, column) = (row * BLOCK, column * BLOCK);
    let width = BLOCK.min(columns - column);
    for (row, sums) in (row..rows.min(row + BLOCK)).zip(&sums.0) {
        // SAFETY: the caller's own columns.
        let out = unsafe { out.slice(row * columns + column, width) };
        if adds {
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
        } else {
            out.copy_from_slice(&sums[..width]);
        }
    }
}
