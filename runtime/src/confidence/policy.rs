//! What to do with an answer: show it, show it with a warning, ask back, or refuse.
//!
//! The limits come from the device profile, the evidence from calibration, domain score and documents. Every decision
//! carries its reasons as clauses for people.

use std::collections::BTreeSet;

use crate::retrieval::{Passage, telling_words, words};
use crate::turn::{Assessment, Verdict};

/// Passages that must hold all words of a question before it counts as ambiguous.
const TIED_PASSAGES_MIN: usize = 3;

/// Share of a question's telling words that a passage must hold to speak about the same thing.
const COVERED_SHARE_MIN: f64 = 0.75;

/// The limits, as the device profile gives them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limits {
    /// Answers whose probability of being right is below carry a warning, 0 to 1.
    pub warn_below: f32,
    /// Answers whose probability of being right is below are withheld, 0 to 1.
    pub refuse_below: f32,
    /// Questions with fewer telling words are asked back; 0 asks none back.
    pub clarify_below_words: usize,
}

/// What is known about a question and its answer.
#[derive(Debug, Clone, Copy)]
pub struct Evidence<'a> {
    /// The question.
    pub question: &'a str,
    /// Passages that were found for it, best first; empty when documents were not searched.
    pub passages: &'a [Passage],
    /// Whether documents were searched.
    pub searched: bool,
    /// Whether a passage carries what the answer says.
    pub supported: bool,
    /// Calibrated probability that the answer is right.
    pub probability: Option<f32>,
    /// Domain score of the question, and the limit below which it is foreign, where one is known.
    pub domain: Option<DomainEvidence>,
    /// The conversation has earlier turns, which a short question may refer to.
    pub follows: bool,
}

/// A domain score beside its limit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DomainEvidence {
    /// The score, higher inside.
    pub score: f32,
    /// Scores below are outside; `None` where none was chosen.
    pub limit: Option<f32>,
}

/// What can be decided before a word is generated: a question that names nothing is asked back. `None` where the answer
/// must be seen.
pub fn assess_question(evidence: &Evidence<'_>, limits: &Limits) -> Option<Assessment> {
    let mut reasons = Vec::new();
    let verdict = nameless(evidence, limits, &mut reasons)?;
    Some(assessment(verdict, evidence, reasons))
}

/// Decides what to do with the answer.
pub fn assess(evidence: &Evidence<'_>, limits: &Limits) -> Assessment {
    let mut reasons = Vec::new();
    let verdict = refusal(evidence, limits, &mut reasons)
        .or_else(|| unclear(evidence, limits, &mut reasons))
        .unwrap_or_else(|| warning(evidence, limits, &mut reasons));
    assessment(verdict, evidence, reasons)
}

fn assessment(verdict: Verdict, evidence: &Evidence<'_>, reasons: Vec<String>) -> Assessment {
    Assessment {
        verdict,
        probability: evidence.probability,
        domain_score: evidence.domain.map(|domain| domain.score),
        reasons,
    }
}

/// Why the question is foreign to the adapter, where it is.
fn foreign(evidence: &Evidence<'_>) -> Option<String> {
    let DomainEvidence { score, limit } = evidence.domain?;
    // Its figures are for programs: they stand beside the reasons.
    limit
        .is_some_and(|limit| score < limit)
        .then(|| "the question is unlike those the adapter was trained for".to_owned())
}

fn refusal(evidence: &Evidence<'_>, limits: &Limits, reasons: &mut Vec<String>) -> Option<Verdict> {
    if let Some(reason) = foreign(evidence) {
        // Documents may cover what the adapter never saw.
        if !(covered(evidence) && evidence.supported) {
            reasons.push(reason);
            return Some(Verdict::Refuse);
        }
        reasons.push("the adapter does not know this subject, but a passage of the documents covers it".to_owned());
    }
    let probability = evidence.probability.filter(|probability| *probability < limits.refuse_below)?;
    reasons.push(format!("an answer like this one is right in only {}", cases(probability)));
    Some(Verdict::Refuse)
}

/// Too few words that name a subject.
fn nameless(evidence: &Evidence<'_>, limits: &Limits, reasons: &mut Vec<String>) -> Option<Verdict> {
    let named = asked_for(evidence.question).len();
    if evidence.follows || named >= limits.clarify_below_words {
        return None;
    }
    reasons.push(match named {
        0 => "the question names no subject; say what it is about".to_owned(),
        _ => "the question is too short to tell what is meant; say more about it".to_owned(),
    });
    Some(Verdict::Clarify)
}

fn unclear(evidence: &Evidence<'_>, limits: &Limits, reasons: &mut Vec<String>) -> Option<Verdict> {
    if let Some(verdict) = nameless(evidence, limits, reasons) {
        return Some(verdict);
    }
    if limits.clarify_below_words == 0 || evidence.follows || evidence.supported {
        return None;
    }
    let tied = tied_subjects(evidence.passages, &asked_for(evidence.question));
    if tied.len() < TIED_PASSAGES_MIN {
        return None;
    }
    reasons.push(format!(
        "{} passages fit equally well ({}); say which one is meant",
        tied.len(),
        tied.iter().take(TIED_PASSAGES_MIN).map(String::as_str).collect::<Vec<_>>().join("; ")
    ));
    Some(Verdict::Clarify)
}

fn warning(evidence: &Evidence<'_>, limits: &Limits, reasons: &mut Vec<String>) -> Verdict {
    let mut verdict = Verdict::Answer;
    if let Some(probability) = evidence.probability {
        reasons.push(format!("an answer like this one is right in {}", cases(probability)));
        if probability < limits.warn_below {
            verdict = Verdict::Warn;
        }
    }
    if evidence.searched && !evidence.supported {
        reasons.push("no passage of the documents confirms it".to_owned());
        verdict = Verdict::Warn;
    }
    verdict
}

/// A probability as a count of cases, e.g. `95 of 100 cases`. Certainty is never claimed: the few hundred answers that
/// a calibration is fitted on cannot show it.
pub fn cases(probability: f32) -> String {
    match (probability * 100.0).round() {
        few if few < 1.0 => "fewer than 1 of 100 cases".to_owned(),
        all if all > 99.0 => "more than 99 of 100 cases".to_owned(),
        some => format!("{some:.0} of 100 cases"),
    }
}

/// The words of a question that say what it is about, each once.
fn asked_for(question: &str) -> BTreeSet<String> {
    telling_words(question).into_iter().collect()
}

/// Whether the best passage holds most of the question's telling words.
fn covered(evidence: &Evidence<'_>) -> bool {
    let asked = asked_for(evidence.question);
    let most = evidence.passages.iter().map(|passage| held(passage, &asked)).max().unwrap_or(0);
    !asked.is_empty() && most as f64 >= COVERED_SHARE_MIN * asked.len() as f64
}

fn held(passage: &Passage, asked: &BTreeSet<String>) -> usize {
    let text = format!("{} {}", passage.heading, passage.text);
    let given: BTreeSet<String> = words(&text).collect();
    asked.intersection(&given).count()
}

/// Beginnings of the passages that hold every telling word, each once. A list of links is no subject.
fn tied_subjects(passages: &[Passage], asked: &BTreeSet<String>) -> Vec<String> {
    let mut subjects: Vec<String> = Vec::new();
    for passage in passages.iter().filter(|passage| held(passage, asked) == asked.len()) {
        let Some(line) = passage.text.lines().find(|line| is_prose(line)) else { continue };
        let first: Vec<&str> = line.split_whitespace().take(6).collect();
        let name = format!("{}..", first.join(" "));
        if !subjects.contains(&name) {
            subjects.push(name);
        }
    }
    subjects
}

/// Whether a line says something: more than a heading, and more than links to other pages.
fn is_prose(line: &str) -> bool {
    let mut rest = line.trim();
    if rest.starts_with('#') {
        return false;
    }
    while let Some((before, link)) = rest.split_once('[') {
        if before.contains(char::is_alphabetic) {
            return true;
        }
        let target = link.split_once(']').and_then(|(_, behind)| behind.strip_prefix('('));
        rest = target.and_then(|target| target.split_once(')')).map_or(link, |(_, behind)| behind);
    }
    rest.contains(char::is_alphabetic)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { warn_below: 0.7, refuse_below: 0.2, clarify_below_words: 1 };

    fn passage(text: &str) -> Passage {
        Passage {
            document: "guide.md".into(),
            page: None,
            heading: String::new(),
            text: text.into(),
            start_byte: 0,
            end_byte: text.len(),
            score: 1.0,
        }
    }

    fn evidence<'a>(question: &'a str, passages: &'a [Passage]) -> Evidence<'a> {
        Evidence {
            question,
            passages,
            searched: true,
            supported: true,
            probability: Some(0.95),
            domain: Some(DomainEvidence { score: 1.5, limit: Some(1.0) }),
            follows: false,
        }
    }

    fn verdict(evidence: &Evidence<'_>) -> Verdict {
        assess(evidence, &LIMITS).verdict
    }

    const QUESTION: &str = "How far do I isolate a chlorine spill?";

    #[test]
    fn a_sure_and_supported_answer_is_shown_with_its_probability_in_words() {
        let given = assess(&evidence(QUESTION, &[]), &LIMITS);
        assert_eq!((given.verdict, given.domain_score), (Verdict::Answer, Some(1.5)));
        assert!(given.reasons[0].contains("95 of 100"), "{:?}", given.reasons);
        assert_eq!(assess_question(&evidence(QUESTION, &[]), &LIMITS), None);
    }

    #[test]
    fn certainty_is_never_claimed() {
        let words = [1.0, 0.996, 0.994, 0.02, 0.004, 0.0].map(cases);
        let (most, least) = ("more than 99 of 100 cases", "fewer than 1 of 100 cases");
        assert_eq!(words, [most, most, "99 of 100 cases", "2 of 100 cases", least, least]);
    }

    #[test]
    fn limits_of_the_profile_separate_answer_warning_and_refusal() {
        for (probability, expected) in
            [(0.70, Verdict::Answer), (0.69, Verdict::Warn), (0.20, Verdict::Warn), (0.19, Verdict::Refuse)]
        {
            let seen = Evidence { probability: Some(probability), ..evidence(QUESTION, &[]) };
            assert_eq!(verdict(&seen), expected, "{probability}");
        }
        assert_eq!(verdict(&Evidence { probability: None, ..evidence(QUESTION, &[]) }), Verdict::Answer);
    }

    #[test]
    fn an_answer_that_no_passage_confirms_carries_a_warning() {
        let seen = Evidence { supported: false, ..evidence(QUESTION, &[]) };
        let given = assess(&seen, &LIMITS);
        assert_eq!(given.verdict, Verdict::Warn);
        assert!(given.reasons.iter().any(|reason| reason.contains("no passage")));
        assert_eq!(verdict(&Evidence { searched: false, ..seen }), Verdict::Answer, "documents were not asked");
    }

    #[test]
    fn a_foreign_question_is_refused_unless_the_documents_cover_it() {
        let foreign = Some(DomainEvidence { score: 0.5, limit: Some(1.0) });
        let other = [passage("A valve is red.")];
        let seen = Evidence { domain: foreign, ..evidence(QUESTION, &other) };
        let refused = assess(&seen, &LIMITS);
        assert_eq!((refused.verdict, refused.domain_score), (Verdict::Refuse, Some(0.5)));
        assert!(!refused.reasons[0].contains(|letter: char| letter.is_ascii_digit()), "{:?}", refused.reasons);
        let covering = [passage("Isolate a chlorine spill far away: 150 feet.")];
        let seen = Evidence { domain: foreign, ..evidence(QUESTION, &covering) };
        assert_eq!(verdict(&seen), Verdict::Answer);
        assert_eq!(verdict(&Evidence { supported: false, ..seen }), Verdict::Refuse);
        let unknown = Some(DomainEvidence { score: 0.5, limit: None });
        assert_eq!(verdict(&Evidence { domain: unknown, ..evidence(QUESTION, &other) }), Verdict::Answer);
    }

    #[test]
    fn a_question_that_names_nothing_is_asked_back_unless_it_follows_another() {
        let seen = evidence("What is it?", &[]);
        assert_eq!(assess_question(&seen, &LIMITS).map(|given| given.verdict), Some(Verdict::Clarify));
        assert_eq!(assess_question(&Evidence { follows: true, ..seen }, &LIMITS), None);
        assert_eq!(assess_question(&seen, &Limits { clarify_below_words: 0, ..LIMITS }), None);
        assert_eq!(assess_question(&evidence("chlorine?", &[]), &LIMITS), None);
    }

    #[test]
    fn passages_that_fit_equally_well_are_named_when_none_confirms_the_answer() {
        let question = "What is the isolation distance?";
        let tied = ["chlorine", "ammonia", "propane"]
            .map(|gas| passage(&format!("For {gas} the isolation distance is known.")));
        let seen = Evidence { supported: false, ..evidence(question, &tied) };
        let given = assess(&seen, &LIMITS);
        assert_eq!(given.verdict, Verdict::Clarify);
        assert!(given.reasons[0].contains("For ammonia the isolation distance"), "{:?}", given.reasons);
        assert_eq!(verdict(&Evidence { supported: true, ..seen }), Verdict::Answer);
        assert_eq!(verdict(&Evidence { passages: &tied[..2], ..seen }), Verdict::Warn);
    }

    #[test]
    fn links_and_headings_are_no_subjects_to_choose_among() {
        let links = ["map", "list", "index"].map(|name| {
            passage(&format!("## Isolation distance\n\n* [Isolation distance](/{name})\n1. [The {name}](/a) | [Up](/)"))
        });
        let seen = Evidence { supported: false, ..evidence("What is the isolation distance?", &links) };
        assert_eq!(verdict(&seen), Verdict::Warn);
        for (line, says) in [("[x] check [this](/a)", true), ("See [the map](/map).", true), ("[a](b) [c", true)] {
            assert_eq!(is_prose(line), says, "{line}");
        }
        let mixed = links.map(|links| passage(&format!("{}\n{}", links.text, "The distance grows with wind.")));
        assert_eq!(tied_subjects(&mixed, &asked_for("isolation distance")), ["The distance grows with wind..."]);
    }
}
