//! Calibration figures and fits against numpy and scikit-learn, on stored cases.

use halligan_runtime::confidence::isotonic;
use halligan_runtime::confidence::logistic::{fit, fit_temperature, log_odds, platt_targets};
use halligan_runtime::confidence::metrics::{Binning, Figures, Judged, area_under_curve, bins};
use halligan_runtime::confidence::{AnswerFeatures, Calibration, Domain, DomainScore, DomainScores, EACH_MIN, Sample};
use serde::Deserialize;

/// Sums of some hundred f64 in another order differ by a few units in the last place.
const TOLERANCE: f64 = 1e-12;

#[derive(Deserialize)]
struct Case {
    name: String,
    confidence: Vec<f64>,
    right: Vec<bool>,
    figures: Expected,
    temperature: f64,
    platt: Vec<f64>,
    isotonic_at: Vec<f64>,
    isotonic: Vec<f64>,
    rows: Vec<Vec<f64>>,
    ridge: Vec<f64>,
    auc: Option<f64>,
}

#[derive(Deserialize)]
struct Expected {
    ece: f64,
    ece_low_closed: f64,
    ece_equal_mass: f64,
    mce: f64,
    ace: f64,
    brier: f64,
    nll: f64,
    bins: Vec<(usize, f64, f64)>,
}

impl Case {
    fn judged(&self) -> Vec<Judged> {
        let pair = |(confidence, right): (&f64, &bool)| Judged { confidence: *confidence, right: *right };
        self.confidence.iter().zip(&self.right).map(pair).collect()
    }

    fn close(&self, what: &str, found: f64, expected: f64) {
        let off = (found - expected).abs();
        assert!(
            off <= TOLERANCE * expected.abs().max(1.0),
            "{} {what}: {found} not {expected}, off {off:e}",
            self.name
        );
    }
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../goldens/calibration.json")).unwrap()
}

#[test]
fn every_figure_equals_its_published_definition() {
    for case in cases() {
        let (found, expected) = (Figures::of(&case.judged()), &case.figures);
        assert_eq!(found.answers, case.right.len());
        case.close("ECE", found.ece, expected.ece);
        case.close("ECE low closed", found.ece_low_closed, expected.ece_low_closed);
        case.close("ECE equal mass", found.ece_equal_mass, expected.ece_equal_mass);
        case.close("MCE", found.mce, expected.mce);
        case.close("ACE", found.ace, expected.ace);
        case.close("Brier", found.brier, expected.brier);
        case.close("NLL", found.nll, expected.nll);
        let found = bins(&case.judged(), 10, Binning::WidthHighClosed);
        assert_eq!(found.len(), expected.bins.len(), "{}", case.name);
        for (bin, (count, confidence, accuracy)) in found.iter().zip(&expected.bins) {
            assert_eq!(bin.count, *count, "{}", case.name);
            case.close("bin confidence", bin.confidence, *confidence);
            case.close("bin accuracy", bin.accuracy, *accuracy);
        }
    }
}

#[test]
fn every_fit_equals_its_optimum() {
    for case in cases() {
        let odds: Vec<f64> = case.confidence.iter().map(|confidence| log_odds(*confidence)).collect();
        case.close("temperature", fit_temperature(&odds, &case.right), case.temperature);
        let platt = fit(&odds.iter().map(|odds| vec![*odds]).collect::<Vec<_>>(), &platt_targets(&case.right), 0.0);
        case.close("Platt slope", platt.weights[0], case.platt[0]);
        case.close("Platt intercept", platt.intercept, case.platt[1]);
        let targets: Vec<f64> = case.right.iter().map(|right| f64::from(u8::from(*right))).collect();
        let ridge = fit(&case.rows, &targets, 1.0);
        for (found, expected) in ridge.weights.iter().chain([&ridge.intercept]).zip(&case.ridge) {
            case.close("ridge weight", *found, *expected);
        }
        let knots = isotonic::fit(&case.confidence, &targets);
        for (at, expected) in case.isotonic_at.iter().zip(&case.isotonic) {
            case.close("isotonic", knots.at(*at).unwrap(), *expected);
        }
        let of = |wanted: bool| -> Vec<f64> {
            case.judged().iter().filter(|each| each.right == wanted).map(|each| each.confidence).collect()
        };
        match (area_under_curve(&of(true), &of(false)), case.auc) {
            (Some(found), Some(expected)) => case.close("area", found, expected),
            (found, expected) => assert_eq!(found.is_some(), expected.is_some(), "{}", case.name),
        }
    }
}

fn sample(probability: f64, right: bool) -> Sample {
    let features = AnswerFeatures {
        mean_probability: probability,
        mean_log_probability: probability.ln(),
        least_log_probability: probability.ln(),
        entropy: 0.1,
        margin: 1.0,
        tokens: 4,
        supported: true,
    };
    Sample { features, right }
}

/// Answers that claim 0.9 and are right in three of five.
fn too_sure(count: usize) -> Vec<Sample> {
    (0..count).map(|index| sample(0.85 + 0.1 * (index % 7) as f64 / 7.0, index % 5 < 3)).collect()
}

#[test]
fn too_few_judged_answers_claim_nothing_and_say_so() {
    let few = Calibration::fit(&too_sure(49)).unwrap_err();
    assert_eq!((few.answers, few.right), (49, 30));
    assert!(few.to_string().contains("49 judged answers, 30 right and 19 wrong"), "{few}");
    let all_right: Vec<Sample> = (0..200).map(|index| sample(0.9, index >= EACH_MIN - 1)).collect();
    assert!(Calibration::fit(&all_right).is_err(), "four wrong answers say nothing about when answers are wrong");
    assert!(Calibration::fit(&[]).is_err());
}

#[test]
fn answers_that_were_too_sure_are_brought_down_and_the_error_falls() {
    let calibration = Calibration::fit(&too_sure(200)).unwrap();
    assert!(calibration.before.ece > 0.25, "{:?}", calibration.before);
    assert!(calibration.after.ece < 0.05, "{:?}", calibration.after);
    assert_eq!((calibration.after.answers, calibration.compared.len()), (200, 4));
    let probability = calibration.probability(&sample(0.9, true).features);
    assert!((probability - 0.6).abs() < 0.05, "{probability}");
    let stored = serde_json::to_string(&calibration).unwrap();
    assert_eq!(serde_json::from_str::<Calibration>(&stored).unwrap(), calibration);
}

#[test]
fn no_probability_is_surer_than_the_number_of_judged_answers_allows() {
    let samples: Vec<Sample> = (0..60).map(|index| sample(if index < 30 { 0.1 } else { 0.9 }, index >= 30)).collect();
    let calibration = Calibration::fit(&samples).unwrap();
    for probability in [1e-9, 0.5, 1.0 - 1e-9] {
        let found = calibration.probability(&sample(probability, true).features);
        assert!((1.0 / 62.0..=61.0 / 62.0).contains(&found), "{found}");
    }
}

#[test]
fn a_domain_limit_refuses_no_more_of_its_own_than_it_may() {
    // Own questions from 0 to 1, foreign ones from -1 to 0.2: a part cannot be told apart.
    let inside: Vec<f64> = (0..100).map(|index| f64::from(index) / 100.0).collect();
    let outside: Vec<f64> = (0..100).map(|index| -1.0 + 1.2 * f64::from(index) / 100.0).collect();
    let scores = DomainScores { inside: inside.clone(), outside: outside.clone() };
    let separation = scores.separation().unwrap();
    assert!(separation.area > 0.95, "{separation:?}");
    assert!((0.1..0.2).contains(&separation.false_refusals), "{separation:?}");
    let strict = scores.limit(0.02).unwrap();
    assert!(inside.iter().filter(|score| **score < strict.score).count() <= 2);
    assert!(strict.false_refusals <= 0.05 && strict.caught > 0.8, "{strict:?}");
    let loose = scores.limit(0.5).unwrap();
    assert!(loose.score >= strict.score && loose.caught >= strict.caught);
    assert_eq!(DomainScores { inside: inside[..19].to_vec(), outside }.limit(0.05), None, "too few to choose on");
    assert_eq!(DomainScores { inside, outside: Vec::new() }.separation(), None);
}

#[test]
fn the_score_that_tells_better_is_kept_with_the_figures_of_both() {
    let scores = |gap: f64| DomainScores {
        inside: (0..30).map(|index| gap + f64::from(index)).collect(),
        outside: (0..30).map(f64::from).collect(),
    };
    let candidates = vec![(DomainScore::LikelihoodRatio, scores(3.0)), (DomainScore::AnswerProbability, scores(20.0))];
    let is_answered: Vec<bool> = (0..30).map(|index| index != 4).collect();
    let domain = Domain::best_of(candidates, &is_answered).unwrap();
    assert_eq!((domain.score, domain.compared.len()), (DomainScore::AnswerProbability, 2));
    assert_eq!(domain.scores.outside, scores(20.0).outside);
    assert_eq!(domain.scores.inside.len(), 29, "a question that is answered wrong says nothing about what to keep");
    assert!(!domain.scores.inside.contains(&24.0));
    assert_eq!(Domain::best_of(Vec::new(), &[]), None);
}

#[test]
fn a_limit_between_two_clear_groups_stands_in_the_middle() {
    let inside: Vec<f64> = (0..30).map(|index| 2.0 + f64::from(index) / 100.0).collect();
    let outside: Vec<f64> = (0..30).map(|index| 1.0 - f64::from(index) / 100.0).collect();
    let limit = DomainScores { inside, outside }.limit(0.05).unwrap();
    assert_eq!((limit.score, limit.caught, limit.false_refusals), (1.5, 1.0, 0.0));
}
