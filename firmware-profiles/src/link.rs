//! Messages over a serial line or radio: a profile or a status line, device to device.
//!
//! A message is cut into frames that carry the CRC-32 of the whole message. There are no
//! acknowledgements, because the line may be one-way and `embedded_io` reads have no timeout: a
//! sender that wants certainty sends again, and the receiver fills the gaps of the first copy from
//! the second. The receiver answers with a status line when it has something to say.

use core::fmt;

use embedded_io::{Error as _, ErrorKind, Read, Write};
use heapless::{String, Vec};

use crate::error::{ProfileError, cut};
use crate::frame::{Decoder, Frame, FrameError, FrameKind, MESSAGE_FRAMES_MAX, PAYLOAD_CAPACITY_BYTES, crc32};
use crate::profile::Profile;
use crate::read::{PROFILE_LIMIT_BYTES, parse_profile};

/// Most bytes of one assembled message: all its frames full.
pub const MESSAGE_CAPACITY_BYTES: usize = MESSAGE_FRAMES_MAX as usize * PAYLOAD_CAPACITY_BYTES;
/// One receive gives up after this many bytes without a message; on a line full of log text the
/// caller gets control back and may call again.
pub const QUIET_LIMIT_BYTES: usize = 65_536;

const INBOX_BYTES: usize = 64;

/// One line of text for people; fits one frame.
pub type StatusLine = String<PAYLOAD_CAPACITY_BYTES>;

/// What arrives over a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// A validated profile.
    Profile(Profile),
    /// A status line; control characters arrive as `?`.
    Status(StatusLine),
}

/// Why a message could not be sent or received.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkError {
    /// Reading from the line failed.
    Read(ErrorKind),
    /// Writing to the line failed.
    Write(ErrorKind),
    /// The line ended before a whole message arrived.
    Closed {
        /// Frames that arrived of the unfinished message.
        received: u8,
        /// Frames of the unfinished message, 0 if none was begun.
        expected: u8,
    },
    /// [`QUIET_LIMIT_BYTES`] arrived without a whole message.
    Quiet,
    /// The status line is longer than one frame holds.
    StatusTooLong {
        /// Its length.
        length_bytes: usize,
    },
    /// The profile, sent or received whole, is not valid.
    Profile(ProfileError),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LinkError::Read(kind) => {
                write!(f, "the line could not be read ({kind:?}); check the cable and the port")
            }
            LinkError::Write(kind) => {
                write!(f, "the line could not be written ({kind:?}); check the cable and the port")
            }
            LinkError::Closed { expected: 0, .. } => f.write_str("the line closed without a message; send it again"),
            LinkError::Closed { received, expected } => {
                write!(f, "the line closed with {received} of {expected} frames; send the message again")
            }
            LinkError::Quiet => {
                write!(f, "{QUIET_LIMIT_BYTES} bytes arrived without a message; check the speed of the line")
            }
            LinkError::StatusTooLong { length_bytes } => {
                write!(f, "the status line has {length_bytes} bytes; shorten it to {PAYLOAD_CAPACITY_BYTES}")
            }
            LinkError::Profile(error) => write!(f, "{error}"),
        }
    }
}

impl core::error::Error for LinkError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            LinkError::Profile(error) => Some(error),
            _ => None,
        }
    }
}

/// Pieces of the message that is arriving.
#[derive(Debug)]
struct Assembly {
    kind: FrameKind,
    message_check: u32,
    count: u8,
    /// One bit for each frame that arrived.
    received: u16,
    last_length: usize,
    bytes: [u8; MESSAGE_CAPACITY_BYTES],
}

const _: () = assert!(MESSAGE_FRAMES_MAX as u32 <= u16::BITS, "one bit for each frame");

impl Assembly {
    const EMPTY: Assembly = Assembly {
        kind: FrameKind::Profile,
        message_check: 0,
        count: 0,
        received: 0,
        last_length: 0,
        bytes: [0; MESSAGE_CAPACITY_BYTES],
    };

    /// Adds a frame that [`Frame::decode`] accepted; a frame of another message starts anew.
    /// True once every frame is there.
    fn add(&mut self, frame: &Frame) -> bool {
        if (frame.kind, frame.message_check, frame.count) != (self.kind, self.message_check, self.count) {
            self.kind = frame.kind;
            self.message_check = frame.message_check;
            self.count = frame.count;
            self.received = 0;
        }
        let start = usize::from(frame.index) * PAYLOAD_CAPACITY_BYTES;
        self.bytes[start..start + frame.payload.len()].copy_from_slice(&frame.payload);
        if frame.index + 1 == frame.count {
            self.last_length = frame.payload.len();
        }
        self.received |= 1 << frame.index;
        self.received_count() == self.count
    }

    fn received_count(&self) -> u8 {
        self.received.count_ones() as u8
    }

    /// The bytes of a complete message, or nothing if they do not match its check.
    fn message(&self) -> Option<&[u8]> {
        let full = usize::from(self.count.saturating_sub(1)) * PAYLOAD_CAPACITY_BYTES;
        self.bytes.get(..full + self.last_length).filter(|message| crc32(message) == self.message_check)
    }
}

/// A link over any line that can be read and written. About 2.5 KiB, all of it in this value.
#[derive(Debug)]
pub struct Link<S> {
    line: S,
    decoder: Decoder,
    assembly: Assembly,
    inbox: [u8; INBOX_BYTES],
    inbox_range: (usize, usize),
    rejected_frames: u32,
    last_rejection: Option<FrameError>,
}

impl<S> Link<S> {
    /// A link over `line`, which may be in the middle of anything.
    pub fn new(line: S) -> Link<S> {
        Link {
            line,
            decoder: Decoder::new(),
            assembly: Assembly::EMPTY,
            inbox: [0; INBOX_BYTES],
            inbox_range: (0, 0),
            rejected_frames: 0,
            last_rejection: None,
        }
    }

    /// Candidates rejected so far, log text on the line among them.
    pub fn rejected_frames(&self) -> u32 {
        self.rejected_frames
    }

    /// Why the last candidate was rejected.
    pub fn last_rejection(&self) -> Option<FrameError> {
        self.last_rejection
    }

    /// Gives the line back; bytes already taken from it are lost.
    pub fn into_line(self) -> S {
        self.line
    }

    fn reject(&mut self, error: FrameError) {
        self.rejected_frames = self.rejected_frames.saturating_add(1);
        self.last_rejection = Some(error);
    }
}

impl<S: Write> Link<S> {
    /// Sends a profile. Sending it again costs nothing but time and fills the receiver's gaps.
    ///
    /// # Errors
    /// [`LinkError::Profile`] for a profile that no receiver would accept; [`LinkError::Write`].
    pub fn send_profile(&mut self, profile: &Profile) -> Result<(), LinkError> {
        profile.validate().map_err(LinkError::Profile)?;
        let mut json = [0_u8; PROFILE_LIMIT_BYTES];
        let length = serde_json_core::to_slice(profile, &mut json)
            .expect("a valid profile should fit the limit, since its texts have capacities");
        self.send(FrameKind::Profile, &json[..length])
    }

    /// Sends one line of text.
    ///
    /// # Errors
    /// [`LinkError::StatusTooLong`] above [`PAYLOAD_CAPACITY_BYTES`]; [`LinkError::Write`].
    pub fn send_status(&mut self, status: &str) -> Result<(), LinkError> {
        if status.len() > PAYLOAD_CAPACITY_BYTES {
            return Err(LinkError::StatusTooLong { length_bytes: status.len() });
        }
        self.send(FrameKind::Status, status.as_bytes())
    }

    fn send(&mut self, kind: FrameKind, message: &[u8]) -> Result<(), LinkError> {
        let count = message.len().div_ceil(PAYLOAD_CAPACITY_BYTES).max(1) as u8;
        let message_check = crc32(message);
        for index in 0..count {
            let start = usize::from(index) * PAYLOAD_CAPACITY_BYTES;
            let end = message.len().min(start + PAYLOAD_CAPACITY_BYTES);
            let frame = Frame {
                kind,
                index,
                count,
                message_check,
                payload: Vec::from_slice(&message[start..end]).expect("a piece should fit the payload it is cut to"),
            };
            self.write(&frame.encode())?;
        }
        self.line.flush().map_err(|error| LinkError::Write(error.kind()))
    }

    /// `Write::write_all` panics when a line takes no bytes; a device must not.
    fn write(&mut self, mut bytes: &[u8]) -> Result<(), LinkError> {
        while !bytes.is_empty() {
            let written = self.line.write(bytes).map_err(|error| LinkError::Write(error.kind()))?;
            if written == 0 {
                return Err(LinkError::Write(ErrorKind::WriteZero));
            }
            bytes = bytes.get(written..).unwrap_or_default();
        }
        Ok(())
    }
}

impl<S: Read> Link<S> {
    /// Waits for the next whole message; log text, noise and damaged frames are skipped and
    /// counted.
    ///
    /// # Errors
    /// [`LinkError::Profile`] for a profile that arrived whole and is not valid, after which the
    /// link goes on; [`LinkError::Read`], [`LinkError::Closed`] and [`LinkError::Quiet`].
    pub fn receive(&mut self) -> Result<Message, LinkError> {
        self.receive_within(&mut { QUIET_LIMIT_BYTES })
    }

    /// Waits for the next profile; status lines before it are dropped.
    ///
    /// # Errors
    /// As [`Link::receive`]; the limit counts for the whole wait.
    pub fn receive_profile(&mut self) -> Result<Profile, LinkError> {
        let mut bytes_left = QUIET_LIMIT_BYTES;
        loop {
            if let Message::Profile(profile) = self.receive_within(&mut bytes_left)? {
                return Ok(profile);
            }
        }
    }

    fn receive_within(&mut self, bytes_left: &mut usize) -> Result<Message, LinkError> {
        loop {
            *bytes_left = bytes_left.checked_sub(1).ok_or(LinkError::Quiet)?;
            let byte = self.next_byte()?;
            match self.decoder.push(byte) {
                None => {}
                Some(Err(error)) => self.reject(error),
                Some(Ok(frame)) => {
                    if let Some(message) = self.take(&frame) {
                        return message;
                    }
                }
            }
        }
    }

    fn next_byte(&mut self) -> Result<u8, LinkError> {
        let (mut start, mut end) = self.inbox_range;
        if start == end {
            let read = self.line.read(&mut self.inbox).map_err(|error| LinkError::Read(error.kind()))?;
            if read == 0 {
                return Err(LinkError::Closed {
                    received: self.assembly.received_count(),
                    expected: self.assembly.count,
                });
            }
            (start, end) = (0, read.min(INBOX_BYTES));
        }
        self.inbox_range = (start + 1, end);
        Ok(self.inbox[start])
    }

    /// The message that this frame completes, if it does.
    fn take(&mut self, frame: &Frame) -> Option<Result<Message, LinkError>> {
        // A status is one frame and passes by, so that it does not end a profile half received.
        if frame.kind == FrameKind::Status {
            return match core::str::from_utf8(&frame.payload) {
                Ok(text) if frame.count == 1 => Some(Ok(Message::Status(cut(text)))),
                _ => {
                    self.reject(FrameError::BadStatus);
                    None
                }
            };
        }
        if !self.assembly.add(frame) {
            return None;
        }
        let result = self.assembly.message().map(parse_profile);
        self.assembly.count = 0;
        self.assembly.received = 0;
        if result.is_none() {
            self.reject(FrameError::BadMessageCheck);
        }
        result.map(|parsed| parsed.map(Message::Profile).map_err(LinkError::Profile))
    }
}
