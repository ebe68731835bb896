//! Citations: for each sentence of an answer, the shortest piece of a passage that says it.
//!
//! A piece supports a sentence if it has every number of it, most of the words that it adds to the question, and
//! no negation that the sentence lacks or lacks one that the sentence has. The piece is quoted as it stands in the
//! document. The rule knows words, not meanings: it is strict about figures, which is what harms.

use std::ops::Range;

use super::Passage;
use super::words::{alike, is_function_word, words};
use crate::documents::block::trimmed;
use crate::turn::Citation;

/// Share of a sentence's own words that a piece must have.
const WORDS_SHARE_MIN: f32 = 0.6;

/// Sentences of a passage that are quoted together at most; a longer piece proves less.
const SENTENCES_MAX: usize = 3;

/// Words between a negation and what it negates.
const NEGATION_REACH: usize = 3;

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
        let Some(claim) = Claim::new(question, sentence) else { continue };
        found.sentences += 1;
        match best_piece(&claim, passages) {
            Some(citation) if found.citations.contains(&citation) => {}
            Some(citation) => found.citations.push(citation),
            None => found.unsupported.push(sentence.to_owned()),
        }
    }
    found
}

/// What a sentence says, as far as words go.
struct Claim {
    numbers: Vec<String>,
    /// Words that the sentence adds to the question; all that say something where it adds none.
    own: Vec<String>,
    /// All words that say something.
    telling: Vec<String>,
    negated: bool,
}

impl Claim {
    /// `None` for a sentence without a word or number that says anything.
    fn new(question: &str, sentence: &str) -> Option<Claim> {
        let numbers = crate::evaluate::numbers(sentence);
        let asked: Vec<String> = words(question).collect();
        let says = |word: &String| !is_function_word(word) && !is_negation(word) && !is_number(word);
        let telling: Vec<String> = words(sentence).filter(says).collect();
        let added = |word: &&String| !asked.iter().any(|other| alike(word, other));
        let mut own: Vec<String> = telling.iter().filter(added).cloned().collect();
        if own.is_empty() && numbers.is_empty() {
            own.clone_from(&telling);
        }
        let negated = tokens(sentence).any(|word| is_negation(&word));
        (!numbers.is_empty() || !telling.is_empty()).then_some(Claim { numbers, own, telling, negated })
    }

    /// How well `piece` under `heading` supports it, if it does: the share of its words that the piece has.
    fn support(&self, heading: &str, piece: &str) -> Option<f32> {
        let given_numbers = crate::evaluate::numbers(&format!("{heading}\n{piece}"));
        if !self.numbers.iter().all(|number| given_numbers.contains(number)) {
            return None;
        }
        let given: Vec<String> = words(heading).chain(words(piece)).collect();
        let has = |word: &&String| given.iter().any(|other| alike(word, other));
        let own = self.own.iter().filter(has).count();
        if (own as f32) < WORDS_SHARE_MIN * self.own.len() as f32 || self.contradicted(piece) {
            return None;
        }
        let telling = self.telling.iter().filter(has).count();
        Some((1 + telling) as f32 / (1 + self.telling.len()) as f32)
    }

    /// Whether one of sentence and piece negates what the other affirms.
    fn contradicted(&self, piece: &str) -> bool {
        let words: Vec<String> = tokens(piece).collect();
        let denied = |at: usize| {
            let before = &words[at.saturating_sub(NEGATION_REACH)..at];
            let clause = before.iter().rposition(|word| word == CLAUSE_END).map_or(0, |end| end + 1);
            before[clause..].iter().any(|word| is_negation(word))
        };
        if self.negated {
            return !words.iter().any(|word| is_negation(word));
        }
        let claimed = if self.own.is_empty() { &self.telling } else { &self.own };
        claimed.iter().any(|word| {
            let said: Vec<usize> = (0..words.len()).filter(|at| alike(word, &words[*at])).collect();
            !said.is_empty() && said.into_iter().all(denied)
        })
    }
}

/// The piece that has most of the claim's words, the shortest of these, from the most relevant passage.
fn best_piece(claim: &Claim, passages: &[Passage]) -> Option<Citation> {
    let mut best: Option<(f32, usize, Citation)> = None;
    for passage in passages {
        // A passage that does not support the claim as a whole has no piece that does, but for negations.
        for range in pieces(&passage.text) {
            let piece = &passage.text[range.clone()];
            let Some(share) = claim.support(&passage.heading, piece) else { continue };
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

/// Stands for the end of a clause among the tokens of a text.
const CLAUSE_END: &str = ",";

/// Words in lower case, and the marks between clauses.
fn tokens(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split_inclusive([',', ';', ':', '.', '!', '?', '(', ')', '\n']).flat_map(|clause| {
        let ended = !clause.ends_with(|c: char| c.is_alphanumeric());
        words(clause).chain(ended.then(|| CLAUSE_END.to_owned()))
    })
}

/// Whether a word turns a sentence round; `don't` is read as `don` and `t`.
fn is_negation(word: &str) -> bool {
    matches!(
        word,
        "not"
            | "no"
            | "never"
            | "without"
            | "cannot"
            | "nor"
            | "neither"
            | "don"
            | "doesn"
            | "didn"
            | "isn"
            | "aren"
            | "wasn"
            | "won"
            | "shouldn"
            | "mustn"
            | "couldn"
            | "wouldn"
    )
}

fn is_number(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
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
