//! Bytes to text: which encoding a file has, its text, and back from a place in the text to the file's bytes.
//!
//! A byte order mark decides; then UTF-8, if all or most of what is above ASCII is; then what the text says of
//! itself; then the guess of `chardetng`, which browsers trust for the same question. UTF-16 without a mark shows by
//! where its zeros are. Each conversion is reported, a guess as one.

mod declared;

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
pub use declared::{Declared, declared};
use encoding_rs::{Encoding, ISO_2022_JP, UTF_8, UTF_16BE, UTF_16LE};

/// Bytes that the guess may use.
const GUESS_BYTES: usize = 1 << 20;
/// Of these, before the first that is not ASCII.
const GUESS_BYTES_BEFORE: usize = 1 << 10;
/// A text that has at least so many bytes above ASCII for each place that its declared encoding does not have may be
/// in that encoding, with damage.
const BYTES_PER_ERROR: usize = 10;
/// A text of which so many bytes in a hundred are no UTF-8 may be damaged; with more it is something else.
const DAMAGE_PERCENT: usize = 10;
/// Bytes above ASCII in a row that are a word in another encoding.
const FOREIGN_RUN: usize = 3;

/// Text of a file or of a piece of it.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// The text, without a byte order mark, and with line feeds where the file ends its lines with carriage returns
    /// alone.
    pub text: Cow<'a, str>,
    /// The encoding that was found.
    pub encoding: &'static Encoding,
    /// Places that could not be decoded; U+FFFD stands there.
    pub damaged: usize,
    /// Bytes of the byte order mark.
    mark: usize,
}

/// The encoding of a file that begins with `bytes`.
pub fn detect(bytes: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(bytes) {
        return encoding;
    }
    if let Some(encoding) = utf16_by_look(&bytes[..bytes.len().min(GUESS_BYTES)]) {
        return encoding;
    }
    find(bytes, || declared(bytes)?.encoding)
}

/// The encoding of a piece from the midst of a file.
pub fn detect_within(bytes: &[u8]) -> &'static Encoding {
    find(bytes, || None)
}

fn find(bytes: &[u8], declared: impl Fn() -> Option<&'static Encoding>) -> &'static Encoding {
    match std::str::from_utf8(bytes) {
        // Japanese in seven bits looks like ASCII but for its escapes.
        Ok(_) if bytes.contains(&0x1b) && declared() == Some(ISO_2022_JP) => return ISO_2022_JP,
        Ok(_) => return UTF_8,
        Err(_) => {}
    }
    let above = bytes.iter().position(|byte| !byte.is_ascii()).unwrap_or_default();
    let start = above.saturating_sub(GUESS_BYTES_BEFORE);
    let sample = &bytes[start..bytes.len().min(start + GUESS_BYTES)];
    let damage = utf8_damage(sample);
    // Bytes that make a character of UTF-8 by chance are rare in any other encoding.
    let characters = utf8_characters(sample);
    if let Some(encoding) = declared().filter(|encoding| *encoding != UTF_8 && fits(sample, encoding))
        && (damage > characters || !encoding.is_single_byte())
    {
        return encoding;
    }
    if characters >= damage || damage * 100 <= sample.len() * DAMAGE_PERCENT && !looks_foreign(sample) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(sample, true);
    detector.guess(None, Utf8Detection::Allow)
}

/// Whether `sample` is text in `encoding`, but for little damage.
fn fits(sample: &[u8], encoding: &'static Encoding) -> bool {
    let (text, damaged) = encoding.decode_without_bom_handling(sample);
    let above = || sample.iter().filter(|byte| !byte.is_ascii()).count();
    !damaged || text.matches('\u{fffd}').count().saturating_sub(1) * BYTES_PER_ERROR <= above()
}

/// UTF-16 without a mark: nearly every second byte of European text is zero.
pub fn utf16_by_look(sample: &[u8]) -> Option<&'static Encoding> {
    if sample.starts_with(&[0xff, 0xfe]) {
        return Some(UTF_16LE);
    }
    if sample.starts_with(&[0xfe, 0xff]) {
        return Some(UTF_16BE);
    }
    let pairs = sample.chunks_exact(2);
    let count = pairs.len();
    if count < 4 {
        return None;
    }
    let zeros = |at: usize| sample.chunks_exact(2).filter(|pair| pair[at] == 0 && pair[1 - at] != 0).count();
    let (first, second) = (zeros(0), zeros(1));
    if second * 10 >= count * 7 && first * 20 <= count {
        Some(UTF_16LE)
    } else if first * 10 >= count * 7 && second * 20 <= count {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Whether the bytes that are no UTF-8 look like letters and signs of another encoding: inside of words, beside
/// digits, or several in a row. Damage stands anywhere, and as ends of cut characters.
fn looks_foreign(bytes: &[u8]) -> bool {
    let (mut foreign, mut broken, mut at) = (0, 0, 0);
    for chunk in bytes.utf8_chunks() {
        at += chunk.valid().len();
        let end = at + chunk.invalid().len();
        if let [byte] = chunk.invalid() {
            let beside =
                |place: Option<usize>| place.and_then(|place| bytes.get(place)).is_some_and(u8::is_ascii_alphanumeric);
            let run = bytes[at..].iter().take_while(|byte| !byte.is_ascii()).count();
            // 0x80 to 0x9f are quotes and dashes on their own; 0xfe and 0xff are letters that hardly anyone writes.
            let sign = matches!(byte, 0x80..=0x9f) || beside(at.checked_sub(1)) || beside(Some(end));
            let letter = *byte < 0xfe && (sign || run >= FOREIGN_RUN);
            (foreign, broken) = (foreign + usize::from(letter), broken + usize::from(!letter));
        } else if end > at {
            broken += 1;
        }
        at = end;
    }
    foreign >= broken
}

fn utf8_damage(bytes: &[u8]) -> usize {
    bytes.utf8_chunks().filter(|chunk| !chunk.invalid().is_empty()).count()
}

/// Characters above ASCII in what is valid of `bytes`.
fn utf8_characters(bytes: &[u8]) -> usize {
    let begins = |byte: &u8| *byte >= 0xc0;
    bytes.utf8_chunks().map(|chunk| chunk.valid().bytes().filter(begins).count()).sum()
}

/// Decodes `bytes`; `first` says that they are the beginning of the file, where a byte order mark may stand.
pub fn decode<'a>(bytes: &'a [u8], encoding: &'static Encoding, first: bool) -> Decoded<'a> {
    let mark = match Encoding::for_bom(bytes) {
        Some((marked, length)) if first && marked == encoding => length,
        _ => 0,
    };
    let body = &bytes[mark..];
    if encoding == UTF_8 {
        return match std::str::from_utf8(body) {
            Ok(text) => Decoded { text: in_lines(Cow::Borrowed(text)), encoding, damaged: 0, mark },
            Err(_) => {
                let damaged = utf8_damage(body);
                Decoded { text: in_lines(String::from_utf8_lossy(body)), encoding, damaged, mark }
            }
        };
    }
    let (text, damaged) = encoding.decode_without_bom_handling(body);
    let damaged = if damaged { text.matches('\u{fffd}').count() } else { 0 };
    Decoded { text: in_lines(text), encoding, damaged, mark }
}

/// The lines of a text without line feeds end with carriage returns, as old Macs wrote them. Both are one byte, so
/// that no place moves.
fn in_lines(text: Cow<'_, str>) -> Cow<'_, str> {
    if text.contains('\n') || !text.contains('\r') { text } else { Cow::Owned(text.replace('\r', "\n")) }
}

impl<'a> Decoded<'a> {
    /// A text that is not to be decoded.
    pub fn of_text(text: Cow<'a, str>) -> Self {
        Self { text, encoding: UTF_8, damaged: 0, mark: 0 }
    }

    /// A cursor that turns offsets of the text into offsets of the bytes it was decoded from.
    pub fn offsets(&self) -> Offsets<'_> {
        let plain = self.encoding == UTF_8 && self.damaged == 0;
        Offsets { text: &self.text, encoding: self.encoding, plain, mark: self.mark, at: (0, self.mark as u64) }
    }
}

/// Turns offsets of the text into offsets of the bytes; cheap when asked in ascending order.
#[derive(Debug)]
pub struct Offsets<'a> {
    text: &'a str,
    encoding: &'static Encoding,
    plain: bool,
    mark: usize,
    at: (usize, u64),
}

impl Offsets<'_> {
    /// Offset in the bytes of the offset `text` in the text. Exact for UTF-8 and UTF-16 without damage and for the
    /// single-byte encodings; elsewhere as exact as writing the text in that encoding again.
    pub fn byte(&mut self, text: usize) -> u64 {
        if self.plain {
            return (text + self.mark) as u64;
        }
        if text < self.at.0 {
            self.at = (0, self.mark as u64);
        }
        let between = &self.text[self.at.0..text];
        let bytes = if self.encoding == UTF_16LE || self.encoding == UTF_16BE {
            2 * between.encode_utf16().count()
        } else if self.encoding == UTF_8 {
            // The length of damage is lost; one byte for each mark is the usual case.
            between.len() - 2 * between.matches('\u{fffd}').count()
        } else {
            self.encoding.encode(between).0.len()
        };
        self.at = (text, self.at.1 + bytes as u64);
        self.at.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> (String, &'static str) {
        let decoded = decode(bytes, detect(bytes), true);
        (decoded.text.into_owned(), decoded.encoding.name())
    }

    #[test]
    fn encodings_are_found_and_converted() {
        assert_eq!(
            read("\u{3bd}\u{3b5}\u{3c1}\u{3cc}".as_bytes()),
            ("\u{3bd}\u{3b5}\u{3c1}\u{3cc}".to_owned(), "UTF-8")
        );
        assert_eq!(read(b"\xef\xbb\xbfhello").0, "hello");
        let (text, name) = read(b"The temp\xe9rature is 25 \xb0C, and the caf\xe9 is na\xefve.");
        assert_eq!((text.contains("temp\u{e9}rature is 25 \u{b0}C"), name), (true, "windows-1252"));
        let utf16: Vec<u8> = "Order water.".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&utf16), ("Order water.".to_owned(), "UTF-16LE"));
    }

    #[test]
    fn damage_in_utf8_stays_damage() {
        let mut bytes = "Smoke \u{2013} go upwind. ".repeat(100).into_bytes();
        bytes[1000] = 0xff;
        let decoded = decode(&bytes, detect(&bytes), true);
        assert_eq!((decoded.encoding, decoded.damaged), (UTF_8, 1));
    }

    #[test]
    fn few_bad_bytes_between_words_are_damage_and_no_other_alphabet() {
        let decoded = read(b"Good text here. \xff\xfe bad bytes \xe2\x82 end.");
        assert_eq!(decoded, ("Good text here. \u{fffd}\u{fffd} bad bytes \u{fffd} end.".to_owned(), "UTF-8"));
        let (text, name) = read(b"Stay low \x96 the smoke \x93rises\x94.");
        assert_eq!((text.as_str(), name), ("Stay low \u{2013} the smoke \u{201c}rises\u{201d}.", "windows-1252"));
    }

    #[test]
    fn declared_encoding_is_believed_where_the_bytes_can_be_in_it() {
        let page = b"<meta charset=\"windows-1251\"><p>\xc2\xee\xe4\xe0 \xe8 \xee\xe3\xee\xed\xfc</p>";
        let (text, name) = read(page);
        assert!(text.contains("\u{412}\u{43e}\u{434}\u{430} \u{438} \u{43e}\u{433}\u{43e}\u{43d}\u{44c}"), "{text}");
        assert_eq!(name, "windows-1251");
        assert!(read(b"<?xml version='1.0' encoding='iso-8859-15'?><p>5 \xa4</p>").0.contains("5 \u{20ac}"));
        assert_eq!(read(b"# -*- coding: latin-1 -*-\nx = ' \xb5 '\n").0, "# -*- coding: latin-1 -*-\nx = ' \u{b5} '\n");
        assert_eq!(read(b"<meta charset=shift_jis>\x89\xce").0, "<meta charset=shift_jis>\u{706b}");
        assert_eq!(read(b"# coding: iso-2022-jp\n\x1b$B2P\x1b(B\n").0, "# coding: iso-2022-jp\n\u{706b}\n");
        assert_eq!(read(b"caf\xe9").0, "caf\u{e9}");
        // What is UTF-8 stays it, whatever it says.
        assert_eq!(read("<meta charset=latin1>Gr\u{f6}\u{df}e".as_bytes()).1, "UTF-8");
        assert_eq!(read(b"<meta charset=latin1>Gr\xc3\xb6\xc3\x9fe und Ma\xdfe, \xc3\xbcber").1, "UTF-8");
    }

    #[test]
    fn bad_line_does_not_make_another_encoding_of_a_short_text() {
        let (text, name) = read(b"Gr\xc3\xb6\xc3\x9fe\n\xc3\xbcber\nGr\xf6\xdfe\n");
        assert_eq!((text.as_str(), name), ("Gr\u{f6}\u{df}e\n\u{fc}ber\nGr\u{fffd}\u{fffd}e\n", "UTF-8"));
    }

    #[test]
    fn first_byte_that_is_not_ascii_may_stand_late() {
        let mut bytes = b"The crew waits for water.\n".repeat(GUESS_BYTES / 20);
        bytes.extend(b"The caf\xe9 is closed.\n");
        let (text, name) = read(&bytes);
        assert!(text.ends_with("The caf\u{e9} is closed.\n"));
        assert_eq!(name, "windows-1252");
    }

    #[test]
    fn carriage_returns_alone_end_lines() {
        assert_eq!(read(b"One.\rTwo.\r").0, "One.\nTwo.\n");
        assert_eq!(read(b"One.\r\nTwo.\r\n").0, "One.\r\nTwo.\r\n");
    }

    #[test]
    fn places_in_the_text_lead_back_to_the_bytes() {
        let bytes = b"caf\xe9 = caf\xe9 closed, temp\xe9rature";
        let decoded = decode(bytes, encoding_rs::WINDOWS_1252, true);
        let at = decoded.text.find("closed").unwrap();
        assert_eq!(decoded.offsets().byte(at), bytes.windows(6).position(|w| w == b"closed").unwrap() as u64);
        let utf16: Vec<u8> = "\u{feff}h\u{e9} \u{1f525} fire".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let decoded = decode(&utf16, UTF_16BE, true);
        let at = decoded.text.find("fire").unwrap();
        assert_eq!(decoded.offsets().byte(at) as usize, utf16.len() - 8);
    }
}
