//! Isotonic regression: the non-decreasing step function with the least squared error, by pooling adjacent violators.

/// Knots of the fitted function; between knots it is linear, outside it is constant.
#[derive(Debug, Clone, PartialEq)]
pub struct Knots {
    /// Scores, strictly growing.
    pub scores: Vec<f64>,
    /// Fitted values, not falling.
    pub values: Vec<f64>,
}

/// Fits `targets` over `scores`. Targets of equal scores are averaged first. Empty input gives no knots.
pub fn fit(scores: &[f64], targets: &[f64]) -> Knots {
    let mut points: Vec<(f64, f64)> = scores.iter().copied().zip(targets.iter().copied()).collect();
    points.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut unique: Vec<(f64, f64, f64)> = Vec::new();
    for (score, target) in points {
        match unique.last_mut() {
            Some((last, sum, weight)) if *last == score => {
                *sum += target;
                *weight += 1.0;
            }
            _ => unique.push((score, target, 1.0)),
        }
    }
    // Blocks of scores that share one value: sum of targets, weight, scores in it.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (_, sum, weight) in &unique {
        blocks.push((*sum, *weight, 1));
        while let [.., left, right] = blocks.as_slice() {
            if left.0 / left.1 < right.0 / right.1 {
                break;
            }
            let joined = (left.0 + right.0, left.1 + right.1, left.2 + right.2);
            blocks.truncate(blocks.len() - 2);
            blocks.push(joined);
        }
    }
    let values = blocks.iter().flat_map(|(sum, weight, count)| std::iter::repeat_n(sum / weight, *count)).collect();
    thinned(Knots { scores: unique.iter().map(|point| point.0).collect(), values })
}

/// Drops knots between two others of the same value: the function stays the same.
fn thinned(knots: Knots) -> Knots {
    let last = knots.values.len().saturating_sub(1);
    let keep = |index: usize| {
        index == 0
            || index == last
            || knots.values[index] != knots.values[index - 1]
            || knots.values[index] != knots.values[index + 1]
    };
    let kept: Vec<usize> = (0..knots.values.len()).filter(|&index| keep(index)).collect();
    Knots {
        scores: kept.iter().map(|&index| knots.scores[index]).collect(),
        values: kept.iter().map(|&index| knots.values[index]).collect(),
    }
}

impl Knots {
    /// The value at `score`; `None` without knots.
    pub fn at(&self, score: f64) -> Option<f64> {
        let after = self.scores.partition_point(|knot| *knot < score);
        match (after.checked_sub(1), self.scores.get(after)) {
            (_, Some(knot)) if *knot == score => Some(self.values[after]),
            (None, _) => self.values.first().copied(),
            (Some(_), None) => self.values.last().copied(),
            (Some(before), Some(knot)) => {
                let (low, high) = (self.scores[before], *knot);
                let (from, to) = (self.values[before], self.values[after]);
                Some(from + (to - from) / (high - low) * (score - low))
            }
        }
    }
}
