//! Selecting a profile: each device gets the one that its owner expects, with the reason.

use halligan_firmware_profiles::{
    Architecture, BOARD_NAME_CAPACITY_BYTES, GpuKind, HardwareProbe, Reason, built_in_names, select,
};
use proptest::prelude::*;

use crate::bench;

fn probe(board: &str, architecture: Architecture, cpu_cores: u32, memory_mib: u32, gpu: GpuKind) -> HardwareProbe {
    let mut probe = HardwareProbe::new(cpu_cores, memory_mib, architecture);
    probe.gpu = gpu;
    probe.unified_memory = matches!(gpu, GpuKind::Apple | GpuKind::Integrated);
    probe.set_board_name(board);
    probe
}

#[test]
fn known_devices_get_their_profile_and_the_reason() {
    use Architecture::{Aarch64, Other, X86_64};
    use GpuKind::{Apple, Discrete, Integrated, None, Software};
    let devices = [
        (
            "NVIDIA Jetson Orin Nano Developer Kit\0",
            Aarch64,
            6,
            7_620,
            Integrated,
            "jetson-orin-nano-8gb",
            Reason::Board,
        ),
        (
            "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
            Aarch64,
            6,
            7_620,
            None,
            "jetson-orin-nano-8gb",
            Reason::Board,
        ),
        ("NVIDIA Jetson AGX Orin Developer Kit", Aarch64, 12, 62_800, Integrated, "jetson-agx-orin", Reason::Board),
        ("Jetson AGX Orin", Aarch64, 12, 62_800, Discrete, "jetson-agx-orin", Reason::Board),
        ("NVIDIA Orin NX Developer Kit", Aarch64, 8, 15_700, Integrated, "jetson-orin-nano-8gb", Reason::NearestBoard),
        ("NVIDIA Jetson AGX Thor", Aarch64, 14, 125_000, Integrated, "jetson-agx-orin", Reason::NearestBoard),
        ("Raspberry Pi 5 Model B Rev 1.0", Aarch64, 4, 8_060, None, "raspberry-pi-5", Reason::Board),
        ("raspberry pi 4 model b", Aarch64, 4, 3_800, Software, "raspberry-pi-5", Reason::NearestBoard),
        ("", Aarch64, 8, 16_384, Apple, "apple-silicon-16gb", Reason::AppleMemory),
        ("", Aarch64, 8, 8_192, Apple, "apple-silicon-16gb", Reason::AppleMemory),
        ("Mac15,9", Aarch64, 16, 65_536, Apple, "apple-silicon-64gb", Reason::AppleMemory),
        ("", Aarch64, 12, 49_152, Apple, "apple-silicon-64gb", Reason::AppleMemory),
        ("", X86_64, 8, 32_000, Discrete, "laptop-gpu", Reason::DiscreteGpu),
        ("", X86_64, 8, 16_000, Integrated, "laptop-cpu", Reason::IntegratedGpu),
        ("", X86_64, 2, 8_000, Software, "laptop-cpu", Reason::SoftwareGpu),
        ("", X86_64, 2, 8_000, None, "laptop-cpu", Reason::NoGpu),
        ("Rock 3A", Aarch64, 4, 4_000, None, "raspberry-pi-5", Reason::SmallBoard),
        ("", Aarch64, 64, 256_000, None, "laptop-cpu", Reason::NoGpu),
        ("", Other, 4, 4_000, None, "laptop-cpu", Reason::NoGpu),
        ("", Other, 0, 0, None, "laptop-cpu", Reason::NoGpu),
    ];
    for (board, architecture, cores, memory_mib, gpu, name, reason) in devices {
        let selection = select(&probe(board, architecture, cores, memory_mib, gpu));
        assert_eq!((selection.name, selection.reason), (name, reason), "{board}");
        assert!(!selection.reason.to_string().is_empty());
    }
}

#[test]
fn discrete_gpu_counts_only_with_room_for_a_model() {
    let mut laptop = probe("", Architecture::X86_64, 8, 16_000, GpuKind::Discrete);
    for (memory_mib, name) in [(0, "laptop-gpu"), (3_071, "laptop-cpu"), (3_072, "laptop-gpu")] {
        laptop.gpu_memory_mib = memory_mib;
        assert_eq!(select(&laptop).name, name, "{memory_mib}");
    }
}

#[test]
fn board_name_is_trimmed_and_cut_at_its_capacity() {
    let mut probe = HardwareProbe::new(1, 1, Architecture::Other);
    probe.set_board_name(" Raspberry Pi 5 \n\0");
    assert_eq!(probe.board_name, "Raspberry Pi 5");
    probe.set_board_name(&"x".repeat(BOARD_NAME_CAPACITY_BYTES + 1));
    assert_eq!(probe.board_name.len(), BOARD_NAME_CAPACITY_BYTES);
    probe.set_board_name("a\u{1b}[2J");
    assert_eq!(probe.board_name, "a?[2J");
}

#[test]
fn memory_budget_is_capped_to_three_quarters_of_the_device() {
    let device = |memory_mib| HardwareProbe::new(4, memory_mib, Architecture::Aarch64);
    let budget = |memory_mib| bench().capped_to(&device(memory_mib)).memory_budget_mib;
    assert_eq!(budget(8_000), 3_000);
    assert_eq!(budget(2_000), 1_500);
    assert_eq!(budget(0), 3_000, "an unknown size changes nothing");
    assert_eq!(budget(1), 64, "the smallest budget of the format");
}

#[test]
fn threads_never_exceed_the_cores_and_are_at_least_one() {
    let mut profile = bench();
    for (threads, cores, expected) in [(4, 8, 4), (4, 2, 2), (0, 8, 8), (0, 0, 1), (4, 0, 4)] {
        profile.threads = threads;
        let probe = HardwareProbe::new(cores, 0, Architecture::Other);
        assert_eq!(profile.threads_on(&probe), expected);
    }
}

proptest! {
    #[test]
    fn any_probe_selects_a_valid_built_in_profile(
        board in ".{0,80}",
        cores: u32,
        memory_mib: u32,
        gpu_memory_mib: u32,
        unified_memory: bool,
        gpu in prop::sample::select(vec![
            GpuKind::None, GpuKind::Software, GpuKind::Integrated, GpuKind::Discrete, GpuKind::Apple,
        ]),
        architecture in prop::sample::select(vec![
            Architecture::X86_64, Architecture::Aarch64, Architecture::Other,
        ]),
    ) {
        let mut probe = probe(&board, architecture, cores, memory_mib, gpu);
        probe.gpu_memory_mib = gpu_memory_mib;
        probe.unified_memory = unified_memory;
        let selection = select(&probe);
        prop_assert!(built_in_names().any(|name| name == selection.name));
        let profile = selection.profile().capped_to(&probe);
        prop_assert_eq!(profile.validate(), Ok(()));
        prop_assert!(profile.threads_on(&probe) >= 1);
    }
}
