//! What becomes of a row when experts have spoken: the conflict protocol.
//!
//! Every view stays on record, whatever is decided.
//!
//! 1. Experts who agree decide together.
//! 2. Two who disagree, or whose confidence differs by more than [`CONFIDENCE_GAP`], need a third: until then the
//!    row is disputed.
//! 3. Of three or more, the majority decides; without one the row stays disputed.
//! 4. When experts say that the answer holds in one context and another elsewhere, and no majority says otherwise,
//!    every such view becomes a row of its own; but two answers for one context are a disagreement.

use std::collections::BTreeMap;

use super::rating::{Rating, Verdict};

/// Difference of confidence above which two equal verdicts still need a third expert.
pub const CONFIDENCE_GAP: f64 = 0.3;

/// Rounding of differences such as 0.9 - 0.6.
const ROUNDING: f64 = 1e-9;

/// What to do with a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It stays as it is.
    Keep,
    /// It goes.
    Reject,
    /// It gets this answer.
    Replace(String),
    /// All views stay: the row, and one for each of these contexts.
    Views(Vec<InContext>),
    /// It waits for a decision.
    Disputed {
        /// The other answer, where an expert gave one.
        alternative: Option<String>,
        /// Why there is no decision.
        why: &'static str,
    },
}

/// Another answer and where it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InContext {
    /// Circumstances in which the answer holds.
    pub context: String,
    /// The other answer.
    pub answer: String,
}

/// A decision and how it came about.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// What to do.
    pub outcome: Outcome,
    /// Share of the experts who hold the view that was taken, or the most common one.
    pub agreement: f64,
    /// Experts who rated.
    pub experts: usize,
    /// Mean confidence of those who hold that view.
    pub confidence: f64,
}

/// A view: the verdict with the answer it gives.
type View<'a> = (Verdict, Option<&'a str>);

fn view(rating: &Rating) -> View<'_> {
    let answer =
        matches!(rating.verdict, Verdict::Fix | Verdict::Context).then_some(rating.answer.as_deref()).flatten();
    (rating.verdict, answer.map(str::trim))
}

/// Each context that these ratings give with its answer, once, in their order; `None` where one context has two answers.
fn contexts<'a>(ratings: impl Iterator<Item = &'a Rating>) -> Option<Vec<InContext>> {
    let mut found: Vec<InContext> = Vec::new();
    for rating in ratings.filter(|rating| rating.verdict == Verdict::Context) {
        let trimmed = |words: &Option<String>| words.as_deref().unwrap_or_default().trim().to_owned();
        let view = InContext { context: trimmed(&rating.context), answer: trimmed(&rating.answer) };
        let same = |other: &&InContext| other.context.to_lowercase() == view.context.to_lowercase();
        match found.iter().find(same) {
            None => found.push(view),
            Some(other) if other.answer == view.answer => {}
            Some(_) => return None,
        }
    }
    Some(found)
}

/// Decides about one row from the rating that counts of each expert; `None` without a rating.
pub fn decide(ratings: &BTreeMap<&str, &Rating>) -> Option<Decision> {
    let mut views: BTreeMap<View<'_>, Vec<&Rating>> = BTreeMap::new();
    for rating in ratings.values() {
        views.entry(view(rating)).or_default().push(rating);
    }
    let experts = ratings.len();
    // The most common view; of two equally common ones the first by verdict, which decides nothing by itself.
    let ((verdict, answer), holders) = views.iter().rev().max_by_key(|(_, holders)| holders.len())?;
    let agreement = holders.len() as f64 / experts as f64;
    let confidence = holders.iter().map(|rating| rating.confidence).sum::<f64>() / holders.len() as f64;
    let decided = |outcome| Some(Decision { outcome, agreement, experts, confidence });
    let majority = holders.len() * 2 > experts;
    let all = contexts(ratings.values().copied()).filter(|views| !views.is_empty());
    let alternative = || {
        let other = ratings.values().filter_map(|rating| view(rating).1).find(|other| Some(*other) != *answer);
        other.or(*answer).map(str::to_owned)
    };
    let disputed = |why| decided(Outcome::Disputed { alternative: alternative(), why });
    let confidences = || ratings.values().map(|rating| rating.confidence);
    let gap = confidences().fold(f64::MIN, f64::max) - confidences().fold(f64::MAX, f64::min);
    if experts == 2 && majority && gap > CONFIDENCE_GAP + ROUNDING {
        return disputed("the two experts differ in confidence; a third must rate it");
    }
    match (majority, all) {
        (true, _) => decided(match verdict {
            Verdict::Good => Outcome::Keep,
            Verdict::Bad => Outcome::Reject,
            Verdict::Fix => Outcome::Replace((*answer).unwrap_or_default().to_owned()),
            // They give one answer, in one or more contexts.
            Verdict::Context => Outcome::Views(contexts(holders.iter().copied()).unwrap_or_default()),
        }),
        // Contexts explain the disagreement, unless someone holds the row for wrong everywhere.
        (false, Some(views)) if ratings.values().all(|rating| rating.verdict != Verdict::Bad) => {
            decided(Outcome::Views(views))
        }
        _ if experts < 3 => disputed("the two experts disagree; a third must rate it"),
        _ => disputed("no view has a majority; let the experts talk and rate it again"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decision(views: &[(Verdict, Option<&str>, f64)]) -> Decision {
        let names = ["ann", "bob", "cy", "dee", "eve"];
        let ratings: Vec<Rating> = views
            .iter()
            .zip(names)
            .map(|((verdict, answer, confidence), name)| Rating {
                answer: answer.map(str::to_owned),
                context: (*verdict == Verdict::Context).then(|| "at night".to_owned()),
                confidence: *confidence,
                ..Rating::new("r", name, *verdict, "2026-01-02T03:04:05Z")
            })
            .collect();
        decide(&ratings.iter().map(|rating| (rating.expert.as_str(), rating)).collect()).unwrap()
    }

    fn outcome(views: &[(Verdict, Option<&str>)]) -> Outcome {
        decision(&views.iter().map(|(verdict, answer)| (*verdict, *answer, 1.0)).collect::<Vec<_>>()).outcome
    }

    const GOOD: (Verdict, Option<&str>) = (Verdict::Good, None);
    const BAD: (Verdict, Option<&str>) = (Verdict::Bad, None);
    const FIX: (Verdict, Option<&str>) = (Verdict::Fix, Some("160 feet"));
    const CONTEXT: (Verdict, Option<&str>) = (Verdict::Context, Some("300 feet"));

    #[test]
    fn experts_who_agree_decide() {
        assert_eq!(outcome(&[GOOD]), Outcome::Keep);
        assert_eq!(outcome(&[BAD, BAD]), Outcome::Reject);
        assert_eq!(outcome(&[FIX, FIX]), Outcome::Replace("160 feet".to_owned()));
    }

    #[test]
    fn two_who_disagree_wait_for_a_third_who_breaks_the_tie() {
        assert!(matches!(outcome(&[GOOD, BAD]), Outcome::Disputed { why, .. } if why.contains("third")));
        assert_eq!(outcome(&[GOOD, BAD, BAD]), Outcome::Reject);
        assert_eq!(outcome(&[GOOD, BAD, GOOD]), Outcome::Keep);
        let Outcome::Disputed { alternative, .. } = outcome(&[GOOD, FIX]) else { panic!("no dispute") };
        assert_eq!(alternative.as_deref(), Some("160 feet"));
    }

    #[test]
    fn without_a_majority_the_row_stays_disputed() {
        assert!(matches!(outcome(&[GOOD, BAD, FIX]), Outcome::Disputed { why, .. } if why.contains("majority")));
        assert!(matches!(outcome(&[GOOD, GOOD, BAD, BAD]), Outcome::Disputed { .. }));
        let other_fix = (Verdict::Fix, Some("170 feet"));
        assert!(matches!(outcome(&[FIX, other_fix]), Outcome::Disputed { .. }));
    }

    #[test]
    fn confidence_far_apart_needs_a_third_expert_though_the_verdicts_agree() {
        let with = |first, second| decision(&[(Verdict::Good, None, first), (Verdict::Good, None, second)]).outcome;
        assert!(matches!(with(1.0, 0.6), Outcome::Disputed { why, .. } if why.contains("confidence")));
        assert_eq!(with(0.9, 0.6), Outcome::Keep);
    }

    #[test]
    fn context_keeps_both_views_unless_a_majority_or_a_veto_says_otherwise() {
        let both = Outcome::Views(vec![in_context("at night", "300 feet")]);
        assert_eq!(outcome(&[CONTEXT]), both);
        assert_eq!(outcome(&[GOOD, CONTEXT]), both);
        assert_eq!(outcome(&[GOOD, GOOD, CONTEXT]), Outcome::Keep);
        assert!(matches!(outcome(&[BAD, CONTEXT]), Outcome::Disputed { .. }));
    }

    fn in_context(context: &str, answer: &str) -> InContext {
        InContext { context: context.to_owned(), answer: answer.to_owned() }
    }

    /// What follows when these experts give a context with an answer, and the last holds the row for good.
    fn in_contexts(views: &[(&str, &str)], good: bool) -> Outcome {
        let names = ["ann", "bob", "cy", "dee"];
        let mut ratings: Vec<Rating> = Vec::new();
        for ((context, answer), name) in views.iter().zip(names) {
            let rating = Rating::new("r", name, Verdict::Context, "2026-01-02T03:04:05Z");
            ratings.push(Rating { context: Some((*context).to_owned()), answer: Some((*answer).to_owned()), ..rating });
        }
        if good {
            ratings.push(Rating::new("r", "zoe", Verdict::Good, "2026-01-02T03:04:05Z"));
        }
        decide(&ratings.iter().map(|rating| (rating.expert.as_str(), rating)).collect()).unwrap().outcome
    }

    #[test]
    fn every_context_becomes_a_view_whoever_named_it() {
        let night_and_rain =
            Outcome::Views(vec![in_context("at night", "300 feet"), in_context("in rain", "200 feet")]);
        assert_eq!(in_contexts(&[("at night", "300 feet"), ("in rain", "200 feet")], false), night_and_rain);
        assert_eq!(in_contexts(&[("at night", "300 feet"), ("in rain", "200 feet")], true), night_and_rain);
        // One answer in two contexts is two views as well.
        let same = Outcome::Views(vec![in_context("at night", "300 feet"), in_context("in rain", "300 feet")]);
        assert_eq!(in_contexts(&[("at night", "300 feet"), ("in rain", "300 feet")], false), same);
        let once = Outcome::Views(vec![in_context("at night", "300 feet")]);
        assert_eq!(in_contexts(&[("at night", "300 feet"), ("At night ", "300 feet ")], false), once);
    }

    #[test]
    fn two_answers_for_one_context_are_a_disagreement() {
        let outcome = in_contexts(&[("at night", "300 feet"), ("at night", "200 feet")], false);
        assert!(matches!(outcome, Outcome::Disputed { why, .. } if why.contains("third")), "{outcome:?}");
        assert!(matches!(in_contexts(&[("at night", "1"), ("at night", "2")], true), Outcome::Disputed { .. }));
    }

    #[test]
    fn decision_says_how_many_hold_it_and_how_sure_they_are() {
        let found = decision(&[(Verdict::Good, None, 0.9), (Verdict::Good, None, 0.7), (Verdict::Bad, None, 0.2)]);
        assert_eq!((found.experts, found.outcome), (3, Outcome::Keep));
        assert!((found.agreement - 2.0 / 3.0).abs() < 1e-12 && (found.confidence - 0.8).abs() < 1e-12);
    }
}
