//! The output of a program, with an eye on what the protocol's library passes over without a word: a reply that is no
//! message, or a too long one, for which a caller would wait until its time is up.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use serde::Deserialize;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::sync::watch;

/// Longest line that a program may say.
const LINE_BYTES_MAX: usize = 4 << 20;

/// What makes a line a message.
#[derive(Deserialize)]
struct Message {
    jsonrpc: String,
}

/// A reader that lets everything through and tells what is wrong with it.
pub(super) struct Watched<R> {
    inner: R,
    line: Vec<u8>,
    is_too_long: bool,
    broken: watch::Sender<Option<String>>,
}

impl<R> Watched<R> {
    /// `inner`, and where to hear of what is wrong.
    pub(super) fn new(inner: R) -> (Watched<R>, watch::Receiver<Option<String>>) {
        let (broken, heard) = watch::channel(None);
        (Watched { inner, line: Vec::new(), is_too_long: false, broken }, heard)
    }

    fn look_at(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if !self.is_too_long {
                self.line.extend_from_slice(piece);
                self.is_too_long = self.line.len() > LINE_BYTES_MAX;
                if self.is_too_long {
                    self.line = Vec::new();
                    self.tell(format!("its reply has more than {LINE_BYTES_MAX} bytes"));
                }
            }
            if piece.ends_with(b"\n") {
                if is_broken(&self.line) {
                    self.tell("its reply is no message of the protocol".to_owned());
                }
                self.line.clear();
                self.is_too_long = false;
            }
        }
    }

    fn tell(&self, reason: String) {
        self.broken.send_replace(Some(reason));
    }
}

/// Whether a line would be a message and is none. Other lines are talk, which some programs mix in.
fn is_broken(line: &[u8]) -> bool {
    line.trim_ascii_start().starts_with(b"{")
        && !serde_json::from_slice::<Message>(line).is_ok_and(|message| message.jsonrpc == "2.0")
}

impl<R: AsyncRead + Unpin> AsyncRead for Watched<R> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let watched = self.get_mut();
        let before = into.filled().len();
        let read = Pin::new(&mut watched.inner).poll_read(context, into);
        watched.look_at(&into.filled()[before..]);
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of output that comes in pieces of `size` bytes.
    fn told(output: &[u8], size: usize) -> Option<String> {
        let (mut watched, heard) = Watched::new(());
        output.chunks(size).for_each(|piece| watched.look_at(piece));
        heard.borrow().clone()
    }

    #[test]
    fn a_reply_that_is_no_message_is_told_however_it_comes() {
        for broken in ["{\"jsonrpc\": \"2.0\", \"id\": 1, \"resu\n", "{\"id\": 1}\n", " {\"jsonrpc\": \"1.0\"}\n"] {
            for size in [1, 7, 1000] {
                assert!(told(broken.as_bytes(), size).is_some_and(|reason| reason.contains("no message")), "{broken}");
            }
        }
    }

    #[test]
    fn messages_and_talk_are_nothing_to_tell() {
        let output =
            "starting up\n\n{\"jsonrpc\": \"2.0\", \"id\": 1, \"result\": {}}\r\n[info] ready\n{\"jsonrpc\": \"2.";
        for size in [1, 7, 1000] {
            assert_eq!(told(output.as_bytes(), size), None);
        }
    }

    #[test]
    fn a_line_without_an_end_is_told_and_not_kept() {
        let (mut watched, heard) = Watched::new(());
        let piece = vec![b'x'; 1 << 16];
        for _ in 0..=LINE_BYTES_MAX / piece.len() {
            watched.look_at(&piece);
        }
        assert!(heard.borrow().as_ref().is_some_and(|reason| reason.contains("4194304 bytes")));
        assert!(watched.line.is_empty());
    }
}
