//! An answer's text on its way to people, while it may turn out that it must be withheld.
//!
//! Whole sentences are shown as they come for as long as the answer so far would be shown without a warning. From the
//! first doubt on the rest waits for the judgement of the whole.

use super::AnswerEvent;
use crate::inference::{Generated, SaidToken};
use crate::retrieval::sentences;
use crate::turn::Assessment;

/// Tokens that an answer must have before a part of it is judged: a few words are sure whatever they say.
const TOKENS_MIN: usize = 8;

/// Whether an answer that consists of this text and these tokens would be shown without a warning.
pub(super) type Sure<'a> = &'a dyn Fn(&str, &[SaidToken]) -> bool;

/// The curtain before an answer.
pub(super) struct Curtain<'a> {
    /// `None` once all text may be shown.
    waiting: Option<Waiting<'a>>,
    on_event: &'a mut dyn FnMut(AnswerEvent),
}

/// An answer that is not judged as a whole yet.
struct Waiting<'a> {
    text: String,
    /// Bytes of the text that were shown.
    shown: usize,
    said: Vec<SaidToken>,
    pieces: usize,
    doubted: bool,
    sure: Sure<'a>,
}

impl Waiting<'_> {
    /// The sentences that became complete, where all is sure so far.
    fn sure_sentences(&mut self) -> Option<String> {
        if self.doubted || self.said.len() < TOKENS_MIN {
            return None;
        }
        let sentences = sentences(&self.text[self.shown..]);
        let [_, .., last] = &sentences[..] else { return None };
        let end = self.shown + last.start;
        self.doubted = !(self.sure)(&self.text[..end], &self.said);
        if self.doubted {
            return None;
        }
        let sentences = self.text[self.shown..end].to_owned();
        self.shown = end;
        Some(sentences)
    }
}

impl<'a> Curtain<'a> {
    /// Shows what is `sure` and holds the rest back; without a judge it shows text as it comes.
    pub fn new(sure: Option<Sure<'a>>, on_event: &'a mut dyn FnMut(AnswerEvent)) -> Self {
        let waiting =
            |sure| Waiting { text: String::new(), shown: 0, said: Vec::new(), pieces: 0, doubted: false, sure };
        Self { waiting: sure.map(waiting), on_event }
    }

    /// The next piece of text, and the tokens since the one before.
    pub fn text(&mut self, piece: &str, said: &[SaidToken]) {
        let Some(waiting) = &mut self.waiting else {
            return (self.on_event)(AnswerEvent::Text(piece.to_owned()));
        };
        waiting.text.push_str(piece);
        waiting.said.extend_from_slice(said);
        waiting.pieces += 1;
        (self.on_event)(AnswerEvent::Held(waiting.pieces));
        if let Some(sentences) = waiting.sure_sentences() {
            (self.on_event)(AnswerEvent::Text(sentences));
        }
    }

    /// What a prompt and its answer took of the context.
    pub fn took(&mut self, said: &Generated) {
        self.event(AnswerEvent::Context { prompt_tokens: said.prompt_tokens, answer_tokens: said.tokens });
    }

    /// What is no text of the answer, shown at once.
    pub fn event(&mut self, event: AnswerEvent) {
        (self.on_event)(event);
    }

    /// Shows what was held back, and all text from now on.
    pub fn lift(&mut self) {
        if let Some(Waiting { text, shown, .. }) = self.waiting.take()
            && shown < text.len()
        {
            (self.on_event)(AnswerEvent::Text(text[shown..].to_owned()));
        }
    }

    /// Shows the assessment, and then the text if it may be shown.
    pub fn judged(&mut self, assessment: &Assessment) {
        self.event(AnswerEvent::Assessment(assessment.clone()));
        if assessment.shows_answer() {
            self.lift();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::TokenChoice;
    use crate::turn::Verdict;

    fn token() -> SaidToken {
        let choice = TokenChoice { token: 0, bytes: Vec::new(), log_probability: -0.1 };
        SaidToken { offset: 0, choice, alternatives: Vec::new() }
    }

    /// What people see of `text`, said in words, under a judge and a verdict on the whole.
    fn seen(text: &str, sure: Sure<'_>, verdict: Verdict) -> Vec<String> {
        let mut shown = Vec::new();
        let mut on_event = |event| match event {
            AnswerEvent::Text(text) => shown.push(text),
            AnswerEvent::Assessment(_) => shown.push("?".to_owned()),
            _ => {}
        };
        let mut curtain = Curtain::new(Some(sure), &mut on_event);
        text.split_inclusive(' ').for_each(|word| curtain.text(word, &[token()]));
        curtain.judged(&Assessment { verdict, probability: None, domain_score: None, reasons: Vec::new() });
        shown
    }

    const ANSWER: &str = "Stay far upwind of the leak at first. Isolate 150 feet on all sides. Call the number.";

    #[test]
    fn sure_sentences_are_shown_while_the_next_one_is_said() {
        let shown = seen(ANSWER, &|_, _| true, Verdict::Answer);
        let parts =
            ["Stay far upwind of the leak at first. ", "Isolate 150 feet on all sides. ", "?", "Call the number."];
        assert_eq!(shown, parts);
    }

    #[test]
    fn from_the_first_doubt_on_the_rest_waits_for_the_whole() {
        let sure = |text: &str, _: &[SaidToken]| !text.contains("150");
        let rest = "Isolate 150 feet on all sides. Call the number.";
        assert_eq!(seen(ANSWER, &sure, Verdict::Warn), ["Stay far upwind of the leak at first. ", "?", rest]);
        assert_eq!(seen(ANSWER, &sure, Verdict::Refuse), ["Stay far upwind of the leak at first. ", "?"]);
        assert_eq!(seen(ANSWER, &|_, _| false, Verdict::Refuse), ["?"]);
    }

    #[test]
    fn a_few_words_are_not_judged_alone() {
        assert_eq!(seen("Yes. No.", &|_, _| true, Verdict::Answer), ["?", "Yes. No."]);
    }

    #[test]
    fn judge_sees_all_that_was_said_so_far() {
        let sure = |text: &str, said: &[SaidToken]| {
            assert!(ANSWER.starts_with(text) && said.len() >= text.split_whitespace().count());
            true
        };
        assert_eq!(seen(ANSWER, &sure, Verdict::Answer).len(), 4);
    }
}
