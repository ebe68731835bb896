//! Personal data in a text: addresses, telephone numbers, and numbers of people and their money.
//!
//! Numbers with a check digit count only when it is right: IBAN (ISO 13616, modulo 97), payment cards
//! (ISO/IEC 7812, Luhn), the Greek social security number AMKA (a date of birth and Luhn). US social security
//! numbers have none; those that are never given out (SSA: areas 000, 666, 900 up) do not count.

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
        r")(?:$|[^\w-])"
    ))
});
static SSN: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"(?:^|[^\w-])(\d{3}-\d{2}-\d{4})(?:$|[^\w-])"));
static IBAN: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"\b([A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?)\b"));
static DIGITS: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(r"\b(\d(?:[ -]?\d){10,18})\b"));
static IP_ADDRESS: LazyLock<Option<Regex>> =
    LazyLock::new(|| pattern(r"(?:^|[^\w.])(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})(?:$|[^\w.]|\.(?:$|\s))"));

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
    add(&EMAIL, Personal::Email, &|_| true);
    add(&IBAN, Personal::Iban, &is_iban);
    // Section and version numbers such as 5.1.2.3 have small parts; an address with two of ten or more is no such.
    add(&IP_ADDRESS, Personal::IpAddress, &|address| {
        let parts = parts(address, '.');
        let large = parts.iter().filter(|byte| **byte >= 10).count();
        parts.iter().all(|byte| *byte < 256) && parts[0] != 127 && large >= 2
    });
    add(&PHONE, Personal::Phone, &|number| number.bytes().filter(u8::is_ascii_digit).count() >= 9);
    add(&SSN, Personal::Ssn, &|number| {
        let parts = parts(number, '-');
        !matches!(parts[0], 0 | 666 | 900..) && parts[1] > 0 && parts[2] > 0
    });
    found.sort_by_key(|(span, _)| (span.start, span.end));
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
    number.replace([' ', '-'], "")
}

fn parts(number: &str, separator: char) -> Vec<u32> {
    number.split(separator).map(|part| part.parse().unwrap_or(u32::MAX)).collect()
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
    let code: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
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
        for regex in [&EMAIL, &PHONE, &SSN, &IBAN, &DIGITS, &IP_ADDRESS] {
            assert!(regex.is_some());
        }
    }
}
