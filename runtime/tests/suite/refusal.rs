//! What the policy does with the example guide's adapter: figures on questions that nothing was trained or chosen on.

use std::path::PathBuf;

use halligan_runtime::confidence::read_outside;
use halligan_runtime::evaluate::read_questions;
use halligan_runtime::{Kit, set_up};

use super::room::{kit, open, repository};

/// Names an adapter that `./x demo` trained.
const ADAPTER: &str = "HALLIGAN_TEST_ADAPTER";

/// Area under the curve that foreign questions must be told apart with.
const AREA_MIN: f64 = 0.95;

/// Share of foreign questions that must not be answered, and of rightly answered ones that may be withheld.
const CAUGHT_MIN: f64 = 0.95;
const LOST_MAX: f64 = 0.05;

/// Expected calibration error on held-out questions.
const ECE_MAX: f64 = 0.05;

#[test]
#[ignore = "needs an adapter of the demo: HALLIGAN_TEST_ADAPTER=demo-out/adapter.gguf"]
fn foreign_questions_are_refused_and_right_answers_are_kept() {
    let adapter = PathBuf::from(std::env::var_os(ADAPTER).expect("HALLIGAN_TEST_ADAPTER should name an adapter"));
    let home = tempfile::tempdir().unwrap();
    set_up(Some(home.path()), &Kit { adapter: Some(adapter), ..kit() }).unwrap();
    let assistant = open(home.path());
    let trust = assistant.measure_trust(&mut |_| true).unwrap().unwrap();
    let calibration = trust.calibration.as_ref().expect("the guide has enough questions");
    println!("{} of {} right; {}", trust.right, trust.answers, calibration.map.describe());
    println!("compared {:?}", calibration.compared);
    println!("before {:?}\nafter  {:?}", calibration.before, calibration.after);
    let domain = trust.domain.as_ref().expect("the guide has foreign questions");
    for (score, separation) in &domain.compared {
        println!("{score}: {separation:?}");
    }
    println!("kept: {}; limit {:?}", domain.score, trust.domain_limit(0.05));

    let held_out = read_questions(&repository("trainer-host/guide/heldout.jsonl")).unwrap();
    let foreign = read_outside(&repository("trainer-host/guide/out_of_domain_heldout.jsonl")).unwrap();
    let checked = assistant.check_trust(&held_out, &foreign, &mut |_| true).unwrap();
    println!("{checked:#?}");
    let best = domain.compared.iter().map(|(_, separation)| separation.area).fold(0.0, f64::max);
    assert!(best >= AREA_MIN, "{best}");
    let share = |part: usize, all: usize| part as f64 / all as f64;
    let caught = share(checked.foreign.withheld(), checked.foreign.total());
    assert!(caught >= CAUGHT_MIN, "{caught}");
    let lost = share(checked.right.withheld(), checked.right.total());
    assert!(lost <= LOST_MAX, "{lost}");
    let calibrated = checked.calibrated.unwrap();
    assert!(calibrated.ece < ECE_MAX && calibrated.ece < checked.uncalibrated.ece, "{calibrated:?}");
}
