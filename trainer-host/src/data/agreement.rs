//! `halligan-host data agreement`: do the experts mean the same thing by their labels?
//!
//! Every figure follows its paper and equals scikit-learn, statsmodels, krippendorff and pingouin (the tests
//! hold stored tables). Where a figure is not defined for a table it is null, and `undefined` says why: a
//! number that is no number must not pass as agreement.

pub mod alpha;
pub mod f_distribution;
pub mod icc;
pub mod kappa;
pub mod quotes;
pub mod ratings;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use alpha::{Level, krippendorff_alpha};
use icc::{Icc, IccForms, icc_forms};
use kappa::{Weights, cohen_kappa_mean, fleiss_kappa, pairs, randolph_kappa};
use ratings::{Ratings, read_csv};

/// Kappa that ratings should reach before they decide about rows.
pub const TARGET_KAPPA: f64 = 0.7;

/// Reason of every figure that needs numbers.
const NOT_NUMBERS: &str = "labels are not numbers";

/// Cells of the bar that shows a kappa.
const BAR_CELLS: usize = 30;

/// Arguments of `data agreement`.
#[derive(Debug, Args)]
pub struct AgreementArgs {
    /// CSV with the columns item, rater, label, or a dataset folder with ratings of a review
    #[arg(value_name = "RATINGS.csv")]
    pub ratings: PathBuf,
    /// Print everything as one JSON object on stdout
    #[arg(long)]
    pub json: bool,
}

/// Why a figure has no value for a table.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Undefined(String);

impl Undefined {
    /// With this reason, a clause such as `labels are not numbers`.
    pub fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

/// Cohen's kappa of two raters.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PairKappa {
    /// The first rater.
    pub first: String,
    /// The second rater.
    pub second: String,
    /// Items that both rated.
    pub items: usize,
    /// Without weights.
    pub kappa: Option<f64>,
    /// With linear weights; null for labels that are no numbers.
    pub linear: Option<f64>,
    /// With quadratic weights; null for labels that are no numbers.
    pub quadratic: Option<f64>,
    /// Why `kappa` is null.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undefined: Option<String>,
}

/// All figures of a table of ratings.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Agreement {
    /// Items with a rating.
    pub items: usize,
    /// Raters.
    pub raters: usize,
    /// Ratings.
    pub ratings: usize,
    /// Labels in order.
    pub labels: Vec<String>,
    /// Labels beside numbers which say that a rating is missing, such as NA; they do not count.
    pub missing: usize,
    /// The first label that is no number, with its line, where others are numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_a_number: Option<String>,
    /// Mean of Cohen's kappa over the pairs of raters for which it is defined.
    pub cohen_kappa_mean: Option<f64>,
    /// The same with linear weights.
    pub cohen_kappa_linear_mean: Option<f64>,
    /// The same with quadratic weights.
    pub cohen_kappa_quadratic_mean: Option<f64>,
    /// Fleiss' kappa.
    pub fleiss_kappa: Option<f64>,
    /// Randolph's kappa.
    pub randolph_kappa: Option<f64>,
    /// Krippendorff's alpha for names.
    pub krippendorff_alpha_nominal: Option<f64>,
    /// Krippendorff's alpha for ranks.
    pub krippendorff_alpha_ordinal: Option<f64>,
    /// Krippendorff's alpha for measures.
    pub krippendorff_alpha_interval: Option<f64>,
    /// The six forms of intraclass correlation.
    pub icc: Option<IccForms>,
    /// Why a figure is null, by its key.
    pub undefined: BTreeMap<&'static str, String>,
    /// The target for `cohen_kappa_mean`.
    pub target_kappa: f64,
    /// Whether `cohen_kappa_mean` reaches it; null where that is not defined.
    pub reaches_target: Option<bool>,
    /// Every pair of raters.
    pub pairs: Vec<PairKappa>,
}

/// Reads, computes and prints.
///
/// # Errors
/// What is wrong with the file, by its line.
pub fn run(args: &AgreementArgs) -> anyhow::Result<ExitCode> {
    let ratings = match args.ratings.is_dir() {
        true => super::review::verdicts_of(&args.ratings)?,
        false => read_csv(&args.ratings)?,
    };
    let agreement = agreement(&ratings);
    if args.json {
        crate::print_data(&serde_json::to_string(&agreement)?);
    } else {
        crate::print_data(&describe(&agreement));
    }
    Ok(ExitCode::SUCCESS)
}

/// All figures of a table.
pub fn agreement(ratings: &Ratings) -> Agreement {
    let mut undefined = BTreeMap::new();
    let mut keep =
        |key, figure: Result<f64, Undefined>| figure.map_err(|reason| undefined.insert(key, reason.to_string())).ok();
    let all = pairs(ratings);
    // Weights by distance mean nothing for labels in the order of the alphabet.
    let numeric = ratings.values.is_some();
    let weighted = |weights| {
        if numeric { cohen_kappa_mean(&all, weights) } else { Err(Undefined::new(NOT_NUMBERS)) }
    };
    let mean = keep("cohen_kappa_mean", cohen_kappa_mean(&all, Weights::None));
    let pair = |pair: &kappa::Pair| {
        let kappa = pair.cohen_kappa(Weights::None);
        let weighted = |weights| numeric.then(|| pair.cohen_kappa(weights).ok()).flatten();
        PairKappa {
            first: ratings.raters[pair.first].clone(),
            second: ratings.raters[pair.second].clone(),
            items: pair.items(),
            linear: weighted(Weights::Linear),
            quadratic: weighted(Weights::Quadratic),
            undefined: kappa.as_ref().err().map(ToString::to_string),
            kappa: kappa.ok(),
        }
    };
    Agreement {
        items: ratings.items.len(),
        raters: ratings.raters.len(),
        ratings: ratings.count(),
        labels: ratings.labels.clone(),
        missing: ratings.missing,
        not_a_number: ratings.not_a_number.clone(),
        cohen_kappa_mean: mean,
        cohen_kappa_linear_mean: keep("cohen_kappa_linear_mean", weighted(Weights::Linear)),
        cohen_kappa_quadratic_mean: keep("cohen_kappa_quadratic_mean", weighted(Weights::Quadratic)),
        fleiss_kappa: keep("fleiss_kappa", fleiss_kappa(ratings)),
        randolph_kappa: keep("randolph_kappa", randolph_kappa(ratings)),
        krippendorff_alpha_nominal: keep("krippendorff_alpha_nominal", krippendorff_alpha(ratings, Level::Nominal)),
        krippendorff_alpha_ordinal: keep("krippendorff_alpha_ordinal", krippendorff_alpha(ratings, Level::Ordinal)),
        krippendorff_alpha_interval: keep("krippendorff_alpha_interval", krippendorff_alpha(ratings, Level::Interval)),
        icc: icc_forms(ratings).map_err(|reason| undefined.insert("icc", reason.to_string())).ok(),
        undefined,
        target_kappa: TARGET_KAPPA,
        reaches_target: mean.map(|kappa| kappa >= TARGET_KAPPA),
        pairs: all.iter().map(pair).collect(),
    }
}

/// The figures for a reader, with the target shown on the bars of the kappas.
pub fn describe(agreement: &Agreement) -> String {
    let counted = |number: usize, what: &str| format!("{} {what}{}", crate::progress::count(number), plural(number));
    let mut lines = vec![format!(
        "{} of {} by {}; labels: {}",
        counted(agreement.ratings, "rating"),
        counted(agreement.items, "item"),
        counted(agreement.raters, "rater"),
        shortened(&agreement.labels)
    )];
    if agreement.missing > 0 {
        lines.push(format!("{} with a label such as NA are taken as missing", counted(agreement.missing, "rating")));
    }
    let rows = [
        ("Cohen's kappa, mean", "cohen_kappa_mean", agreement.cohen_kappa_mean),
        ("  linear weights", "cohen_kappa_linear_mean", agreement.cohen_kappa_linear_mean),
        ("  quadratic weights", "cohen_kappa_quadratic_mean", agreement.cohen_kappa_quadratic_mean),
        ("Fleiss' kappa", "fleiss_kappa", agreement.fleiss_kappa),
        ("Randolph's kappa", "randolph_kappa", agreement.randolph_kappa),
        ("Krippendorff's alpha", "krippendorff_alpha_nominal", agreement.krippendorff_alpha_nominal),
        ("  ordinal", "krippendorff_alpha_ordinal", agreement.krippendorff_alpha_ordinal),
        ("  interval", "krippendorff_alpha_interval", agreement.krippendorff_alpha_interval),
    ];
    let words = agreement.undefined.get("icc").is_some_and(|reason| reason == NOT_NUMBERS);
    // Weights, ranks and distances have no meaning for words; one line says so for all of them.
    for (name, key, value) in rows.into_iter().filter(|(name, ..)| !(words && name.starts_with(' '))) {
        lines.push(match (value, agreement.undefined.get(key)) {
            (Some(value), _) => format!("{name:<22} {value:>7.4}  {}", bar(value)),
            (None, reason) => format!("{name:<22}    none  {}", reason.map_or("", String::as_str)),
        });
    }
    lines.push(format!("{:<32}{:>width$} target {TARGET_KAPPA}", "", "^", width = target_cell() + 2));
    match (&agreement.icc, agreement.undefined.get("icc")) {
        (Some(forms), _) => lines.extend(icc_lines(forms)),
        (None, _) if words => {
            lines.push("labels are words, so there are no weighted figures and no intraclass correlation".to_owned());
            lines.extend(
                agreement.not_a_number.as_ref().map(|label| format!("  {label} is no number, though others are")),
            );
        }
        (None, reason) => {
            lines.push(format!("{:<22}    none  {}", "Intraclass correlation", reason.map_or("", String::as_str)));
        }
    }
    if agreement.pairs.len() > 1 {
        lines.push("pair of raters          items   kappa".to_owned());
        let pair = |pair: &PairKappa| {
            let value = pair.kappa.map_or_else(|| "   none".to_owned(), |kappa| format!("{kappa:>7.4}"));
            let reason = pair.undefined.as_ref().map_or(String::new(), |reason| format!("  {reason}"));
            format!("  {:<20} {:>6} {value}{reason}", format!("{}, {}", pair.first, pair.second), pair.items)
        };
        lines.extend(agreement.pairs.iter().map(pair));
    }
    lines.push(match agreement.reaches_target {
        Some(true) => format!("The raters agree: Cohen's kappa reaches the target of {TARGET_KAPPA}."),
        Some(false) => format!(
            "The raters do not agree well enough: Cohen's kappa is below {TARGET_KAPPA}.\n\
             Discuss the items they differ on, sharpen the guide for raters, and rate again."
        ),
        None => "Whether the raters agree cannot be said from this table.".to_owned(),
    });
    lines.join("\n")
}

fn icc_lines(forms: &IccForms) -> Vec<String> {
    let mut lines = vec![format!(
        "Intraclass correlation of the {} items that all {} rated",
        crate::progress::count(forms.items),
        forms.raters
    )];
    lines.push("                          ICC     95 % interval           F      df      p".to_owned());
    let rows: [(&str, &Icc); 6] = [
        ("ICC1  one-way", &forms.icc1),
        ("ICC2  absolute", &forms.icc2),
        ("ICC3  consistency", &forms.icc3),
        ("ICC1k one-way mean", &forms.icc1k),
        ("ICC2k absolute mean", &forms.icc2k),
        ("ICC3k consistent mean", &forms.icc3k),
    ];
    for (name, form) in rows {
        let interval = form.ci95.map_or_else(|| "none".to_owned(), |[low, high]| format!("{low:.3} to {high:.3}"));
        let f = form.f.map_or_else(|| "infinite".to_owned(), |f| format!("{f:.2}"));
        lines.push(format!(
            "  {name:<21} {:>7.4}  {interval:<18} {f:>9}  {:>6}  {:.2e}",
            form.icc,
            format!("{},{}", form.df1, form.df2),
            form.p
        ));
    }
    lines
}

fn target_cell() -> usize {
    (TARGET_KAPPA * BAR_CELLS as f64).round() as usize
}

/// A bar from 0 to 1 with the target marked in it.
fn bar(value: f64) -> String {
    let filled = (value.clamp(0.0, 1.0) * BAR_CELLS as f64).round() as usize;
    let cell = |at: usize| match at {
        at if at < filled => '#',
        at if at == target_cell() => '|',
        _ => '.',
    };
    format!("[{}]", (0..BAR_CELLS).map(cell).collect::<String>())
}

fn shortened(labels: &[String]) -> String {
    /// More labels than this are counted, not listed.
    const SHOWN: usize = 8;
    if labels.len() <= SHOWN {
        return labels.join(", ");
    }
    format!("{}, .. ({} in all)", labels[..SHOWN].join(", "), labels.len())
}

fn plural(number: usize) -> &'static str {
    if number == 1 { "" } else { "s" }
}
