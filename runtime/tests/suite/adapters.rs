//! Several adapters in memory: scales, switching, and that none sees what another computed.

use halligan_runtime::error::ModelError;
use halligan_runtime::inference::{AdapterSetting, GenerateOptions, Inference, SaidToken};

use super::room::{load, write_adapter, write_scaled_adapter};

/// The recipe by which llama.cpp's server was shown to answer out of another adapter's cache: the same long prompt
/// under one adapter after the other.
const PROMPT: &str = "The wind comes from the north, the leak is in the middle of the street, and there are people in \
                      the houses on both sides of it. How far do we isolate, and which way do we send them?";

fn ask(inference: &Inference) -> Vec<SaidToken> {
    let options = GenerateOptions { max_tokens: 16, ..GenerateOptions::default() };
    inference.generate(PROMPT, &options, &mut |_| {}).unwrap().said
}

fn setting(path: &std::path::Path, scale: f32) -> AdapterSetting {
    AdapterSetting { path: path.to_path_buf(), scale }
}

#[test]
fn no_adapter_answers_out_of_what_another_computed() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [1, 2].map(|seed| folder.path().join(format!("{seed}.gguf")));
    for (seed, path) in (1..).zip(&paths) {
        write_adapter(path, seed);
    }
    let settings =
        [vec![], vec![setting(&paths[0], 1.0)], vec![setting(&paths[1], 1.0)], vec![setting(&paths[0], 0.5)]];
    let alone = settings.clone().map(|adapters| {
        let inference = load();
        inference.set_adapters(adapters).unwrap();
        ask(&inference)
    });
    for (index, answer) in alone.iter().enumerate() {
        assert!(alone[..index].iter().all(|other| other != answer), "setting {index} should be heard");
    }
    let inference = load();
    for index in [0, 1, 2, 3, 1, 0, 2, 0, 3, 1] {
        inference.set_adapters(settings[index].clone()).unwrap();
        assert_eq!(ask(&inference), alone[index], "setting {index}");
        // The same adapters again keep what they computed.
        inference.set_adapters(settings[index].clone()).unwrap();
        assert_eq!(ask(&inference), alone[index], "setting {index} again");
    }
}

#[test]
fn at_scale_0_the_base_computes_as_if_it_were_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.gguf");
    write_adapter(&path, 1);
    let inference = load();
    let tokens = inference.prompt_tokens(PROMPT).unwrap();
    let bits = |logits: Vec<f32>| logits.into_iter().map(f32::to_bits).collect::<Vec<_>>();
    let base = (bits(inference.logits(&tokens).unwrap()), ask(&inference));
    inference.set_adapters(vec![setting(&path, 0.0)]).unwrap();
    assert_eq!((bits(inference.logits(&tokens).unwrap()), ask(&inference)), base);
}

#[test]
fn a_scale_is_a_factor_of_what_the_adapter_adds() {
    let folder = tempfile::tempdir().unwrap();
    let [whole, half, opposite] = ["whole", "half", "opposite"].map(|name| folder.path().join(name));
    write_adapter(&whole, 1);
    write_scaled_adapter(&half, 1, 0.5);
    write_scaled_adapter(&opposite, 1, -1.0);
    let inference = load();
    let tokens = inference.prompt_tokens(PROMPT).unwrap();
    let logits = |adapters| {
        inference.set_adapters(adapters).unwrap();
        inference.logits(&tokens).unwrap()
    };
    let distance = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    let base = logits(vec![]);
    let effect = distance(&base, &logits(vec![setting(&whole, 1.0)]));
    let scaled = logits(vec![setting(&whole, 0.5)]);
    // Scaling by powers of two is exact, wherever it is done.
    assert!(distance(&scaled, &logits(vec![setting(&half, 1.0)])) < 1e-3 * effect);
    // Two adapters add up: one and its opposite leave the base, but for the rounding.
    let cancelled = logits(vec![setting(&whole, 1.0), setting(&opposite, 1.0)]);
    assert!(distance(&base, &cancelled) < 0.02 * effect, "{} of {effect}", distance(&base, &cancelled));
    let error = inference.set_adapters(vec![setting(&whole, 1.0), setting(&whole, 1.0)]).unwrap_err();
    assert!(matches!(error, ModelError::Adapter { .. }), "{error}");
    assert_eq!(inference.logits(&tokens).unwrap(), base, "after an error no adapter is set");
    assert!(inference.set_adapters(vec![setting(&whole, f32::NAN)]).is_err());
}

#[test]
fn another_file_of_the_same_name_is_another_adapter() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("adapter.gguf");
    let inference = load();
    let tokens = inference.prompt_tokens(PROMPT).unwrap();
    write_adapter(&path, 1);
    inference.set_adapter(Some(&path)).unwrap();
    let first = inference.logits(&tokens).unwrap();
    write_adapter(&path, 2);
    inference.set_adapter(Some(&path)).unwrap();
    assert_ne!(inference.logits(&tokens).unwrap(), first);
}

#[test]
#[cfg(target_os = "linux")]
fn a_hundred_adapters_take_no_more_memory_than_a_few() {
    let resident = || {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<i64>().unwrap() / 1024
    };
    let folder = tempfile::tempdir().unwrap();
    let inference = load();
    let paths: Vec<_> = (0..24).map(|seed| folder.path().join(format!("{seed}.gguf"))).collect();
    for (seed, path) in (0..).zip(&paths) {
        write_adapter(path, seed);
    }
    let switch = |count: usize| {
        for path in paths.iter().cycle().take(count) {
            inference.set_adapter(Some(path)).unwrap();
            ask(&inference);
        }
    };
    switch(24);
    let before = resident();
    switch(100);
    let grown = resident() - before;
    // The adapters alone are 100 times some 0.5 MiB, and each switch plans a graph.
    assert!(grown < 32, "{grown} MiB more after 100 switches");
}
