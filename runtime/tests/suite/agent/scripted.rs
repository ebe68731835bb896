//! A model that says what a test wants, token by token, within the grammar that it is given.
//!
//! It stands where llama.cpp stands: each token is one byte, and the grammar's mask decides between what the script
//! wants and what may be said. What the mask forbids is replaced by a random token that it admits.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use halligan_finetune::chat::Message;
use halligan_runtime::agent::Speaker;
use halligan_runtime::error::ModelError;
use halligan_runtime::inference::{Generated, StopReason, Timings};
use llguidance::api::TopLevelGrammar;
use llguidance::{Matcher, ParserFactory};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use toktrie::{ApproximateTokEnv, TokEnv, TokRxInfo, TokTrie};

/// End of the turn.
const END: u32 = 256;
/// The opening of a call, where it is a control token.
const OPEN: u32 = 257;

/// What the model wants to say in one step.
#[derive(Debug, Clone)]
pub enum Wish {
    /// These words, then the end.
    Words(String),
    /// The opening of a call as a control token, then these words.
    Call(String),
    /// Anything.
    Anything,
}

/// The scripted model.
pub struct Scripted {
    template: String,
    control: Option<String>,
    context: usize,
    wishes: RefCell<VecDeque<Wish>>,
    /// Whether it keeps to the grammar; a server without grammars would not.
    obedient: bool,
    factory: ParserFactory,
    prepared: RefCell<BTreeMap<String, Matcher>>,
    random: RefCell<StdRng>,
    /// Every prompt that it was given.
    pub heard: RefCell<Vec<Vec<Message>>>,
    /// Tokens that the grammar changed.
    pub corrected: Cell<usize>,
}

impl Scripted {
    pub fn new(template: &str, control: Option<&str>, obedient: bool) -> Scripted {
        let mut words: Vec<Vec<u8>> = (0..=255_u8).map(|byte| vec![byte]).collect();
        let special = |name: &str| [&[TokTrie::SPECIAL_TOKEN_MARKER], name.as_bytes()].concat();
        words.push(special("<end>"));
        words.push(special(control.unwrap_or("<unused>")));
        let trie = TokTrie::from(&TokRxInfo::new(words.len() as u32, END), &words);
        let environment: TokEnv = Arc::new(ApproximateTokEnv::new(trie));
        let mut factory = ParserFactory::new_simple(&environment).unwrap();
        factory.quiet();
        Scripted {
            template: template.to_owned(),
            control: control.map(str::to_owned),
            context: 4096,
            wishes: RefCell::default(),
            obedient,
            factory,
            prepared: RefCell::default(),
            random: RefCell::new(StdRng::seed_from_u64(7)),
            heard: RefCell::default(),
            corrected: Cell::new(0),
        }
    }

    /// The same with a context of so many tokens.
    pub fn with_context(self, context: usize) -> Scripted {
        Scripted { context, ..self }
    }

    pub fn wants(&self, wishes: impl IntoIterator<Item = Wish>) {
        self.wishes.borrow_mut().extend(wishes);
    }

    fn matcher(&self, grammar: &str) -> Result<Matcher, ModelError> {
        if let Some(known) = self.prepared.borrow().get(grammar) {
            return Ok(known.deep_clone());
        }
        let parser = self.factory.create_parser(TopLevelGrammar::from_lark(grammar.to_owned()));
        let matcher = Matcher::new(parser);
        if let Some(error) = matcher.get_error() {
            return Err(ModelError::Decode(format!("{error}\n{grammar}")));
        }
        self.prepared.borrow_mut().insert(grammar.to_owned(), matcher.deep_clone());
        Ok(matcher)
    }
}

impl Scripted {
    /// A token that the grammar admits; one that closes something half of the time, so that texts end.
    fn admitted(&self, matcher: &mut Matcher, random: &mut StdRng) -> Result<u32, ModelError> {
        let mask = matcher.compute_mask().map_err(|error| ModelError::Decode(error.to_string()))?;
        let admitted: Vec<u32> = (0..=OPEN).filter(|token| mask.is_allowed(*token)).collect();
        assert!(!admitted.is_empty(), "a grammar should always admit something");
        let closing = |token: &u32| [u32::from(b'"'), u32::from(b'}'), u32::from(b']'), END].contains(token);
        let closes: Vec<u32> = admitted.iter().copied().filter(closing).collect();
        let among = if !closes.is_empty() && random.random_bool(0.5) { closes } else { admitted };
        Ok(among[random.random_range(0..among.len())])
    }
}

fn admits(matcher: &mut Matcher, token: u32) -> bool {
    matcher.validate_tokens(&[token]).is_ok_and(|count| count == 1)
}

impl Speaker for Scripted {
    fn template(&self) -> &str {
        &self.template
    }

    fn context_tokens(&self) -> usize {
        self.context
    }

    fn count(&self, text: &str) -> usize {
        text.len() / 4
    }

    fn control_token(&self, text: &str) -> Option<u32> {
        (self.control.as_deref() == Some(text)).then_some(OPEN)
    }

    fn say(
        &self,
        messages: &[Message],
        grammar: Option<&str>,
        max_tokens: usize,
        on_piece: &mut dyn FnMut(&str),
    ) -> Result<Generated, ModelError> {
        self.heard.borrow_mut().push(messages.to_vec());
        let wish = self.wishes.borrow_mut().pop_front().unwrap_or(Wish::Words("Done.".to_owned()));
        let wanted: Option<Vec<u32>> = match &wish {
            Wish::Words(text) => Some(text.bytes().map(u32::from).chain([END]).collect()),
            Wish::Call(text) => {
                let open = self.control.is_some().then_some(OPEN);
                Some(open.into_iter().chain(text.bytes().map(u32::from)).chain([END]).collect())
            }
            Wish::Anything => None,
        };
        let mut matcher = match grammar.filter(|_| self.obedient) {
            Some(grammar) => Some(self.matcher(grammar)?),
            None => None,
        };
        let mut bytes = Vec::new();
        let mut tokens = 0;
        let mut random = self.random.borrow_mut();
        while tokens < max_tokens {
            let wish = wanted.as_ref().map(|wanted| wanted.get(tokens).copied().unwrap_or(END));
            let token = match &mut matcher {
                None => wish.unwrap_or_else(|| random.random_range(0..=END)),
                Some(matcher) => match wish {
                    Some(wish) if admits(matcher, wish) => wish,
                    _ => {
                        self.corrected.set(self.corrected.get() + usize::from(wish.is_some()));
                        self.admitted(matcher, &mut random)?
                    }
                },
            };
            if let Some(matcher) = &mut matcher {
                matcher.consume_token(token).unwrap();
            }
            if token == END {
                break;
            }
            tokens += 1;
            // A control token has no text.
            if let Ok(byte) = u8::try_from(token) {
                bytes.push(byte);
            }
            if matcher.as_ref().is_some_and(Matcher::is_stopped) {
                break;
            }
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        for character in text.chars() {
            on_piece(&character.to_string());
        }
        Ok(Generated {
            text,
            tokens,
            prompt_tokens: 0,
            confidence: Some(0.5),
            stop: StopReason::EndOfTurn,
            said: Vec::new(),
            timings: Timings::default(),
        })
    }
}
