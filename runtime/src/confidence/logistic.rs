//! Logistic regression by Newton's method, for Platt scaling and for several features; temperature by bisection.
//!
//! Problems here have a handful of weights and some hundred rows, so a dense solve is exact and immediate.

/// Most Newton steps; ten are usual.
const STEPS_MAX: usize = 200;

/// Gradient per row at which a fit counts as exact: rounding noise of f64 sums.
const GRADIENT_MIN: f64 = 1e-15;

/// Temperatures that are believed; outside, the answers say nothing about confidence.
pub const TEMPERATURES: std::ops::RangeInclusive<f64> = 0.05..=20.0;

/// Weights and intercept of `sigmoid(weights . row + intercept)`.
#[derive(Debug, Clone, PartialEq)]
pub struct Logistic {
    /// One weight a feature.
    pub weights: Vec<f64>,
    /// The intercept, never penalised.
    pub intercept: f64,
}

impl Logistic {
    /// Log-odds for one row.
    pub fn log_odds(&self, row: &[f64]) -> f64 {
        self.weights.iter().zip(row).map(|(weight, value)| weight * value).sum::<f64>() + self.intercept
    }
}

/// `1 / (1 + exp(-x))`, exact at both ends.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 { 1.0 / (1.0 + (-x).exp()) } else { x.exp() / (1.0 + x.exp()) }
}

/// Log-odds of a probability, kept one machine epsilon from 0 and 1.
pub fn log_odds(probability: f64) -> f64 {
    let kept = probability.clamp(f64::EPSILON, 1.0 - f64::EPSILON);
    (kept / (1.0 - kept)).ln()
}

/// Platt's targets (1999): with them the optimum is finite even where the classes separate.
pub fn platt_targets(right: &[bool]) -> Vec<f64> {
    let positive = right.iter().filter(|is_right| **is_right).count() as f64;
    let negative = right.len() as f64 - positive;
    let (high, low) = ((positive + 1.0) / (positive + 2.0), 1.0 / (negative + 2.0));
    right.iter().map(|is_right| if *is_right { high } else { low }).collect()
}

/// Minimises the sum of cross-entropies plus `ridge / 2` times the squared weights (the intercept is free).
/// `rows` have equal lengths; `targets` are probabilities.
pub fn fit(rows: &[Vec<f64>], targets: &[f64], ridge: f64) -> Logistic {
    let width = rows.first().map_or(0, Vec::len);
    let mut model = Logistic { weights: vec![0.0; width], intercept: 0.0 };
    let mut loss = objective(&model, rows, targets, ridge);
    for _ in 0..STEPS_MAX {
        let (gradient, hessian) = derivatives(&model, rows, targets, ridge);
        let largest = gradient.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        if largest <= GRADIENT_MIN * rows.len().max(1) as f64 {
            break;
        }
        let Some(step) = solve(hessian, gradient) else { break };
        // Halved until the loss falls: far from the optimum a full step may overshoot.
        let mut share = 1.0;
        let mut moved = false;
        while share > 1e-10 {
            let next = Logistic {
                weights: model.weights.iter().zip(&step).map(|(weight, change)| weight - share * change).collect(),
                intercept: model.intercept - share * step[width],
            };
            let next_loss = objective(&next, rows, targets, ridge);
            if next_loss <= loss + rounding(loss, rows.len()) {
                moved = next != model;
                (model, loss) = (next, next_loss);
                break;
            }
            share /= 2.0;
        }
        if !moved {
            break;
        }
    }
    model
}

/// The temperature `T` for which `sigmoid(log_odds / T)` fits best; bounded by [`TEMPERATURES`].
pub fn fit_temperature(log_odds: &[f64], right: &[bool]) -> f64 {
    // Convex in 1 / T, so its derivative changes sign once.
    let slope = |inverse: f64| -> f64 {
        log_odds
            .iter()
            .zip(right)
            .map(|(odds, is_right)| odds * (sigmoid(odds * inverse) - f64::from(u8::from(*is_right))))
            .sum()
    };
    let (mut low, mut high) = (1.0 / TEMPERATURES.end(), 1.0 / TEMPERATURES.start());
    if slope(low) >= 0.0 {
        return *TEMPERATURES.end();
    }
    if slope(high) <= 0.0 {
        return *TEMPERATURES.start();
    }
    // Until the interval cannot be halved in f64.
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return 1.0 / middle;
        }
        if slope(middle) < 0.0 { low = middle } else { high = middle }
    }
}

/// How far a loss summed over so many rows may be off: at the optimum a step that is right moves it by less.
fn rounding(loss: f64, rows: usize) -> f64 {
    rows as f64 * f64::EPSILON * loss.abs()
}

fn objective(model: &Logistic, rows: &[Vec<f64>], targets: &[f64], ridge: f64) -> f64 {
    let fit: f64 = rows
        .iter()
        .zip(targets)
        .map(|(row, target)| {
            let odds = model.log_odds(row);
            // log(1 + exp(odds)) - target * odds, without overflow.
            odds.max(0.0) + (-odds.abs()).exp().ln_1p() - target * odds
        })
        .sum();
    fit + ridge / 2.0 * model.weights.iter().map(|weight| weight * weight).sum::<f64>()
}

/// Gradient and Hessian; the intercept stands last.
fn derivatives(model: &Logistic, rows: &[Vec<f64>], targets: &[f64], ridge: f64) -> (Vec<f64>, Vec<Vec<f64>>) {
    let width = model.weights.len();
    let mut gradient: Vec<f64> = model.weights.iter().map(|weight| ridge * weight).collect();
    gradient.push(0.0);
    let mut hessian = vec![vec![0.0; width + 1]; width + 1];
    for (index, row) in hessian.iter_mut().enumerate().take(width) {
        row[index] = ridge;
    }
    for (row, target) in rows.iter().zip(targets) {
        let probability = sigmoid(model.log_odds(row));
        let value = |index: usize| row.get(index).copied().unwrap_or(1.0);
        for left in 0..=width {
            gradient[left] += (probability - target) * value(left);
            for (right, curvature) in hessian[left].iter_mut().enumerate() {
                *curvature += probability * (1.0 - probability) * value(left) * value(right);
            }
        }
    }
    (gradient, hessian)
}

/// Solves `matrix * x = right` by elimination with row pivots; `None` for a singular matrix.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let size = right.len();
    for column in 0..size {
        let pivot = (column..size).max_by(|&a, &b| matrix[a][column].abs().total_cmp(&matrix[b][column].abs()))?;
        if matrix[pivot][column].abs() < f64::MIN_POSITIVE {
            return None;
        }
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..size {
            let factor = matrix[row][column] / matrix[column][column];
            let (above, below) = matrix.split_at_mut(row);
            for (value, pivot) in below[0].iter_mut().zip(&above[column]).skip(column) {
                *value -= factor * pivot;
            }
            right[row] -= factor * right[column];
        }
    }
    for row in (0..size).rev() {
        let known: f64 = (row + 1..size).map(|column| matrix[row][column] * right[column]).sum();
        right[row] = (right[row] - known) / matrix[row][row];
    }
    right.iter().all(|value| value.is_finite()).then_some(right)
}
