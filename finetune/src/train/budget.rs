//! How much a run may take of the machine: time, energy, temperature.
//!
//! A budget is read through [`Meter`], so that headquarters, a device and a test each bring their own. Whoever
//! drives a run asks [`Guard::overrun`] after each step and answers [`super::Control::Stop`]: the run then leaves
//! a checkpoint and goes on later to the same bits.

/// Readings of the machine since a run began.
pub trait Meter {
    /// Wall time in seconds.
    fn seconds(&mut self) -> f64;
    /// Energy taken in joules; `None` where the machine does not count it.
    fn joules(&mut self) -> Option<f64>;
    /// Temperature of the hottest sensor in degrees Celsius; `None` where there is none.
    fn celsius(&mut self) -> Option<f64>;
}

/// Limits of a run; `None` is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Budget {
    /// Wall time in seconds.
    pub seconds: Option<f64>,
    /// Energy in joules.
    pub joules: Option<f64>,
    /// Temperature in degrees Celsius.
    pub celsius: Option<f64>,
}

/// A limit that was passed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Overrun {
    /// Seconds taken, and the limit.
    Time(f64, f64),
    /// Joules taken, and the limit.
    Energy(f64, f64),
    /// Degrees Celsius, and the limit.
    Temperature(f64, f64),
}

impl std::fmt::Display for Overrun {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Time(taken, limit) => {
                write!(formatter, "the time budget of {} is used up ({} taken)", time(*limit), time(*taken))
            }
            Self::Energy(taken, limit) => {
                write!(formatter, "the energy budget of {} is used up ({} taken)", energy(*limit), energy(*taken))
            }
            Self::Temperature(now, limit) => {
                write!(
                    formatter,
                    "the machine is at {now:.0} degrees Celsius, the limit is {limit:.0}; let it cool down"
                )
            }
        }
    }
}

/// Minutes, or seconds below one.
fn time(seconds: f64) -> String {
    match seconds {
        60.0.. => format!("{:.1} min", seconds / 60.0),
        1.0.. => format!("{seconds:.0} s"),
        _ => format!("{seconds:.2} s"),
    }
}

/// Watt-hours, or joules below a hundredth.
fn energy(joules: f64) -> String {
    if joules >= 36.0 { format!("{:.2} Wh", joules / 3600.0) } else { format!("{joules:.1} J") }
}

/// A limit that this machine cannot be held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// No energy counter.
    #[error(
        "this machine counts no energy that may be read; limit the time instead, or allow reading /sys/class/powercap"
    )]
    Energy,
    /// No sensor.
    #[error("this machine shows no temperature sensor; limit the time instead")]
    Temperature,
}

/// Readings above the limit, one after the other, that count as hot: sensors show spikes.
const HOT_READINGS: usize = 3;

/// A budget with the meter that it is read by.
pub struct Guard<M> {
    budget: Budget,
    meter: M,
    hot: usize,
}

impl<M: Meter> Guard<M> {
    /// Guards `budget`.
    ///
    /// # Errors
    /// [`Unreadable`] when the meter cannot read what the budget limits.
    pub fn new(budget: Budget, mut meter: M) -> Result<Self, Unreadable> {
        if budget.joules.is_some() && meter.joules().is_none() {
            return Err(Unreadable::Energy);
        }
        if budget.celsius.is_some() && meter.celsius().is_none() {
            return Err(Unreadable::Temperature);
        }
        Ok(Self { budget, meter, hot: 0 })
    }

    /// The limit that is passed now, if one is.
    pub fn overrun(&mut self) -> Option<Overrun> {
        if let Some(limit) = self.budget.seconds
            && let taken = self.meter.seconds()
            && taken >= limit
        {
            return Some(Overrun::Time(taken, limit));
        }
        if let Some(limit) = self.budget.joules
            && let Some(taken) = self.meter.joules()
            && taken >= limit
        {
            return Some(Overrun::Energy(taken, limit));
        }
        if let Some(limit) = self.budget.celsius
            && let Some(now) = self.meter.celsius()
        {
            self.hot = if now > limit { self.hot + 1 } else { 0 };
            return (self.hot >= HOT_READINGS).then_some(Overrun::Temperature(now, limit));
        }
        None
    }

    /// What is left, in words for a progress line; empty without a limit.
    pub fn left(&mut self) -> String {
        let mut words = Vec::new();
        if let Some(limit) = self.budget.seconds {
            words.push(format!("{} of the time", time((limit - self.meter.seconds()).max(0.0))));
        }
        if let (Some(limit), Some(taken)) = (self.budget.joules, self.meter.joules()) {
            words.push(format!("{} of the energy", energy((limit - taken).max(0.0))));
        }
        if let (Some(limit), Some(now)) = (self.budget.celsius, self.meter.celsius()) {
            words.push(format!("{:.0} degrees below the limit", (limit - now).max(0.0)));
        }
        words.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Readings written down beforehand, one each time it is asked.
    struct Script {
        seconds: f64,
        joules: Option<f64>,
        celsius: Vec<f64>,
    }

    impl Meter for Script {
        fn seconds(&mut self) -> f64 {
            self.seconds += 10.0;
            self.seconds
        }

        fn joules(&mut self) -> Option<f64> {
            self.joules = self.joules.map(|joules| joules + 100.0);
            self.joules
        }

        fn celsius(&mut self) -> Option<f64> {
            if self.celsius.len() > 1 { Some(self.celsius.remove(0)) } else { self.celsius.first().copied() }
        }
    }

    fn script() -> Script {
        Script { seconds: 0.0, joules: Some(0.0), celsius: vec![50.0] }
    }

    fn steps_until_overrun(budget: Budget, meter: Script) -> (usize, Overrun) {
        let mut guard = Guard::new(budget, meter).unwrap();
        (1..1000).find_map(|step| Some((step, guard.overrun()?))).unwrap()
    }

    #[test]
    fn time_and_energy_stop_at_their_limits_and_say_which() {
        let (step, overrun) = steps_until_overrun(Budget { seconds: Some(60.0), ..Budget::default() }, script());
        assert_eq!((step, overrun), (6, Overrun::Time(60.0, 60.0)));
        assert!(overrun.to_string().starts_with("the time budget of 1.0 min"), "{overrun}");
        let (_, overrun) = steps_until_overrun(Budget { seconds: Some(0.03), ..Budget::default() }, script());
        assert_eq!(overrun.to_string(), "the time budget of 0.03 s is used up (10 s taken)");
        let (_, overrun) = steps_until_overrun(Budget { joules: Some(3600.0), ..Budget::default() }, script());
        assert!(overrun.to_string().contains("energy budget of 1.00 Wh"), "{overrun}");
    }

    #[test]
    fn heat_stops_a_run_but_a_spike_of_the_sensor_does_not() {
        let budget = Budget { celsius: Some(80.0), ..Budget::default() };
        let celsius = vec![0.0, 95.0, 60.0, 85.0, 86.0, 87.0];
        let (step, overrun) = steps_until_overrun(budget, Script { celsius, ..script() });
        assert_eq!((step, overrun), (5, Overrun::Temperature(87.0, 80.0)));
    }

    #[test]
    fn limit_that_cannot_be_read_is_refused_before_the_run() {
        let blind = || Script { seconds: 0.0, joules: None, celsius: Vec::new() };
        let energy = Guard::new(Budget { joules: Some(1.0), ..Budget::default() }, blind()).err();
        assert_eq!(energy, Some(Unreadable::Energy));
        let heat = Guard::new(Budget { celsius: Some(1.0), ..Budget::default() }, blind()).err();
        assert_eq!(heat, Some(Unreadable::Temperature));
        assert!(Guard::new(Budget::default(), blind()).unwrap().overrun().is_none());
    }
}
