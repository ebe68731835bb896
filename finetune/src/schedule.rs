//! The learning rate over a run, with the factors of transformers' `get_*_schedule_with_warmup` and
//! `get_wsd_schedule`; `tests/goldens/schedules.json` holds theirs.

use std::f64::consts::PI;

/// Shape of the learning rate over a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Full rate after the warm-up.
    Constant,
    /// Falls in a line to the floor.
    Linear,
    /// Falls as half a cosine to the floor (Loshchilov and Hutter 2017, arXiv 1608.03983).
    #[default]
    Cosine,
    /// Several half cosines, each from the full rate again (the same paper's warm restarts).
    CosineRestarts,
    /// Warm-up, stable, decay: full rate until the last part of the run falls (arXiv 2404.06395).
    Wsd,
}

impl Schedule {
    /// All shapes.
    pub const ALL: [Schedule; 5] =
        [Schedule::Constant, Schedule::Linear, Schedule::Cosine, Schedule::CosineRestarts, Schedule::Wsd];

    /// Name on the command line and in configuration files.
    pub fn name(self) -> &'static str {
        match self {
            Schedule::Constant => "constant",
            Schedule::Linear => "linear",
            Schedule::Cosine => "cosine",
            Schedule::CosineRestarts => "cosine-restarts",
            Schedule::Wsd => "wsd",
        }
    }
}

impl std::str::FromStr for Schedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL
            .into_iter()
            .find(|schedule| schedule.name() == text)
            .ok_or_else(|| format!("no such schedule; choose {}", known()))
    }
}

/// How [`Schedule::Wsd`] falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decay {
    /// Half a cosine.
    #[default]
    Cosine,
    /// A line.
    Linear,
    /// `1 - sqrt(progress)`: fast first (Haegele et al. 2024, arXiv 2405.18392).
    Sqrt,
}

impl std::str::FromStr for Decay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "cosine" => Ok(Self::Cosine),
            "linear" => Ok(Self::Linear),
            "sqrt" => Ok(Self::Sqrt),
            _ => Err("no such decay; choose cosine, linear or sqrt".to_owned()),
        }
    }
}

/// A schedule with all that shapes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LearningRateCurve {
    /// The shape.
    pub schedule: Schedule,
    /// Steps of linear warm-up.
    pub warmup_steps: usize,
    /// Lowest factor after the warm-up, as a share of the peak.
    pub floor: f64,
    /// Half cosines of [`Schedule::CosineRestarts`].
    pub cycles: usize,
    /// Share of the run over which [`Schedule::Wsd`] falls.
    pub decay_share: f64,
    /// How it falls.
    pub decay: Decay,
}

impl LearningRateCurve {
    /// Factor on the peak learning rate at `step` (from 0) of `steps`.
    pub fn factor(&self, step: usize, steps: usize) -> f64 {
        let raised = |factor: f64| factor * (1.0 - self.floor) + self.floor;
        if step < self.warmup_steps {
            let rising = step as f64 / self.warmup_steps as f64;
            // transformers starts this one, and only this one, from the floor.
            return if self.schedule == Schedule::Wsd { raised(rising) } else { rising };
        }
        let falling = (steps - self.warmup_steps.min(steps)).max(1) as f64;
        let progress = ((step - self.warmup_steps) as f64 / falling).min(1.0);
        match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Linear => raised(1.0 - progress),
            Schedule::Cosine => raised(half_cosine(progress)),
            Schedule::CosineRestarts if progress >= 1.0 => self.floor,
            Schedule::CosineRestarts => raised(half_cosine((self.cycles as f64 * progress).fract())),
            Schedule::Wsd => {
                let decay_steps = (steps as f64 * self.decay_share).ceil() as usize;
                let begins = self.warmup_steps + steps.saturating_sub(self.warmup_steps + decay_steps);
                if step < begins {
                    return 1.0;
                }
                let progress = ((step - begins) as f64 / decay_steps.max(1) as f64).min(1.0);
                raised(match self.decay {
                    Decay::Cosine => half_cosine(progress),
                    Decay::Linear => 1.0 - progress,
                    Decay::Sqrt => 1.0 - progress.sqrt(),
                })
            }
        }
    }
}

fn half_cosine(progress: f64) -> f64 {
    0.5 * (1.0 + (PI * progress).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURVE: LearningRateCurve = LearningRateCurve {
        schedule: Schedule::Cosine,
        warmup_steps: 4,
        floor: 0.0,
        cycles: 1,
        decay_share: 0.2,
        decay: Decay::Cosine,
    };

    #[test]
    fn warmup_rises_in_a_line_from_zero() {
        let curve = LearningRateCurve { schedule: Schedule::Constant, ..CURVE };
        let factors: Vec<f64> = (0..5).map(|step| curve.factor(step, 10)).collect();
        assert_eq!(factors, [0.0, 0.25, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn no_schedule_leaves_the_range_from_zero_to_one_whatever_its_settings() {
        for schedule in Schedule::ALL {
            for (warmup_steps, steps, decay_share) in [(9, 5, 0.2), (0, 1, 1.0), (3, 7, 1.0), (0, 0, 0.0), (5, 5, 0.5)]
            {
                let curve = LearningRateCurve { schedule, warmup_steps, floor: 0.1, cycles: 3, decay_share, ..CURVE };
                for step in 0..=steps {
                    let factor = curve.factor(step, steps);
                    assert!((0.0..=1.0).contains(&factor), "{curve:?}: {factor} at {step} of {steps}");
                }
            }
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for schedule in Schedule::ALL {
            assert_eq!(schedule.name().parse(), Ok(schedule));
            assert_eq!(serde_json::to_value(schedule).unwrap(), schedule.name());
        }
        assert!("step".parse::<Schedule>().unwrap_err().contains("cosine-restarts"));
    }
}
