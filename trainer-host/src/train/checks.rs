//! Which settings go together, and which of them a flag takes out of the file.

use halligan_finetune::{
    lora::{Target, known_targets},
    model::BaseModel,
    schedule::Schedule,
    train::TrainOptions,
};

use super::{
    args::Settings,
    config::{ConfigFile, place},
};

/// Limits of temperature that a sensor can come near to.
const CELSIUS: std::ops::RangeInclusive<f64> = 20.0..=150.0;

/// A warm-up that nobody asked for takes one step in this many at most.
const WARM_UP_PART: usize = 10;

/// The settings of a file without those that cannot stand beside the flags that were given: flags come first.
pub(super) fn without_partners(mut file: Settings, flags: &Settings) -> Settings {
    file.warmup_ratio = file.warmup_ratio.filter(|_| flags.warmup.is_none());
    file.warmup = file.warmup.filter(|_| flags.warmup_ratio.is_none());
    file.eval_share = file.eval_share.filter(|_| flags.eval_data.is_none());
    file.eval_data = file.eval_data.filter(|_| flags.eval_share.is_none());
    if let Some(schedule) = flags.schedule {
        file.decay_share = file.decay_share.filter(|_| schedule == Schedule::Wsd);
        file.decay = file.decay.filter(|_| schedule == Schedule::Wsd);
        file.cycles = file.cycles.filter(|_| schedule == Schedule::CosineRestarts);
        file.floor = file.floor.filter(|_| schedule != Schedule::Constant);
    }
    if flags.init_adapter.is_some() {
        (file.rank, file.alpha, file.targets, file.rs_lora, file.top_layers) = (None, None, None, None, None);
    }
    file
}

/// Combinations that cannot be, and values that the engine does not see.
pub(super) fn check(settings: &Settings, file: Option<&ConfigFile>, flags: &Settings) -> anyhow::Result<()> {
    let judged = settings.eval_data.is_some() || settings.eval_share.is_some();
    let positive = |value: Option<f64>| value.is_none_or(|value| value.is_finite() && value > 0.0);
    let share = |value: Option<f64>| value.is_none_or(|value| value > 0.0 && value < 1.0);
    let schedule = settings.schedule.unwrap_or_default();
    let (wsd, restarts) = (schedule == Schedule::Wsd, schedule == Schedule::CosineRestarts);
    let missing = "is missing; give it as a flag or in the file";
    let own = "belongs to the adapter that --init-adapter brings; leave it out";
    let checks = [
        (settings.base.is_some(), "base", missing),
        (settings.data.as_ref().is_some_and(|data| !data.is_empty()), "data", missing),
        (settings.output.is_some(), "output", missing),
        (share(settings.eval_share), "eval-share", "must be above 0 and below 1"),
        (
            settings.eval_data.is_none() || settings.eval_share.is_none(),
            "eval-share",
            "cannot stand beside eval-data; keep one of them",
        ),
        (
            settings.warmup.is_none() || settings.warmup_ratio.is_none(),
            "warmup-ratio",
            "cannot stand beside warmup; keep one of them",
        ),
        (settings.patience.is_none() || judged, "patience", "needs held-out rows; add eval-data or eval-share"),
        (settings.threshold.is_none() || settings.patience.is_some(), "threshold", "needs patience; add it"),
        (settings.eval_steps.is_none() || judged, "eval-steps", "needs held-out rows; add eval-data or eval-share"),
        (
            settings.save_last.is_none() || judged,
            "save-last",
            "needs held-out rows: without them the last adapter is the output",
        ),
        (share(settings.replay_share), "replay-share", "must be above 0 and below 1"),
        (settings.replay_share.is_none() || settings.replay.is_some(), "replay-share", "needs replay; name its file"),
        (
            settings.cycles.is_none() || restarts,
            "cycles",
            "belongs to the schedule cosine-restarts; choose it or leave this out",
        ),
        (
            settings.decay_share.is_none() || wsd,
            "decay-share",
            "belongs to the schedule wsd; choose it or leave this out",
        ),
        (settings.decay.is_none() || wsd, "decay", "belongs to the schedule wsd; choose it or leave this out"),
        (positive(settings.max_minutes), "max-minutes", "must be above 0"),
        (positive(settings.max_watt_hours), "max-watt-hours", "must be above 0"),
        (
            settings.floor.is_none() || schedule != Schedule::Constant,
            "floor",
            "means nothing to the schedule constant; choose another or leave this out",
        ),
        (
            settings.max_celsius.is_none_or(|limit| CELSIUS.contains(&limit)),
            "max-celsius",
            "must be 20 to 150 degrees, which sensors can show",
        ),
        (settings.init_adapter.is_none() || settings.rs_lora != Some(true), "rs-lora", own),
        (settings.init_adapter.is_none() || settings.top_layers.is_none(), "top-layers", own),
    ];
    match checks.into_iter().find(|(holds, ..)| !holds) {
        Some((_, key, problem)) => anyhow::bail!("{} {problem}", place(key, file, flags)),
        None => Ok(()),
    }
}

/// The default warm-up where the run is short: a tenth of it at most. One that was asked for must leave something of
/// the run.
///
/// # Errors
/// A warm-up, alone or with the decay of wsd, that is longer than the run.
pub(super) fn fit_warm_up(
    options: &mut TrainOptions,
    settings: &Settings,
    steps: usize,
) -> Result<(), (&'static str, String)> {
    if settings.warmup.is_none() && settings.warmup_ratio.is_none() {
        options.warmup_steps = options.warmup_steps.min(steps / WARM_UP_PART);
        return Ok(());
    }
    let warm_up = options.curve(steps).warmup_steps;
    let key = if settings.warmup.is_some() { "warmup" } else { "warmup-ratio" };
    if warm_up >= steps && warm_up > 0 {
        let problem = format!("takes {warm_up} steps, and the run has {steps}; shorten it or train longer");
        return Err((key, problem));
    }
    let decay =
        if options.schedule == Schedule::Wsd { (steps as f64 * options.decay_share).ceil() as usize } else { 0 };
    if warm_up + decay > steps {
        let problem = format!(
            "takes {warm_up} steps and the decay {decay}, and the run has {steps}; shorten one or train longer"
        );
        return Err((key, problem));
    }
    Ok(())
}

/// The targets that were asked for by name must be in the base; the default takes those that are.
///
/// # Errors
/// The first that the base does not have, and those that it has.
pub(super) fn targets_exist(settings: &Settings, base: &BaseModel) -> Result<(), (&'static str, String)> {
    let d = &base.description;
    match settings.targets.iter().flatten().find(|target| d.matrix_of(**target).is_none()) {
        None => Ok(()),
        Some(target) => Err((
            "targets",
            format!("name {}, which this base does not have; choose out of {}", target.name(), known_targets(d)),
        )),
    }
}

/// The targets that are trained, as they are written on the command line.
pub(super) fn trained_targets(targets: &[Target], base: &BaseModel) -> String {
    let names: Vec<&str> =
        targets.iter().filter(|target| base.description.matrix_of(**target).is_some()).map(|t| t.name()).collect();
    names.join(",")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const SOUND: &str = "base = \"b.gguf\"\ndata = [\"a.jsonl=3\", \"b.jsonl=1\"]\noutput = \"o.gguf\"\n";

    fn parse(lines: &str) -> ConfigFile {
        ConfigFile::parse(Path::new("run.toml"), lines).unwrap()
    }

    fn error(text: &str) -> String {
        let file = parse(text);
        check(&file.settings, Some(&file), &Settings::default()).unwrap_err().to_string()
    }

    #[test]
    fn impossible_combinations_are_named_with_their_line() {
        for (lines, place, hint) in [
            ("patience = 3", "run.toml:4: patience", "eval-data or eval-share"),
            ("warmup = 3\nwarmup-ratio = 0.1", "run.toml:5: warmup-ratio", "keep one"),
            ("eval-share = 1.5", "run.toml:4: eval-share", "below 1"),
            ("cycles = 3", "run.toml:4: cycles", "cosine-restarts"),
            ("replay-share = 0.1", "run.toml:4: replay-share", "needs replay"),
            ("max-minutes = -1", "run.toml:4: max-minutes", "above 0"),
            ("max-celsius = 1e9", "run.toml:4: max-celsius", "20 to 150"),
            ("schedule = \"constant\"\nfloor = 0.1", "run.toml:5: floor", "schedule constant"),
        ] {
            let text = error(&format!("{SOUND}{lines}\n"));
            assert!(text.starts_with(place) && text.contains(hint), "{text}");
        }
        assert!(error("rank = 4\n").starts_with("--base is missing"));
    }

    #[test]
    fn flag_takes_what_cannot_stand_beside_it_out_of_the_file() {
        let wsd = "schedule = \"wsd\"\nwarmup-ratio = 0.1\nfloor = 0.1\ndecay-share = 0.3\neval-share = 0.1\n";
        let file = parse(&format!("{SOUND}{wsd}"));
        let flags = [
            Settings { warmup: Some(1), ..Settings::default() },
            Settings { schedule: Some(Schedule::Linear), ..Settings::default() },
            Settings { schedule: Some(Schedule::Constant), ..Settings::default() },
            Settings { eval_data: Some("held.jsonl".into()), ..Settings::default() },
        ];
        for flags in flags {
            assert!(check(&flags.clone().or(file.settings.clone()), Some(&file), &flags).is_err(), "{flags:?}");
            let both = flags.clone().or(without_partners(file.settings.clone(), &flags));
            check(&both, Some(&file), &flags).unwrap();
        }
        // Two flags that exclude each other are still an error.
        let both = Settings { decay_share: Some(0.1), schedule: Some(Schedule::Linear), ..Settings::default() };
        assert!(check(&both.clone().or(without_partners(file.settings.clone(), &both)), Some(&file), &both).is_err());
    }

    #[test]
    fn default_warm_up_fits_a_short_run_and_a_given_one_must() {
        let fitted = |settings: Settings, steps: usize| {
            let mut options = settings.options(64);
            fit_warm_up(&mut options, &settings, steps).map(|()| options.curve(steps).warmup_steps)
        };
        let default = |steps| fitted(Settings::default(), steps).unwrap();
        assert_eq!([1, 3, 40, 100, 111, 5000].map(default), [0, 0, 4, 10, 10, 10]);
        let given = |warmup| fitted(Settings { warmup: Some(warmup), ..Settings::default() }, 12);
        assert_eq!((given(0), given(11)), (Ok(0), Ok(11)));
        let (key, problem) = given(12).unwrap_err();
        assert_eq!(key, "warmup");
        assert!(problem.contains("the run has 12"), "{problem}");
        let wsd = Settings { schedule: Some(Schedule::Wsd), warmup: Some(9), ..Settings::default() };
        assert!(fitted(wsd.clone(), 10).is_err() && fitted(wsd, 12).is_ok());
    }
}
