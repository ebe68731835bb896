//! Which inputs of each matrix matter, measured on a text.
//!
//! The error that rounding a weight makes in the output is the rounding error times the input it meets, so its mean
//! square over a text is weighted by the mean square of that input. This is the importance matrix of llama.cpp
//! (`tools/imatrix`): one number per column, the mean of the squared inputs over all tokens.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::path::Path;

use super::QuantizeError;
use super::binding::c_text;
use super::session::Measured;

/// Fewest tokens that say something about a model's inputs.
pub const TOKENS_MIN: usize = 64;
/// Columns that the text never used weigh this share of the mean: quantizers cannot place a block without any weight.
const FLOOR: f64 = 1e-6;

/// Sums over the inputs of one matrix.
#[derive(Debug, Clone, Default, PartialEq)]
struct Sums {
    squares: Vec<f64>,
    rows: u64,
}

/// Mean squared inputs of each matrix of the blocks.
#[derive(Debug, Clone, PartialEq)]
pub struct Importance {
    sums: BTreeMap<String, Sums>,
    tokens: usize,
}

impl Importance {
    /// Runs at most `tokens_max` tokens of `text` through the model. `on_progress` sees done and all tokens and returns
    /// false to stop.
    ///
    /// # Errors
    /// [`QuantizeError`]: no decoder, a text of fewer than [`TOKENS_MIN`] tokens, a failing computation.
    pub fn measure(
        model: &Path,
        text: &str,
        tokens_max: usize,
        on_progress: &mut dyn FnMut(usize, usize) -> bool,
    ) -> Result<Self, QuantizeError> {
        let model = Measured::load(model)?;
        let windows = model.windows(text, tokens_max)?;
        let tokens: usize = windows.iter().map(Vec::len).sum();
        if tokens < TOKENS_MIN {
            return Err(QuantizeError::TextTooShort { tokens, needed: TOKENS_MIN });
        }
        let mut sums: BTreeMap<String, Sums> = BTreeMap::new();
        let mut add = |name: &str, row: &[f32]| {
            if !sums.contains_key(name) {
                sums.insert(name.to_owned(), Sums { squares: vec![0.0; row.len()], rows: 0 });
            }
            let Some(sums) = sums.get_mut(name) else { return };
            sums.rows += 1;
            for (sum, value) in sums.squares.iter_mut().zip(row) {
                *sum += f64::from(*value) * f64::from(*value);
            }
        };
        {
            let mut session = model.session(Some(&mut add))?;
            let mut done = 0;
            for window in &windows {
                session.clear();
                for (number, chunk) in window.chunks(session.batch_tokens()).enumerate() {
                    if !on_progress(done, tokens) {
                        return Err(QuantizeError::Cancelled);
                    }
                    session.decode(chunk, number * session.batch_tokens(), false)?;
                    done += chunk.len();
                }
            }
            on_progress(done, tokens);
        }
        Ok(Self { sums, tokens })
    }

    /// Tokens that were run.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// Names of the matrices.
    pub fn matrices(&self) -> impl ExactSizeIterator<Item = &str> {
        self.sums.keys().map(String::as_str)
    }

    /// Mean squared input of each column of a matrix.
    pub fn mean_squares(&self, matrix: &str) -> Option<Vec<f64>> {
        let sums = self.sums.get(matrix)?;
        Some(sums.squares.iter().map(|sum| sum / sums.rows.max(1) as f64).collect())
    }

    /// As llama.cpp takes it.
    pub(super) fn entries(&self) -> Result<Vec<(CString, Vec<f32>)>, QuantizeError> {
        let entry = |name: &String| {
            let means = self.mean_squares(name).unwrap_or_default();
            let floor = FLOOR * means.iter().sum::<f64>() / means.len().max(1) as f64;
            let floor = if floor > 0.0 { floor } else { 1.0 };
            Ok((c_text(name)?, means.iter().map(|mean| mean.max(floor) as f32).collect()))
        };
        self.sums.keys().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_without_input_get_a_floor_and_no_block_is_without_weight() {
        let sums = BTreeMap::from([
            ("blk.0.a.weight".to_owned(), Sums { squares: vec![8.0, 0.0], rows: 2 }),
            ("blk.0.b.weight".to_owned(), Sums { squares: vec![0.0, 0.0], rows: 2 }),
        ]);
        let importance = Importance { sums, tokens: 2 };
        let entries = importance.entries().unwrap();
        assert_eq!(entries[0].1, [4.0, 2e-6]);
        assert_eq!(entries[1].1, [1.0, 1.0]);
    }
}
