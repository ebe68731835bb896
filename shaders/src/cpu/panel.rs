//! The inner loop of weight matmuls: a panel of columns times a few rows, all sums in registers.
//!
//! A panel is `[depth, width]` with the width a whole number of vectors; rows are read one value at a time and
//! broadcast. On AVX-512 four vectors by six rows keep 24 of 32 registers busy with sums, so each value that is
//! loaded meets 6 to 64 multiply-adds (Goto and van de Geijn 2008, doi 10.1145/1356052.1356053).

use pulp::{Simd, WithSimd};

/// Rows that one tile takes.
pub const TILE_ROWS: usize = 6;

/// Vectors in the widest panel for a vector of `lanes` values: as many sums as the registers hold.
const fn vectors_max(lanes: usize) -> usize {
    // 16 registers with AVX2, 32 with AVX-512 and NEON.
    if lanes == 8 { 2 } else { 4 }
}

/// Values in a vector of this processor.
fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;
        #[inline(always)]
        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    pulp::Arch::new().dispatch(Lanes)
}

/// Width of the panels that suit `columns` columns: the widest, unless fewer vectors hold them all.
pub fn width_for(columns: usize) -> usize {
    let lanes = lanes();
    let vectors = columns.div_ceil(lanes).next_power_of_two();
    lanes * vectors.min(vectors_max(lanes))
}

/// `tile [count, width] = rows [count, depth] * panel [depth, width]`.
#[derive(Clone, Copy)]
pub struct Tile<'a> {
    /// `[depth, width]`.
    pub panel: &'a [f32],
    /// As [`width_for`] gives it.
    pub width: usize,
    /// The first row begins at 0, each next one `row_stride` further; `depth` values of each are read.
    pub rows: &'a [f32],
    /// Distance of rows.
    pub row_stride: usize,
    /// Number of rows, 1 to [`TILE_ROWS`].
    pub count: usize,
}

/// The widest tile: 64 columns.
pub type Sums = [[f32; 64]; TILE_ROWS];

impl Tile<'_> {
    /// Multiplies; row r of the result is the first `width` values of `sums[r]`.
    ///
    /// # Panics
    /// When a slice is shorter than its shape.
    pub fn multiply(&self, sums: &mut Sums) {
        let depth = self.panel.len() / self.width;
        assert!((1..=TILE_ROWS).contains(&self.count) && self.width <= 64, "{} x {}", self.count, self.width);
        assert!((self.count - 1) * self.row_stride + depth <= self.rows.len(), "rows of a tile are too short");
        pulp::Arch::new().dispatch(Multiply { tile: *self, depth, sums });
    }
}

struct Multiply<'a, 'b> {
    tile: Tile<'a>,
    depth: usize,
    sums: &'b mut Sums,
}

impl WithSimd for Multiply<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.tile.width / S::F32_LANES {
            1 => self.of_width::<S, 1>(simd),
            2 => self.of_width::<S, 2>(simd),
            _ => self.of_width::<S, 4>(simd),
        }
    }
}

impl Multiply<'_, '_> {
    #[inline(always)]
    fn of_width<S: Simd, const V: usize>(self, simd: S) {
        match self.tile.count {
            1 => self.run::<S, V, 1>(simd),
            2 => self.run::<S, V, 2>(simd),
            3 => self.run::<S, V, 3>(simd),
            4 => self.run::<S, V, 4>(simd),
            5 => self.run::<S, V, 5>(simd),
            _ => self.run::<S, V, TILE_ROWS>(simd),
        }
    }

    #[inline(always)]
    fn run<S: Simd, const V: usize, const R: usize>(self, simd: S) {
        let Self { tile, depth, sums } = self;
        let mut sum = [[simd.splat_f32s(0.0); V]; R];
        let rows = tile.rows.as_ptr();
        let (vectors, _) = S::as_simd_f32s(&tile.panel[..depth * V * S::F32_LANES]);
        for (d, vectors) in vectors.chunks_exact(V).enumerate() {
            let vectors: [S::f32s; V] = std::array::from_fn(|v| vectors[v]);
            for (r, sum) in sum.iter_mut().enumerate() {
                // SAFETY: `multiply` checked that (count - 1) * row_stride + depth values are there; r < count,
                // d < depth.
                let value = simd.splat_f32s(unsafe { *rows.add(r * tile.row_stride + d) });
                for (sum, &vector) in sum.iter_mut().zip(&vectors) {
                    *sum = simd.mul_add_e_f32s(value, vector, *sum);
                }
            }
        }
        for (sums, sum) in sums.iter_mut().zip(&sum) {
            let (out, _) = S::as_mut_simd_f32s(sums);
            out[..V].copy_from_slice(sum);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_of_every_size_match_the_formula() {
        for columns in [1, 9, 17, 33, 64] {
            let width = width_for(columns);
            for count in 1..=TILE_ROWS {
                let (depth, row_stride) = (37, 41);
                let panel: Vec<f32> = (0..depth * width).map(|i| (i % 13) as f32 - 6.0).collect();
                let rows: Vec<f32> = (0..count * row_stride).map(|i| (i % 7) as f32 - 3.0).collect();
                let mut sums = [[f32::NAN; 64]; TILE_ROWS];
                Tile { panel: &panel, width, rows: &rows, row_stride, count }.multiply(&mut sums);
                for (r, sums) in sums.iter().enumerate().take(count) {
                    for (c, sum) in sums.iter().enumerate().take(width) {
                        let exact: f32 = (0..depth).map(|d| rows[r * row_stride + d] * panel[d * width + c]).sum();
                        assert_eq!(*sum, exact, "row {r}, column {c} of {count} x {width}");
                    }
                }
            }
        }
    }
}
