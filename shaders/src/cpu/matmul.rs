//! Dense matrix products, through the `gemm` crate, which chooses its instruction set at run time.

use gemm::Parallelism;

use crate::Matmul;

/// Products below this many multiply-adds are not worth waking other threads for (about 20 us).
const PARALLEL_FROM: usize = 1 << 20;

/// A row-major matrix view for the gemm call: first element, row stride and column stride.
#[derive(Clone, Copy)]
struct View<'a> {
    data: &'a [f32],
    row_stride: usize,
    column_stride: usize,
}

impl<'a> View<'a> {
    fn rows(data: &'a [f32], row_stride: usize) -> Self {
        Self { data, row_stride, column_stride: 1 }
    }

    fn transposed(self) -> Self {
        Self { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }

    fn holds(self, rows: usize, columns: usize) -> bool {
        rows == 0 || columns == 0 || (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.data.len()
    }
}

/// `out (m x n, rows out_stride apart) = alpha a b`, added to `out` when `accumulate`.
fn multiply(
    [m, n, k]: [usize; 3],
    a: View<'_>,
    b: View<'_>,
    alpha: f32,
    accumulate: bool,
    out: &mut [f32],
    out_stride: usize,
    parallelism: Parallelism,
) {
    assert!(a.holds(m, k) && b.holds(k, n), "a matmul operand is shorter than its shape {m} x {n} x {k}");
    assert!(m == 0 || n == 0 || (m - 1) * out_stride + n <= out.len(), "a matmul result is too short");
    // SAFETY: the asserts above keep every address that the strides reach inside the three slices, and
    // `out` is borrowed mutably, so it overlaps neither operand.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            out.as_mut_ptr(),
            1,
            out_stride as isize,
            accumulate,
            a.data.as_ptr(),
            a.column_stride as isize,
            a.row_stride as isize,
            b.data.as_ptr(),
            b.column_stride as isize,
            b.row_stride as isize,
            1.0,
            alpha,
            false,
            false,
            false,
            parallelism,
        );
    }
}

fn parallelism(multiply_adds: usize) -> Parallelism {
    if multiply_adds < PARALLEL_FROM { Parallelism::None } else { Parallelism::Rayon(0) }
}

/// Dense product, see [`Matmul`].
pub fn dense(shape: Matmul, a: &[f32], b: &[f32], out: &mut [f32]) {
    let Matmul { m, n, k, transpose_a, transpose_b, alpha, accumulate } = shape;
    let a = if transpose_a { View::rows(a, m).transposed() } else { View::rows(a, k) };
    let b = if transpose_b { View::rows(b, k).transposed() } else { View::rows(b, n) };
    multiply([m, n, k], a, b, alpha, accumulate, out, n, parallelism(m * n * k));
}

/// A small single-threaded product for callers that are already inside a parallel loop:
/// `out [m, n] = alpha op(a) op(b)` with explicit row strides; `transpose_*` as in [`Matmul`].
pub fn small(
    shape: Matmul,
    (a, a_stride): (&[f32], usize),
    (b, b_stride): (&[f32], usize),
    (out, out_stride): (&mut [f32], usize),
) {
    let Matmul { m, n, k, transpose_a, transpose_b, alpha, accumulate } = shape;
    let a = View::rows(a, a_stride);
    let b = View::rows(b, b_stride);
    let a = if transpose_a { a.transposed() } else { a };
    let b = if transpose_b { b.transposed() } else { b };
    multiply([m, n, k], a, b, alpha, accumulate, out, out_stride, Parallelism::None);
}
