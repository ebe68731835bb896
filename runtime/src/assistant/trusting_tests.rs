//! Tests of judged answers: what is held back, what is shown, what is kept.

use std::path::{Path, PathBuf};

use super::*;
use crate::assistant::{AssistantOptions, DeviceChoice, ToolMode};
use crate::confidence::logistic::log_odds;
use crate::setup::{Kit, set_up};

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn kit() -> Kit {
    Kit { model: repository("trainer-host/base/halligan-base-q8_0.gguf"), ..Kit::default() }
}

fn assistant(home: &Path) -> Assistant {
    let options = AssistantOptions {
        home: Some(home.to_path_buf()),
        device: DeviceChoice::Cpu,
        profile: Some("laptop-cpu".into()),
        ..AssistantOptions::default()
    };
    Assistant::open(&options).unwrap()
}

/// Evidence under which answers are right about as often as `share` says, and every question is foreign whose answer
/// is less probable than `limit`.
fn trust(share: f64, limit: f64) -> Trust {
    let sample = |index: usize| Sample {
        features: AnswerFeatures {
            mean_probability: 0.02 + 0.96 * (index % 10) as f64 / 10.0,
            mean_log_probability: -0.5,
            least_log_probability: -1.0,
            entropy: 0.5,
            margin: 0.5,
            tokens: 8,
            supported: index.is_multiple_of(2),
        },
        right: (index / 10) as f64 / 30.0 < share,
    };
    let spread = |middle: f64| (0..30).map(|index| middle + 0.001 * f64::from(index)).collect::<Vec<_>>();
    let scores = DomainScores { inside: spread(log_odds(limit) + 0.1), outside: spread(log_odds(limit) - 0.1) };
    let domain = Domain::best_of(vec![(DomainScore::AnswerProbability, scores)], &[true; 30]);
    Trust::of(&(0..300).map(sample).collect::<Vec<_>>(), domain)
}

fn keep(assistant: &Assistant, trust: &Trust) {
    let model = ModelInUse::of(&assistant.home, &assistant.options).unwrap().sha256.unwrap();
    TrustStore::new(&assistant.home).keep(BASE, &model, trust).unwrap();
}

/// The turn, and what was shown of it in order: `?` for the assessment, the text.
fn ask(assistant: &Assistant, question: &str, anyway: bool) -> (crate::turn::Turn, Vec<String>) {
    ask_with(assistant, question, &AskOptions { anyway, ..AskOptions::default() })
}

fn ask_with(assistant: &Assistant, question: &str, options: &AskOptions) -> (crate::turn::Turn, Vec<String>) {
    let mut shown = Vec::new();
    let turn = assistant
        .ask(question, options, &mut |event| match event {
            AnswerEvent::Assessment(_) => shown.push("?".to_owned()),
            AnswerEvent::Text(text) => shown.push(text),
            _ => {}
        })
        .unwrap();
    (turn, shown)
}

const QUESTION: &str = "How many sections has a safety data sheet?";

#[test]
fn a_refused_answer_is_withheld_and_kept_and_shown_on_request() {
    let home = tempfile::tempdir().unwrap();
    set_up(Some(home.path()), &kit()).unwrap();
    let assistant = assistant(home.path());
    keep(&assistant, &trust(0.9, 0.999_999));
    let (turn, shown) = ask(&assistant, QUESTION, false);
    let assessment = turn.assessment.clone().unwrap();
    assert_eq!((assessment.verdict, shown), (Verdict::Refuse, vec!["?".to_owned()]));
    assert!(assessment.reasons[0].contains("unlike those the adapter was trained for"), "{:?}", assessment.reasons);
    assert!(assessment.domain_score.is_some() && !turn.answer.is_empty());
    assert_eq!(assistant.turn(turn.id).unwrap(), Some(turn.clone()));

    let (again, shown) = ask(&assistant, QUESTION, true);
    assert_eq!((&again.answer, again.assessment.unwrap().verdict), (&turn.answer, Verdict::Refuse));
    assert_eq!((shown.last().unwrap().as_str(), shown[..shown.len() - 1].concat()), ("?", turn.answer));
}

#[test]
fn a_model_that_may_call_tools_and_calls_none_is_judged_like_any_other() {
    let home = tempfile::tempdir().unwrap();
    set_up(Some(home.path()), &kit()).unwrap();
    let assistant = assistant(home.path());
    keep(&assistant, &trust(0.9, 0.999_999));
    let options = AskOptions { tools: ToolMode::On, ..AskOptions::default() };
    let (turn, shown) = ask_with(&assistant, QUESTION, &options);
    assert!(turn.tools.is_empty() && !turn.answer.is_empty(), "{turn:?}");
    assert_eq!((turn.assessment.unwrap().verdict, shown), (Verdict::Refuse, vec!["?".to_owned()]));
    let (anyway, shown) = ask_with(&assistant, QUESTION, &AskOptions { anyway: true, ..options });
    assert_eq!((shown.last().unwrap().as_str(), shown[..shown.len() - 1].concat()), ("?", anyway.answer));
}

#[test]
fn a_calibrated_answer_comes_after_its_assessment_with_its_probability() {
    let home = tempfile::tempdir().unwrap();
    set_up(Some(home.path()), &kit()).unwrap();
    let assistant = assistant(home.path());
    keep(&assistant, &trust(0.9, 0.000_001));
    let (turn, shown) = ask(&assistant, QUESTION, false);
    let assessment = turn.assessment.unwrap();
    assert!((assessment.probability.unwrap() - 0.9).abs() < 0.08, "{assessment:?}");
    assert_eq!(shown, ["?".to_owned(), turn.answer]);
    // No document was set up, so nothing confirms it.
    assert_eq!(assessment.verdict, Verdict::Warn);

    keep(&assistant, &trust(0.1, 0.000_001));
    let (turn, shown) = ask(&assistant, QUESTION, false);
    assert_eq!((turn.assessment.unwrap().verdict, shown.len()), (Verdict::Refuse, 1), "right in 10 of 100 cases only");
}

#[test]
fn an_answer_whose_tool_gave_nothing_is_warned_about_and_claims_no_probability() {
    let home = tempfile::tempdir().unwrap();
    set_up(Some(home.path()), &kit()).unwrap();
    let assistant = assistant(home.path());
    keep(&assistant, &trust(0.9, 0.000_001));
    let asked = Asked { question: QUESTION, passages: &[], searched: false, follows: false };
    let assessment = assistant.judge(BASE).unwrap().without_result(&asked, true);
    assert_eq!((assessment.verdict, assessment.probability), (Verdict::Warn, None));
    assert_eq!(assessment.reasons, ["the tool that it asked gave no result"]);
}

#[test]
fn an_answer_that_was_cut_off_says_so() {
    let home = tempfile::tempdir().unwrap();
    set_up(Some(home.path()), &kit()).unwrap();
    let assistant = assistant(home.path());
    let cut = |max_tokens: usize| {
        let (turn, _) = ask_with(&assistant, QUESTION, &AskOptions { max_tokens, ..AskOptions::default() });
        let assessment = turn.assessment.unwrap();
        (assessment.verdict, assessment.reasons.iter().any(|reason| reason.contains("cut off after 3 tokens")))
    };
    assert_eq!(cut(3), (Verdict::Warn, true));
    assert!(!cut(128).1);
}

#[test]
fn without_evidence_the_answer_streams_and_no_probability_is_claimed() {
    let home = tempfile::tempdir().unwrap();
    set_up(Some(home.path()), &kit()).unwrap();
    let assistant = assistant(home.path());
    let (turn, shown) = ask(&assistant, QUESTION, false);
    assert_eq!(turn.assessment.unwrap().probability, None);
    assert!(shown.len() > 2 && shown.last().unwrap() == "?", "{shown:?}");
    assert_eq!(assistant.measure_trust(&mut |_| true).unwrap(), None, "the kit has no questions");
}

#[test]
fn a_question_that_names_nothing_is_asked_back_before_anything_is_generated() {
    let home = tempfile::tempdir().unwrap();
    set_up(Some(home.path()), &kit()).unwrap();
    let assistant = assistant(home.path());
    let (turn, shown) = ask(&assistant, "What is it?", false);
    assert_eq!((turn.assessment.unwrap().verdict, turn.tokens, shown.len()), (Verdict::Clarify, 0, 1));
    assert!(ask(&assistant, "What is it?", true).0.tokens > 0);
}

#[test]
fn measuring_asks_every_held_out_question_and_is_kept_with_the_generation() {
    let home = tempfile::tempdir().unwrap();
    let guide = |name: &str| Some(repository(&format!("trainer-host/guide/{name}.jsonl")));
    let kit = Kit { gate: guide("gate"), out_of_domain: guide("out_of_domain"), ..kit() };
    set_up(Some(home.path()), &kit).unwrap();
    let assistant = assistant(home.path());
    let mut seen = Vec::new();
    let measured = assistant.measure_trust(&mut |progress| {
        seen.push(progress);
        true
    });
    let trust = measured.unwrap().unwrap();
    assert_eq!((trust.answers, seen.last().unwrap().done), (100, 200));
    // The base knows none of the facts: nothing is claimed, and nothing is refused for being foreign.
    assert!(trust.too_few().unwrap().to_string().contains("100 judged answers"), "{:?}", trust.too_few());
    assert_eq!(trust.domain_limit(0.05), None);
    assert_eq!(assistant.trust(BASE).unwrap(), Some(trust));
    let stopped = assistant.measure_trust(&mut |_| false).unwrap_err();
    assert!(matches!(stopped, RuntimeError::Model(ModelError::Cancelled)), "{stopped}");
}
