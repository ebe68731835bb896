//! What becomes of a row when experts have spoken: the conflict protocol.
//!
//! Every view stays on record, whatever is decided.
//!
//! 1. Experts who agree decide together.
//! 2. Two who disagree, or whose confidence differs by more than [`CONFIDENCE_GAP`], need a third: until then the
//!    row is disputed.
//! 3. Of three or more, the majority decides; without one the row stays disputed.
//! 4. When an expert says that the answer holds in one context and another elsewhere, and no majority says
//!    otherwise, both views become rows of their own.

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
    /// Both views stay: the row, and one with this context and answer.
    BothViews {
        /// Circumstances in which the answer holds.
        context: String,
        /// The other answer.
        answer: String,
    },
    /// It waits for a decision.
    Disputed {
        /// The other answer, where an expert gave one.
        alternative: Option<String>,
        /// Why there is no decision.
        why: &'static str,
    },
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
    let context = ratings.values().find(|rating| rating.verdict == Verdict::Context);
    let alternative = || {
        let other = ratings.values().filter_map(|rating| view(rating).1).find(|other| Some(*other) != *answer);
        other.or(*answer).map(str::to_owned)
    };
    let disputed = |why| decided(Outcome::Disputed { alternative: alternative(), why });
    let both = |rating: &Rating| Outcome::BothViews {
        context: rating.context.clone().unwrap_or_default(),
        answer: rating.answer.clone().unwrap_or_default(),
    };
    let confidences = || ratings.values().map(|rating| rating.confidence);
    let gap = confidences().fold(f64::MIN, f64::max) - confidences().fold(f64::MAX, f64::min);
    if experts == 2 && majority && gap > CONFIDENCE_GAP + ROUNDING {
        return disputed("the two experts differ in confidence; a third must rate it");
    }
    match (majority, context) {
        (true, _) => decided(match verdict {
            Verdict::Good => Outcome::Keep,
            Verdict::Bad => Outcome::Reject,
            Verdict::Fix => Outcome::Replace((*answer).unwrap_or_default().to_owned()),
            Verdict::Context => both(holders[0]),
        }),
        // A context explains the disagreement, unless someone holds the row for wrong everywhere.
        (false, Some(rating)) if ratings.values().all(|rating| rating.verdict != Verdict::Bad) => decided(both(rating)),
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
        let both = Outcome::BothViews { context: "at night".to_owned(), answer: "300 feet".to_owned() };
        assert_eq!(outcome(&[CONTEXT]), both);
        assert_eq!(outcome(&[GOOD, CONTEXT]), both);
        assert_eq!(outcome(&[GOOD, GOOD, CONTEXT]), Outcome::Keep);
        assert!(matches!(outcome(&[BAD, CONTEXT]), Outcome::Disputed { .. }));
    }

    #[test]
    fn decision_says_how_many_hold_it_and_how_sure_they_are() {
        let found = decision(&[(Verdict::Good, None, 0.9), (Verdict::Good, None, 0.7), (Verdict::Bad, None, 0.2)]);
        assert_eq!((found.experts, found.outcome), (3, Outcome::Keep));
        assert!((found.agreement - 2.0 / 3.0).abs() < 1e-12 && (found.confidence - 0.8).abs() < 1e-12);
    }
}
