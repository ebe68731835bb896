//! One frame of the slow link: bytes that survive a shared, noisy line.
//!
//! WIRE.md draws the bytes. A frame is COBS between two zero bytes, so a receiver finds the next
//! frame after any noise, and log text, which has no zero bytes, can share the line. A CRC-32 over
//! the content rejects what COBS lets through. The largest frame is 207 bytes, which fits one
//! packet of the usual mesh radios (232 bytes).

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc};
use heapless::Vec;

use crate::read::PROFILE_LIMIT_BYTES;

/// First byte of every frame; a receiver rejects other values.
pub const FORMAT_VERSION: u8 = 1;
/// Most payload bytes of one frame.
pub const PAYLOAD_CAPACITY_BYTES: usize = 192;

const HEADER_BYTES: usize = 8;
const CHECK_BYTES: usize = 4;
const CONTENT_CAPACITY_BYTES: usize = HEADER_BYTES + PAYLOAD_CAPACITY_BYTES + CHECK_BYTES;
/// Most frames of one message: enough for the longest profile.
pub(crate) const MESSAGE_FRAMES_MAX: u8 = PROFILE_LIMIT_BYTES.div_ceil(PAYLOAD_CAPACITY_BYTES) as u8;
/// COBS adds one byte for each started run of 254.
const STUFFED_CAPACITY_BYTES: usize = CONTENT_CAPACITY_BYTES + 1;
/// Most bytes of one frame on the line, with both delimiters.
pub const ENCODED_CAPACITY_BYTES: usize = STUFFED_CAPACITY_BYTES + 2;
const DELIMITER: u8 = 0;

static CRC: Crc<u32> = Crc::<u32>::new(&CRC_32_ISO_HDLC);

/// CRC-32 as Ethernet and ZIP compute it.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    CRC.checksum(bytes)
}

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// A profile as JSON.
    Profile,
    /// One line of text for people.
    Status,
}

impl FrameKind {
    fn code(self) -> u8 {
        match self {
            FrameKind::Profile => 1,
            FrameKind::Status => 2,
        }
    }

    fn from_code(code: u8) -> Option<FrameKind> {
        [FrameKind::Profile, FrameKind::Status].into_iter().find(|kind| kind.code() == code)
    }
}

/// Why bytes between two delimiters are not a frame. On a line shared with log text these are
/// expected and skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FrameError {
    /// More bytes than the largest frame.
    TooLong,
    /// Not COBS: log text, noise, or a cut frame.
    NotStuffed,
    /// Fewer bytes than a header and a check.
    TooShort,
    /// The CRC-32 does not match the content.
    BadCheck,
    /// A format version that this program does not know.
    UnknownVersion(u8),
    /// A kind that this program does not know.
    UnknownKind(u8),
    /// An index that is not below the count.
    BadIndex {
        /// Place of the frame in its message.
        index: u8,
        /// Frames of the message.
        count: u8,
    },
    /// More frames than the longest message has.
    TooMany {
        /// Frames of the message.
        count: u8,
    },
    /// A frame that is not the last of its message and yet is not full.
    ShortPiece {
        /// Place of the frame in its message.
        index: u8,
    },
    /// A status line that is not UTF-8 or is longer than one frame.
    BadStatus,
    /// All frames arrived, and together they do not match the message's CRC-32.
    BadMessageCheck,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FrameError::TooLong => write!(f, "more than {STUFFED_CAPACITY_BYTES} bytes in a frame"),
            FrameError::NotStuffed => f.write_str("bytes that are no frame"),
            FrameError::TooShort => f.write_str("a frame without a whole header"),
            FrameError::BadCheck => f.write_str("a frame damaged on the line"),
            FrameError::UnknownVersion(version) => {
                write!(f, "frame version {version}, not {FORMAT_VERSION}; update this device")
            }
            FrameError::UnknownKind(kind) => {
                write!(f, "frame kind {kind} is unknown; update this device")
            }
            FrameError::BadIndex { index, count } => {
                write!(f, "a frame with index {index} in a message of {count}")
            }
            FrameError::TooMany { count } => {
                write!(f, "a message of {count} frames, more than {MESSAGE_FRAMES_MAX}")
            }
            FrameError::ShortPiece { index } => write!(f, "frame {index} is not full"),
            FrameError::BadStatus => f.write_str("a status line that is not one line of text"),
            FrameError::BadMessageCheck => f.write_str("frames that do not belong together"),
        }
    }
}

impl core::error::Error for FrameError {}

/// The bytes of one frame on the line.
pub type EncodedFrame = Vec<u8, ENCODED_CAPACITY_BYTES>;

/// One frame: a piece of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What the message is.
    pub kind: FrameKind,
    /// Place of this piece in the message, from 0.
    pub index: u8,
    /// Pieces of the message, from 1.
    pub count: u8,
    /// CRC-32 of the whole message: pieces with the same value belong together.
    pub message_check: u32,
    /// The piece.
    pub payload: Vec<u8, PAYLOAD_CAPACITY_BYTES>,
}

impl Frame {
    /// The frame as it goes over the line, between two delimiters.
    pub fn encode(&self) -> EncodedFrame {
        const ROOM: &str = "the capacities should hold a header, a payload and a check";
        let mut content = Vec::<u8, CONTENT_CAPACITY_BYTES>::new();
        let header = [FORMAT_VERSION, self.kind.code(), self.index, self.count];
        content.extend_from_slice(&header).expect(ROOM);
        content.extend_from_slice(&self.message_check.to_le_bytes()).expect(ROOM);
        content.extend_from_slice(&self.payload).expect(ROOM);
        let check = crc32(&content).to_le_bytes();
        content.extend_from_slice(&check).expect(ROOM);

        let mut stuffed = [0_u8; STUFFED_CAPACITY_BYTES];
        let length = cobs::encode(&content, &mut stuffed);
        let mut encoded = EncodedFrame::new();
        encoded.push(DELIMITER).expect(ROOM);
        encoded.extend_from_slice(&stuffed[..length]).expect(ROOM);
        encoded.push(DELIMITER).expect(ROOM);
        encoded
    }

    /// The frame of the bytes between two delimiters.
    ///
    /// # Errors
    /// [`FrameError`]; nothing of a rejected frame is used.
    pub fn decode(stuffed: &[u8]) -> Result<Frame, FrameError> {
        if stuffed.len() > STUFFED_CAPACITY_BYTES {
            return Err(FrameError::TooLong);
        }
        let mut content = [0_u8; STUFFED_CAPACITY_BYTES];
        let length = cobs::decode(stuffed, &mut content).map_err(|_| FrameError::NotStuffed)?.frame_size();
        let content = content.get(..length).ok_or(FrameError::NotStuffed)?;
        let (content, check) = content.split_last_chunk::<CHECK_BYTES>().ok_or(FrameError::TooShort)?;
        let (header, payload) = content.split_first_chunk::<HEADER_BYTES>().ok_or(FrameError::TooShort)?;
        if crc32(content) != u32::from_le_bytes(*check) {
            return Err(FrameError::BadCheck);
        }
        let [version, kind, index, count, message_check @ ..] = *header;
        if version != FORMAT_VERSION {
            return Err(FrameError::UnknownVersion(version));
        }
        let kind = FrameKind::from_code(kind).ok_or(FrameError::UnknownKind(kind))?;
        if index >= count {
            return Err(FrameError::BadIndex { index, count });
        }
        if count > MESSAGE_FRAMES_MAX {
            return Err(FrameError::TooMany { count });
        }
        if index + 1 < count && payload.len() != PAYLOAD_CAPACITY_BYTES {
            return Err(FrameError::ShortPiece { index });
        }
        Ok(Frame {
            kind,
            index,
            count,
            message_check: u32::from_le_bytes(message_check),
            payload: Vec::from_slice(payload).map_err(|_| FrameError::TooLong)?,
        })
    }
}

/// Finds frames in a stream of bytes, one byte at a time.
///
/// Everything between two delimiters is a candidate; empty ones are ignored, so that a sender may
/// put a delimiter at both ends. A candidate that grows too long is dropped to its end.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    stuffed: Vec<u8, STUFFED_CAPACITY_BYTES>,
    overflowed: bool,
}

impl Decoder {
    /// A decoder at the start of a stream.
    pub fn new() -> Decoder {
        Decoder::default()
    }

    /// Takes one byte; at the end of a candidate, gives the frame or why it is none.
    pub fn push(&mut self, byte: u8) -> Option<Result<Frame, FrameError>> {
        if byte != DELIMITER {
            self.overflowed |= self.stuffed.push(byte).is_err();
            return None;
        }
        let result = if self.overflowed {
            Some(Err(FrameError::TooLong))
        } else if self.stuffed.is_empty() {
            None
        } else {
            Some(Frame::decode(&self.stuffed))
        };
        self.stuffed.clear();
        self.overflowed = false;
        result
    }
}
