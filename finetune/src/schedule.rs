//! Learning-rate schedules, with the factors of transformers' `get_*_schedule_with_warmup`.

/// Shape of the learning rate over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Full rate after the warm-up.
    Constant,
    /// Falls in a line to zero.
    Linear,
    /// Falls as half a cosine to zero (Loshchilov and Hutter 2017, arXiv 1608.03983).
    #[default]
    Cosine,
}

impl Schedule {
    /// Factor on the learning rate at `step` (from 0) of `steps`; rises in a line over `warmup` steps first.
    pub fn factor(self, step: usize, steps: usize, warmup: usize) -> f64 {
        if step < warmup {
            return step as f64 / warmup as f64;
        }
        let falling = (steps - warmup.min(steps)).max(1) as f64;
        let progress = ((step - warmup) as f64 / falling).min(1.0);
        match self {
            Schedule::Constant => 1.0,
            Schedule::Linear => 1.0 - progress,
            Schedule::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
        }
    }
}

impl std::str::FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "constant" => Ok(Self::Constant),
            "linear" => Ok(Self::Linear),
            "cosine" => Ok(Self::Cosine),
            other => Err(format!("unknown schedule {other:?}; choose constant, linear or cosine")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warmup_rises_in_a_line_from_zero() {
        let factors: Vec<f64> = (0..5).map(|step| Schedule::Constant.factor(step, 10, 4)).collect();
        assert_eq!(factors, [0.0, 0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn cosine_is_half_way_in_the_middle_and_zero_at_the_end() {
        assert!((Schedule::Cosine.factor(55, 100, 10) - 0.5).abs() < 1e-12);
        assert!(Schedule::Cosine.factor(100, 100, 10) < 1e-12);
    }

    #[test]
    fn linear_matches_the_formula_of_transformers() {
        // max(0, (steps - step) / max(1, steps - warmup)) at step 30 of 100 with 20 warm-up steps.
        assert!((Schedule::Linear.factor(30, 100, 20) - 70.0 / 80.0).abs() < 1e-12);
    }

    #[test]
    fn warmup_longer_than_the_run_never_divides_by_zero() {
        for step in 0..5 {
            assert!(Schedule::Cosine.factor(step, 5, 9).is_finite());
        }
    }
}
