//! Which key does what: the table of actions, changed by the user's settings.
//!
//! Ctrl+C is not in it: it always stops, empties and leaves, so that no settings lock a user in.

use std::collections::HashMap;
use std::fmt;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::actions::{ACTIONS, Action, Entry, Scope, entry_of};

/// A key with its modifiers, as terminals agree on it: letters carry their case themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Chord {
    code: KeyCode,
    modifiers: KeyModifiers,
}

const NAMES: [(&str, KeyCode); 15] = [
    ("enter", KeyCode::Enter),
    ("esc", KeyCode::Esc),
    ("tab", KeyCode::Tab),
    ("space", KeyCode::Char(' ')),
    ("backspace", KeyCode::Backspace),
    ("delete", KeyCode::Delete),
    ("insert", KeyCode::Insert),
    ("up", KeyCode::Up),
    ("down", KeyCode::Down),
    ("left", KeyCode::Left),
    ("right", KeyCode::Right),
    ("pgup", KeyCode::PageUp),
    ("pgdn", KeyCode::PageDown),
    ("home", KeyCode::Home),
    ("end", KeyCode::End),
];

const MODIFIERS: [(&str, KeyModifiers); 3] =
    [("ctrl", KeyModifiers::CONTROL), ("alt", KeyModifiers::ALT), ("shift", KeyModifiers::SHIFT)];

impl Chord {
    /// The chord of a key press.
    pub fn of(key: KeyEvent) -> Chord {
        Chord::normal(key.code, key.modifiers)
    }

    fn normal(code: KeyCode, modifiers: KeyModifiers) -> Chord {
        let known = KeyModifiers::CONTROL | KeyModifiers::ALT | KeyModifiers::SHIFT;
        let mut modifiers = modifiers & known;
        let code = match code {
            KeyCode::BackTab => {
                modifiers |= KeyModifiers::SHIFT;
                KeyCode::Tab
            }
            // Terminals report Ctrl with either case; Shift with a letter is the capital.
            KeyCode::Char(letter) if modifiers.contains(KeyModifiers::CONTROL) => {
                modifiers -= KeyModifiers::SHIFT;
                KeyCode::Char(letter.to_ascii_lowercase())
            }
            KeyCode::Char(letter) if modifiers.contains(KeyModifiers::SHIFT) => {
                modifiers -= KeyModifiers::SHIFT;
                KeyCode::Char(letter.to_ascii_uppercase())
            }
            other => other,
        };
        Chord { code, modifiers }
    }

    /// Reads `ctrl+p`, `alt+enter`, `f4`, `shift+g`.
    ///
    /// # Errors
    /// What is wrong with the text, in words.
    pub fn parse(text: &str) -> Result<Chord, String> {
        let lower = text.trim().to_lowercase();
        let mut modifiers = KeyModifiers::NONE;
        let mut rest = lower.as_str();
        while let Some((name, after)) = rest.split_once('+').filter(|(_, after)| !after.is_empty()) {
            let known = MODIFIERS.iter().find(|(known, _)| *known == name);
            let (_, modifier) =
                known.ok_or_else(|| format!("no modifier `{name}` in `{text}`; use ctrl, alt, shift"))?;
            modifiers |= *modifier;
            rest = after;
        }
        let named = NAMES.iter().find(|(name, _)| *name == rest).map(|(_, code)| *code);
        let function = rest.strip_prefix('f').and_then(|number| number.parse().ok()).filter(|n| (1..=24).contains(n));
        let mut letters = rest.chars();
        let code = match (named, function, letters.next(), letters.next()) {
            (Some(code), ..) => code,
            (None, Some(number), ..) => KeyCode::F(number),
            (None, None, Some(letter), None) => KeyCode::Char(letter),
            _ => return Err(format!("no key `{rest}` in `{text}`; write e.g. f4, ctrl+p, alt+enter, pgup")),
        };
        Ok(Chord::normal(code, modifiers))
    }

    /// Why no terminal hands this key over, or only as another one; `None` for keys that can be pressed.
    pub fn never_comes(self) -> Option<&'static str> {
        let KeyCode::Char(letter) = self.code else { return None };
        if self.modifiers.contains(KeyModifiers::CONTROL) {
            return match letter {
                'c' => Some("always stops, empties and leaves"),
                'i' => Some("is Tab to a terminal"),
                'm' => Some("is Enter to a terminal"),
                '[' => Some("is Esc to a terminal"),
                _ => None,
            };
        }
        let begins_a_sequence = self.modifiers.contains(KeyModifiers::ALT) && matches!(letter, '[' | 'O');
        begins_a_sequence.then_some("begins other keys to a terminal")
    }

    /// Whether the key writes or deletes in a box.
    pub fn types(self) -> bool {
        let plain = !self.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        plain && matches!(self.code, KeyCode::Char(_) | KeyCode::Backspace)
    }
}

impl fmt::Display for Chord {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let capital = matches!(self.code, KeyCode::Char(letter) if letter.is_ascii_uppercase());
        let modifiers = if capital { self.modifiers | KeyModifiers::SHIFT } else { self.modifiers };
        for (word, modifier) in
            [("Ctrl+", KeyModifiers::CONTROL), ("Alt+", KeyModifiers::ALT), ("Shift+", KeyModifiers::SHIFT)]
        {
            if modifiers.contains(modifier) {
                formatter.write_str(word)?;
            }
        }
        let word = match self.code {
            KeyCode::PageUp => "PgUp",
            KeyCode::PageDown => "PgDn",
            KeyCode::Char(' ') => "Space",
            KeyCode::F(number) => return write!(formatter, "F{number}"),
            KeyCode::Char(letter) if self.modifiers.is_empty() && !capital => return write!(formatter, "{letter}"),
            KeyCode::Char(letter) => return write!(formatter, "{}", letter.to_ascii_uppercase()),
            other => match NAMES.iter().find(|(_, code)| *code == other) {
                Some((name, _)) => {
                    let mut letters = name.chars();
                    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
                    return write!(formatter, "{}{}", first.map_or(String::new(), String::from), letters.as_str());
                }
                None => "?",
            },
        };
        formatter.write_str(word)
    }
}

/// The keys of all scopes.
#[derive(Debug, Clone)]
pub struct Keymap {
    actions: HashMap<(Scope, Chord), Action>,
    keys: HashMap<&'static str, Vec<Chord>>,
}

impl Default for Keymap {
    fn default() -> Keymap {
        Keymap::with(&HashMap::new()).expect("the table of actions should have no conflicts")
    }
}

impl Keymap {
    /// The table's keys, with those of `changed` entries (by name) replaced.
    ///
    /// # Errors
    /// The names of two entries of one scope that want the same key, and the key.
    pub fn with(changed: &HashMap<&'static str, Vec<Chord>>) -> Result<Keymap, Conflict> {
        let mut owners: HashMap<(Scope, Chord), &'static Entry> = HashMap::new();
        let mut keys = HashMap::new();
        for entry in ACTIONS {
            let chords = match changed.get(entry.name) {
                Some(chords) => chords.clone(),
                // Any key of the table can be read; a test holds it.
                None => entry.keys.iter().filter_map(|key| Chord::parse(key).ok()).collect(),
            };
            for chord in &chords {
                // A page's own key may hide the key of all pages, but two keys of one page may not meet.
                if let Some(owner) = owners.insert((entry.scope, *chord), entry) {
                    return Err(Conflict { first: owner.name, second: entry.name, chord: *chord });
                }
            }
            keys.insert(entry.name, chords);
        }
        Ok(Keymap { actions: owners.into_iter().map(|(place, entry)| (place, entry.action)).collect(), keys })
    }

    /// What a key does on a screen of this scope.
    pub fn action(&self, scope: Scope, key: KeyEvent) -> Option<Action> {
        let chord = Chord::of(key);
        scope.chain().iter().find_map(|scope| self.actions.get(&(*scope, chord)).copied())
    }

    /// The first key of an action on a screen of this scope, for words that name it.
    pub fn name(&self, action: Action, scope: Scope) -> String {
        let chord = entry_of(action, scope).and_then(|entry| self.keys(entry).first());
        chord.map_or_else(|| "the palette".to_owned(), ToString::to_string)
    }

    /// The keys of an entry, as the help shows them; the first one is the hint.
    pub fn keys(&self, entry: &Entry) -> &[Chord] {
        self.keys.get(entry.name).map_or(&[], Vec::as_slice)
    }
}

/// Two actions that want the same key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// Name of one action.
    pub first: &'static str,
    /// Name of the other.
    pub second: &'static str,
    /// The key.
    pub chord: Chord,
}

impl fmt::Display for Conflict {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "`{}` and `{}` both want {}; give one of them another key",
            self.first, self.second, self.chord
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pressed(code: KeyCode, modifiers: KeyModifiers) -> KeyEvent {
        KeyEvent::new(code, modifiers)
    }

    #[test]
    fn every_key_of_the_table_can_be_read_and_is_shown_readably() {
        for entry in ACTIONS {
            for key in entry.keys {
                let chord = Chord::parse(key).unwrap();
                assert_eq!(Chord::parse(&chord.to_string()), Ok(chord), "{key} is shown as {chord}");
            }
        }
        assert!(Chord::parse("ctlr+p").unwrap_err().contains("ctlr"));
        assert!(Chord::parse("pageup").unwrap_err().contains("pageup"));
        assert!(Chord::parse("").is_err());
        assert_eq!(Chord::parse("+").unwrap().to_string(), "+");
        assert!(
            ACTIONS.iter().flat_map(|entry| entry.keys).all(|key| Chord::parse(key).unwrap().never_comes().is_none())
        );
    }

    #[test]
    fn terminals_that_report_letters_differently_mean_the_same_key() {
        let keymap = Keymap::default();
        for key in [
            pressed(KeyCode::Char('P'), KeyModifiers::CONTROL | KeyModifiers::SHIFT),
            pressed(KeyCode::Char('p'), KeyModifiers::CONTROL),
        ] {
            assert_eq!(keymap.action(Scope::Chat, key), Some(Action::Palette));
        }
        let back = pressed(KeyCode::BackTab, KeyModifiers::SHIFT);
        assert_eq!(keymap.action(Scope::Chat, back), Some(Action::ChooseLater));
        assert_eq!(keymap.action(Scope::Chat, pressed(KeyCode::Char('r'), KeyModifiers::NONE)), None);
        assert_eq!(
            keymap.action(Scope::Adapters, pressed(KeyCode::Char('r'), KeyModifiers::NONE)),
            Some(Action::RollBack)
        );
    }

    #[test]
    fn a_key_that_two_actions_of_one_scope_want_is_a_conflict() {
        let changed = HashMap::from([("good", vec![Chord::parse("f3").unwrap()])]);
        let conflict = Keymap::with(&changed).unwrap_err().to_string();
        assert!(conflict.contains("good") && conflict.contains("bad") && conflict.contains("F3"), "{conflict}");
        let moved = HashMap::from([("quit", Vec::new()), ("good", vec![Chord::parse("f10").unwrap()])]);
        let keymap = Keymap::with(&moved).unwrap();
        assert_eq!(keymap.action(Scope::Chat, pressed(KeyCode::F(10), KeyModifiers::NONE)), Some(Action::Good));
    }
}
