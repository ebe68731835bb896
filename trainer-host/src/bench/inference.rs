//! `halligan-host bench inference`: what the device's runtime costs against bare llama.cpp.
//!
//! Both run in turns in the same process on the same model, so that a busy machine slows both. Ratios are medians of
//! the ratios of each turn.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

use halligan_finetune::lora::{LoraOptions, Target, fresh_adapter};
use halligan_finetune::model::BaseModel;
use halligan_finetune::random_model::{self, Storage};
use halligan_runtime::inference::{
    AdapterSetting, BareLoop, ChatRequest, GenerateOptions, Generated, Inference, InferenceSettings, Message,
    Speculation,
};
use rand::{Rng as _, SeedableRng as _, rngs::StdRng};
use serde::Serialize;

use super::{Shape, median, resident_memory_bytes};
use crate::progress::{Progress, bytes};

/// Tokens of the system's words whose stored state is measured.
const PREFIX_PART: usize = 3;

/// Arguments of `bench inference`.
#[derive(Debug, clap::Args)]
pub struct BenchInferenceArgs {
    /// Random model of this shape: tiny-25m, smollm2-135m, qwen2.5-0.5b, llama-3.2-1b and others
    #[arg(long, default_value = "smollm2-135m", value_parser = crate::cli::parse::<Shape>)]
    pub shape: Shape,
    /// Storage of the random model: a block format such as Q8_0, or the mix Q4_K_M
    #[arg(long = "type", default_value = "Q8_0", value_parser = super::parse_storage)]
    pub storage: Storage,
    /// Measure this chat model instead of a random one
    #[arg(long, value_name = "GGUF")]
    pub model: Option<PathBuf>,
    /// Tokens of the prompts
    #[arg(long, value_name = "TOKENS", default_value_t = 512)]
    pub prompt: usize,
    /// Tokens that are generated
    #[arg(long, value_name = "TOKENS", default_value_t = 64)]
    pub generate: usize,
    /// Tokens of the conversation before the follow-up question
    #[arg(long, value_name = "TOKENS", default_value_t = 6000)]
    pub history: usize,
    /// Turns of prompt and generation; the history is computed in a third of them
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// Threads; 0 takes the physical cores
    #[arg(long, default_value_t = 0)]
    pub threads: u32,
    /// Layers on the GPU, where the build has one
    #[arg(long, default_value_t = 0)]
    pub gpu_layers: u32,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
    /// Only load the model this way, idle, and print the resident bytes
    #[arg(long, value_enum, hide = true)]
    pub memory_of: Option<Way>,
}

/// Who computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Way {
    /// llama.cpp alone.
    Bare,
    /// The device's runtime.
    Runtime,
}

#[derive(Debug, Serialize)]
struct Figures {
    model: String,
    threads: u32,
    prompt_tokens: usize,
    generated_tokens: usize,
    rounds: usize,
    bare_prompt_tokens_per_second: f64,
    bare_decode_tokens_per_second: f64,
    /// Speed of the runtime over that of bare llama.cpp; the goals are 0.95 and 0.97.
    prompt_ratio: f64,
    decode_ratio: f64,
    history_tokens: usize,
    /// Seconds to the first token of a conversation, and of its next question.
    cold_first_token_seconds: f64,
    follow_up_first_token_seconds: f64,
    /// The second over the first; the goal is 0.10.
    follow_up_ratio: f64,
    /// The second over what bare llama.cpp takes for the new tokens alone.
    follow_up_over_bare: f64,
    /// First token after a start whose system's words are stored, over the first time.
    stored_prefix_ratio: f64,
    /// Resident memory of an idle process with a loaded model and a used context; null where it is not told.
    bare_resident_bytes: Option<u64>,
    runtime_resident_bytes: Option<u64>,
    /// Seconds to change between two adapters in memory, and of the first token after it beyond a usual one.
    adapter_switch_seconds: f64,
    adapter_first_token_extra_seconds: f64,
    /// Speed with drafts over that without, on a text that repeats itself.
    speculation_ratio: f64,
    speculation_accepted: f64,
}

/// Measures and prints.
///
/// # Errors
/// A full disk, an unusable model, a failing decode.
pub fn run(args: &BenchInferenceArgs) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir().map_err(|error| {
        anyhow::anyhow!("cannot make a temporary folder ({error}); set TMPDIR to one that takes files")
    })?;
    let path = match &args.model {
        Some(path) => path.clone(),
        None => {
            let path = folder.path().join("random.gguf");
            eprintln!("making a random {} in {}", args.shape.name, args.storage);
            random_model::write(&path, &args.shape.shape, args.storage, 1)?;
            path
        }
    };
    if let Some(way) = args.memory_of {
        let resident = resident_after_use(way, &path, &settings(args))?;
        crate::print_data(&serde_json::to_string(&resident)?);
        return Ok(ExitCode::SUCCESS);
    }
    let figures = measure(args, &path, folder.path())?;
    if args.json {
        crate::print_data(&serde_json::to_string(&figures)?);
    } else {
        crate::print_data(&text(&figures));
    }
    Ok(ExitCode::SUCCESS)
}

fn settings(args: &BenchInferenceArgs) -> InferenceSettings {
    let needed = args.history.max(args.prompt) + 3 * args.generate + 512;
    InferenceSettings {
        context_tokens: u32::try_from(needed.next_multiple_of(256)).unwrap_or(u32::MAX),
        threads: args.threads,
        gpu_layers: args.gpu_layers,
        speculation: Speculation::Off,
        ..InferenceSettings::default()
    }
}

fn measure(args: &BenchInferenceArgs, path: &Path, folder: &Path) -> anyhow::Result<Figures> {
    let settings = settings(args);
    let rounds = args.rounds.max(1);
    let long_rounds = rounds.div_ceil(3);
    let mut progress = Progress::new("measuring", 0, rounds + 1 + 2 * long_rounds + 2);
    let inference = Inference::load(path, &settings)?;
    let context = inference.info().context_tokens as usize;
    anyhow::ensure!(
        context >= args.history.max(args.prompt) + 2 * args.generate,
        "the model's context of {context} tokens is too short; lower --history, --prompt or --generate"
    );
    let mut bare = BareLoop::load(path, &settings)?;
    let mut random = StdRng::seed_from_u64(1);
    let vocabulary = i32::try_from(inference.info().vocabulary)?;
    let mut prompt = || (0..args.prompt).map(|_| random.random_range(0..vocabulary)).collect::<Vec<i32>>();
    let generate = GenerateOptions { max_tokens: args.generate.max(2), ..GenerateOptions::default() };
    let one = GenerateOptions { max_tokens: 1, ..GenerateOptions::default() };

    let mut speeds = Speeds::default();
    // The first round warms both up.
    for round in 0..=rounds {
        let tokens = prompt();
        let ours = |generate: &GenerateOptions| -> anyhow::Result<(Generated, f64)> {
            let started = Instant::now();
            let answer = inference.complete(&tokens, generate, &mut |_| {})?;
            Ok((answer, started.elapsed().as_secs_f64()))
        };
        let mut prompt_seconds = (0.0, 0.0);
        let mut order = [Way::Bare, Way::Runtime];
        order.rotate_left(round % 2);
        for way in order {
            match way {
                Way::Bare => prompt_seconds.0 = bare.prompt(&tokens)?,
                Way::Runtime => prompt_seconds.1 = ours(&one)?.1,
            }
        }
        let (answer, _) = ours(&generate)?;
        let steps: Vec<i32> = answer.said.iter().map(|token| token.choice.token).collect();
        // The last token is said, not computed.
        let steps = &steps[..steps.len().saturating_sub(1)];
        let bare_seconds = bare.say(steps)?;
        if round > 0 && !steps.is_empty() {
            speeds.prompt.push((args.prompt as f64 / prompt_seconds.0, prompt_seconds.0 / prompt_seconds.1));
            let ours = answer.timings.decode_seconds;
            speeds.decode.push((steps.len() as f64 / bare_seconds, bare_seconds / ours));
        }
        progress.show(round + 1, "prompts and answers");
    }
    anyhow::ensure!(!speeds.decode.is_empty(), "the model ended every answer at once; choose another --model");

    let mut follow_up = FollowUp::default();
    for round in 0..long_rounds {
        follow_up.measure(args, &inference, &mut bare, round)?;
        progress.show(rounds + 1 + 2 * round + 1, "a long conversation");
    }
    drop(bare);
    let (switch, first_extra) = adapter_switch(path, folder, &inference, rounds)?;
    progress.show(rounds + 2 + 2 * long_rounds, "adapters");
    let (speculation_ratio, speculation_accepted) = speculation(&inference, &generate, rounds)?;
    let info = inference.info().clone();
    drop(inference);
    let stored_prefix_ratio = stored_prefix(args, path, folder, &settings)?;
    let [bare_resident_bytes, runtime_resident_bytes] =
        ["bare", "runtime"].map(|way| resident_of_child(args, path, way));
    progress.finish();
    Ok(Figures {
        model: match &args.model {
            Some(_) => info.name,
            None => format!("random {} in {}", args.shape.name, args.storage),
        },
        threads: args.threads,
        prompt_tokens: args.prompt,
        generated_tokens: args.generate,
        rounds,
        bare_prompt_tokens_per_second: median_of(&speeds.prompt, |(speed, _)| speed),
        bare_decode_tokens_per_second: median_of(&speeds.decode, |(speed, _)| speed),
        prompt_ratio: median_of(&speeds.prompt, |(_, ratio)| ratio),
        decode_ratio: median_of(&speeds.decode, |(_, ratio)| ratio),
        history_tokens: follow_up.history_tokens,
        cold_first_token_seconds: median(follow_up.cold.clone()),
        follow_up_first_token_seconds: median(follow_up.warm.clone()),
        follow_up_ratio: median(follow_up.ratios),
        follow_up_over_bare: median(follow_up.over_bare),
        stored_prefix_ratio,
        bare_resident_bytes,
        runtime_resident_bytes,
        adapter_switch_seconds: switch,
        adapter_first_token_extra_seconds: first_extra,
        speculation_ratio,
        speculation_accepted,
    })
}

/// Speed of bare llama.cpp and the runtime's part of it, for each round.
#[derive(Default)]
struct Speeds {
    prompt: Vec<(f64, f64)>,
    decode: Vec<(f64, f64)>,
}

fn median_of(rounds: &[(f64, f64)], value: fn((f64, f64)) -> f64) -> f64 {
    median(rounds.iter().copied().map(value).collect())
}

/// First tokens of a long conversation, and of the question that follows.
#[derive(Default)]
struct FollowUp {
    history_tokens: usize,
    cold: Vec<f64>,
    warm: Vec<f64>,
    ratios: Vec<f64>,
    over_bare: Vec<f64>,
}

impl FollowUp {
    fn measure(
        &mut self,
        args: &BenchInferenceArgs,
        inference: &Inference,
        bare: &mut BareLoop,
        round: usize,
    ) -> anyhow::Result<()> {
        let options = GenerateOptions { max_tokens: 8, ..GenerateOptions::default() };
        let mut messages = vec![Message::new("user", long_text(inference, args.history, round)?)];
        let (first, cold) = first_token(inference, &messages, &options)?;
        messages.push(Message::new("assistant", first.text.as_str()));
        messages.push(Message::new("user", "And what else should the crew know about it?"));
        let (second, warm) = first_token(inference, &messages, &options)?;
        // The same tokens, computed by llama.cpp alone.
        let tokens = inference.chat_tokens(&messages, &[])?;
        let (known, new) = tokens.split_at(second.timings.reused_tokens.min(tokens.len() - 1));
        bare.prompt(known)?;
        let alone = bare.go_on(new)?;
        self.history_tokens = first.prompt_tokens;
        self.ratios.push(warm / cold);
        self.over_bare.push(warm / alone);
        self.cold.push(cold);
        self.warm.push(warm);
        Ok(())
    }
}

/// Answers, and the seconds until the first token was chosen.
fn first_token(
    inference: &Inference,
    messages: &[Message],
    options: &GenerateOptions,
) -> anyhow::Result<(Generated, f64)> {
    let one = GenerateOptions { max_tokens: 1, ..options.clone() };
    let ask = |options: &GenerateOptions| {
        let request = ChatRequest { messages: messages.to_vec(), options: options.clone(), ..ChatRequest::default() };
        inference.chat(&request, &mut |_| {})
    };
    let started = Instant::now();
    let first = ask(&one)?;
    let seconds = started.elapsed().as_secs_f64();
    let mut answer = ask(options)?;
    answer.timings.reused_tokens = first.timings.reused_tokens;
    Ok((answer, seconds))
}

/// A text of about so many tokens, another one for each number.
fn long_text(inference: &Inference, tokens: usize, number: usize) -> anyhow::Result<String> {
    let sentence =
        |index: usize| format!("Entry {number}.{index}: the hose of unit {} holds {index} liters. ", index % 7);
    let sample: String = (0..20).map(sentence).collect();
    let each = inference.tokenize(&sample, false)?.len() as f64 / 20.0;
    Ok((0..(tokens as f64 / each) as usize).map(sentence).collect())
}

/// First token after a start whose system's words are stored, over the first token when they were not.
fn stored_prefix(
    args: &BenchInferenceArgs,
    path: &Path,
    folder: &Path,
    settings: &InferenceSettings,
) -> anyhow::Result<f64> {
    let settings = InferenceSettings { prefix_folder: Some(folder.join("prefixes")), ..settings.clone() };
    let mut seconds = Vec::new();
    for _start in 0..2 {
        let inference = Inference::load(path, &settings)?;
        let system = long_text(&inference, args.history / PREFIX_PART, 0)?;
        let messages = [Message::new("system", system), Message::new("user", "What does unit 3 carry?")];
        let one = GenerateOptions { max_tokens: 1, ..GenerateOptions::default() };
        seconds.push(first_token(&inference, &messages, &one)?.1);
    }
    Ok(seconds[1] / seconds[0])
}

/// Median seconds to change between two adapters in memory, and what the first token costs more after it.
fn adapter_switch(path: &Path, folder: &Path, inference: &Inference, rounds: usize) -> anyhow::Result<(f64, f64)> {
    let base = BaseModel::open(path)?;
    let lora = LoraOptions::new(&Target::ALL, 16, 32.0);
    let mut settings = Vec::new();
    for seed in [1, 2] {
        let mut adapter = fresh_adapter(&base.description, &base.sha256, &lora, seed).map_err(anyhow::Error::msg)?;
        adapter.pairs.values_mut().for_each(|pair| pair.b.fill(1e-3));
        let path = folder.join(format!("adapter-{seed}.gguf"));
        adapter.write_gguf(&path).map_err(anyhow::Error::msg)?;
        settings.push(vec![AdapterSetting { path, scale: 1.0 }]);
    }
    let tokens = inference.tokenize("How deep is the water?", false)?;
    let one = GenerateOptions { max_tokens: 1, ..GenerateOptions::default() };
    let step = || -> anyhow::Result<f64> {
        let started = Instant::now();
        inference.complete(&tokens, &one, &mut |_| {})?;
        Ok(started.elapsed().as_secs_f64())
    };
    let (mut switches, mut extras) = (Vec::new(), Vec::new());
    for round in 0..2 * rounds + 2 {
        let started = Instant::now();
        inference.set_adapters(settings[round % 2].clone())?;
        let switch = started.elapsed().as_secs_f64();
        let (first, usual) = (step()?, step()?);
        // The first two read the files.
        if round >= 2 {
            switches.push(switch);
            extras.push(first - usual);
        }
    }
    inference.set_adapters(Vec::new())?;
    Ok((median(switches), median(extras)))
}

/// Speed with drafts over that without on a text that repeats itself, and the part of the drafts that was taken.
fn speculation(inference: &Inference, options: &GenerateOptions, rounds: usize) -> anyhow::Result<(f64, f64)> {
    let text = "Unit 3 carries 40 m of hose, two ladders and a pump. ".repeat(6);
    let tokens = inference.tokenize(&text, false)?;
    let (mut ratios, mut taken) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let mut speeds = [0.0; 2];
        for (speed, mode) in speeds.iter_mut().zip([Speculation::Off, Speculation::Auto]) {
            inference.set_speculation(mode)?;
            let answer = inference.complete(&tokens, options, &mut |_| {})?;
            *speed = answer.tokens as f64 / answer.timings.decode_seconds;
            if mode == Speculation::Auto {
                let drafted = answer.timings.drafted_tokens.max(1);
                taken.push(answer.timings.accepted_tokens as f64 / drafted as f64);
            }
        }
        ratios.push(speeds[1] / speeds[0]);
    }
    inference.set_speculation(Speculation::Off)?;
    Ok((median(ratios), median(taken)))
}

/// Resident bytes of another process that holds the model this way and has answered once.
fn resident_of_child(args: &BenchInferenceArgs, path: &Path, way: &str) -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let number = |value: usize| value.to_string();
    let output = Command::new(program)
        .args(["bench", "inference", "--memory-of", way, "--model"])
        .arg(path)
        .args(["--history", &number(args.history), "--prompt", &number(args.prompt)])
        .args(["--generate", &number(args.generate), "--threads", &args.threads.to_string()])
        .args(["--gpu-layers", &args.gpu_layers.to_string()])
        .output()
        .ok()?;
    serde_json::from_slice(&output.stdout).ok().flatten()
}

fn resident_after_use(way: Way, path: &Path, settings: &InferenceSettings) -> anyhow::Result<Option<u64>> {
    let tokens = [1; 256];
    Ok(match way {
        Way::Bare => {
            let mut bare = BareLoop::load(path, settings)?;
            bare.prompt(&tokens)?;
            resident_memory_bytes()
        }
        Way::Runtime => {
            let inference = Inference::load(path, settings)?;
            inference.complete(
                &tokens,
                &GenerateOptions { max_tokens: 4, ..GenerateOptions::default() },
                &mut |_| {},
            )?;
            resident_memory_bytes()
        }
    })
}

fn text(figures: &Figures) -> String {
    let memory = match (figures.bare_resident_bytes, figures.runtime_resident_bytes) {
        (Some(bare), Some(ours)) => {
            let more = (ours as f64 - bare as f64) / (1024.0 * 1024.0);
            format!("{} bare, {} runtime: {more:+.1} MiB (goal: at most +64)", bytes(bare), bytes(ours))
        }
        _ => "not told by this system".to_owned(),
    };
    format!(
        "{}, prompts of {}, answers of {}, median of {} rounds\n\
         prompt       {:.3} of bare llama.cpp's {:.0} tokens/s (goal: 0.95)\n\
         decode       {:.3} of bare llama.cpp's {:.1} tokens/s (goal: 0.97)\n\
         follow-up    {:.3} s to the first token at {} tokens, cold {:.2} s: {:.1} % (goal: 10 %), {:.2} of bare\n\
         after start  {:.1} % of the cold time with stored system's words\n\
         memory       {memory}\n\
         adapters     {:.2} ms to switch, first token {:+.2} ms\n\
         drafts       {:.2} times the speed on repeated text, {:.0} % taken",
        figures.model,
        figures.prompt_tokens,
        figures.generated_tokens,
        figures.rounds,
        figures.prompt_ratio,
        figures.bare_prompt_tokens_per_second,
        figures.decode_ratio,
        figures.bare_decode_tokens_per_second,
        figures.follow_up_first_token_seconds,
        figures.history_tokens,
        figures.cold_first_token_seconds,
        100.0 * figures.follow_up_ratio,
        figures.follow_up_over_bare,
        100.0 * figures.stored_prefix_ratio,
        1e3 * figures.adapter_switch_seconds,
        1e3 * figures.adapter_first_token_extra_seconds,
        figures.speculation_ratio,
        100.0 * figures.speculation_accepted,
    )
}
