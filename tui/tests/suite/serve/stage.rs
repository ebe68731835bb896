//! A running server whose model is a script, and a plain HTTP client.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Result;
use halligan_runtime::{Generation, Origin};
use halligan_tui::serve::app::App;
use halligan_tui::serve::backend::{Backend, Cancel, Catalog, EncoderFacts, ModelFacts};
use halligan_tui::serve::error::ApiError;
use halligan_tui::serve::options::Limits;
use halligan_tui::serve::task::{
    Call, Embedding, Event, Finish, Finished, Prompt, Sampling, Scored, Step, ToolChoice, Voice,
};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Ids of the generations on the scripted device: base, active, idle, refused.
pub const ACTIVE: &str = "aaaa111122223333";
pub const IDLE: &str = "aaaa999988887777";
pub const REFUSED: &str = "bbbb000000000000";

/// A question that is refused, and how.
pub const FOREIGN: &str = "who won the match";
pub const REFUSAL: &str = "outside my expertise: the question is unlike those that were trained";

/// Says the words of the question again, one token a word.
pub struct Script {
    /// Steps that were seen.
    pub seen: Arc<Mutex<Vec<Step>>>,
    /// Endless answers that noticed that no one listens.
    pub cancelled: Arc<AtomicUsize>,
}

impl Backend for Script {
    fn load(&mut self) -> Result<ModelFacts, ApiError> {
        Ok(ModelFacts {
            name: "Script".to_owned(),
            context_tokens: 100,
            vocabulary: 256,
            parameters: 1,
            encoder: Some(EncoderFacts { name: "Words".to_owned(), dimension: 2, context_tokens: 50 }),
            eos_token: Some("<end>".to_owned()),
            ..ModelFacts::default()
        })
    }

    fn perform(&mut self, step: Step, cancel: &Cancel, emit: &mut dyn FnMut(Event)) -> Result<(), ApiError> {
        self.seen.lock().unwrap().push(step.clone());
        match step {
            Step::Chat { voice, conversation, sampling, .. } => {
                let generation = match voice {
                    Voice::Plain { generation } => generation,
                    Voice::Assistant => "assistant".to_owned(),
                };
                let asked = conversation.turns.last().unwrap().content.clone();
                if asked == FOREIGN {
                    emit(Event::Refusal(REFUSAL.to_owned()));
                    emit(finished(Finish::Stop, 3, 0, &generation));
                    return Ok(());
                }
                if !conversation.tools.is_empty() && conversation.tool_choice != ToolChoice::None {
                    let arguments = json!({ "question": asked });
                    emit(Event::Calls(vec![Call { name: conversation.tools[0].name.clone(), arguments }]));
                    emit(finished(Finish::ToolCalls, 7, 3, &generation));
                    return Ok(());
                }
                self.say(&asked, &sampling, &generation, cancel, emit)
            }
            Step::Complete { generation, prompt, echo, sampling } => {
                let text = match prompt {
                    Prompt::Text(text) => text,
                    Prompt::Tokens(tokens) => tokens.iter().map(|token| format!(" t{token}")).collect(),
                };
                if echo {
                    let mut tokens = scored(&text, &sampling);
                    if let Some(first) = tokens.first_mut() {
                        (first.logprob, first.top) = (None, Vec::new());
                    }
                    emit(Event::Prompt { text: text.clone(), tokens });
                }
                self.say(&text, &sampling, &generation, cancel, emit)
            }
            Step::Embed { texts } => {
                let row = |text: &String| Embedding { vector: vec![text.len() as f32, 0.5], tokens: text.len() };
                emit(Event::Embeddings(texts.iter().map(row).collect()));
                Ok(())
            }
            Step::Tokenize { text, .. } => {
                emit(Event::Tokens(text.bytes().map(i32::from).collect()));
                Ok(())
            }
            Step::Detokenize { tokens } => {
                emit(Event::Detokenized(tokens.iter().map(|token| char::from(*token as u8)).collect()));
                Ok(())
            }
        }
    }
}

impl Script {
    fn say(
        &self,
        text: &str,
        sampling: &Sampling,
        generation: &str,
        cancel: &Cancel,
        emit: &mut dyn FnMut(Event),
    ) -> Result<(), ApiError> {
        match text {
            "fail" => return Err(ApiError::invalid("told to fail")),
            "panic" => panic!("told to panic"),
            "fail later" => {
                emit(Event::Text { text: "so".to_owned(), tokens: Vec::new() });
                return Err(ApiError::thread_gone());
            }
            "forever" => {
                emit(Event::Text { text: "on".to_owned(), tokens: Vec::new() });
                while !cancel.is_set() {
                    std::thread::sleep(Duration::from_millis(2));
                }
                self.cancelled.fetch_add(1, Ordering::SeqCst);
                return Ok(());
            }
            "slow" => std::thread::sleep(Duration::from_millis(400)),
            _ => {}
        }
        let words: Vec<&str> = text.split_inclusive(' ').collect();
        let count = sampling.max_tokens.unwrap_or(words.len()).min(words.len());
        for word in &words[..count] {
            emit(Event::Text { text: (*word).to_owned(), tokens: scored(word, sampling) });
        }
        let finish = if count < words.len() { Finish::Length } else { Finish::Stop };
        emit(finished(finish, words.len(), count, generation));
        Ok(())
    }
}

fn finished(finish: Finish, prompt_tokens: usize, completion_tokens: usize, generation: &str) -> Event {
    let generation = generation.to_owned();
    Event::Finished(Finished { finish, prompt_tokens, cached_tokens: 2, completion_tokens, generation, beside: None })
}

/// A token a word, each with the probability 1/2 and one better alternative.
fn scored(text: &str, sampling: &Sampling) -> Vec<Scored> {
    let Some(top) = sampling.logprobs else { return Vec::new() };
    let token = |word: &str| Scored {
        bytes: word.as_bytes().to_vec(),
        logprob: Some(-std::f64::consts::LN_2),
        top: vec![(b"better".to_vec(), -0.25)].into_iter().take(top).collect(),
    };
    text.split_inclusive(' ').map(token).collect()
}

struct Shelf;

impl Catalog for Shelf {
    fn generations(&self) -> Result<Vec<Generation>, ApiError> {
        let generation = |id: &str, origin| Generation {
            id: id.to_owned(),
            parent: None,
            created_at: 5,
            origin,
            gate_accuracy: None,
            corrected_accuracy: None,
            rejected: (id == REFUSED).then(|| "it forgot".to_owned()),
            active: id == ACTIVE,
            size_bytes: 9,
        };
        Ok(vec![
            generation("base", Origin::Base),
            generation(ACTIVE, Origin::Carried),
            generation(IDLE, Origin::Learned),
            generation(REFUSED, Origin::Learned),
        ])
    }
}

/// A server that runs until it is dropped.
pub struct Server {
    address: SocketAddr,
    token: Option<String>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<Result<()>>>,
    agent: ureq::Agent,
    pub seen: Arc<Mutex<Vec<Step>>>,
    pub cancelled: Arc<AtomicUsize>,
}

/// Limits that tests stay within unless they want not to.
pub fn limits() -> Limits {
    Limits {
        body_bytes: 100_000,
        prompt_tokens: 100,
        queue: 8,
        request: Duration::from_secs(20),
        grace: Duration::from_secs(5),
    }
}

/// An answer as plain data.
pub struct Reply {
    pub status: u16,
    pub headers: ureq::http::HeaderMap,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The `data:` lines of a stream; the last one is what ended it.
    pub fn lines(&self) -> Vec<&str> {
        self.text.lines().filter_map(|line| line.strip_prefix("data: ")).collect()
    }

    /// The chunks of a stream that ended well.
    pub fn chunks(&self) -> Vec<Value> {
        let mut lines = self.lines();
        assert_eq!(lines.pop(), Some("[DONE]"), "{}", self.text);
        lines.into_iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

impl Server {
    pub fn start() -> Server {
        Server::with(limits(), None)
    }

    pub fn with(limits: Limits, token: Option<&str>) -> Server {
        let app = App::new(Box::new(Shelf), limits, token.map(str::to_owned));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let cancelled = Arc::new(AtomicUsize::new(0));
        let script = Script { seen: Arc::clone(&seen), cancelled: Arc::clone(&cancelled) };
        let (stop, stopped) = watch::channel(false);
        let (tell, told) = channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                halligan_tui::serve::serve(listener, app, move || Ok(script), stopped).await
            })
        });
        let config = ureq::Agent::config_builder().http_status_as_error(false).build();
        let server = Server {
            address: told.recv().unwrap(),
            token: token.map(str::to_owned),
            stop,
            thread: Some(thread),
            agent: ureq::Agent::new_with_config(config),
            seen,
            cancelled,
        };
        while server.get("/health").status == 503 {
            std::thread::sleep(Duration::from_millis(2));
        }
        server
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn get(&self, path: &str) -> Reply {
        self.get_with(path, &[])
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.agent.get(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        reply(request.call())
    }

    pub fn post(&self, path: &str, body: &Value) -> Reply {
        self.post_with(path, &body.to_string(), &[("content-type", "application/json")])
    }

    pub fn post_with(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.agent.post(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        reply(request.send(body))
    }

    /// A chat of one question with further fields.
    pub fn chat(&self, question: &str, fields: Value) -> Reply {
        let mut body = json!({ "model": "active", "messages": [{ "role": "user", "content": question }] });
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.post("/v1/chat/completions", &body)
    }

    /// Gives the signal to stop.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for the end of the server.
    pub fn end(mut self) -> Result<()> {
        self.stop();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take() {
            // A server that panicked has failed the test already.
            let _ = thread.join();
        }
    }
}

fn reply(result: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Reply {
    let mut response = result.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Reply { status, headers, text: response.body_mut().read_to_string().unwrap() }
}
