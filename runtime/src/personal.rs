//! Personal data in a text: addresses, telephone numbers, and numbers of people and their money.
//!
//! Numbers with a check digit count only when it is right: IBAN (ISO 13616, modulo 97), payment cards
//! (ISO/IEC 7812, Luhn), the Greek social security number AMKA (a date of birth and Luhn). US social security
//! numbers have none; those that are never given out (SSA: areas 000, 666, 900 up) do not count.
//!
//! Digits with spaces alone between them may as well be columns of a table: they count as telephone or social security
//! number only where no further number stands beside them and not all are round. Ten bare digits are a telephone number
//! only behind a word that says so.

use std::net::Ipv6Addr;
use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

/// A kind of personal data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Personal {
    /// Social security number of Greece.
    Amka,
    /// Number of a payment card.
    Card,
    /// Address of e-mail.
    Email,
    /// International bank account number.
    Iban,
    /// Address on the internet.
    IpAddress,
    /// Telephone number.
    Phone,
    /// Social security number of the United States.
    Ssn,
}

impl Personal {
    /// Name in labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amka => "amka",
            Self::Card => "card",
            Self::Email => "email",
            Self::Iban => "iban",
            Self::IpAddress => "ip_address",
            Self::Phone => "phone",
            Self::Ssn => "ssn",
        }
    }
}

/// A pattern that is known to be sound, since the tests build it.
fn pattern(text: &str) -> Option<Regex> {
    Regex::new(text).ok()
}

static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?i)\b([a-z0-9._%+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})*\.[a-z]{2,24})\b"));
static PHONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(concat!(
        r"(?:^|[^\w.+-])(",
        r"\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{2,4}(?:[ .-]?\d{2,4}){1,4}",
        r"|(?:1[ .-])?\([2-9]\d{2}\) ?[2-9]\d{2}[ .-]\d{4}",
        r"|(?:1[ .-])?[2-9]\d{2}[.-][2-9]\d{2}[.-]\d{4}",
        r"|00[1-9]\d{0,2}[ .-]\d{2,4}(?:[ .-]?\d{2,4}){1,4}",
        r")(?:$|[^\w-])"
    ))
});
static SPACED_PHONE: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?:^|[^\w.+-])((?:1 )?[2-9]\d{2} \d{3} \d{4})(?:$|[^\w-])"));
static BARE_PHONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(
        r"(?i)\b(?:call|cell|dial|fax|mobile|phone|sms|tel|telephone)\b[^\w\n]{0,4}(?:(?:at|is|me|no|number|on|us)\b[^\w\n]{0,4}){0,2}([2-9]\d{9})(?:$|[^\w-])",
    )
});
static SSN: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(?:^|[^\w-])(\d{3}-\d{2}-\d{4})(?:$|[^\w-])"));
static SPACED_SSN: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?:^|[^\w.+-])(\d{3} \d{2} \d{4})(?:$|[^\w-])"));
static IBAN: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\b([A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)\b"));
/// In small letters, where only letters of the bank can be told from the words around.
static SMALL_IBAN: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?i)\b([a-z]{2}\d{2}(?: ?[a-z]{4})?(?: ?\d{4}){2,7}(?: ?\d{1,3})?)\b"));
/// With points in the places where a card has its spaces; elsewhere they are decimal points.
static POINTED_CARD: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?:^|[^\w.])(\d{4}\.\d{4}\.\d{4}\.\d{4}|\d{4}\.\d{6}\.\d{5})(?:$|[^\w.]|\.(?:$|\s))"));
static DIGITS: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\b(\d(?:[ -]?\d){10,18})\b"));
static IP_ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?:^|[^\w.])(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?:$|[^\w.]|\.(?:$|\s))"));

static IPV6_ADDRESS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    pattern(r"(?i)(?:^|[^\w:.])([0-9a-f]{1,4}:[0-9a-f:]{2,34}(?:\d{1,3}(?:\.\d{1,3}){3})?)(?:$|[^\w:])")
});

/// The kinds of personal data in a text, each once, in the order of their names.
pub fn personal_data(text: &str) -> Vec<Personal> {
    let mut kinds: Vec<Personal> = personal_spans(text).into_iter().map(|(_, kind)| kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// Where personal data stands in a text, as byte ranges in the order of the text. Ranges may overlap where a number
/// can be read in two ways.
pub fn personal_spans(text: &str) -> Vec<(Range<usize>, Personal)> {
    let mut found: Vec<(Range<usize>, Personal)> = Vec::new();
    let mut add = |regex: &'static LazyLock<Option<Regex>>, kind: Personal, is_one: &dyn Fn(&str) -> bool| {
        let spans = spans(regex, text).filter(|span| is_one(&text[span.clone()]));
        found.extend(spans.map(|span| (span, kind)));
    };
    add(&DIGITS, Personal::Amka, &|number| {
        let number = digits_of(number);
        number.len() == 11 && is_date(&number[..6]) && luhn(&number)
    });
    add(&DIGITS, Personal::Card, &|number| {
        let number = digits_of(number);
        (13..=19).contains(&number.len()) && is_card(&number)
    });
    add(&POINTED_CARD, Personal::Card, &|number| is_card(&digits_of(number)));
    add(&EMAIL, Personal::Email, &|_| true);
    add(&IBAN, Personal::Iban, &is_iban);
    add(&SMALL_IBAN, Personal::Iban, &is_iban);
    // Section and version numbers such as 5.1.2.3 have small parts; an address with two of ten or more is no such.
    add(&IP_ADDRESS, Personal::IpAddress, &|address| {
        let parts = parts(address, '.');
        let large = parts.iter().filter(|byte| **byte >= 10).count();
        parts.iter().all(|byte| *byte < 256) && parts[0] != 127 && large >= 2
    });
    add(&IPV6_ADDRESS, Personal::IpAddress, &is_public_or_local);
    add(&BARE_PHONE, Personal::Phone, &|_| true);
    add(&PHONE, Personal::Phone, &|number| number.bytes().filter(u8::is_ascii_digit).count() >= 9);
    add(&SSN, Personal::Ssn, &|number| is_given_out(&parts(number, '-')));
    let alone = |span: &Range<usize>| stands_alone(text, span) && !is_round(&text[span.clone()]);
    let phones = spans(&SPACED_PHONE, text).filter(alone);
    found.extend(phones.map(|span| (span, Personal::Phone)));
    let numbers = spans(&SPACED_SSN, text).filter(alone);
    let numbers = numbers.filter(|span| is_given_out(&parts(&text[span.clone()], ' ')));
    found.extend(numbers.map(|span| (span, Personal::Ssn)));
    found.sort_by_key(|(span, kind)| (span.start, span.end, *kind));
    found.dedup();
    found
}

/// What the first group of a pattern matches. The characters around it may end one match and begin the next.
fn spans<'a>(regex: &'static LazyLock<Option<Regex>>, text: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    let mut from = 0;
    std::iter::from_fn(move || {
        let span = regex.as_ref()?.captures_at(text, from)?.get(1)?.range();
        from = span.end;
        Some(span)
    })
}

fn digits_of(number: &str) -> String {
    number.replace([' ', '-', '.'], "")
}

fn parts(number: &str, separator: char) -> Vec<u32> {
    number.split(separator).map(|part| part.parse().unwrap_or(u32::MAX)).collect()
}

/// Area, group and serial number of a social security number that can be somebody's.
fn is_given_out(parts: &[u32]) -> bool {
    !matches!(parts[0], 0 | 666 | 900..) && parts[1] > 0 && parts[2] > 0
}

/// Whether no other number stands beside this one, as those of a table do.
fn stands_alone(text: &str, span: &Range<usize>) -> bool {
    let is_digit = |character: char| character.is_ascii_digit();
    !text[..span.start].trim_end_matches([' ', '\t', '|', ',']).ends_with(is_digit)
        && !text[span.end..].trim_start_matches([' ', '\t', '|', ',']).starts_with(is_digit)
}

/// Whether all numbers are round, as distances and volumes are. Numbers that cost the caller nothing are no such.
fn is_round(numbers: &str) -> bool {
    const TOLL_FREE: [&str; 7] = ["800", "833", "844", "855", "866", "877", "888"];
    let first = numbers.split(' ').find(|number| number.len() == 3);
    !first.is_some_and(|first| TOLL_FREE.contains(&first)) && numbers.split(' ').all(|number| number.ends_with('0'))
}

/// An address that is routed somewhere (2000::/3), or given to one network (fc00::/7) or link (fe80::/10).
fn is_public_or_local(text: &str) -> bool {
    let first = text.parse::<Ipv6Addr>().map(|address| address.segments()[0]);
    first.is_ok_and(|first| first & 0xe000 == 0x2000 || first & 0xfe00 == 0xfc00 || first & 0xffc0 == 0xfe80)
}

/// Luhn's check (ISO/IEC 7812-1, annex B): from the right, every second digit doubled.
fn luhn(digits: &str) -> bool {
    let value = |(place, digit): (usize, u8)| {
        let digit = u32::from(digit - b'0');
        match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, doubled) => doubled / 10 + doubled % 10,
        }
    };
    digits.bytes().rev().enumerate().map(value).sum::<u32>().is_multiple_of(10)
}

/// Issuers of payment cards begin with 2 to 6; equal digits pass the check and are no card.
fn is_card(digits: &str) -> bool {
    let first = digits.as_bytes()[0];
    (b'2'..=b'6').contains(&first) && luhn(digits) && digits.bytes().any(|digit| digit != first)
}

/// Day, month and year of two digits each.
fn is_date(digits: &str) -> bool {
    let part = |range: std::ops::Range<usize>| digits.get(range).and_then(|part| part.parse::<u32>().ok());
    matches!((part(0..2), part(2..4)), (Some(1..=31), Some(1..=12)))
}

/// The check of ISO 13616: country and check digits go to the end, letters become 10 to 35, and the number is
/// 1 modulo 97.
fn is_iban(text: &str) -> bool {
    let code: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').map(|byte| byte.to_ascii_uppercase()).collect();
    if !(15..=34).contains(&code.len()) {
        return false;
    }
    let turned = code[4..].iter().chain(&code[..4]);
    turned.fold(0_u32, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte - b'A') + 10) % 97,
    }) == 1
}

#[cfg(test)]
mod tests {
    use super::Personal::{Amka, Card, Email, Iban, IpAddress, Phone, Ssn};
    use super::*;

    #[test]
    fn each_kind_is_found() {
        // Numbers from the standards' and issuers' own examples.
        for (text, kind) in [
            ("Write to maria.p@fire.example.gr.", Email),
            ("Call +30 210 123 4567 now.", Phone),
            ("CHEMTREC: (800) 424-9300", Phone),
            ("or 202-555-0143.", Phone),
            ("SSN 078-05-1120", Ssn),
            ("Pay GR16 0110 1250 0000 0001 2300 695 today", Iban),
            ("DE89370400440532013000", Iban),
            ("card 4111 1111 1111 1111", Card),
            ("AMKA 01019012341", Amka),
            ("host 192.168.10.7.", IpAddress),
            ("Call 800 424 9300.", Phone),
            ("phone: 8004249300", Phone),
            ("Tel. no. 2101234567, please", Phone),
            ("the post in Athens, 210 123 4567", Phone),
            ("0044 20 7946 0018", Phone),
            ("SSN 078 05 1120", Ssn),
            ("pay gr16 0110 1250 0000 0001 2300 695 today", Iban),
            ("gb29 nwbk 6016 1331 9268 19 with thanks", Iban),
            ("card 4111.1111.1111.1111.", Card),
            ("host 2001:db8:85a3::8a2e:370:7334 or", IpAddress),
            ("[fe80::1ff:fe23:4567:890a]", IpAddress),
        ] {
            assert_eq!(personal_data(text), [kind], "{text}");
        }
    }

    #[test]
    fn technical_numbers_are_no_personal_data() {
        for text in [
            "UN1090, class 3, 172.101(b)(4), 49 CFR 172.101",
            "section 5.1.2.3 of version 1.0.0.0",
            "isolate 150 feet, 1,000.5 L at 2,500 psi",
            "part number 4111-1111-1111-1112 and 4111111111111112",
            "GR17 0110 1250 0000 0001 2300 695",
            "000-12-3456 or 987-65-4321",
            "coordinates 38.2466, 21.7346; frequency 168.200 MHz",
            "2025-06-30 12:00:00",
            "| 300 500 1000 | 210 123 4567 80 |",
            "isolate 300 500 1000 feet",
            "part 8004249300, serial 2101234567",
            "3.1415.9265.3589.7932",
            "std::ad::be, ad::be, 00:1a:2b:3c:4d:5e, ::1",
            "on12 that this",
            "volumes 100 50 1000",
            "01019012342",
        ] {
            assert_eq!(personal_data(text), [], "{text}");
        }
    }

    #[test]
    fn neighbours_are_found_with_their_exact_places() {
        let text = "202-555-0145 202-555-0144, a@b.example";
        let found: Vec<&str> = personal_spans(text).into_iter().map(|(span, _)| &text[span]).collect();
        assert_eq!(found, ["202-555-0145", "202-555-0144", "a@b.example"]);
    }

    #[test]
    fn every_pattern_is_sound() {
        let numbers =
            [&PHONE, &SPACED_PHONE, &BARE_PHONE, &SSN, &SPACED_SSN, &IBAN, &SMALL_IBAN, &POINTED_CARD, &DIGITS];
        for regex in [&numbers[..], &[&EMAIL, &IP_ADDRESS, &IPV6_ADDRESS]].concat() {
            assert!(regex.is_some());
        }
    }
}
