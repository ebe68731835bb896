//! Lengths of rows: order statistics and a histogram with bars.

use serde::Serialize;

use crate::progress::count;

/// Cells of the longest bar.
const BAR_CELLS: usize = 40;

/// Lengths in tokens.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Lengths {
    /// Sum.
    pub sum: usize,
    /// Least.
    pub min: usize,
    /// Half of the rows are at most this long.
    pub median: usize,
    /// 95 % of the rows are at most this long.
    pub p95: usize,
    /// Most.
    pub max: usize,
    /// Sum over rows.
    pub mean: f64,
    /// Rows by length: upper end (a power of two) and count.
    pub histogram: Vec<(usize, usize)>,
}

impl Lengths {
    /// Statistics of some lengths; all 0 for none.
    pub fn of(mut lengths: Vec<usize>) -> Self {
        lengths.sort_unstable();
        let (Some(&min), Some(&max)) = (lengths.first(), lengths.last()) else { return Self::default() };
        // The smallest length that at least this share of the rows does not exceed.
        let quantile = |share: f64| lengths[((share * lengths.len() as f64).ceil() as usize).max(1) - 1];
        let sum: usize = lengths.iter().sum();
        let mut histogram: Vec<(usize, usize)> = Vec::new();
        let mut end = min.next_power_of_two();
        let mut rest = lengths.as_slice();
        while !rest.is_empty() {
            let inside = rest.partition_point(|length| *length <= end);
            histogram.push((end, inside));
            rest = &rest[inside..];
            end = end.max(1) * 2;
        }
        let mean = sum as f64 / lengths.len() as f64;
        Self { sum, min, median: quantile(0.5), p95: quantile(0.95), max, mean, histogram }
    }

    /// In one line.
    pub fn line(&self) -> String {
        format!(
            "{} in all; shortest {}, median {}, mean {:.1}, 95 % up to {}, longest {}",
            count(self.sum),
            count(self.min),
            count(self.median),
            self.mean,
            count(self.p95),
            count(self.max)
        )
    }

    /// The histogram with one bar a line.
    pub fn bars(&self) -> Vec<String> {
        let most = self.histogram.iter().map(|(_, rows)| *rows).max().unwrap_or(0).max(1);
        let bar = |(end, rows): &(usize, usize)| {
            // A few rows among many still show.
            let cells = (rows * BAR_CELLS).div_ceil(most);
            format!("  up to {:>7}  {:>8}  {}", count(*end), count(*rows), "#".repeat(cells))
        };
        self.histogram.iter().map(bar).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statistics_and_bars_follow_the_lengths() {
        let lengths = Lengths::of((1..=100).collect());
        assert_eq!((lengths.min, lengths.median, lengths.p95, lengths.max, lengths.sum), (1, 50, 95, 100, 5050));
        assert_eq!(lengths.histogram, [(1, 1), (2, 1), (4, 2), (8, 4), (16, 8), (32, 16), (64, 32), (128, 36)]);
        assert_eq!(lengths.bars().len(), 8);
        assert_eq!(Lengths::of(Vec::new()), Lengths::default());
        assert_eq!(Lengths::of(vec![7]).median, 7);
    }
}
