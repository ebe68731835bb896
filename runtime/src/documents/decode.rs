//! Bytes to text: which encoding a file has, its text, and back from a place in the text to the file's bytes.
//!
//! A byte order mark decides; then UTF-8, if nearly all of it is; then UTF-16 by where its zeros are; then the
//! guess of `chardetng`, which browsers trust for the same question. Each conversion is reported, a guess as one.

use std::borrow::Cow;

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

/// First bytes that the guess may use.
const GUESS_BYTES: usize = 1 << 20;
/// A text that is valid UTF-8 but for so many bytes in a thousand is UTF-8 with damage, no other encoding.
const DAMAGE_PER_MILLE: usize = 2;
/// A text of which so many bytes in a hundred are no UTF-8 may be damaged; with more it is something else.
const DAMAGE_PERCENT: usize = 10;
/// Bytes above ASCII in a row that are a word in another encoding.
const FOREIGN_RUN: usize = 3;

/// Text of a file or of a piece of it.
#[derive(Debug)]
pub struct Decoded<'a> {
    /// The text, without a byte order mark.
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
    let sample = &bytes[..bytes.len().min(GUESS_BYTES)];
    if let Some(encoding) = utf16_by_look(sample) {
        return encoding;
    }
    if std::str::from_utf8(sample).is_ok() {
        return UTF_8;
    }
    let damage = utf8_damage(sample);
    let above = sample.iter().filter(|byte| !byte.is_ascii()).count();
    // A piece may end within a character.
    if damage <= 1 && above > 8 || damage * 1000 <= sample.len() * DAMAGE_PER_MILLE && damage * 20 <= above {
        return UTF_8;
    }
    if damage * 100 <= sample.len() * DAMAGE_PERCENT && !looks_foreign(sample) {
        return UTF_8;
    }
    let mut detector = EncodingDetector::new(Iso2022JpDetection::Allow);
    detector.feed(sample, true);
    detector.guess(None, Utf8Detection::Allow)
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

/// Decodes `bytes`; `first` says that they are the beginning of the file, where a byte order mark may stand.
pub fn decode<'a>(bytes: &'a [u8], encoding: &'static Encoding, first: bool) -> Decoded<'a> {
    let mark = match Encoding::for_bom(bytes) {
        Some((marked, length)) if first && marked == encoding => length,
        _ => 0,
    };
    let body = &bytes[mark..];
    if encoding == UTF_8 {
        return match std::str::from_utf8(body) {
            Ok(text) => Decoded { text: Cow::Borrowed(text), encoding, damaged: 0, mark },
            Err(_) => {
                let damaged = utf8_damage(body);
                Decoded { text: String::from_utf8_lossy(body), encoding, damaged, mark }
            }
        };
    }
    let (text, damaged) = encoding.decode_without_bom_handling(body);
    let damaged = if damaged { text.matches('\u{fffd}').count() } else { 0 };
    Decoded { text, encoding, damaged, mark }
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
