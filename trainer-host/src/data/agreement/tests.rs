//! Figures against scikit-learn, statsmodels, krippendorff and pingouin on stored tables
//! (`tests/data/make_agreement.py` made them).

use serde::Deserialize;
use serde_json::Value;

use super::*;

/// What the issue asks; the figures themselves agree to about 1e-14, intervals to the accuracy of quantiles.
const TOLERANCE: f64 = 1e-9;

#[derive(Deserialize)]
struct Case {
    name: String,
    ratings: Vec<(String, String, String)>,
    expected: BTreeMap<String, Value>,
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../tests/data/agreement.json")).unwrap()
}

fn of(case: &Case) -> Agreement {
    let ratings = case.ratings.iter().map(|(item, rater, label)| (item.as_str(), rater.as_str(), label.as_str()));
    agreement(&Ratings::new(ratings))
}

/// Every number, null and list of `expected` is in `found`.
fn assert_equal(name: &str, found: &Value, expected: &Value) {
    match (found, expected) {
        (Value::Number(found), Value::Number(expected)) => {
            let (found, expected) = (found.as_f64().unwrap(), expected.as_f64().unwrap());
            let limit = TOLERANCE * expected.abs().max(1.0);
            assert!((found - expected).abs() <= limit, "{name}: {found} and not {expected}");
        }
        (Value::Object(found), Value::Object(expected)) => {
            for (key, value) in expected {
                assert_equal(&format!("{name}.{key}"), &found[key], value);
            }
        }
        (Value::Array(found), Value::Array(expected)) => {
            assert_eq!(found.len(), expected.len(), "{name}");
            for (at, (found, expected)) in found.iter().zip(expected).enumerate() {
                assert_equal(&format!("{name}[{at}]"), found, expected);
            }
        }
        // A quotient by a rounding error: the reference says 1e16 where we say that there is no number.
        (Value::Null, Value::Number(expected)) if expected.as_f64().unwrap().abs() > 1e12 => {}
        _ => assert_eq!(found, expected, "{name}"),
    }
}

#[test]
fn every_figure_equals_its_reference_implementation() {
    let cases = cases();
    assert!(cases.len() >= 60, "{}", cases.len());
    for case in &cases {
        let found = serde_json::to_value(of(case)).unwrap();
        for (key, expected) in &case.expected {
            assert_equal(&format!("{}.{key}", case.name), &found[key], expected);
        }
    }
}

#[test]
fn every_figure_without_a_value_says_why() {
    let mut seen = 0;
    for case in cases() {
        let agreement = of(&case);
        let found = serde_json::to_value(&agreement).unwrap();
        for (key, reason) in &agreement.undefined {
            assert!(found[*key].is_null() && !reason.is_empty(), "{}.{key}", case.name);
            seen += 1;
        }
        let figures = found.as_object().unwrap();
        let null = figures.iter().filter(|(key, value)| value.is_null() && *key != "reaches_target");
        for (key, _) in null {
            assert!(agreement.undefined.contains_key(key.as_str()), "{}.{key} is null without a reason", case.name);
        }
    }
    assert!(seen > 10);
}

#[test]
fn published_tables_give_the_published_figures() {
    // Shrout and Fleiss (1979), table 2: six items by four judges; the figures are theirs, to two digits.
    let scores = [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]];
    let cells: Vec<[String; 3]> = scores
        .iter()
        .enumerate()
        .flat_map(|(item, row)| {
            let cell = move |(judge, score): (usize, &i32)| [item.to_string(), judge.to_string(), score.to_string()];
            row.iter().enumerate().map(cell)
        })
        .collect();
    let ratings = Ratings::new(cells.iter().map(|[item, rater, label]| (&**item, &**rater, &**label)));
    let forms = icc_forms(&ratings).unwrap();
    let found = [&forms.icc1, &forms.icc2, &forms.icc3, &forms.icc1k, &forms.icc2k, &forms.icc3k];
    for (form, published) in found.into_iter().zip([0.17, 0.29, 0.71, 0.44, 0.62, 0.91]) {
        assert!((form.icc - published).abs() < 0.005, "{} and not {published}", form.icc);
    }
}

#[test]
fn report_shows_the_target_beside_the_kappas() {
    let case = cases().into_iter().find(|case| case.name == "shrout-fleiss").unwrap();
    let text = describe(&of(&case));
    assert!(text.contains("target 0.7"), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 140), "{text}");
    let bars: Vec<usize> = text.lines().filter_map(|line| line.find('[')).collect();
    let mark = text.lines().find_map(|line| line.find('^')).unwrap();
    assert!(bars.iter().all(|start| start + 1 + target_cell() == mark), "{bars:?} {mark}\n{text}");
}
