//! Intraclass correlation: agreement of raters whose labels are measures.
//!
//! Six forms (P. E. Shrout and J. L. Fleiss, 1979; K. O. McGraw and S. P. Wong, 1996) from a two-way analysis
//! of variance of `n` items by `k` raters: one-way random (ICC1), two-way random with absolute agreement
//! (ICC2) and two-way mixed with consistency (ICC3), each for a single rating and for the mean of `k`. Only
//! items that every rater rated enter.

use serde::Serialize;

use super::f_distribution::{quantile, upper_tail};
use super::ratings::Ratings;
use super::{NOT_NUMBERS, Undefined};

/// Confidence of the intervals.
pub const CONFIDENCE: f64 = 0.95;

/// Mean squares below this share of the largest squared rating are rounding, not variance.
const ROUNDING: f64 = 1e-24;

/// One form of the coefficient.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Icc {
    /// The coefficient, at most 1.
    pub icc: f64,
    /// F of the test that items do not differ; null where raters agree so fully that nothing remains to divide by.
    pub f: Option<f64>,
    /// Degrees of freedom of the numerator.
    pub df1: f64,
    /// Degrees of freedom of the denominator.
    pub df2: f64,
    /// Probability of such an F if items did not differ.
    pub p: f64,
    /// Confidence interval at [`CONFIDENCE`]; null for absolute agreement of raters that differ by a constant only.
    pub ci95: Option<[f64; 2]>,
}

/// The six forms with the size of the table they are from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct IccForms {
    /// Items that every rater rated.
    pub items: usize,
    /// Raters.
    pub raters: usize,
    /// One-way random, single rating.
    #[serde(rename = "ICC1")]
    pub icc1: Icc,
    /// Two-way random, absolute agreement, single rating.
    #[serde(rename = "ICC2")]
    pub icc2: Icc,
    /// Two-way mixed, consistency, single rating.
    #[serde(rename = "ICC3")]
    pub icc3: Icc,
    /// One-way random, mean of the ratings.
    #[serde(rename = "ICC1k")]
    pub icc1k: Icc,
    /// Two-way random, absolute agreement, mean of the ratings.
    #[serde(rename = "ICC2k")]
    pub icc2k: Icc,
    /// Two-way mixed, consistency, mean of the ratings.
    #[serde(rename = "ICC3k")]
    pub icc3k: Icc,
}

/// Mean squares of the analysis of variance.
struct MeanSquares {
    n: f64,
    k: f64,
    between_items: f64,
    between_raters: f64,
    within_items: f64,
    error: f64,
}

/// All six forms.
///
/// # Errors
/// Labels that are no numbers, fewer than two raters or items, or no difference between any two ratings.
pub fn icc_forms(ratings: &Ratings) -> Result<IccForms, Undefined> {
    let values = ratings.values.as_ref().ok_or_else(|| Undefined::new(NOT_NUMBERS))?;
    let raters = ratings.raters.len();
    if raters < 2 {
        return Err(Undefined::new("there are fewer than two raters"));
    }
    let complete = ratings.cells.iter().filter(|row| row.len() == raters);
    let table: Vec<Vec<f64>> = complete.map(|row| row.iter().map(|&(_, label)| values[label]).collect()).collect();
    if table.len() < 2 {
        return Err(Undefined::new("fewer than two items were rated by every rater"));
    }
    let squares = mean_squares(&table);
    if squares.between_items == 0.0 && squares.within_items == 0.0 {
        return Err(Undefined::new("every rating is the same label"));
    }
    if squares.between_items == 0.0 && squares.error == 0.0 {
        return Err(Undefined::new("the items do not differ, only the raters do"));
    }
    Ok(forms(&squares, table.len(), raters))
}

fn mean_squares(table: &[Vec<f64>]) -> MeanSquares {
    let (n, k) = (table.len() as f64, table[0].len() as f64);
    let item_means: Vec<f64> = table.iter().map(|row| row.iter().sum::<f64>() / k).collect();
    let rater_means: Vec<f64> =
        (0..table[0].len()).map(|rater| table.iter().map(|row| row[rater]).sum::<f64>() / n).collect();
    let mean = item_means.iter().sum::<f64>() / n;
    let largest = table.iter().flatten().fold(0.0_f64, |largest, value| largest.max(value.abs()));
    let (mut within, mut error) = (0.0, 0.0);
    for (row, item_mean) in table.iter().zip(&item_means) {
        for (value, rater_mean) in row.iter().zip(&rater_means) {
            within += (value - item_mean).powi(2);
            error += (value - item_mean - rater_mean + mean).powi(2);
        }
    }
    let squares = |means: &[f64]| means.iter().map(|other| (other - mean).powi(2)).sum::<f64>();
    let clean = |square: f64| if square <= ROUNDING * largest * largest { 0.0 } else { square };
    MeanSquares {
        n,
        k,
        between_items: clean(k * squares(&item_means) / (n - 1.0)),
        between_raters: clean(n * squares(&rater_means) / (k - 1.0)),
        within_items: clean(within / (n * (k - 1.0))),
        error: clean(error / ((n - 1.0) * (k - 1.0))),
    }
}

fn forms(squares: &MeanSquares, items: usize, raters: usize) -> IccForms {
    let &MeanSquares { n, k, between_items, between_raters, within_items, error } = squares;
    let (df_items, df_within, df_error) = (n - 1.0, n * (k - 1.0), (n - 1.0) * (k - 1.0));
    let form = |icc: f64, rest: f64, df2: f64, interval: Option<[f64; 2]>| Icc {
        icc,
        f: (rest > 0.0).then(|| between_items / rest),
        df1: df_items,
        df2,
        p: if rest > 0.0 { upper_tail(between_items / rest, df_items, df2) } else { 0.0 },
        ci95: interval.filter(|ends| ends.iter().all(|end| end.is_finite())),
    };
    let one_way = f_ends(between_items, within_items, df_items, df_within);
    let two_way = f_ends(between_items, error, df_items, df_error);
    // The limit for an infinite F is an interval of one point.
    let single = |ends: [f64; 2]| ends.map(|f| if f.is_finite() { (f - 1.0) / (f + k - 1.0) } else { 1.0 });
    let mean = |ends: [f64; 2]| ends.map(|f| 1.0 - 1.0 / f);
    let icc2 = (between_items - error) / (between_items + (k - 1.0) * error + k * (between_raters - error) / n);
    let absolute = absolute_interval(squares, icc2);
    IccForms {
        items,
        raters,
        icc1: form(
            (between_items - within_items) / (between_items + (k - 1.0) * within_items),
            within_items,
            df_within,
            Some(single(one_way)),
        ),
        icc2: form(icc2, error, df_error, absolute),
        icc3: form(
            (between_items - error) / (between_items + (k - 1.0) * error),
            error,
            df_error,
            Some(single(two_way)),
        ),
        icc1k: form((between_items - within_items) / between_items, within_items, df_within, Some(mean(one_way))),
        icc2k: form(
            (between_items - error) / (between_items + (between_raters - error) / n),
            error,
            df_error,
            absolute.map(|ends| ends.map(|end| end * k / (1.0 + end * (k - 1.0)))),
        ),
        icc3k: form((between_items - error) / between_items, error, df_error, Some(mean(two_way))),
    }
}

/// F at both ends of the confidence interval; infinite where nothing remains to divide by.
fn f_ends(between: f64, rest: f64, df1: f64, df2: f64) -> [f64; 2] {
    let high = 1.0 - (1.0 - CONFIDENCE) / 2.0;
    let f = if rest > 0.0 { between / rest } else { f64::INFINITY };
    [f / quantile(high, df1, df2), f * quantile(high, df2, df1)]
}

/// Interval of the single rating with absolute agreement: its denominator mixes two mean squares, so the
/// degrees of freedom are Satterthwaite's.
fn absolute_interval(squares: &MeanSquares, icc2: f64) -> Option<[f64; 2]> {
    let &MeanSquares { n, k, between_items, between_raters, error, .. } = squares;
    if error <= 0.0 {
        return (between_raters == 0.0).then_some([1.0, 1.0]);
    }
    let fj = between_raters / error;
    let own = n * (1.0 + (k - 1.0) * icc2) - k * icc2;
    let df_error = (n - 1.0) * (k - 1.0);
    let above = df_error * (k * icc2 * fj + own).powi(2);
    let below = (n - 1.0) * k * k * icc2 * icc2 * fj * fj + own * own;
    let freedom = above / below;
    if !(freedom.is_finite() && freedom > 0.0) {
        return None;
    }
    let high = 1.0 - (1.0 - CONFIDENCE) / 2.0;
    let (f_low, f_high) = (quantile(high, n - 1.0, freedom), quantile(high, freedom, n - 1.0));
    let mixed = k * between_raters + (k * n - k - n) * error;
    Some([
        n * (between_items - f_low * error) / (f_low * mixed + n * between_items),
        n * (f_high * between_items - error) / (mixed + n * f_high * between_items),
    ])
}
