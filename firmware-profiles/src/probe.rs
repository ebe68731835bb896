//! What a device is, and which built-in profile fits it.
//!
//! The caller fills the probe from the operating system; the rules here are pure, so that every
//! choice can be tested without the device and is shown with its reason.

use core::fmt;

use heapless::String;

use crate::built_in::built_in;
use crate::error::cut;
use crate::profile::Profile;

/// Longest board name in bytes; longer ones are cut.
pub const BOARD_NAME_CAPACITY_BYTES: usize = 64;

/// Below this a discrete GPU holds too little of a model to be worth the transfers.
const GPU_MEMORY_MIN_MIB: u32 = 3_072;
/// From here on a unified-memory device takes the large profile of its family.
const LARGE_UNIFIED_MIB: u32 = 46_000;
/// From here on an Orin module takes the AGX profile: the 32 GB one reports a little under 31 GiB.
const LARGE_JETSON_MIB: u32 = 28_000;
/// An ARM board up to this size runs like a Raspberry Pi.
const SMALL_BOARD_MIB: u32 = 16_384;
/// An ARM board up to this many cores runs like a Raspberry Pi.
const SMALL_BOARD_CORES: u32 = 4;

/// Processor family of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Architecture {
    /// 64-bit Intel and AMD.
    X86_64,
    /// 64-bit ARM.
    Aarch64,
    /// Anything else.
    Other,
}

/// The best GPU of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GpuKind {
    /// No adapter at all.
    None,
    /// An adapter that computes on the CPU.
    Software,
    /// Part of the processor.
    Integrated,
    /// A card or chip with its own memory.
    Discrete,
    /// Apple Silicon.
    Apple,
}

/// What the caller found out about the device; unknown numbers are 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HardwareProbe {
    /// Physical cores, or logical ones where only these are known.
    pub cpu_cores: u32,
    /// Memory of the whole device.
    pub memory_mib: u32,
    /// The best GPU.
    pub gpu: GpuKind,
    /// Memory of a discrete GPU.
    pub gpu_memory_mib: u32,
    /// CPU and GPU share one memory.
    pub unified_memory: bool,
    /// Processor family.
    pub architecture: Architecture,
    /// Board or model name as the firmware states it; empty where there is none.
    pub board_name: String<BOARD_NAME_CAPACITY_BYTES>,
}

impl HardwareProbe {
    /// A device without a GPU or a board name.
    pub fn new(cpu_cores: u32, memory_mib: u32, architecture: Architecture) -> HardwareProbe {
        HardwareProbe {
            cpu_cores,
            memory_mib,
            gpu: GpuKind::None,
            gpu_memory_mib: 0,
            unified_memory: false,
            architecture,
            board_name: String::new(),
        }
    }

    /// Keeps the board name, cut to its capacity. Device trees end the name with a NUL byte, which
    /// is dropped with the white space around it.
    pub fn set_board_name(&mut self, name: &str) {
        self.board_name = cut(name.trim_matches(|c: char| c.is_whitespace() || c == '\0'));
    }

    fn board_contains(&self, word: &str) -> bool {
        let (board, word) = (self.board_name.as_bytes(), word.as_bytes());
        board.windows(word.len()).any(|window| window.eq_ignore_ascii_case(word))
    }
}

/// Why a profile was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// The board name is the profile's device.
    Board,
    /// A Jetson or Raspberry Pi of another type; this profile is the nearest.
    NearestBoard,
    /// Apple Silicon of this memory size.
    AppleMemory,
    /// A discrete GPU with enough memory.
    DiscreteGpu,
    /// The discrete GPU's memory is too small for a model.
    SmallGpu,
    /// The only GPU shares the processor's memory and is no faster than its cores.
    IntegratedGpu,
    /// The only graphics adapter is software, which is slower than the CPU itself.
    SoftwareGpu,
    /// A small ARM board.
    SmallBoard,
    /// No GPU was found.
    NoGpu,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::Board => "the board name is this device",
            Reason::NearestBoard => "the nearest profile for a board of this family and memory",
            Reason::AppleMemory => "Apple Silicon with this much memory",
            Reason::DiscreteGpu => "a discrete GPU with room for a model",
            Reason::SmallGpu => "the discrete GPU has too little memory for a model",
            Reason::IntegratedGpu => "the only GPU shares the processor's memory and is no faster",
            Reason::SoftwareGpu => "the only graphics adapter is software, slower than the CPU",
            Reason::SmallBoard => "an ARM board of at most 4 cores and 16 GiB without a GPU",
            Reason::NoGpu => "no GPU was found",
        })
    }
}

/// A built-in profile's name and why it was selected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Selection {
    /// Name of a built-in profile.
    pub name: &'static str,
    /// Why this one.
    pub reason: Reason,
}

impl Selection {
    /// The selected profile.
    pub fn profile(&self) -> Profile {
        built_in(self.name).expect("a selected profile should be built in and valid")
    }
}

/// The built-in profile for the probed device. The first rule that applies decides: board name,
/// Apple Silicon, other GPUs, small ARM boards, CPU.
pub fn select(probe: &HardwareProbe) -> Selection {
    let (name, reason) = choose(probe);
    Selection { name, reason }
}

fn choose(probe: &HardwareProbe) -> (&'static str, Reason) {
    if probe.board_contains("AGX Orin") {
        return ("jetson-agx-orin", Reason::Board);
    }
    if probe.board_contains("Orin Nano") {
        return ("jetson-orin-nano-8gb", Reason::Board);
    }
    if probe.board_contains("Jetson") || probe.board_contains("Orin") {
        return if probe.memory_mib >= LARGE_JETSON_MIB {
            ("jetson-agx-orin", Reason::NearestBoard)
        } else {
            ("jetson-orin-nano-8gb", Reason::NearestBoard)
        };
    }
    if probe.board_contains("Raspberry Pi 5") {
        return ("raspberry-pi-5", Reason::Board);
    }
    if probe.board_contains("Raspberry Pi") {
        return ("raspberry-pi-5", Reason::NearestBoard);
    }
    let is_arm = probe.architecture == Architecture::Aarch64;
    let is_small_board = is_arm
        && (1..=SMALL_BOARD_CORES).contains(&probe.cpu_cores)
        && (1..=SMALL_BOARD_MIB).contains(&probe.memory_mib);
    match probe.gpu {
        GpuKind::Apple if probe.memory_mib >= LARGE_UNIFIED_MIB => ("apple-silicon-64gb", Reason::AppleMemory),
        GpuKind::Apple => ("apple-silicon-16gb", Reason::AppleMemory),
        GpuKind::Discrete if !probe.unified_memory => {
            // An unknown size counts as enough: discrete GPUs below the limit are rare by now.
            if probe.gpu_memory_mib == 0 || probe.gpu_memory_mib >= GPU_MEMORY_MIN_MIB {
                ("laptop-gpu", Reason::DiscreteGpu)
            } else {
                ("laptop-cpu", Reason::SmallGpu)
            }
        }
        GpuKind::None | GpuKind::Software if is_small_board => ("raspberry-pi-5", Reason::SmallBoard),
        GpuKind::Integrated | GpuKind::Discrete => ("laptop-cpu", Reason::IntegratedGpu),
        GpuKind::Software => ("laptop-cpu", Reason::SoftwareGpu),
        GpuKind::None => ("laptop-cpu", Reason::NoGpu),
    }
}
