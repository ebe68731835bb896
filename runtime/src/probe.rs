//! The hardware probe: what this machine is, read from the places where the system says so.
//!
//! Files of Linux are read below a root folder that tests replace; everything else comes from
//! `sysinfo`. Nothing here decides anything: that is the profile's part.

use std::fs;
use std::path::{Path, PathBuf};

use halligan_firmware_profiles::{Architecture, GpuKind, HardwareProbe};
use serde::Serialize;

/// Temperatures outside of this are sensor faults, not temperatures.
const PLAUSIBLE_CELSIUS: std::ops::RangeInclusive<f32> = -40.0..=125.0;

/// The hardware as found. Unknown values are `None`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hardware {
    /// Board name from the device tree, or the machine's model.
    pub board: Option<String>,
    /// Operating system and architecture, e.g. `linux aarch64`.
    pub platform: String,
    /// Processor name.
    pub processor: String,
    /// Physical cores, or logical ones where these are unknown.
    pub cores: usize,
    /// Total memory in MiB.
    pub memory_mib: u64,
    /// Memory that programs can still take, in MiB.
    pub memory_available_mib: u64,
    /// Graphics processor, if the system names one.
    pub gpu: Option<String>,
    /// `Some(true)` on mains power, `Some(false)` on battery; `None` without a battery.
    pub on_mains_power: Option<bool>,
    /// Hottest sensor in degrees Celsius.
    pub temperature_celsius: Option<f32>,
    /// Free space of the disk that holds the home folder, in MiB.
    pub disk_free_mib: Option<u64>,
}

/// The best GPU that the system lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gpu {
    kind: GpuKind,
    name: String,
    memory_mib: u32,
}

/// Probes this machine; `home` tells which disk matters.
pub fn probe(home: Option<&Path>) -> (Hardware, HardwareProbe) {
    let root = Path::new("/");
    let mut processor = None;
    let (mut memory, mut available) = (0, 0);
    if let Ok(mut system) = sysinfo::System::new() {
        system.refresh_memory();
        system.refresh_cpu_list(sysinfo::CpuRefreshKind::nothing());
        processor = system.cpus().first().map(|cpu| cpu.brand().trim().to_owned());
        (memory, available) = (system.total_memory(), system.available_memory());
    }
    let gpu = if cfg!(all(target_os = "macos", target_arch = "aarch64")) {
        Some(Gpu { kind: GpuKind::Apple, name: "Apple Silicon".to_owned(), memory_mib: 0 })
    } else {
        best_gpu(root)
    };
    let hardware = Hardware {
        board: board_name(root),
        platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        processor: processor.filter(|brand| !brand.is_empty()).unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
        cores: physical_cores(),
        memory_mib: memory >> 20,
        memory_available_mib: available >> 20,
        gpu: gpu.as_ref().map(|gpu| gpu.name.clone()),
        on_mains_power: on_mains_power(root),
        temperature_celsius: hottest_celsius(root),
        disk_free_mib: home.and_then(disk_free_mib),
    };
    let probe = to_probe(&hardware, gpu.as_ref());
    (hardware, probe)
}

fn to_probe(hardware: &Hardware, gpu: Option<&Gpu>) -> HardwareProbe {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => Architecture::X86_64,
        "aarch64" => Architecture::Aarch64,
        _ => Architecture::Other,
    };
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let mut probe = HardwareProbe::new(number(hardware.cores as u64), number(hardware.memory_mib), architecture);
    probe.set_board_name(hardware.board.as_deref().unwrap_or_default());
    if let Some(gpu) = gpu {
        probe.gpu = gpu.kind;
        probe.gpu_memory_mib = gpu.memory_mib;
        probe.unified_memory = gpu.kind == GpuKind::Apple;
    }
    probe
}

/// Board name: the device tree's on Jetson and Raspberry Pi, else the firmware's product name.
pub fn board_name(root: &Path) -> Option<String> {
    ["proc/device-tree/model", "sys/devices/virtual/dmi/id/product_name"]
        .iter()
        .find_map(|path| read_text(&root.join(path)))
}

/// Memory that programs can still take, within the limits of the container they run in; `None` where the system
/// does not tell.
pub fn memory_available_bytes() -> Option<u64> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    let limit = system.cgroup_limits().map_or(u64::MAX, |limits| limits.free_memory);
    Some(system.available_memory().min(limit)).filter(|bytes| *bytes > 0)
}

/// Memory of this process that is not swapped out; `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    use sysinfo::{ProcessRefreshKind, ProcessesToUpdate};
    let process = sysinfo::get_current_pid().ok()?;
    let mut system = sysinfo::System::new().ok()?;
    let wanted = ProcessRefreshKind::nothing().with_memory();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[process]), false, wanted);
    system.process(process).map(|process| process.memory())
}

/// Whether the machine is on mains power; `None` without a battery of its own.
pub fn on_mains_power(root: &Path) -> Option<bool> {
    let mut has_battery = false;
    let mut discharging = false;
    let mut plugged = None;
    for supply in entries(&root.join("sys/class/power_supply")) {
        let field = |name: &str| read_text(&supply.join(name));
        match field("type").as_deref() {
            // The battery of a mouse or headset says nothing about this machine.
            Some("Battery") if field("scope").as_deref() != Some("Device") => {
                has_battery = true;
                discharging |= field("status").as_deref() == Some("Discharging");
            }
            Some("Mains" | "USB" | "USB_C" | "USB_PD" | "Wireless") => {
                if let Some(online) = field("online") {
                    plugged = Some(plugged.unwrap_or(false) || online != "0");
                }
            }
            _ => {}
        }
    }
    has_battery.then(|| plugged.unwrap_or(!discharging))
}

/// Hottest thermal zone or other sensor in degrees Celsius.
pub fn hottest_celsius(root: &Path) -> Option<f32> {
    temperature_celsius(root).or_else(sensor_celsius)
}

/// Hottest thermal zone in degrees Celsius.
pub fn temperature_celsius(root: &Path) -> Option<f32> {
    entries(&root.join("sys/class/thermal"))
        .into_iter()
        .filter(|zone| zone.file_name().is_some_and(|name| name.to_string_lossy().starts_with("thermal_zone")))
        // Jetson boards list a power chip that always says 100 degrees.
        .filter(|zone| !read_text(&zone.join("type")).is_some_and(|kind| kind.to_uppercase().contains("PMIC")))
        .filter_map(|zone| read_text(&zone.join("temp"))?.parse::<f32>().ok())
        .map(|thousandths| thousandths / 1000.0)
        .filter(|celsius| PLAUSIBLE_CELSIUS.contains(celsius))
        .reduce(f32::max)
}

/// The best GPU among the display adapters that Linux lists.
pub fn best_gpu(root: &Path) -> Option<Gpu> {
    entries(&root.join("sys/class/drm"))
        .into_iter()
        .filter(|card| {
            let name = card.file_name().map(|name| name.to_string_lossy().into_owned());
            name.is_some_and(|name| name.starts_with("card") && !name.contains('-'))
        })
        .filter_map(|card| {
            let device = card.join("device");
            let memory_mib = read_text(&device.join("mem_info_vram_total"))
                .and_then(|bytes| bytes.parse::<u64>().ok())
                .map_or(0, |bytes| u32::try_from(bytes >> 20).unwrap_or(u32::MAX));
            let (kind, maker) = match read_text(&device.join("vendor"))?.as_str() {
                "0x10de" => (GpuKind::Discrete, "NVIDIA"),
                // The graphics part of an AMD processor has a small window of video memory.
                "0x1002" if memory_mib >= 2048 => (GpuKind::Discrete, "AMD"),
                "0x1002" => (GpuKind::Integrated, "AMD"),
                "0x8086" => (GpuKind::Integrated, "Intel"),
                _ => return None,
            };
            let model = read_text(&device.join("device")).unwrap_or_default();
            let name = format!("{maker} graphics {model}").trim_end().to_owned();
            Some(Gpu { kind, name, memory_mib })
        })
        .max_by_key(|gpu| (gpu.kind == GpuKind::Discrete, gpu.memory_mib))
}

/// Physical cores; logical ones where these are unknown or fewer.
pub(crate) fn physical_cores() -> usize {
    let logical = std::thread::available_parallelism().map_or(1, usize::from);
    sysinfo::System::physical_core_count().map_or(logical, |cores| cores.clamp(1, logical))
}

fn sensor_celsius() -> Option<f32> {
    let sensors = sysinfo::Components::new_with_refreshed_list().ok()?;
    sensors
        .iter()
        .filter_map(|sensor| sensor.temperature())
        .filter(|celsius| PLAUSIBLE_CELSIUS.contains(celsius))
        .reduce(f32::max)
}

fn disk_free_mib(home: &Path) -> Option<u64> {
    disk_free_bytes(home).map(|bytes| bytes >> 20)
}

/// Free bytes on the disk that `path` is or would be on; `None` where the system does not tell.
pub(crate) fn disk_free_bytes(path: &Path) -> Option<u64> {
    // The nearest folder that exists, with links resolved, is on the disk that will be written.
    let path = std::path::absolute(path).ok()?;
    let existing = path.ancestors().find_map(|folder| folder.canonicalize().ok())?;
    let disks = sysinfo::Disks::new_with_refreshed_list().ok()?;
    disks
        .iter()
        .filter(|disk| existing.starts_with(disk.mount_point()))
        .max_by_key(|disk| disk.mount_point().components().count())
        .map(sysinfo::Disk::available_space)
}

/// The text of a small system file without its line end or NUL; `None` if empty or unreadable.
fn read_text(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fake(files: &[(&str, &str)]) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        for (path, text) in files {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        root
    }

    #[test]
    fn the_device_tree_names_the_board_before_the_firmware_does() {
        let root = fake(&[
            ("proc/device-tree/model", "NVIDIA Jetson Orin Nano Developer Kit\0"),
            ("sys/devices/virtual/dmi/id/product_name", "Something else\n"),
        ]);
        let board = board_name(root.path()).unwrap();
        assert_eq!(board, "NVIDIA Jetson Orin Nano Developer Kit");
        assert_eq!(board_name(fake(&[]).path()), None);
    }

    #[test]
    fn a_laptop_on_battery_is_told_from_one_that_is_plugged_in() {
        let supply = |online: &str, status: &str| {
            fake(&[
                ("sys/class/power_supply/AC/type", "Mains\n"),
                ("sys/class/power_supply/AC/online", online),
                ("sys/class/power_supply/BAT0/type", "Battery\n"),
                ("sys/class/power_supply/BAT0/status", status),
            ])
        };
        assert_eq!(on_mains_power(supply("1\n", "Charging\n").path()), Some(true));
        assert_eq!(on_mains_power(supply("0\n", "Discharging\n").path()), Some(false));
        assert_eq!(on_mains_power(supply("1\n", "Full\n").path()), Some(true));
    }

    #[test]
    fn without_a_battery_of_its_own_a_machine_has_no_power_question() {
        let mouse = fake(&[
            ("sys/class/power_supply/hid/type", "Battery\n"),
            ("sys/class/power_supply/hid/scope", "Device\n"),
            ("sys/class/power_supply/hid/status", "Discharging\n"),
        ]);
        assert_eq!(on_mains_power(mouse.path()), None);
        assert_eq!(on_mains_power(fake(&[]).path()), None);
        let alone = fake(&[
            ("sys/class/power_supply/BAT0/type", "Battery\n"),
            ("sys/class/power_supply/BAT0/status", "Discharging\n"),
        ]);
        assert_eq!(on_mains_power(alone.path()), Some(false));
    }

    #[test]
    fn the_hottest_plausible_zone_counts() {
        let root = fake(&[
            ("sys/class/thermal/thermal_zone0/temp", "45500\n"),
            ("sys/class/thermal/thermal_zone1/temp", "61250\n"),
            ("sys/class/thermal/thermal_zone2/temp", "-127000\n"),
            ("sys/class/thermal/thermal_zone3/temp", "100000\n"),
            ("sys/class/thermal/thermal_zone3/type", "PMIC-Die\n"),
            ("sys/class/thermal/thermal_zone4/temp", "no number\n"),
            ("sys/class/thermal/cooling_device0/temp", "99000\n"),
        ]);
        assert_eq!(temperature_celsius(root.path()), Some(61.25));
        assert_eq!(temperature_celsius(fake(&[]).path()), None);
    }

    #[test]
    fn a_discrete_gpu_wins_over_the_processors_own() {
        let root = fake(&[
            ("sys/class/drm/card0/device/vendor", "0x8086\n"),
            ("sys/class/drm/card1/device/vendor", "0x1002\n"),
            ("sys/class/drm/card1/device/mem_info_vram_total", "8573157376\n"),
            ("sys/class/drm/card1-HDMI-A-1/device/vendor", "0x10de\n"),
            ("sys/class/drm/card2/device/vendor", "0x1af4\n"),
        ]);
        let gpu = best_gpu(root.path()).unwrap();
        assert_eq!((gpu.kind, gpu.memory_mib), (GpuKind::Discrete, 8176));
        assert_eq!(best_gpu(fake(&[]).path()), None);
    }

    #[test]
    fn this_machine_can_be_probed() {
        let (hardware, probe) = probe(Some(Path::new("/tmp")));
        assert!(hardware.cores > 0 && hardware.memory_mib > 0);
        assert_eq!(probe.cpu_cores as usize, hardware.cores);
    }
}
