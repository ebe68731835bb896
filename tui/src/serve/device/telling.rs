//! Telling an answer to a client piece by piece, with the figures of its tokens where they were asked for.

use halligan_runtime::inference::{Generated, Piece, SaidToken};

use crate::serve::task::{Event, Scored};

/// How far an answer has been told.
pub(super) struct Telling<'a> {
    figures: bool,
    /// Bytes and tokens that were told.
    text: usize,
    tokens: usize,
    emit: &'a mut dyn FnMut(Event),
}

impl<'a> Telling<'a> {
    /// An answer of which nothing was told; with or without `figures`.
    pub(super) fn new(figures: bool, emit: &'a mut dyn FnMut(Event)) -> Self {
        Self { figures, text: 0, tokens: 0, emit }
    }

    /// The next piece. A token that ends inside a character comes with the one that completes it.
    pub(super) fn piece(&mut self, piece: &Piece) {
        self.text += piece.text.len();
        self.tokens += piece.said.len();
        let tokens = self.scored(&piece.said);
        (self.emit)(Event::Text { text: piece.text.clone(), tokens });
    }

    /// What no piece has told; all of an answer whose pieces were held back.
    pub(super) fn rest(&mut self, answer: &Generated) {
        let text = answer.text.get(self.text..).unwrap_or_default();
        let tokens = self.scored(answer.said.get(self.tokens..).unwrap_or_default());
        if !text.is_empty() || !tokens.is_empty() {
            (self.emit)(Event::Text { text: text.to_owned(), tokens });
        }
    }

    fn scored(&self, said: &[SaidToken]) -> Vec<Scored> {
        let each = said.iter().filter(|_| self.figures).map(|token| {
            let top = token.alternatives.iter().map(|other| (other.bytes.clone(), f64::from(other.log_probability)));
            Scored {
                bytes: token.choice.bytes.clone(),
                logprob: Some(f64::from(token.choice.log_probability)),
                top: top.collect(),
            }
        });
        each.collect()
    }
}

#[cfg(test)]
mod tests {
    use halligan_runtime::inference::{StopReason, Timings, TokenChoice};

    use super::*;

    fn said(text: &str) -> SaidToken {
        let choice = TokenChoice { token: 0, bytes: text.into(), log_probability: -0.5 };
        SaidToken { offset: 0, choice, alternatives: Vec::new() }
    }

    /// Text and number of tokens of each event for an answer of three tokens, of which `told` come as pieces.
    fn events(figures: bool, told: usize) -> Vec<(String, usize)> {
        let words = ["stay ", "far ", "upwind"];
        let answer = Generated {
            text: words.concat(),
            tokens: 3,
            prompt_tokens: 1,
            confidence: None,
            stop: StopReason::EndOfTurn,
            said: words.map(said).to_vec(),
            timings: Timings::default(),
        };
        let mut events = Vec::new();
        let mut emit = |event| match event {
            Event::Text { text, tokens } => events.push((text, tokens.len())),
            other => panic!("only text is told, not {other:?}"),
        };
        let mut telling = Telling::new(figures, &mut emit);
        for word in &words[..told] {
            telling.piece(&Piece { text: (*word).to_owned(), said: vec![said(word)] });
        }
        telling.rest(&answer);
        events
    }

    #[test]
    fn pieces_come_with_the_figures_of_their_tokens_and_the_rest_once() {
        let each = |figures| [("stay ", figures), ("far ", figures)].map(|(text, count)| (text.to_owned(), count));
        let last = |figures| ("upwind".to_owned(), figures);
        assert_eq!(events(true, 2), [each(1).to_vec(), vec![last(1)]].concat());
        assert_eq!(events(false, 2), [each(0).to_vec(), vec![last(0)]].concat());
        assert_eq!(events(true, 3).len(), 3, "nothing is told twice");
        assert_eq!(events(true, 0), [("stay far upwind".to_owned(), 3)]);
    }
}
