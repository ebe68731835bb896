//! How numbers, hashes and times are said, in the console and in the verbs alike.
//!
//! One place, so that a confidence has the same word on the screen and in a pipe.

use halligan_runtime::Verdict;
use halligan_runtime::assistant::NO_MODEL;

/// What every confidence of this program means; printed beside the number.
pub const CONFIDENCE_KIND: &str = "mean token probability";

/// A confidence in one word; `confidence` runs from 0 to 1.
pub fn confidence_word(confidence: f32) -> &'static str {
    if confidence >= 0.9 {
        "high"
    } else if confidence >= 0.7 {
        "fair"
    } else {
        "low"
    }
}

/// A verdict as a mark of three characters, which needs no colour, and words.
pub fn verdict_words(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Answer => "[+] the answer stands",
        Verdict::Warn => "[!] check this answer before you act on it",
        Verdict::Clarify => "[?] say more: the question is not clear enough",
        Verdict::Refuse => "[x] outside my expertise",
    }
}

/// A share from 0 to 1 as whole percent, e.g. `93 %`; `-` where nothing was measured.
pub fn percent(share: Option<f32>) -> String {
    match share {
        Some(share) if share.is_finite() => format!("{:.0} %", share * 100.0),
        _ => "-".to_owned(),
    }
}

/// The first eight characters of a content hash; short names such as `base` stay whole.
pub fn short_hash(hash: &str) -> &str {
    hash.char_indices().nth(8).map_or(hash, |(end, _)| &hash[..end])
}

/// Who gave an answer: `adapter 3f2a91c0`, or a tool.
pub fn answerer(generation: &str) -> String {
    if generation == NO_MODEL { "by a tool".to_owned() } else { format!("adapter {}", short_hash(generation)) }
}

/// Where the power comes from, with the charge of the battery where there is one.
pub fn power(on_mains_power: Option<bool>, battery_percent: Option<u8>) -> String {
    match (on_mains_power, battery_percent) {
        (Some(true), Some(charge)) => format!("mains, battery {charge} %"),
        (Some(true), None) => "mains".to_owned(),
        (Some(false) | None, Some(charge)) => format!("battery {charge} %"),
        (Some(false), None) => "battery".to_owned(),
        (None, None) => "no battery found".to_owned(),
    }
}

/// Seconds as people say them: `0.8 s`, `42 s`, `3 min 05 s`, `2 h 10 min`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "-".to_owned();
    }
    if seconds < 9.95 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A size in binary units, e.g. `11.4 MiB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = count as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Unix seconds as `YYYY-MM-DD HH:MM` in UTC.
///
/// The calendar arithmetic counts days from 0000-03-01, so that the leap day is the last day of a
/// year (Howard Hinnant's days-to-civil method).
pub fn utc_minute(unix_seconds: i64) -> String {
    let days = unix_seconds.div_euclid(86_400);
    let minute_of_day = unix_seconds.rem_euclid(86_400) / 60;
    let shifted = days.saturating_add(719_468);
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minute_of_day / 60, minute_of_day % 60)
}

/// `1 correction`, `2 corrections`.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// Text from a model or a document without characters that could steer the terminal.
///
/// Line feeds stay, tabs become four spaces, other control characters vanish.
pub fn printable(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' => clean.push('\n'),
            '\t' => clean.push_str("    "),
            other if other.is_control() => {}
            other => clean.push(other),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_match_known_days() {
        assert_eq!(utc_minute(0), "1970-01-01 00:00");
        assert_eq!(utc_minute(951_782_400), "2000-02-29 00:00");
        assert_eq!(utc_minute(1_795_190_459), "2026-11-20 16:00");
        assert_eq!(utc_minute(-60), "1969-12-31 23:59");
    }

    #[test]
    fn durations_keep_their_unit() {
        assert_eq!(duration(0.84), "0.8 s");
        assert_eq!(duration(59.4), "59 s");
        assert_eq!(duration(185.0), "3 min 05 s");
        assert_eq!(duration(7_800.0), "2 h 10 min");
        assert_eq!(duration(f64::NAN), "-");
    }

    #[test]
    fn hashes_are_cut_at_a_character_border() {
        assert_eq!(short_hash("base"), "base");
        assert_eq!(short_hash("0123456789abcdef"), "01234567");
        assert_eq!(short_hash("\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}\u{e9}").chars().count(), 8);
    }

    #[test]
    fn escape_sequences_cannot_reach_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\tc\r\nd\u{9b}"), "a[2Jb    c\nd");
    }
}
