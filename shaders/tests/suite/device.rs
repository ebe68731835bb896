//! Executors as devices: errors, limits, accounting.

use halligan_shaders::{
    DeviceKind, Executor, ExecutorError, Format, WeightSource,
    gpu::{AdapterSelection, GpuExecutor, GpuLimits},
};

use super::harness::*;

on_both_executors! {
    weight_of_wrong_size_is_refused
    new_tensors_are_zero_and_empty_ones_are_allowed
    write_changes_only_a_prefix
}

fn weight_of_wrong_size_is_refused<E: Executor>(device: &mut E) {
    let source = WeightSource { format: Format::Q8_0, rows: 2, columns: 32, bytes: vec![0; 67].into() };
    let Err(error) = device.weight(&source) else { panic!("67 bytes are not two rows") };
    assert!(matches!(error, ExecutorError::WeightSize { needed: 68, found: 67, .. }), "{error}");
}

fn new_tensors_are_zero_and_empty_ones_are_allowed<E: Executor>(device: &mut E) {
    let tensor = device.zeros(1000).unwrap();
    assert_eq!(device.read(&tensor, 1000).unwrap(), [0.0; 1000]);
    let mut empty = device.zeros(0).unwrap();
    device.fill(1.0, 0, &mut empty);
    assert!(device.read(&empty, 0).unwrap().is_empty());
    device.finish().unwrap();
}

fn write_changes_only_a_prefix<E: Executor>(device: &mut E) {
    let mut tensor = device.upload(&[1.0, 2.0, 3.0]).unwrap();
    device.write(&mut tensor, &[7.0, -0.0]);
    assert_eq!(bits(&device.read(&tensor, 3).unwrap()), bits(&[7.0, -0.0, 3.0]));
}

#[test]
fn hardware_selection_never_gives_a_software_driver() {
    match GpuExecutor::new(AdapterSelection::Hardware) {
        Ok(device) => assert_eq!(device.info().kind, DeviceKind::Gpu),
        Err(error) => assert!(error.to_string().contains("refused: it is a software driver"), "{error}"),
    }
}

#[test]
fn tensor_above_the_limit_is_refused_by_name() {
    let mut device = limited_gpu(GpuLimits { buffer_bytes: 4096, ..GpuLimits::default() });
    device.zeros(1024).unwrap();
    let Err(error) = device.zeros(1025) else { panic!("4100 bytes exceed 4096") };
    let ExecutorError::TooLarge { what, needed_bytes, limit_bytes } = error else { panic!("{error}") };
    assert_eq!((what.as_str(), needed_bytes, limit_bytes), ("tensor of 1025 values", 4100, 4096));
    let source = WeightSource { format: Format::F32, rows: 1, columns: 1024, bytes: vec![0; 4096].into() };
    assert!(matches!(device.weight(&source), Err(ExecutorError::TooLarge { .. })));
}

#[test]
fn peak_counts_what_is_held_at_once() {
    let mut device = gpu();
    drop(device.zeros(1000).unwrap());
    assert_eq!(device.peak_bytes(), 4000);
    let kept = device.zeros(500).unwrap();
    assert_eq!(device.peak_bytes(), 4000);
    let more = device.zeros(600).unwrap();
    assert_eq!(device.peak_bytes(), 4400);
    drop((kept, more));
}

#[test]
#[should_panic(expected = "cross_entropy: index 5 is not below 5")]
fn index_outside_of_its_table_panics_before_the_kernel_runs() {
    let mut device = gpu();
    let mut targets = device.indices(1).unwrap();
    device.write_indices(&mut targets, &[5]);
    let (mut logits, mut losses) = (device.zeros(5).unwrap(), device.zeros(1).unwrap());
    device.cross_entropy(&targets, 1, 5, 1.0, None, &mut logits, &mut losses);
}
