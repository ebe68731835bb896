//! Who is let in, how much of everything is taken, and what happens when someone leaves.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Parser;
use halligan_tui::cli::{Cli, Verb};
use halligan_tui::serve::options::{Limits, ServeArgs};
use serde_json::json;

use super::stage::{Server, limits};

fn args(words: &[&str]) -> ServeArgs {
    let cli = Cli::try_parse_from([&["halligan", "serve"][..], words].concat()).unwrap();
    match cli.verb {
        Some(Verb::Serve(args)) => args,
        other => panic!("{other:?}"),
    }
}

/// Waits until `holds`, at most ten seconds.
fn eventually(what: &str, holds: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn only_loopback_addresses_are_bound() {
    for host in ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"] {
        assert!(args(&["--host", host]).address().unwrap().ip().is_loopback(), "{host}");
    }
    for host in ["0.0.0.0", "::", "192.168.1.7", "10.0.0.1", "example.org", "::ffff:10.0.0.1"] {
        let words = args(&["--host", host]).address().unwrap_err().to_string();
        assert!(words.contains("127.0.0.1"), "{host}: {words}");
    }
    assert!(args(&["--token", " "]).secret().is_err());
    assert!(args(&["--token", "two words"]).secret().is_err());
    assert_eq!(args(&["--token", "s3cret"]).secret().unwrap().as_deref(), Some("s3cret"));
}

#[test]
fn an_empty_variable_asks_for_no_token_and_the_flag_comes_before_it() {
    let secret = |flags: &[&str], variable| args(flags).secret_or(variable).unwrap();
    assert_eq!(secret(&[], Some("")), None);
    assert_eq!(secret(&[], Some(" ")), None);
    assert_eq!(secret(&[], None), None);
    assert_eq!(secret(&[], Some("fr0m-env")).as_deref(), Some("fr0m-env"));
    assert_eq!(secret(&["--token", "s3cret"], Some("fr0m-env")).as_deref(), Some("s3cret"));
    assert!(args(&[]).secret_or(Some("two words")).is_err());
    assert!(args(&["--token", ""]).secret_or(Some("fr0m-env")).is_err());
}

#[test]
fn without_the_token_only_health_answers() {
    let server = Server::with(limits(), Some("s3cret"));
    assert_eq!(server.get("/v1/models").status, 200);
    let body = json!({ "messages": [{ "role": "user", "content": "x" }] }).to_string();
    let ask = |authorization: Option<&str>| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        let authorization = authorization.map(|value| format!("Authorization: {value}\r\n")).unwrap_or_default();
        write!(
            stream,
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n\
             {authorization}Content-Length: {}\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    };
    for wrong in [
        None,
        Some("Bearer wrong"),
        Some("Bearer s3cret2"),
        Some("Bearer s3cre"),
        Some("Basic s3cret"),
        Some("Bearer "),
    ] {
        let text = ask(wrong);
        assert!(text.starts_with("HTTP/1.1 401"), "{wrong:?}: {text}");
        assert!(text.contains("invalid_api_key") && text.to_lowercase().contains("www-authenticate: bearer"), "{text}");
    }
    assert!(ask(Some("Bearer s3cret")).starts_with("HTTP/1.1 200"));
    assert!(ask(Some("bearer s3cret")).starts_with("HTTP/1.1 200"), "the scheme is the same in any letter case");
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[test]
fn pages_of_other_sites_get_nothing_and_local_ones_may_read() {
    let server = Server::start();
    let page = |origin| server.get_with("/v1/models", &[("origin", origin)]);
    assert_eq!(page("http://localhost:3000").header("access-control-allow-origin"), Some("http://localhost:3000"));
    let foreign = page("https://evil.example");
    assert_eq!(foreign.status, 403);
    assert_eq!(foreign.header("access-control-allow-origin"), None);
    // A name of another site that points to this machine.
    let mut stream = TcpStream::connect(server.address()).unwrap();
    write!(stream, "GET /v1/models HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert!(text.starts_with("HTTP/1.1 403"), "{text}");
    // What a page can post without asking first is not taken.
    let body = json!({ "messages": [{ "role": "user", "content": "x" }] }).to_string();
    assert_eq!(server.post_with("/v1/chat/completions", &body, &[("content-type", "text/plain")]).status, 415);
}

#[test]
fn errors_have_openais_shape_and_name_the_next_step() {
    let server = Server::start();
    for (reply, status, part) in [
        (server.get("/v1/nothing"), 404, "/v1/chat/completions"),
        (server.get("/v1/completions"), 405, "use POST"),
        (server.post("/v1/models", &json!({})), 405, "use GET"),
        (server.post("/v1/completions", &json!([])), 400, "no JSON object"),
        (server.post("/v1/embeddings", &json!({ "input": "x", "dimensions": "two" })), 400, "dimensions cannot be"),
        (server.chat("x", json!({ "top_k": 40 })), 400, "top_k is not supported"),
        (server.post("/v1/completions", &json!({ "prompt": "x", "suffix": "y" })), 400, "suffix is not supported"),
        (server.post_with("/v1/completions", "{", &[("content-type", "application/json")]), 400, "line 1"),
        (server.post("/v1/completions", &json!({})), 400, "prompt"),
        (server.post("/v1/completions", &json!({ "prompt": "" , "logprobs": 99 })), 400, "logprobs"),
        (server.chat("fail", json!({})), 400, "told to fail"),
        (server.chat("fail", json!({ "stream": true })), 400, "told to fail"),
        (server.chat("x", json!({ "n": 0 })), 400, "n is 0"),
    ] {
        let error = reply.json()["error"].clone();
        assert_eq!(reply.status, status, "{error}");
        assert!(error["message"].as_str().unwrap().contains(part), "{error}");
        assert!(error["type"].is_string() && error["code"].is_string(), "{error}");
    }
}

#[test]
fn a_failure_inside_a_stream_is_told_in_the_stream() {
    let server = Server::start();
    let reply = server.chat("fail later", json!({ "stream": true }));
    assert_eq!(reply.status, 200);
    let last: serde_json::Value = serde_json::from_str(reply.lines().last().unwrap()).unwrap();
    assert_eq!(last["error"]["code"], "server_error");
}

#[test]
fn a_body_that_breaks_off_is_not_called_too_long() {
    let server = Server::start();
    for (header, sent) in [
        ("Content-Length: 500", "{\"messages\": ["),
        ("Transfer-Encoding: chunked", "5\r\n{\"mes\r\nthis is no length\r\n"),
    ] {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        write!(
            stream,
            "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{header}\r\n\r\n{sent}"
        )
        .unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        assert!(text.starts_with("HTTP/1.1 400") && text.contains("incomplete_body"), "{header}: {text}");
    }
}

#[test]
fn bodies_and_lists_past_the_limit_are_refused() {
    let server = Server::start();
    let long = "x".repeat(limits().body_bytes);
    let reply = server.chat(&long, json!({}));
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (413, &json!("request_too_large")));
    assert_eq!(reply.header("connection"), Some("close"));
    let many: Vec<&str> = vec!["x"; 1025];
    let reply = server.post("/v1/completions", &json!({ "prompt": many }));
    assert_eq!(reply.status, 400);
    assert!(reply.text.contains("1024"), "{}", reply.text);
}

/// Asks and does not wait for the answer.
fn ask_and_go_on(server: &Server, question: &str, stream: bool) -> TcpStream {
    let body = json!({ "stream": stream, "messages": [{ "role": "user", "content": question }] }).to_string();
    let mut connection = TcpStream::connect(server.address()).unwrap();
    write!(
        connection,
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .unwrap();
    connection
}

#[test]
fn a_full_queue_answers_429_while_health_and_metrics_still_answer() {
    let server = Server::with(Limits { queue: 1, ..limits() }, None);
    let first = ask_and_go_on(&server, "forever", false);
    eventually("the first request", || server.seen.lock().unwrap().len() == 1);
    std::thread::scope(|scope| {
        let second = scope.spawn(|| server.chat("hello", json!({})));
        eventually("a full queue", || server.get("/metrics").text.contains("halligan_queue_length 1"));
        let third = server.chat("hello", json!({}));
        assert_eq!((third.status, third.header("retry-after")), (429, Some("1")), "{}", third.text);
        assert_eq!(server.get("/health").status, 200);
        drop(first);
        assert_eq!(second.join().unwrap().status, 200);
    });
}

#[test]
fn a_request_that_takes_too_long_is_ended_and_not_repeated() {
    let server = Server::with(Limits { request: Duration::from_millis(200), ..limits() }, None);
    let reply = server.chat("forever", json!({}));
    assert_eq!((reply.status, &reply.json()["error"]["code"]), (504, &json!("timeout")));
    assert_eq!(reply.header("x-should-retry"), Some("false"));
    eventually("the end of the work", || server.cancelled.load(Ordering::SeqCst) == 1);
    let streamed = server.chat("forever", json!({ "stream": true }));
    assert!(streamed.lines().last().unwrap().contains("timeout"), "{}", streamed.text);
}

#[test]
fn a_client_that_leaves_stops_its_answer() {
    let server = Server::start();
    for (number, stream) in [(1, false), (2, true)] {
        let connection = ask_and_go_on(&server, "forever", stream);
        eventually("the start of the answer", || server.seen.lock().unwrap().len() == number);
        assert_eq!(server.cancelled.load(Ordering::SeqCst), number - 1);
        connection.shutdown(Shutdown::Both).unwrap();
        drop(connection);
        eventually("the end of the answer", || server.cancelled.load(Ordering::SeqCst) == number);
    }
    assert_eq!(server.chat("still here", json!({})).json()["choices"][0]["message"]["content"], "still here");
}

#[test]
fn running_requests_finish_before_the_server_ends() {
    let server = Server::start();
    let reply = std::thread::scope(|scope| {
        let running = scope.spawn(|| server.chat("slow", json!({})));
        eventually("the request", || server.seen.lock().unwrap().len() == 1);
        server.stop();
        running.join().unwrap()
    });
    assert_eq!(reply.json()["choices"][0]["message"]["content"], "slow");
    let address = server.address();
    server.end().unwrap();
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn requests_that_outlast_the_grace_time_are_ended() {
    let server = Server::with(Limits { grace: Duration::from_millis(100), ..limits() }, None);
    let _connection = ask_and_go_on(&server, "forever", false);
    eventually("the request", || server.seen.lock().unwrap().len() == 1);
    let started = Instant::now();
    server.end().unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_model_that_dies_ends_the_server_with_an_error() {
    let server = Server::start();
    let reply = server.chat("panic", json!({}));
    assert_eq!(reply.status, 500);
    assert!(server.end().is_err());
}

#[test]
fn metrics_count_requests_and_tokens_and_name_the_generation() {
    let server = Server::start();
    server.chat("one two", json!({}));
    server.chat("", json!({ "model": "unknown" }));
    let reply = server.get("/metrics");
    assert!(reply.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    for line in [
        "halligan_requests_total{endpoint=\"/v1/chat/completions\",status=\"200\"} 1",
        "halligan_requests_total{endpoint=\"/v1/chat/completions\",status=\"404\"} 1",
        "halligan_prompt_tokens_total 2",
        "halligan_generated_tokens_total 2",
        "halligan_context_tokens 100",
        "halligan_active_generation{generation=\"aaaa111122223333\"} 1",
        "halligan_queue_length 0",
        "halligan_request_seconds_count{endpoint=\"/v1/chat/completions\"} 1",
        "halligan_first_token_seconds_count 1",
    ] {
        assert!(reply.text.lines().any(|found| found == line), "{line} is missing in\n{}", reply.text);
    }
    let memory = reply.text.lines().find_map(|line| line.strip_prefix("halligan_resident_memory_bytes "));
    assert!(memory.unwrap().parse::<u64>().unwrap() > 1 << 20);
    assert!(reply.text.ends_with("# EOF\n"));
}
