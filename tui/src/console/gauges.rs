//! The gauges of the device: memory, temperature, power, measured by a thread of their own.
//!
//! What a system does not tell is `None` and is not shown. An event is sent only when a shown
//! figure changes, because every change costs bytes on a slow line; memory, which moves all the
//! time, has to move by a tenth, or waits for a minute.

use std::fs;
use std::path::Path;
use std::sync::mpsc::Sender;
use std::thread::Builder;
use std::time::Duration;

use halligan_runtime::probe;
use serde::Serialize;

use super::event::Event;

/// Time between two measurements; heat and charge change slowly.
const INTERVAL: Duration = Duration::from_secs(5);

/// Measurements after which a small change is told, too.
const PATIENCE: u32 = 12;

/// Change of memory that is told at once, as a share of what was told.
const MEMORY_SHARE: u64 = 10;

/// What the device says about itself, in the precision that is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Gauges {
    /// Memory that this program holds, in MiB.
    pub memory_mib: Option<u64>,
    /// Memory that programs can still take, in steps of 64 MiB.
    pub memory_available_mib: Option<u64>,
    /// Hottest sensor in degrees Celsius.
    pub celsius: Option<i32>,
    /// Charge of the battery in percent.
    pub battery_percent: Option<u8>,
    /// Whether the device is on mains power.
    pub on_mains_power: Option<bool>,
}

impl Gauges {
    /// Measures; system files are read below `root`.
    pub fn measure(root: &Path) -> Gauges {
        Gauges {
            memory_mib: resident_bytes(root).map(|bytes| bytes >> 20),
            memory_available_mib: probe::memory_available_bytes().map(|bytes| (bytes >> 26) << 6),
            celsius: probe::hottest_celsius(root).map(|celsius| celsius.round() as i32),
            battery_percent: battery_percent(root),
            on_mains_power: probe::on_mains_power(root),
        }
    }

    /// Whether the change from `known` is worth a line at once.
    fn tells_more_than(&self, known: &Gauges) -> bool {
        let memory = [(self.memory_mib, known.memory_mib), (self.memory_available_mib, known.memory_available_mib)];
        let rest = |gauges: &Gauges| Gauges { memory_mib: None, memory_available_mib: None, ..*gauges };
        rest(self) != rest(known)
            || memory.iter().any(|pair| match pair {
                (Some(now), Some(then)) => now.abs_diff(*then) * MEMORY_SHARE >= *then,
                (now, then) => now != then,
            })
    }

    /// Measures now and then until the console has gone.
    ///
    /// # Errors
    /// The system refuses a thread.
    pub fn watch(events: Sender<Event>) -> std::io::Result<()> {
        Builder::new().name("gauges".to_owned()).spawn(move || {
            let mut known: Option<Gauges> = None;
            let mut waited = 0;
            loop {
                let gauges = Gauges::measure(Path::new("/"));
                waited += 1;
                let tell = match &known {
                    None => true,
                    Some(known) if waited >= PATIENCE => gauges != *known,
                    Some(known) => gauges.tells_more_than(known),
                };
                if tell {
                    known = Some(gauges);
                    waited = 0;
                    if events.send(Event::Measured(gauges)).is_err() {
                        return;
                    }
                }
                std::thread::sleep(INTERVAL);
            }
        })?;
        Ok(())
    }
}

/// `VmRSS` of this process.
fn resident_bytes(root: &Path) -> Option<u64> {
    let status = fs::read_to_string(root.join("proc/self/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// Charge of the machine's own battery; the mean where there are several.
fn battery_percent(root: &Path) -> Option<u8> {
    let folder = fs::read_dir(root.join("sys/class/power_supply")).ok()?;
    let charges: Vec<u32> = folder
        .flatten()
        .filter_map(|supply| {
            let field = |name: &str| fs::read_to_string(supply.path().join(name)).ok();
            let own = field("type")?.trim() == "Battery" && field("scope").is_none_or(|scope| scope.trim() != "Device");
            if own { field("capacity")?.trim().parse().ok() } else { None }
        })
        .collect();
    let mean = charges.iter().sum::<u32>().checked_div(u32::try_from(charges.len()).ok()?)?;
    u8::try_from(mean.min(100)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_moves_of_memory_wait_and_other_changes_do_not() {
        let known = Gauges { memory_mib: Some(400), memory_available_mib: Some(6_400), ..Gauges::default() };
        assert!(!Gauges { memory_available_mib: Some(6_336), ..known }.tells_more_than(&known));
        assert!(Gauges { memory_available_mib: Some(5_760), ..known }.tells_more_than(&known));
        assert!(Gauges { memory_mib: Some(440), ..known }.tells_more_than(&known));
        assert!(Gauges { celsius: Some(51), ..known }.tells_more_than(&known));
        assert!(Gauges { memory_mib: None, ..known }.tells_more_than(&known));
    }

    #[test]
    fn figures_come_from_the_files_of_the_system() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        assert_eq!(battery_percent(root.path()), None);
        write("proc/self/status", "Name:\tx\nVmRSS:\t  40960 kB\n");
        write("sys/class/power_supply/BAT0/type", "Battery\n");
        write("sys/class/power_supply/BAT0/capacity", "81\n");
        write("sys/class/power_supply/BAT1/type", "Battery\n");
        write("sys/class/power_supply/BAT1/capacity", "61\n");
        write("sys/class/power_supply/mouse/type", "Battery\n");
        write("sys/class/power_supply/mouse/scope", "Device\n");
        write("sys/class/power_supply/mouse/capacity", "3\n");
        write("sys/class/thermal/thermal_zone0/temp", "61250\n");
        let gauges = Gauges::measure(root.path());
        assert_eq!((gauges.memory_mib, gauges.battery_percent, gauges.celsius), (Some(40), Some(71), Some(61)));
    }
}
