//! The user's settings of the console: colours, character set and keys, as TOML.
//!
//! The file is `halligan/console.toml` in the account's configuration folder (XDG_CONFIG_HOME, else
//! `~/.config` on Linux). None is needed; every mistake in one is named with its line.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use serde::Deserialize;
use thiserror::Error;
use toml::Spanned;

use super::actions::{ACTIONS, Scope};
use super::keymap::{Chord, Keymap};
use super::theme::Palette;

/// A settings file that cannot be used.
#[derive(Debug, Error)]
pub enum SettingsError {
    /// The file exists and cannot be read.
    #[error("cannot read the console's settings {path}: {source}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file cannot be understood.
    #[error("{path}, line {line}: {what}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong and what would be right.
        what: String,
    },
}

/// What the user has settled.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Colours; `None` lets the environment decide.
    pub theme: Option<Palette>,
    /// Characters of ASCII only.
    pub ascii: bool,
    /// The keys.
    pub keymap: Keymap,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    theme: Option<Palette>,
    #[serde(default)]
    ascii: bool,
    #[serde(default)]
    keys: BTreeMap<String, Spanned<toml::Value>>,
}

/// Where the settings are looked for; `None` for an account without folders.
pub fn path() -> Option<PathBuf> {
    let strategy = etcetera::choose_base_strategy().ok()?;
    Some(strategy.config_dir().join("halligan").join("console.toml"))
}

impl Settings {
    /// The settings of this account; the defaults where there is no file.
    ///
    /// # Errors
    /// A file that cannot be read or understood.
    pub fn load() -> Result<Settings, SettingsError> {
        let Some(path) = path() else { return Ok(Settings::default()) };
        match std::fs::read_to_string(&path) {
            Ok(text) => Settings::parse(&path, &text),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Settings::default()),
            Err(source) => Err(SettingsError::Unreadable { path, source }),
        }
    }

    /// Reads the text of a settings file; `path` is only named in errors.
    ///
    /// # Errors
    /// [`SettingsError::Invalid`].
    pub fn parse(path: &Path, text: &str) -> Result<Settings, SettingsError> {
        let invalid = |at: usize, what: String| SettingsError::Invalid {
            path: path.to_path_buf(),
            line: text.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1,
            what,
        };
        let file: File = toml::from_str(text)
            .map_err(|error| invalid(error.span().map_or(0, |span| span.start), error.message().to_owned()))?;
        let mut changed = HashMap::new();
        let mut places = HashMap::new();
        for (name, value) in &file.keys {
            let at = value.span().start;
            let entry = ACTIONS.iter().find(|entry| entry.name == name.as_str());
            let entry = entry.ok_or_else(|| invalid(at, format!("no action `{name}`{}", suggestion(name))))?;
            let chords = texts(value.get_ref())
                .ok_or_else(|| invalid(at, format!("`{name}` takes a key or a list of keys, as in \"f4\"")))?
                .into_iter()
                .map(|key| usable(key, name, entry.scope).map_err(|what| invalid(at, what)))
                .collect::<Result<Vec<Chord>, SettingsError>>()?;
            changed.insert(entry.name, chords);
            places.insert(entry.name, at);
        }
        let keymap = Keymap::with(&changed).map_err(|conflict| {
            let at = places.get(conflict.first).or_else(|| places.get(conflict.second)).copied().unwrap_or(0);
            invalid(at, conflict.to_string())
        })?;
        Ok(Settings { theme: file.theme, ascii: file.ascii, keymap })
    }
}

fn texts(value: &toml::Value) -> Option<Vec<&str>> {
    match value {
        toml::Value::String(text) => Some(vec![text]),
        toml::Value::Array(list) => list.iter().map(toml::Value::as_str).collect(),
        _ => None,
    }
}

/// Reads a key that can be pressed and leaves the boxes of its screens their letters.
fn usable(key: &str, name: &str, scope: Scope) -> Result<Chord, String> {
    let chord = Chord::parse(key)?;
    if let Some(why) = chord.never_comes() {
        return Err(format!("`{name}` cannot have {chord}, which {why}; use another key"));
    }
    let has_box = matches!(scope, Scope::Chat | Scope::Everywhere | Scope::Writing | Scope::Picker);
    if has_box && chord.types() {
        return Err(format!(
            "`{name}` cannot have {chord}, which is needed to write; add ctrl or alt, or use e.g. f12"
        ));
    }
    Ok(chord)
}

/// The known name that is most like a mistyped one.
fn suggestion(name: &str) -> String {
    ACTIONS
        .iter()
        .map(|entry| (strsim::jaro_winkler(entry.name, name), entry.name))
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .filter(|(likeness, _)| *likeness > 0.7)
        .map_or_else(
            || "; `halligan settings` lists all names".to_owned(),
            |(_, best)| format!("; did you mean `{best}`?"),
        )
}

/// A settings file that holds the defaults, each line explained.
pub fn example() -> String {
    let mut text = String::from(
        "# Settings of the halligan console. Every line may be left out.\n\
         # theme = \"auto\"    # auto, dark, light, high-contrast, none\n\
         # ascii = false     # true where the terminal shows ASCII only\n\n[keys]\n",
    );
    for entry in ACTIONS {
        let keys: Vec<String> = entry.keys.iter().map(|key| format!("\"{key}\"")).collect();
        let (name, keys) = (entry.name, keys.join(", "));
        text.push_str(&format!("# {:<44} # {}: {}\n", format!("{name} = [{keys}]"), entry.scope.title(), entry.words));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::actions::Action;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    fn parse(text: &str) -> Result<Settings, String> {
        Settings::parse(Path::new("console.toml"), text).map_err(|error| error.to_string())
    }

    #[test]
    fn keys_colours_and_characters_can_be_settled() {
        let settings =
            parse("theme = \"high-contrast\"\nascii = true\n[keys]\ngood = \"ctrl+g\"\nbad = [\"f3\", \"alt+b\"]\n")
                .unwrap();
        assert_eq!((settings.theme, settings.ascii), (Some(Palette::HighContrast), true));
        let action = |code, modifiers| settings.keymap.action(Scope::Chat, KeyEvent::new(code, modifiers));
        assert_eq!(action(KeyCode::Char('g'), KeyModifiers::CONTROL), Some(Action::Good));
        assert_eq!(action(KeyCode::F(2), KeyModifiers::NONE), None);
        assert_eq!(action(KeyCode::Char('b'), KeyModifiers::ALT), Some(Action::Bad));
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        for (text, line, part) in [
            ("theme = \"pink\"\n", 1, "pink"),
            ("\nascii = maybe\n", 2, ""),
            ("[keys]\ngod = \"f2\"\n", 2, "did you mean `good`"),
            ("[keys]\n\ngood = \"ctlr+g\"\n", 3, "ctlr"),
            ("[keys]\ngood = 7\n", 2, "takes a key"),
            ("[keys]\nquit = \"f9\"\ngood = \"f3\"\n", 3, "both want F3"),
            ("colour = 1\n", 1, "colour"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.starts_with(&format!("console.toml, line {line}: ")) && error.contains(part), "{error}");
        }
    }

    #[test]
    fn keys_that_never_come_or_take_letters_from_the_boxes_are_refused() {
        for (line, part) in [
            ("help = \"q\"", "needed to write"),
            ("save = \"space\"", "needed to write"),
            ("pick = \"shift+g\"", "needed to write"),
            ("good = \"backspace\"", "needed to write"),
            ("up = \"ctrl+c\"", "always stops"),
            ("good = [\"f2\", \"ctrl+i\"]", "is Tab"),
            ("bad = \"ctrl+shift+m\"", "is Enter"),
            ("correct = \"ctrl+[\"", "is Esc"),
            ("correct = \"alt+[\"", "begins other keys"),
            ("zzzz = \"f2\"", "`halligan settings` lists all names"),
        ] {
            let error = parse(&format!("[keys]\n{line}\n")).unwrap_err();
            assert!(error.starts_with("console.toml, line 2: ") && error.contains(part), "{line}: {error}");
        }
        assert!(parse("[keys]\nup = \"w\"\nhelp = \"alt+q\"\n").is_ok(), "pages without a box have letters to spare");
    }

    #[test]
    fn the_example_with_every_mark_removed_is_the_default() {
        let all: String =
            example().lines().map(|line| format!("{}\n", line.strip_prefix("# ").unwrap_or(line))).collect();
        let all = all.replacen("Settings", "# Settings", 1);
        assert!(parse(&all).is_ok(), "{:?}", parse(&all));
    }
}
