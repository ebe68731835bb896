//! The gate: may a candidate replace the active generation?

/// How much of the gate a candidate may lose, as a share of its questions.
const GATE_LOSS_MAX: f64 = 0.05;

/// Right answers out of a number of questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Score {
    /// Right answers.
    pub right: usize,
    /// Questions.
    pub total: usize,
}

impl Score {
    /// Share of right answers, 0 to 1; 0 without questions.
    pub fn share(self) -> f32 {
        if self.total == 0 { 0.0 } else { self.right as f32 / self.total as f32 }
    }
}

impl std::fmt::Display for Score {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} of {}", self.right, self.total)
    }
}

/// Scores of the active generation and of the candidate on the same questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comparison {
    /// The active generation.
    pub before: Score,
    /// The candidate.
    pub after: Score,
}

/// `Ok` with the reason to activate, `Err` with the reason not to. The corrected questions must
/// improve, and the gate may lose at most 5 points. Compared in whole answers, so that no rounding
/// decides.
pub fn decide(corrected: Comparison, gate: Comparison) -> Result<String, String> {
    let figures = format!(
        "corrected questions {} right, before {}; gate {}",
        corrected.after,
        corrected.before,
        if gate.after.total == 0 {
            "without questions".to_owned()
        } else {
            format!("{} right, before {}", gate.after, gate.before)
        }
    );
    if corrected.after.right <= corrected.before.right {
        return Err(format!("the corrected questions did not improve: {figures}"));
    }
    let lost = gate.before.right.saturating_sub(gate.after.right);
    if lost as f64 > GATE_LOSS_MAX * gate.after.total as f64 {
        return Err(format!("the gate fell by more than 5 points: {figures}"));
    }
    Ok(figures)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scores(before: usize, after: usize, total: usize) -> Comparison {
        Comparison { before: Score { right: before, total }, after: Score { right: after, total } }
    }

    #[test]
    fn better_corrections_and_a_kept_gate_activate() {
        assert!(decide(scores(0, 9, 10), scores(90, 90, 100)).is_ok());
        assert!(decide(scores(0, 1, 10), scores(90, 99, 100)).is_ok());
    }

    #[test]
    fn the_gate_may_lose_five_points_and_not_one_answer_more() {
        assert!(decide(scores(0, 9, 10), scores(90, 85, 100)).is_ok());
        let reason = decide(scores(0, 9, 10), scores(90, 84, 100)).unwrap_err();
        assert!(reason.contains("84 of 100") && reason.contains("90 of 100"), "{reason}");
        assert!(decide(scores(0, 9, 10), scores(19, 18, 20)).is_ok());
        assert!(decide(scores(0, 9, 10), scores(19, 17, 20)).is_err());
        assert!(decide(scores(0, 9, 10), scores(3, 2, 3)).is_err());
    }

    #[test]
    fn corrections_that_did_not_improve_are_no_reason_to_switch() {
        assert!(decide(scores(3, 3, 10), scores(90, 95, 100)).is_err());
        assert!(decide(scores(3, 2, 10), scores(90, 95, 100)).is_err());
    }

    #[test]
    fn without_gate_questions_the_corrections_decide() {
        assert!(decide(scores(0, 1, 1), scores(0, 0, 0)).is_ok());
        assert_eq!(Score { right: 0, total: 0 }.share(), 0.0);
    }
}
