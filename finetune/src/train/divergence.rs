//! When a run has gone wrong: the loss is no number, or far above what it was.
//!
//! A step stands above the line when either holds:
//!
//! - its loss is above `factor` times the median of the last [`WINDOW`] losses plus one nat, and above one and
//!   a half times the median of the first [`FIRST`]. The nat keeps runs with tiny losses from stopping at a hard
//!   row, the first losses keep rows of a new kind from looking like an explosion;
//! - its loss is a nat above `ln(vocabulary)`, that of blind guessing, and a nat above the first loss.
//!
//! The run has exploded when [`IN_A_ROW`] steps one after the other stand above the line. Such steps do not enter
//! the window.

use serde::{Deserialize, Serialize};

use super::exact::Exact;

/// Losses that the running median is taken over.
pub(super) const WINDOW: usize = 64;
/// Losses before the rule applies.
pub(super) const FIRST: usize = 16;
/// Losses above the line, one after the other, that stop a run.
pub(super) const IN_A_ROW: usize = 5;

/// The last losses of a run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct LossWatch {
    first: Vec<Exact>,
    recent: Vec<Exact>,
    above: usize,
}

impl LossWatch {
    /// Takes the loss of a step, where `blind` is the loss of blind guessing; the running median when the run has
    /// exploded. A `factor` of 0 never says so.
    pub fn see(&mut self, loss: f64, blind: f64, factor: f64) -> Option<f64> {
        let usual = median(&self.recent);
        let enough = self.first.len() == FIRST;
        let far = enough && loss > factor * usual + 1.0 && loss > 1.5 * median(&self.first);
        let worse_than_blind = self.first.first().is_some_and(|first| loss > blind.max(first.0) + 1.0);
        if factor > 0.0 && (far || worse_than_blind) {
            self.above += 1;
            return (self.above >= IN_A_ROW).then_some(usual);
        }
        self.above = 0;
        if !enough {
            self.first.push(Exact(loss));
        }
        if self.recent.len() == WINDOW {
            self.recent.remove(0);
        }
        self.recent.push(Exact(loss));
        None
    }

    /// Whether the last step stood above the line.
    pub fn is_above(&self) -> bool {
        self.above > 0
    }
}

fn median(values: &[Exact]) -> f64 {
    let mut values: Vec<f64> = values.iter().map(|value| value.0).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a vocabulary of 50,000.
    const BLIND: f64 = 10.8;

    /// Number of losses until the run is stopped.
    fn stops_after(losses: impl IntoIterator<Item = f64>) -> Option<usize> {
        let mut watch = LossWatch::default();
        losses.into_iter().position(|loss| watch.see(loss, BLIND, 3.0).is_some()).map(|index| index + 1)
    }

    #[test]
    fn loss_far_above_its_past_stops_after_five_steps() {
        let losses = std::iter::repeat_n(2.0, 30).chain(std::iter::repeat_n(9.0, 10));
        assert_eq!(stops_after(losses), Some(30 + IN_A_ROW));
    }

    #[test]
    fn loss_worse_than_blind_guessing_stops_from_the_first_steps_on_unless_the_run_began_there() {
        assert_eq!(stops_after([3.0, 3.1].into_iter().chain([14.0; 9])), Some(2 + IN_A_ROW));
        assert_eq!(stops_after([14.0; 200]), None);
    }

    #[test]
    fn hard_rows_new_kinds_of_rows_and_slow_drifts_go_on() {
        let hard_row_now_and_then = (0..200).map(|step| if step % 7 == 0 { 9.0 } else { 2.0 });
        assert_eq!(stops_after(hard_row_now_and_then), None);
        let learned_by_heart_then_new = std::iter::repeat_n(4.0, 20).chain([0.05; 100]).chain([5.0; 20]);
        assert_eq!(stops_after(learned_by_heart_then_new), None);
        let drift = (0..200).map(|step| 2.0 + 0.02 * f64::from(step));
        assert_eq!(stops_after(drift), None);
    }
}
