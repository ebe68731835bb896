//! Readings of this machine for budgets: the clock, the processor's energy counters, the hottest sensor.
//!
//! Energy is that of the processor packages as Linux counts it (powercap, "RAPL"); other parts of the
//! machine, a graphics card among them, are not in it. Where the counters may only be read by root they
//! count as absent.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use halligan_finetune::train::budget::Meter;
use halligan_runtime::probe::hottest_celsius;

/// One counter of microjoules, which starts again at zero above `range`.
struct Counter {
    path: PathBuf,
    last: u64,
    range: u64,
    microjoules: u64,
}

/// This machine.
pub(super) struct SystemMeter {
    began: Instant,
    root: PathBuf,
    counters: Vec<Counter>,
}

impl SystemMeter {
    /// Starts to read the machine whose system files lie below `root` (`/`, except in tests).
    pub fn new(root: &Path) -> Self {
        let zones = fs::read_dir(root.join("sys/class/powercap")).into_iter().flatten().flatten();
        // Packages are named `intel-rapl:0`; their parts, `intel-rapl:0:1`, are in them already.
        let package = |path: &PathBuf| {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            name.contains("rapl") && name.matches(':').count() == 1
        };
        let counters = zones.map(|zone| zone.path()).filter(package).filter_map(|zone| {
            let path = zone.join("energy_uj");
            let last = number(&path)?;
            let range = number(&zone.join("max_energy_range_uj")).unwrap_or(u64::MAX);
            Some(Counter { path, last, range, microjoules: 0 })
        });
        Self { began: Instant::now(), root: root.to_path_buf(), counters: counters.collect() }
    }
}

fn number(path: &Path) -> Option<u64> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

impl Meter for SystemMeter {
    fn seconds(&mut self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    fn joules(&mut self) -> Option<f64> {
        if self.counters.is_empty() {
            return None;
        }
        for counter in &mut self.counters {
            let Some(now) = number(&counter.path) else { continue };
            let taken = if now >= counter.last { now - counter.last } else { counter.range - counter.last + now };
            counter.microjoules += taken;
            counter.last = now;
        }
        Some(self.counters.iter().map(|counter| counter.microjoules as f64 / 1e6).sum())
    }

    fn celsius(&mut self) -> Option<f64> {
        hottest_celsius(&self.root).map(f64::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_adds_packages_up_leaves_their_parts_out_and_survives_an_overflow() {
        let root = tempfile::tempdir().unwrap();
        let set = |zone: &str, energy: u64| {
            let zone = root.path().join("sys/class/powercap").join(zone);
            fs::create_dir_all(&zone).unwrap();
            fs::write(zone.join("max_energy_range_uj"), "10000000\n").unwrap();
            fs::write(zone.join("energy_uj"), format!("{energy}\n")).unwrap();
        };
        for zone in ["intel-rapl", "intel-rapl:0", "intel-rapl:0:0", "intel-rapl:1"] {
            set(zone, 9_000_000);
        }
        let mut meter = SystemMeter::new(root.path());
        assert_eq!(meter.joules(), Some(0.0));
        set("intel-rapl:0", 9_500_000);
        set("intel-rapl:0:0", 9_400_000);
        set("intel-rapl:1", 1_000_000);
        assert_eq!(meter.joules(), Some(0.5 + 2.0));
    }

    #[test]
    fn temperature_is_that_of_the_hottest_zone_and_a_machine_without_counters_says_so() {
        let root = tempfile::tempdir().unwrap();
        for (zone, thousandths) in [("thermal_zone0", "41000"), ("thermal_zone1", "73500")] {
            let zone = root.path().join("sys/class/thermal").join(zone);
            fs::create_dir_all(&zone).unwrap();
            fs::write(zone.join("temp"), thousandths).unwrap();
        }
        let mut meter = SystemMeter::new(root.path());
        assert_eq!(meter.celsius(), Some(73.5));
        assert_eq!(meter.joules(), None);
    }
}
