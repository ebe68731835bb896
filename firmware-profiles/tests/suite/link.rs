//! The link on a bad line: noise, log text, lost frames, cuts, failing hardware.

use std::collections::VecDeque;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use halligan_firmware_profiles::{
    FORMAT_VERSION, Field, FrameError, Link, LinkError, Message, PAYLOAD_CAPACITY_BYTES, Profile, ProfileError,
    QUIET_LIMIT_BYTES, built_in, built_in_names,
};
use proptest::prelude::*;

use crate::bench;

/// A line in memory: what is written can be read back, in pieces of at most `piece` bytes.
#[derive(Default)]
struct Wire {
    bytes: VecDeque<u8>,
    piece: usize,
    write_failure: Option<ErrorKind>,
    takes_nothing: bool,
    flushes: usize,
}

impl ErrorType for Wire {
    type Error = ErrorKind;
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        if let Some(kind) = self.write_failure {
            return Err(kind);
        }
        if self.takes_nothing {
            return Ok(0);
        }
        let length = bytes.len().min(self.piece.max(1));
        self.bytes.extend(&bytes[..length]);
        Ok(length)
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        self.flushes += 1;
        Ok(())
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        let length = buffer.len().min(self.piece.max(1)).min(self.bytes.len());
        for (place, byte) in buffer.iter_mut().zip(self.bytes.drain(..length)) {
            *place = byte;
        }
        Ok(length)
    }
}

fn sent(profile: &Profile) -> Vec<u8> {
    let mut link = Link::new(Wire::default());
    link.send_profile(profile).unwrap();
    link.into_line().bytes.into()
}

fn sent_status(text: &str) -> Vec<u8> {
    let mut link = Link::new(Wire::default());
    link.send_status(text).unwrap();
    link.into_line().bytes.into()
}

/// The frames of a message, each with its delimiters.
fn frames(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split(|byte| *byte == 0).filter(|frame| !frame.is_empty()).map(|frame| [&[0], frame, &[0]].concat()).collect()
}

#[test]
fn every_built_in_profile_crosses_the_line_in_any_pieces() {
    for name in built_in_names() {
        for piece in [1, 2, 63, 64, 65, 4096] {
            let profile = built_in(name).unwrap();
            let mut link = Link::new(Wire { piece, ..Wire::default() });
            link.send_profile(&profile).unwrap();
            assert_eq!(link.receive_profile(), Ok(profile));
            assert_eq!(link.rejected_frames(), 0);
            assert_eq!(link.into_line().flushes, 1);
        }
    }
}

#[test]
fn messages_arrive_in_their_order() {
    let mut link = Link::new(Wire::default());
    link.send_status("engine 4 ready").unwrap();
    link.send_profile(&bench()).unwrap();
    link.send_status("").unwrap();
    let status = |text: &str| Ok(Message::Status(text.try_into().unwrap()));
    assert_eq!(link.receive(), status("engine 4 ready"));
    assert_eq!(link.receive(), Ok(Message::Profile(bench())));
    assert_eq!(link.receive(), status(""));
}

#[test]
fn log_text_on_the_same_line_is_skipped() {
    let mut bytes = b"[    0.000000] Booting Linux on physical CPU 0x0\r\n".to_vec();
    for frame in frames(&sent(&bench())) {
        bytes.extend_from_slice(&frame);
        bytes.extend_from_slice(b"usb 1-1: new high-speed USB device number 2\r\n");
    }
    let mut link = Link::new(&bytes[..]);
    assert_eq!(link.receive_profile(), Ok(bench()));
    assert!(link.rejected_frames() > 0);
    assert!(link.last_rejection().is_some());
}

#[test]
fn status_between_the_frames_of_a_profile_does_not_end_it() {
    let pieces = frames(&sent(&bench()));
    assert!(pieces.len() >= 2, "the profile should need several frames");
    let mut bytes = pieces[0].clone();
    bytes.extend_from_slice(&sent_status("busy"));
    bytes.extend_from_slice(&pieces[1..].concat());
    let mut link = Link::new(&bytes[..]);
    assert!(matches!(link.receive(), Ok(Message::Status(_))));
    assert_eq!(link.receive(), Ok(Message::Profile(bench())));
}

#[test]
fn second_copy_fills_the_gaps_of_the_first_in_any_order() {
    let pieces = frames(&sent(&bench()));
    for lost in 0..pieces.len() {
        let mut first = pieces.clone();
        first.remove(lost);
        first.reverse();
        let bytes = [first.concat(), pieces[lost].clone()].concat();
        assert_eq!(Link::new(&bytes[..]).receive_profile(), Ok(bench()));
    }
}

#[test]
fn frames_of_two_profiles_are_never_mixed() {
    let other = built_in("raspberry-pi-5").unwrap();
    let (ours, theirs) = (frames(&sent(&bench())), frames(&sent(&other)));
    let bytes = [ours[0].clone(), theirs[1..].concat()].concat();
    let mut link = Link::new(&bytes[..]);
    let received = theirs.len() as u8 - 1;
    assert_eq!(link.receive_profile(), Err(LinkError::Closed { received, expected: received + 1 }));
    assert_eq!(link.rejected_frames(), 0);
    let bytes = [ours[0].clone(), theirs.concat()].concat();
    assert_eq!(Link::new(&bytes[..]).receive_profile(), Ok(other));
}

#[test]
fn line_that_closes_early_says_how_much_arrived() {
    assert_eq!(Link::new(&b""[..]).receive(), Err(LinkError::Closed { received: 0, expected: 0 }));
    let pieces = frames(&sent(&bench()));
    let expected = pieces.len() as u8;
    let error = Link::new(&pieces[0][..]).receive().unwrap_err();
    let received = 1;
    assert_eq!(error, LinkError::Closed { received, expected });
    assert!(error.to_string().contains(&format!("1 of {expected}")));
}

#[test]
fn profile_that_is_not_valid_is_refused_before_it_is_sent() {
    let mut profile = bench();
    profile.threads = 1_000;
    let mut link = Link::new(Wire::default());
    let error = link.send_profile(&profile).unwrap_err();
    let field = Field::Threads;
    let value = Some(1_000);
    let reason = ProfileError::OutOfRange { field, value };
    assert_eq!(error, LinkError::Profile(reason));
    assert!(link.into_line().bytes.is_empty());
}

#[test]
fn profile_that_arrives_whole_but_is_not_valid_is_named_and_the_link_goes_on() {
    let frame = |message: &[u8]| {
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC);
        let mut content = vec![FORMAT_VERSION, 1, 0, 1];
        content.extend_from_slice(&crc.checksum(message).to_le_bytes());
        content.extend_from_slice(message);
        content.extend_from_slice(&crc.checksum(&content).to_le_bytes());
        let mut stuffed = vec![0; 300];
        let length = cobs::encode(&content, &mut stuffed);
        [&[0], &stuffed[..length], &[0]].concat()
    };
    let bytes = [frame(b"{\"wheels\": 4}"), sent(&bench())].concat();
    let mut link = Link::new(&bytes[..]);
    match link.receive_profile() {
        Err(LinkError::Profile(error)) => assert_eq!(error.field_name(), Some("wheels")),
        other => panic!("{other:?}"),
    }
    assert_eq!(link.receive_profile(), Ok(bench()));
}

#[test]
fn pieces_with_one_check_that_do_not_match_it_are_dropped() {
    let frame = |index: u8, fill: u8| {
        halligan_firmware_profiles::Frame {
            kind: halligan_firmware_profiles::FrameKind::Profile,
            index,
            count: 2,
            message_check: 7,
            payload: heapless::Vec::from_slice(&[fill; PAYLOAD_CAPACITY_BYTES]).unwrap(),
        }
        .encode()
        .to_vec()
    };
    let bytes = [frame(0, b'a'), frame(1, b'b'), sent(&bench())].concat();
    let mut link = Link::new(&bytes[..]);
    assert_eq!(link.receive_profile(), Ok(bench()));
    assert_eq!(link.rejected_frames(), 1);
    assert_eq!(link.last_rejection(), Some(FrameError::BadMessageCheck));
}

#[test]
fn status_is_accepted_up_to_one_frame_and_not_beyond() {
    let full = "s".repeat(PAYLOAD_CAPACITY_BYTES);
    let mut link = Link::new(Wire::default());
    link.send_status(&full).unwrap();
    assert_eq!(link.receive(), Ok(Message::Status(full.as_str().try_into().unwrap())));
    let length_bytes = PAYLOAD_CAPACITY_BYTES + 1;
    assert_eq!(link.send_status(&"s".repeat(length_bytes)), Err(LinkError::StatusTooLong { length_bytes }));
}

#[test]
fn control_characters_of_a_status_do_not_reach_the_terminal() {
    let bytes = sent_status("\u{1b}[2Jgone\n");
    assert_eq!(Link::new(&bytes[..]).receive(), Ok(Message::Status("?[2Jgone?".try_into().unwrap())));
}

#[test]
fn endless_log_text_gives_control_back_after_the_limit() {
    let log = vec![b'.'; QUIET_LIMIT_BYTES + 1];
    assert_eq!(Link::new(&log[..]).receive(), Err(LinkError::Quiet));
    let mut almost = vec![b'.'; QUIET_LIMIT_BYTES];
    assert!(matches!(Link::new(&almost[..]).receive(), Err(LinkError::Quiet)));
    let status = sent_status("ok");
    almost.truncate(QUIET_LIMIT_BYTES - status.len());
    almost.extend_from_slice(&status);
    assert!(Link::new(&almost[..]).receive().is_ok());
}

#[test]
fn endless_status_lines_give_control_back_to_a_wait_for_a_profile() {
    let bytes = sent_status("still here").repeat(QUIET_LIMIT_BYTES / 16);
    assert_eq!(Link::new(&bytes[..]).receive_profile(), Err(LinkError::Quiet));
}

#[test]
fn failing_line_is_an_error_and_never_a_panic() {
    let failing = Wire { write_failure: Some(ErrorKind::BrokenPipe), ..Wire::default() };
    assert_eq!(Link::new(failing).send_status("x"), Err(LinkError::Write(ErrorKind::BrokenPipe)));
    let stuck = Wire { takes_nothing: true, ..Wire::default() };
    assert_eq!(Link::new(stuck).send_profile(&bench()), Err(LinkError::Write(ErrorKind::WriteZero)));

    struct Broken;
    impl ErrorType for Broken {
        type Error = ErrorKind;
    }
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> Result<usize, ErrorKind> {
            Err(ErrorKind::TimedOut)
        }
    }
    assert_eq!(Link::new(Broken).receive(), Err(LinkError::Read(ErrorKind::TimedOut)));
}

proptest! {
    #[test]
    fn profile_arrives_after_any_noise_and_any_loss_of_the_first_copy(
        noise in prop::collection::vec(any::<u8>(), 0..500),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = sent(&bench());
        let mut first = whole.clone();
        for (index, byte) in damage {
            let place = index.index(first.len());
            first[place] = byte;
        }
        first.truncate(cut.index(first.len()));
        let bytes = [noise, first, whole].concat();
        prop_assert_eq!(Link::new(&bytes[..]).receive_profile(), Ok(bench()));
    }

    #[test]
    fn any_bytes_end_in_an_error_or_a_message(
        bytes in prop::collection::vec(any::<u8>(), 0..4_000),
        piece in 1_usize..100,
    ) {
        let wire = Wire { bytes: bytes.into(), piece, ..Wire::default() };
        let mut link = Link::new(wire);
        while link.receive().is_ok() {}
    }
}
