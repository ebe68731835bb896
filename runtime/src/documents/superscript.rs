//! Superscripts in plain text: a power must not become a digit of its base.

/// What stands raised, but changes the meaning of no number: ordinals and marks.
const PLAIN: [&str; 6] = ["st", "nd", "rd", "th", "tm", "sm"];

/// `text` as it is written when it stands raised: in the superscripts of Unicode where all its characters have one
/// (`10\u{207b}\u{2076}`), else as `^(..)`. Ordinals (`1st`), trade marks and signs of footnotes (`[2]`) stay as they
/// are.
pub(crate) fn superscript(text: &str) -> String {
    let bare = text.trim();
    if PLAIN.contains(&bare.to_lowercase().as_str()) || bare.starts_with('[') {
        return text.to_owned();
    }
    if matches!(bare, "o" | "\u{ba}" | "\u{b0}") {
        return text.replace(bare, "\u{b0}");
    }
    let Some(raised) = bare.chars().map(raised).collect::<Option<String>>() else {
        return match bare.chars().any(char::is_alphanumeric) {
            true if is_grouped(bare) => text.replace(bare, &format!("^{bare}")),
            true => text.replace(bare, &format!("^({bare})")),
            false => text.to_owned(),
        };
    };
    if bare.is_empty() { text.to_owned() } else { text.replace(bare, &raised) }
}

/// Whether one pair of parentheses holds all of `text`.
fn is_grouped(text: &str) -> bool {
    text.strip_prefix('(').and_then(|text| text.strip_suffix(')')).is_some_and(|text| !text.contains(['(', ')']))
}

/// The superscript of a character. Raised letters other than these are signs of phonetics.
fn raised(character: char) -> Option<char> {
    Some(match character {
        '0' | '4'..='9' => char::from_u32(0x2070 + character.to_digit(10)?)?,
        '1' => '\u{b9}',
        '2' => '\u{b2}',
        '3' => '\u{b3}',
        '+' => '\u{207a}',
        '-' | '\u{2010}'..='\u{2013}' | '\u{2212}' => '\u{207b}',
        '=' => '\u{207c}',
        '(' => '\u{207d}',
        ')' => '\u{207e}',
        'i' => '\u{2071}',
        'n' => '\u{207f}',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_are_raised_where_unicode_can_and_marked_where_not() {
        assert_eq!(superscript("-6"), "\u{207b}\u{2076}");
        assert_eq!(superscript("\u{2212}23"), "\u{207b}\u{b2}\u{b3}");
        assert_eq!(superscript("2+"), "\u{b2}\u{207a}");
        assert_eq!(superscript("n+1"), "\u{207f}\u{207a}\u{b9}");
        assert_eq!(superscript("0145789"), "\u{2070}\u{b9}\u{2074}\u{2075}\u{2077}\u{2078}\u{2079}");
        assert_eq!(superscript("x"), "^(x)");
        assert_eq!(superscript("(D-1)"), "^(D-1)");
        assert_eq!(superscript("1.5"), "^(1.5)");
        assert_eq!(superscript(" 2 "), " \u{b2} ");
    }

    #[test]
    fn ordinals_and_marks_stay_as_people_type_them() {
        for plain in ["st", "nd", "TH", "TM", "\u{ae}", "*", "[2]", "\u{2020}", "", " "] {
            assert_eq!(superscript(plain), plain);
        }
        assert_eq!(superscript("o"), "\u{b0}");
    }
}
