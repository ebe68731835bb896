//! Frames: exact bytes as WIRE.md draws them, and rejection of everything else.

use halligan_firmware_profiles::{
    Decoder, ENCODED_CAPACITY_BYTES, FORMAT_VERSION, Frame, FrameError, FrameKind, PAYLOAD_CAPACITY_BYTES,
};
use proptest::prelude::*;

/// CRC-32 bit by bit, from its definition: reflected polynomial, all ones in and out.
fn crc32(bytes: &[u8]) -> u32 {
    let mut rest = u32::MAX;
    for byte in bytes {
        rest ^= u32::from(*byte);
        for _ in 0..8 {
            let carry = rest & 1;
            rest >>= 1;
            if carry == 1 {
                rest ^= 0xedb8_8320;
            }
        }
    }
    !rest
}

/// COBS from its definition: each run without zeros is led by its length plus one.
fn stuff(content: &[u8]) -> Vec<u8> {
    let mut stuffed = Vec::new();
    for run in content.split(|byte| *byte == 0) {
        assert!(run.len() < 254, "the tests need no longer runs");
        stuffed.push(run.len() as u8 + 1);
        stuffed.extend_from_slice(run);
    }
    stuffed
}

/// Content with a right CRC-32, stuffed, so that only the header can be wrong.
fn sealed(content: &[u8]) -> Vec<u8> {
    let mut content = content.to_vec();
    content.extend_from_slice(&crc32(&content).to_le_bytes());
    stuff(&content)
}

fn status(payload: &[u8]) -> Frame {
    Frame { kind: FrameKind::Status, index: 0, count: 1, message_check: crc32(payload), payload: heapless_vec(payload) }
}

fn heapless_vec<const N: usize>(bytes: &[u8]) -> heapless::Vec<u8, N> {
    heapless::Vec::from_slice(bytes).unwrap()
}

fn decode_all(bytes: &[u8]) -> Vec<Result<Frame, FrameError>> {
    let mut decoder = Decoder::new();
    bytes.iter().filter_map(|byte| decoder.push(*byte)).collect()
}

#[test]
fn status_ok_has_the_bytes_of_the_drawing() {
    let expected = [
        0x00, // delimiter
        0x03, 0x01, 0x02, // version 1, kind 2; the run ends at the zero of the index
        0x08, 0x01, // count 1; the run ends at the zero that begins the frame check
        0x47, 0xdd, 0xdc, 0x79, // message check: CRC-32 of "ok", low byte first
        b'o', b'k', // payload
        0x04, 0x3b, 0x56, 0xe8, // rest of the frame check
        0x00, // delimiter
    ];
    let content = [1, 2, 0, 1, 0x47, 0xdd, 0xdc, 0x79, b'o', b'k'];
    assert_eq!(crc32(&content), 0xe856_3b00);
    assert_eq!(crc32(b"ok"), 0x79dc_dd47);
    assert_eq!(crc32(b"123456789"), 0xcbf4_3926, "the published check value");
    assert_eq!(status(b"ok").encode().as_slice(), expected);
}

#[test]
fn full_frame_of_any_byte_fits_the_capacity_and_comes_back() {
    for fill in 0..=255 {
        let frame = status(&[fill; PAYLOAD_CAPACITY_BYTES]);
        let encoded = frame.encode();
        assert_eq!(encoded.len(), ENCODED_CAPACITY_BYTES);
        assert_eq!(decode_all(&encoded), [Ok(frame)]);
    }
}

#[test]
fn empty_payload_comes_back() {
    let frame = status(b"");
    assert_eq!(decode_all(&frame.encode()), [Ok(frame)]);
}

#[test]
fn any_flipped_bit_is_rejected() {
    let frame = status(b"engine 4 low on fuel");
    let encoded = frame.encode();
    for bit in 8..(encoded.len() - 1) * 8 {
        let mut damaged = encoded.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        let results = decode_all(&damaged);
        assert!(results.iter().all(Result::is_err), "bit {bit}: {results:?}");
    }
}

#[test]
fn cut_frame_is_rejected_and_the_next_one_arrives() {
    let first = status(b"first").encode();
    let second = status(b"second");
    for length in 1..first.len() - 1 {
        let mut bytes = first[..length].to_vec();
        bytes.extend_from_slice(&second.encode());
        let results = decode_all(&bytes);
        assert_eq!(results.last(), Some(&Ok(second.clone())), "{length}");
        assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    }
}

#[test]
fn one_byte_more_than_a_frame_is_too_long_and_dropped_to_its_end() {
    let longest = ENCODED_CAPACITY_BYTES - 2;
    for (length, error) in
        [(longest, FrameError::NotStuffed), (longest + 1, FrameError::TooLong), (longest * 50, FrameError::TooLong)]
    {
        let mut bytes = vec![b'x'; length];
        bytes.extend_from_slice(&status(b"after").encode());
        assert_eq!(decode_all(&bytes), [Err(error), Ok(status(b"after"))]);
        assert_eq!(Frame::decode(&bytes[..length]), Err(error));
    }
}

#[test]
fn payload_one_byte_past_the_capacity_is_too_long() {
    let mut content = vec![FORMAT_VERSION, 2, 0, 1, 9, 9, 9, 9];
    content.extend_from_slice(&[1; PAYLOAD_CAPACITY_BYTES + 1]);
    assert_eq!(Frame::decode(&sealed(&content)), Err(FrameError::TooLong));
}

#[test]
fn headers_with_a_right_check_and_wrong_values_are_rejected() {
    for (content, error) in [
        (&[0_u8, 1, 0, 1, 9, 9, 9, 9][..], FrameError::UnknownVersion(0)),
        (&[2, 1, 0, 1, 9, 9, 9, 9], FrameError::UnknownVersion(2)),
        (&[1, 0, 0, 1, 9, 9, 9, 9], FrameError::UnknownKind(0)),
        (&[1, 3, 0, 1, 9, 9, 9, 9], FrameError::UnknownKind(3)),
        (&[1, 1, 0, 0, 9, 9, 9, 9], FrameError::BadIndex { index: 0, count: 0 }),
        (&[1, 1, 2, 2, 9, 9, 9, 9], FrameError::BadIndex { index: 2, count: 2 }),
        (&[1, 1, 0, 12, 9, 9, 9, 9], FrameError::TooMany { count: 12 }),
        (&[1, 1, 254, 255, 9, 9, 9, 9], FrameError::TooMany { count: 255 }),
        (&[1, 1, 0, 2, 9, 9, 9, 9, 7], FrameError::ShortPiece { index: 0 }),
        (&[1, 1, 0, 1, 9, 9, 9], FrameError::TooShort),
        (&[], FrameError::TooShort),
    ] {
        assert_eq!(Frame::decode(&sealed(content)), Err(error));
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(Frame::decode(&stuff(&[1, 2, 3])), Err(FrameError::TooShort));
    assert_eq!(Frame::decode(&[]), Err(FrameError::NotStuffed));
}

proptest! {
    #[test]
    fn any_frame_comes_back_and_has_no_delimiter_inside(
        payload in prop::collection::vec(any::<u8>(), 0..=PAYLOAD_CAPACITY_BYTES),
        message_check: u32,
    ) {
        let frame = Frame { message_check, ..status(&payload) };
        let encoded = frame.encode();
        prop_assert!(!encoded[1..encoded.len() - 1].contains(&0));
        prop_assert_eq!(decode_all(&encoded), vec![Ok(frame)]);
    }

    #[test]
    fn any_bytes_are_survived_and_the_frame_after_them_arrives(
        noise in prop::collection::vec(any::<u8>(), 0..1_000),
    ) {
        let frame = status(b"after the noise");
        let mut bytes = noise;
        bytes.extend_from_slice(&frame.encode());
        let results = decode_all(&bytes);
        prop_assert_eq!(results.last(), Some(&Ok(frame)));
    }

    #[test]
    fn few_flipped_bits_never_pass_as_another_frame(
        payload in prop::collection::vec(any::<u8>(), 0..=PAYLOAD_CAPACITY_BYTES),
        flips in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..8), 1..6),
    ) {
        let frame = status(&payload);
        let mut damaged = frame.encode();
        for (index, bit) in flips {
            let place = index.index(damaged.len());
            damaged[place] ^= 1 << bit;
        }
        for result in decode_all(&damaged) {
            // Two flips of one bit undo each other; then it is the same frame.
            prop_assert!(result.is_err() || result == Ok(frame.clone()));
        }
    }
}
