//! Puts a key together again that came in one piece with an Esc before it.
//!
//! Over a slow line Esc and F6 arrive as the bytes of one read. The terminal library takes the two Esc in a row as the
//! key Esc, and what is left of F6 as letters, which would be typed into the box.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What terminals send after the Esc of a key that has no letter.
const KEYS: [(&str, KeyCode); 36] = [
    ("[A", KeyCode::Up),
    ("[B", KeyCode::Down),
    ("[C", KeyCode::Right),
    ("[D", KeyCode::Left),
    ("[H", KeyCode::Home),
    ("[F", KeyCode::End),
    ("[Z", KeyCode::BackTab),
    ("[1~", KeyCode::Home),
    ("[2~", KeyCode::Insert),
    ("[3~", KeyCode::Delete),
    ("[4~", KeyCode::End),
    ("[5~", KeyCode::PageUp),
    ("[6~", KeyCode::PageDown),
    ("[7~", KeyCode::Home),
    ("[8~", KeyCode::End),
    ("[11~", KeyCode::F(1)),
    ("[12~", KeyCode::F(2)),
    ("[13~", KeyCode::F(3)),
    ("[14~", KeyCode::F(4)),
    ("[15~", KeyCode::F(5)),
    ("[17~", KeyCode::F(6)),
    ("[18~", KeyCode::F(7)),
    ("[19~", KeyCode::F(8)),
    ("[20~", KeyCode::F(9)),
    ("[21~", KeyCode::F(10)),
    ("[23~", KeyCode::F(11)),
    ("[24~", KeyCode::F(12)),
    ("OP", KeyCode::F(1)),
    ("OQ", KeyCode::F(2)),
    ("OR", KeyCode::F(3)),
    ("OS", KeyCode::F(4)),
    ("OA", KeyCode::Up),
    ("OB", KeyCode::Down),
    ("OC", KeyCode::Right),
    ("OD", KeyCode::Left),
    ("OH", KeyCode::Home),
];

/// Letters after Esc that can be the rest of a key.
#[derive(Debug, PartialEq, Eq)]
pub enum Rest {
    /// They are this key.
    Key(KeyCode),
    /// More of them may come.
    Open,
    /// They were typed.
    Typed,
}

/// What the letters after an Esc are.
pub fn rest(letters: &str) -> Rest {
    if letters.is_empty() || KEYS.iter().any(|(whole, _)| *whole != letters && whole.starts_with(letters)) {
        return Rest::Open;
    }
    KEYS.iter().find(|(whole, _)| *whole == letters).map_or(Rest::Typed, |(_, code)| Rest::Key(*code))
}

/// The letter of a key press that may belong to another key.
pub fn letter(key: KeyEvent) -> Option<char> {
    match key.code {
        KeyCode::Char(letter) if key.modifiers.difference(KeyModifiers::SHIFT).is_empty() => Some(letter),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_letters_of_a_key_are_that_key_and_others_are_typed() {
        let seen = |text: &str| (1..=text.len()).map(|end| rest(&text[..end])).collect::<Vec<_>>();
        assert_eq!(seen("[17~"), [Rest::Open, Rest::Open, Rest::Open, Rest::Key(KeyCode::F(6))]);
        assert_eq!(seen("OS"), [Rest::Open, Rest::Key(KeyCode::F(4))]);
        assert_eq!(seen("[1]"), [Rest::Open, Rest::Open, Rest::Typed]);
        assert_eq!(rest("x"), Rest::Typed);
        assert!(KEYS.iter().all(|(letters, code)| rest(letters) == Rest::Key(*code)), "no key hides another");
    }
}
