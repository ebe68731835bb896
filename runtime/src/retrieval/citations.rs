//! Citations: for each sentence of an answer, the shortest piece of a passage that says it.
//!
//! A piece supports a sentence if one sentence of it, under its heading, has every number and every letter that stands
//! alone (`Class B`) together with what the question asks about and the answer repeats, what the answer names behind `of`
//! or `for`, and most of the words that it adds to the question; if its passage knows the numbers of the question; and if
//! neither negates what the other affirms. The piece is quoted as it stands in the document. The rule knows words, not meanings: it is strict about figures and about whose they are,
//! which is what harms.

mod claim;

use std::ops::Range;

use super::Passage;
use crate::documents::block::trimmed;
use crate::turn::Citation;
use claim::Claim;

/// Sentences of a passage that are quoted together at most; a longer piece proves less.
const SENTENCES_MAX: usize = 3;

/// What an answer rests on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Support {
    /// Verbatim pieces, in the order of the sentences that they support, each once.
    pub citations: Vec<Citation>,
    /// Sentences of the answer that say something.
    pub sentences: usize,
    /// Of these, those that no passage supports.
    pub unsupported: Vec<String>,
}

impl Support {
    /// Of `passages`, the one that the first citation is a piece of, else the most relevant one.
    pub fn passage<'a>(&self, passages: &'a [Passage]) -> Option<&'a Passage> {
        let holds = |passage: &&Passage, citation: &Citation| {
            passage.document == citation.document
                && (passage.start_byte..=passage.end_byte).contains(&citation.start_byte)
                && citation.end_byte <= passage.end_byte
        };
        let cited = self.citations.first();
        cited.and_then(|citation| passages.iter().find(|passage| holds(passage, citation))).or(passages.first())
    }

    /// Whether every sentence of the answer rests on a passage.
    pub fn is_whole(&self) -> bool {
        self.sentences > 0 && self.unsupported.is_empty()
    }
}

/// Finds what `answer` to `question` rests on among `passages`, which are in the order of relevance.
pub fn citations(question: &str, answer: &str, passages: &[Passage]) -> Support {
    let mut found = Support::default();
    for range in sentences(answer) {
        let sentence = &answer[range];
        let Some(claim) = Claim::new(question, answer, sentence) else { continue };
        found.sentences += 1;
        match best_piece(&claim, passages) {
            Some(citation) if found.citations.contains(&citation) => {}
            Some(citation) => found.citations.push(citation),
            None => found.unsupported.push(sentence.to_owned()),
        }
    }
    found
}

/// The piece that has most of the claim's words, the shortest of these, from the most relevant passage.
fn best_piece(claim: &Claim, passages: &[Passage]) -> Option<Citation> {
    let mut best: Option<(f32, usize, Citation)> = None;
    for passage in passages {
        // A passage that does not support the claim as a whole has no piece that does, but for negations.
        for range in pieces(&passage.text) {
            let piece = &passage.text[range.clone()];
            let Some(share) = claim.support(passage, piece) else { continue };
            let better = best
                .as_ref()
                .is_none_or(|(known, length, _)| share > *known || (share == *known && range.len() < *length));
            if better {
                let citation = Citation {
                    document: passage.document.clone(),
                    page: passage.page,
                    heading: passage.heading.clone(),
                    quote: piece.to_owned(),
                    start_byte: passage.start_byte + range.start,
                    end_byte: passage.start_byte + range.end,
                };
                best = Some((share, range.len(), citation));
            }
        }
        if best.as_ref().is_some_and(|(share, ..)| *share >= 1.0) {
            break;
        }
    }
    best.map(|(_, _, citation)| citation)
}

/// Runs of up to [`SENTENCES_MAX`] sentences, the shortest first.
fn pieces(text: &str) -> impl Iterator<Item = Range<usize>> {
    let all = sentences(text);
    (1..=SENTENCES_MAX.min(all.len().max(1)))
        .flat_map(move |length| all.windows(length).map(|run| run[0].start..run[run.len() - 1].end).collect::<Vec<_>>())
}

/// Sentences and lines as ranges without white space at their ends. A point inside a number or word ends none.
pub(crate) fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let ends = c == '\n' || (matches!(c, '.' | '!' | '?') && next.is_none_or(char::is_whitespace));
        if ends {
            let end = at + c.len_utf8();
            found.extend(trimmed(text, start..end));
            start = end;
        }
    }
    found.extend(trimmed(text, start..text.len()));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passage(heading: &str, text: &str) -> Passage {
        Passage {
            document: "guide.md".to_owned(),
            page: Some(3),
            heading: heading.to_owned(),
            text: text.to_owned(),
            start_byte: 100,
            end_byte: 100 + text.len(),
            score: 1.0,
        }
    }

    fn quotes(question: &str, answer: &str, passages: &[Passage]) -> Vec<String> {
        citations(question, answer, passages).citations.into_iter().map(|citation| citation.quote).collect()
    }

    const HAZMAT: &str =
        "Isolate a chlorine spill for 330 feet. Stay upwind of the vapor.\nCall CHEMTREC at 1-800-424-9300.";

    #[test]
    fn each_sentence_is_answered_by_the_shortest_piece_that_says_it() {
        let passages = [passage("Hazmat > Chlorine", HAZMAT)];
        let found = citations("What do I do?", "Isolate for 330 feet. Stay upwind.", &passages);
        assert!(found.is_whole());
        let quotes: Vec<&str> = found.citations.iter().map(|citation| citation.quote.as_str()).collect();
        assert_eq!(quotes, ["Isolate a chlorine spill for 330 feet.", "Stay upwind of the vapor."]);
        for citation in &found.citations {
            assert_eq!(HAZMAT[citation.start_byte - 100..citation.end_byte - 100], citation.quote);
            assert_eq!(citation.page, Some(3));
        }
    }

    #[test]
    fn sentence_with_another_number_is_named_as_unsupported() {
        let passages = [passage("Hazmat > Chlorine", HAZMAT)];
        let found = citations("How far?", "Isolate for 300 feet. Stay upwind.", &passages);
        assert!(!found.is_whole());
        assert_eq!(found.unsupported, ["Isolate for 300 feet."]);
        assert_eq!(found.citations.len(), 1);
    }

    #[test]
    fn figure_of_another_subject_is_no_support() {
        let guides =
            [passage("Guides", "The ERG guide for chlorine is Guide 124. The ERG guide for propane is Guide 115.")];
        let (ask, chlorine) = ("Which ERG guide covers acetone?", "Which ERG guide covers chlorine?");
        for answer in ["The ERG guide for acetone is Guide 124.", "Guide 124."] {
            assert!(quotes(ask, answer, &guides).is_empty(), "{answer}");
        }
        for answer in ["The ERG guide for chlorine is Guide 124.", "Guide 124."] {
            assert_eq!(quotes(chlorine, answer, &guides), ["The ERG guide for chlorine is Guide 124."], "{answer}");
        }
        assert!(quotes(chlorine, "The ERG guide for chlorine is Guide 115.", &guides).is_empty());
    }

    #[test]
    fn a_letter_that_names_a_thing_counts_as_a_figure() {
        let sizes = "The size of a Class A fire is up to a quarter acre. The size of a Class B fire is up to 10 acres. \
                     The size of a Class C fire is 10 to 99 acres.";
        let sizes = [passage("Sizes", sizes)];
        let ask = "What is the size of a Class B fire?";
        assert!(quotes(ask, "The size of a Class B fire is 10 to 99 acres.", &sizes).is_empty());
        assert_eq!(quotes(ask, "The size of a Class B fire is up to 10 acres.", &sizes).len(), 1);
        let ask = "What is the size of a class A fire?";
        assert!(quotes(ask, "The size of a Class A fire is up to 10 acres.", &sizes).is_empty());
    }

    #[test]
    fn figure_in_a_sentence_that_refers_back_belongs_to_the_subject_before_it() {
        let ask = "What is the IDLH of phosgene?";
        let answer = "The IDLH of phosgene is 2 ppm.";
        let refers = [passage("", "Phosgene smells of hay. Its IDLH is 2 ppm.")];
        assert_eq!(quotes(ask, answer, &refers), ["Phosgene smells of hay. Its IDLH is 2 ppm."]);
        let other = [passage("", "Phosgene smells of hay. The IDLH of bromine is 2 ppm.")];
        assert!(quotes(ask, answer, &other).is_empty());
    }

    #[test]
    fn what_two_sentences_say_of_different_things_supports_nothing() {
        let smells =
            [passage("", "The odor of phosgene is like musty hay. The color of chlorine gas is greenish yellow.")];
        let ask = "What is the odor of chlorine?";
        assert!(quotes(ask, "The odor of chlorine is like musty hay.", &smells).is_empty());
        assert_eq!(
            quotes("What is the odor of phosgene?", "The odor of phosgene is like musty hay.", &smells).len(),
            1
        );
    }

    #[test]
    fn a_name_that_the_question_lacks_must_stand_in_the_document() {
        let points = [passage("Properties", "The boiling point of chlorine is minus 29 degrees Fahrenheit.")];
        let ask = "What is its boiling point?";
        assert!(quotes(ask, "The boiling point of acetylene is minus 29 degrees Fahrenheit.", &points).is_empty());
        assert_eq!(quotes(ask, "The boiling point of chlorine is minus 29 degrees Fahrenheit.", &points).len(), 1);
    }

    #[test]
    fn answer_about_another_number_than_the_asked_one_is_not_supported() {
        let orders = [passage("Orders", "Fire Order 1 is to stay current on fire weather.")];
        let answer = "Fire Order 1 is to stay current on fire weather.";
        assert!(quotes("What is Fire Order 11?", answer, &orders).is_empty());
        assert_eq!(quotes("What is Fire Order 1?", answer, &orders), [answer]);
    }

    #[test]
    fn words_of_asking_need_not_stand_in_the_document() {
        let passages = [passage("Hazmat > Chlorine", HAZMAT)];
        let ask = "How far away do I stay from a chlorine spill?";
        assert_eq!(quotes(ask, "Stay 330 feet away from a chlorine spill.", &passages).len(), 1);
    }

    #[test]
    fn number_alone_is_no_support_when_the_words_differ() {
        let passages = [passage("", "Boil water for 330 seconds.")];
        assert!(quotes("How far?", "Evacuate everyone within 330 feet.", &passages).is_empty());
    }

    #[test]
    fn negation_on_one_side_only_is_no_support() {
        let passages = [passage("Sodium", "Do not use water on burning sodium. Use dry sand.")];
        assert!(quotes("What about sodium?", "Use water.", &passages).is_empty());
        assert_eq!(quotes("What about sodium?", "Never use water.", &passages).len(), 1);
        assert_eq!(quotes("What about sodium?", "Use dry sand.", &passages), ["Use dry sand."]);
    }

    #[test]
    fn words_of_the_heading_count_and_points_inside_numbers_end_no_sentence() {
        let passages = [passage("Chlorine, UN 1017", "Density is 2.5 times that of air.")];
        let quoted = quotes("How dense is it?", "UN 1017 is 2.5 times as dense as air.", &passages);
        assert_eq!(quoted, ["Density is 2.5 times that of air."]);
    }

    #[test]
    fn answer_that_says_nothing_rests_on_nothing() {
        let passages = [passage("", HAZMAT)];
        assert!(!citations("?", "", &passages).is_whole());
        assert!(!citations("?", "It is.", &passages).is_whole());
        assert!(!citations("How far?", "330 feet.", &[]).is_whole());
    }
}
