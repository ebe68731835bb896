//! What a long run must survive: kills, budgets, pauses; and how it is described and judged.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::command::{Bench, base, rows};

/// A run of 40 steps on one row at a time.
fn train<'a>(base: &'a str, output: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["train", "--base", base, "--data", "rows.jsonl", "-o", output];
    arguments.extend(["--device", "cpu", "--seq", "64", "--seed", "7", "--rank", "4", "--no-pack"]);
    arguments.extend(["--epochs", "100", "--max-steps", "40"]);
    arguments.extend(more);
    arguments
}

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("rows.jsonl", rows());
    bench
}

fn sha256(summary: &Value) -> &str {
    summary["adapter_sha256"].as_str().unwrap()
}

#[test]
#[cfg(unix)]
fn run_that_is_killed_again_and_again_ends_with_the_bits_of_the_unbroken_one() {
    use std::os::unix::process::ExitStatusExt as _;

    const KILLS: u64 = 8;
    let (bench, base) = (bench(), base());
    let judged = ["--eval-share", "0.3", "--eval-steps", "6", "--checkpoint-steps", "1", "--json"];
    let unbroken = bench.json(&train(&base, "unbroken.gguf", &judged));
    let mut arguments = train(&base, "killed.gguf", &judged);
    arguments.extend(["--log", "log.jsonl"]);
    let whole = std::fs::read(bench.path("unbroken.gguf")).unwrap();
    let mut kills = 0;
    let last = loop {
        let mut command = bench.command(&arguments);
        if bench.path("killed.gguf.checkpoint/checkpoint.safetensors").exists() {
            command.args(["--resume", "killed.gguf.checkpoint"]);
        }
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // Moments from before the first checkpoint to deep in the run, other ones each time.
        if kills < KILLS {
            std::thread::sleep(Duration::from_millis(40 + 53 * kills));
            child.kill().unwrap();
        }
        let output = child.wait_with_output().unwrap();
        if output.status.signal() != Some(9) {
            break output;
        }
        kills += 1;
        // On a fast machine a kill may fall behind the last step, between the adapter and the end of its checkpoint.
        if let Ok(adapter) = std::fs::read(bench.path("killed.gguf")) {
            assert!(adapter == whole, "an adapter appears whole or not at all");
            if !bench.path("killed.gguf.checkpoint/checkpoint.safetensors").exists() {
                break output;
            }
        }
    };
    assert!(kills >= 2, "the run was too fast to be killed");
    assert!(std::fs::read(bench.path("killed.gguf")).unwrap() == whole);
    if last.status.signal().is_none() {
        assert!(last.status.success(), "{}", String::from_utf8_lossy(&last.stderr));
        let summary = serde_json::from_slice::<Value>(&last.stdout).unwrap();
        assert_eq!(sha256(&summary), sha256(&unbroken));
        assert_eq!(summary["best_eval_loss"], unbroken["best_eval_loss"]);
        assert!(!bench.path("killed.gguf.checkpoint").exists(), "half-written checkpoints are cleaned up");
    }
    let log = std::fs::read_to_string(bench.path("log.jsonl")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let steps: Vec<u64> =
        lines.iter().filter(|line| line.get("loss").is_some()).filter_map(|line| line["step"].as_u64()).collect();
    assert_eq!(steps, (1..=40).collect::<Vec<u64>>());
    assert_eq!(lines.iter().filter(|line| line.get("eval_loss").is_some()).count(), 8);
}

#[test]
fn used_up_budget_stops_with_a_checkpoint_that_goes_on_to_the_same_bits() {
    let (bench, base) = (bench(), base());
    let unbroken = bench.json(&train(&base, "unbroken.gguf", &["--json"]));
    let stopped = bench.run(&train(&base, "a.gguf", &["--max-minutes", "0.0005", "--json"]));
    let talk = String::from_utf8_lossy(&stopped.stderr);
    assert_eq!(stopped.status.code(), Some(75), "{talk}");
    assert!(talk.contains("the time budget") && talk.contains("--resume a.gguf.checkpoint"), "{talk}");
    assert!(!bench.path("a.gguf").exists());
    let resumed = bench.json(&train(&base, "a.gguf", &["--resume", "a.gguf.checkpoint", "--json"]));
    assert_eq!(sha256(&resumed), sha256(&unbroken));
}

#[test]
fn pause_file_makes_a_run_wait_until_it_is_gone() {
    let (bench, base) = (bench(), base());
    let unbroken = bench.json(&train(&base, "unbroken.gguf", &["--json"]));
    std::fs::create_dir(bench.path("a.gguf.checkpoint")).unwrap();
    bench.write("a.gguf.checkpoint/pause", "");
    let mut command = bench.command(&train(&base, "a.gguf", &["--json"]));
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let talk = BufReader::new(child.stderr.take().unwrap());
    let mut lines = talk.lines().map_while(Result::ok);
    let began = Instant::now();
    assert!(lines.any(|line| line.starts_with("paused")), "it never paused");
    assert!(bench.path("a.gguf.checkpoint/checkpoint.safetensors").exists());
    assert!(child.try_wait().unwrap().is_none() && began.elapsed() < Duration::from_secs(60));
    std::fs::remove_file(bench.path("a.gguf.checkpoint/pause")).unwrap();
    assert!(lines.any(|line| line == "going on"));
    lines.for_each(drop);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(sha256(&serde_json::from_slice(&output.stdout).unwrap()), sha256(&unbroken));
}

#[test]
fn earlier_checkpoint_is_kept_when_a_new_run_starts_in_its_place() {
    let (bench, base) = (bench(), base());
    let stopped = bench.run(&train(&base, "a.gguf", &["--max-minutes", "0.0005"]));
    assert_eq!(stopped.status.code(), Some(75));
    let again = bench.run(&train(&base, "a.gguf", &[]));
    let talk = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success() && talk.contains("a.gguf.checkpoint/previous.safetensors"), "{talk}");
    assert!(bench.path("a.gguf.checkpoint/previous.safetensors").exists());
}

#[test]
fn judged_run_writes_the_best_adapter_both_curves_and_the_last_one_on_request() {
    let (bench, base) = (bench(), base());
    bench.write("heldout.jsonl", rows());
    let more = ["--eval-data", "heldout.jsonl", "--eval-steps", "10", "--log", "log.jsonl", "--save-last", "last.gguf"];
    let summary = bench.json(&[&train(&base, "a.gguf", &more)[..], &["--json"]].concat());
    let log = std::fs::read_to_string(bench.path("log.jsonl")).unwrap();
    let evaluations: Vec<(u64, f64)> = log
        .lines()
        .filter_map(|line| {
            let line: Value = serde_json::from_str(line).unwrap();
            Some((line["step"].as_u64()?, line.get("eval_loss")?.as_f64()?))
        })
        .collect();
    assert_eq!(evaluations.iter().map(|(step, _)| *step).collect::<Vec<_>>(), [0, 10, 20, 30, 40]);
    let best = evaluations.iter().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
    assert_eq!(summary["best_step"].as_u64(), Some(best.0));
    assert!(bench.path("last.gguf").is_file());
    assert!(std::fs::read_to_string(bench.path("log.svg")).unwrap().contains("held out, best"));
    // What the log says of the best adapter is what a later evaluation finds.
    let eval = ["eval", "--base", &base, "--adapter", "a.gguf", "--data", "heldout.jsonl", "--device", "cpu", "--json"];
    let loss = bench.json(&eval)["loss"].as_f64().unwrap();
    assert!((loss - best.1).abs() < 1e-4, "{loss} and {}", best.1);
}

#[test]
fn settings_file_describes_a_run_and_flags_override_it() {
    let (bench, base) = (bench(), base());
    let settings = format!(
        "base = \"{base}\"\ndata = [\"rows.jsonl=2\", \"more.jsonl=1\"]\noutput = \"a.gguf\"\ndevice = \"cpu\"\n\
         seq = 64\nrank = 4\nmax-steps = 6\nschedule = \"wsd\"\nwarmup = 2\nfloor = 0.1\nrs-lora = true\n\
         replay = [\"rows.jsonl\"]\nreplay-share = 0.25\nsave-peft = \"peft\"\n"
    );
    bench.write("run.toml", settings);
    bench.write("more.jsonl", rows());
    let summary = bench.json(&["train", "--config", "run.toml", "--max-steps", "3", "--json"]);
    assert_eq!(summary["steps"], 3, "the flag comes before the file");
    let peft: Value = serde_json::from_slice(&std::fs::read(bench.path("peft/adapter_config.json")).unwrap()).unwrap();
    assert_eq!((&peft["use_rslora"], &peft["lora_alpha"], &peft["r"]), (&true.into(), &32.0.into(), &4.into()));
    // The GGUF stores the alpha whose alpha / rank is the same scale, 32 / sqrt(4).
    let adapter = halligan_finetune::adapter::Adapter::read_gguf(bench.path("a.gguf")).unwrap();
    assert_eq!(adapter.alpha / adapter.rank as f32, 16.0);
}

#[test]
fn mistakes_in_a_settings_file_are_named_with_their_line() {
    let bench = bench();
    let sound = format!("base = \"{}\"\ndata = [\"rows.jsonl\"]\noutput = \"a.gguf\"\n", base());
    for (line, place, hint) in [
        ("max-watt-hours = -2", "run.toml:4: max-watt-hours", "above 0"),
        ("learning-rate = 1e-3", "run.toml:4", "print-config"),
        ("max_steps = 4", "run.toml:4", "did you mean `max-steps`"),
        ("rank = \"many\"", "run.toml:4: rank", "a whole number is expected"),
        ("rank = 5000", "run.toml:4: rank", "1 to 1024"),
        ("patience = 3", "run.toml:4: patience", "eval-data or eval-share"),
        ("top-layers = 99", "run.toml:4: top-layers", "the layers of the base"),
        ("rank = = 4", "run.toml:4", "correct the line"),
    ] {
        bench.write("run.toml", format!("{sound}{line}\n"));
        let error = bench.error(&["train", "--config", "run.toml", "--device", "cpu"]);
        assert!(error.contains(place) && error.contains(hint), "{error}");
        assert!(!bench.path("a.gguf").exists());
    }
    let example = bench.run(&["train", "--print-config"]);
    assert!(example.status.success());
    bench.write("run.toml", &example.stdout);
    let error = bench.error(&["train", "--config", "run.toml"]);
    assert!(error.contains("base.gguf"), "the example is sound, only its files are missing: {error}");
}

#[test]
fn adapter_to_start_from_brings_its_own_shape_and_says_so() {
    let (bench, base) = (bench(), base());
    let made = train(&base, "first.gguf", &["--targets", "q,v", "--alpha", "12", "--max-steps", "2"]);
    // `--max-steps` twice is a usage error; the later list replaces the helper's.
    let made: Vec<&str> = made.iter().copied().take(made.len() - 2).collect();
    assert!(bench.run(&made).status.success());
    let again = bench.run(&train(&base, "second.gguf", &["--init-adapter", "first.gguf"]));
    let talk = String::from_utf8_lossy(&again.stderr);
    assert!(again.status.success() && talk.contains("rank 4, alpha 12, on q,v"), "{talk}");
    for (setting, own) in [(["--targets", "o"], "which has q,v"), (["--alpha", "7"], "which has 12")] {
        let other =
            bench.error(&train(&base, "third.gguf", &[&["--init-adapter", "first.gguf"][..], &setting].concat()));
        assert!(other.contains(setting[0]) && other.contains(own) && other.contains("leave it out"), "{other}");
    }
}

#[test]
fn dry_run_tells_tensors_memory_steps_and_time_and_writes_nothing() {
    let (bench, base) = (bench(), base());
    let forecast = bench.json(&train(&base, "a.gguf", &["--targets", "q,down", "--dry-run", "--json"]));
    assert_eq!((&forecast["steps"], &forecast["tensors"]["attn_q"]), (&40.into(), &forecast["tensors"]["ffn_down"]));
    for key in ["parameters", "memory_total", "tokens", "tokens_per_second", "seconds"] {
        assert!(forecast[key].as_f64().unwrap() > 0.0, "{key} in {forecast}");
    }
    assert_eq!(std::fs::read_dir(bench.folder.path()).unwrap().count(), 1, "only the rows are there");
    let run = bench.json(&train(&base, "a.gguf", &["--targets", "q,down", "--json"]));
    let (told, held) = (forecast["memory_total"].as_f64().unwrap(), run["peak_device_bytes"].as_f64().unwrap());
    assert!((told - held).abs() <= 0.02 * held, "told {told}, held {held}");
    assert_eq!(forecast["parameters"], run["parameters"]);
}

#[test]
fn dry_run_of_large_steps_computes_one_batch_and_not_a_step() {
    let (bench, base) = (bench(), base());
    // A step of 4096 batches takes minutes here.
    let arguments = train(&base, "a.gguf", &["--accumulate", "4096", "--dry-run", "--json"]);
    let mut arguments: Vec<&str> = arguments;
    let epochs = arguments.iter().position(|word| *word == "--epochs").unwrap();
    arguments[epochs + 1] = "100000";
    bench.write("rows.jsonl", rows().repeat(300));
    let began = Instant::now();
    let forecast = bench.json(&arguments);
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_eq!((&forecast["fits"], &forecast["steps"]), (&true.into(), &40.into()));
    assert!(forecast["seconds"].as_f64().unwrap() > 60.0, "{forecast}");
}

#[test]
fn exploding_run_ends_with_the_step_the_rows_and_its_best_adapter() {
    let (bench, base) = (bench(), base());
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("guide/train.jsonl");
    let guide = std::fs::read_to_string(guide).unwrap();
    let three: String = guide.lines().take(3).map(|line| format!("{line}\n")).collect();
    bench.write("rows.jsonl", &three);
    bench.write("heldout.jsonl", &three);
    // A warm-up to a rate that no adapter survives.
    let wild = ["train", "--base", &base, "--data", "rows.jsonl", "-o", "a.gguf", "--device", "cpu", "--seq", "128"];
    let more = ["--lr", "1", "--warmup", "100", "--schedule", "constant", "--alpha", "64", "--max-grad-norm", "0"];
    let judge = ["--epochs", "40", "--no-pack", "--eval-data", "heldout.jsonl", "--eval-steps", "2"];
    let error = bench.error(&[&wild[..], &more, &judge].concat());
    assert!(error.contains("running median") && error.contains("rows.jsonl:"), "{error}");
    assert!(error.contains("the best adapter, of step") && error.contains("a.gguf"), "{error}");
    assert!(bench.path("a.gguf").is_file());
    assert!(bench.path("a.gguf.checkpoint/checkpoint.safetensors").is_file());
}

#[test]
fn exploding_run_without_held_out_rows_leaves_the_adapter_of_its_last_sound_checkpoint() {
    let (bench, base) = (bench(), base());
    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("guide/train.jsonl")).unwrap();
    bench.write("rows.jsonl", guide.lines().take(3).map(|line| format!("{line}\n")).collect::<String>());
    let wild = ["--lr", "1", "--warmup", "100", "--schedule", "constant", "--max-grad-norm", "0"];
    let long = ["--epochs", "100", "--no-pack", "--seq", "128", "--device", "cpu", "--checkpoint-steps", "1"];
    let run = ["train", "--base", &base, "--data", "rows.jsonl", "-o", "a.gguf"];
    let error = bench.error(&[&run[..], &wild, &long, &["--alpha", "64"]].concat());
    assert!(error.contains("running median") && error.contains("start again with a lower --lr"), "{error}");
    assert!(error.contains("is in a.gguf.checkpoint)") && error.contains("from the last sound checkpoint"), "{error}");
    let adapter = halligan_finetune::adapter::Adapter::read_gguf(bench.path("a.gguf")).unwrap();
    assert!(!adapter.is_untouched());
    // Both the adapter and the folder of the checkpoint are something to start from.
    for from in ["a.gguf", "a.gguf.checkpoint"] {
        let calm = ["--seq", "128", "--device", "cpu", "--max-steps", "1", "--init-adapter", from];
        let again = bench.run(&[&run[..6], &["b.gguf"], &calm].concat());
        assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
    }
    let error =
        bench.error(&[&run[..6], &["c.gguf"], &wild[4..], &long, &["--alpha", "1e30", "--warmup", "0"]].concat());
    assert!(error.contains("the gradient is not finite, at a loss of ") && error.contains("step 1"), "{error}");
    assert!(!error.contains("the loss is 4.") && !bench.path("c.gguf").exists(), "{error}");
}

#[test]
fn second_run_in_a_folder_that_is_in_use_is_refused() {
    let (bench, base) = (bench(), base());
    std::fs::create_dir(bench.path("a.gguf.checkpoint")).unwrap();
    bench.write("a.gguf.checkpoint/pause", "");
    let mut first = bench.command(&train(&base, "a.gguf", &[])).stderr(Stdio::piped()).spawn().unwrap();
    let talk = BufReader::new(first.stderr.take().unwrap());
    let mut lines = talk.lines().map_while(Result::ok);
    assert!(lines.any(|line| line.starts_with("paused")));
    for more in [&[][..], &["--resume", "a.gguf.checkpoint"]] {
        let error = bench.error(&train(&base, "a.gguf", more));
        assert!(error.contains("another run uses the checkpoint folder a.gguf.checkpoint"), "{error}");
    }
    first.kill().unwrap();
    first.wait().unwrap();
    std::fs::remove_file(bench.path("a.gguf.checkpoint/pause")).unwrap();
    let resumed = bench.run(&train(&base, "a.gguf", &["--resume", "a.gguf.checkpoint"]));
    assert!(resumed.status.success(), "a kill gives the folder free: {}", String::from_utf8_lossy(&resumed.stderr));
}

#[test]
fn resumed_run_may_change_what_changes_no_bit_and_says_where_its_curve_begins() {
    let (bench, base) = (bench(), base());
    let unbroken = bench.json(&train(&base, "unbroken.gguf", &["--json"]));
    let stopped = bench.run(&train(&base, "a.gguf", &["--max-minutes", "0.0005"]));
    assert_eq!(stopped.status.code(), Some(75));
    let other = ["--checkpoint-steps", "3", "--recompute", "blocks", "--divergence-factor", "0"];
    let resumed =
        bench.run(&train(&base, "a.gguf", &[&other[..], &["--resume", "a.gguf.checkpoint", "--json"]].concat()));
    let talk = String::from_utf8_lossy(&resumed.stderr);
    assert!(talk.contains("checkpoint_steps 50 there, 3 now"), "{talk}");
    assert!(talk.contains("note    the curve begins at step "), "{talk}");
    assert_eq!(sha256(&serde_json::from_slice(&resumed.stdout).unwrap()), sha256(&unbroken));
}
