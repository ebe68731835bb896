//! Questions about dangerous goods that an imported table answers: by number, by name, or for one property of a name.
//!
//! Figures on dangerous goods should come from the table and never out of a model, so every form that is recognised is
//! taken as long as the table has the cell that was asked for.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::json;

use super::forms::pattern;
use crate::agent::tools::hazard::{self, Found, HazardEntry, Role};
use crate::error::RuntimeError;
use crate::home::Home;
use crate::turn::ToolCall;

static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)\b(UN|NA)(?: ?(?:number|no\.?|id))?[ -]?(\d{4})\b"));

static LOOK_UP: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^(?:please )?(?:look ?up|hazard lookup|hazard|hazmat lookup|hazmat)(?: for|:)? (.+?)(?: in the (?:hazard|hazmat) table)?$",
    )
});

/// A substance and nothing else.
static NAME_ALONE: LazyLock<Regex> = LazyLock::new(|| pattern(r"(?i)^(?:what is|what's) (?:a |an |the )?(.+)$"));

const PROPERTY: &str = concat!(
    r"(?P<property>(?:(?:UN|NA|UN/NA|ID|identification|four-digit)(?: or NA)? (?:id )?numbers?)",
    r"|(?:hazard )?(?:class|division)(?: or division)?|packing group|(?:ERG |response |orange )?guide(?: number| page)?",
    r"|labels?|placards?|IDLH(?: (?:limit|value|concentration))?|(?:initial )?isolation(?: distance)?)",
);

/// `the packing group of acetone`, `which ERG guide covers chlorine`, `chlorine's hazard class`.
static OF_A_NAME: LazyLock<[Regex; 3]> = LazyLock::new(|| {
    let asks = r"(?:please )?(?:what is|what's|what are|which is|give me|tell me|show me|show|find|look up)?";
    [
        format!(r"(?i)^{asks} ?(?:the |its )?{PROPERTY} (?:of|for|assigned to) (?:a |an |the )?(?P<name>.+)$"),
        format!(
            r"(?i)^(?:what|which) {PROPERTY} (?:is|are|has|have|does|do|applies to|covers|belongs to) (?:a |an |the )?(?P<name>.+?)(?: have| has| carry| get| need| use| bear| belong to| fall (?:in|under)| in)?$"
        ),
        format!(r"(?i)^{asks} ?(?P<name>.+?)(?:'s|\x{{2019}}s) {PROPERTY}$"),
    ]
    .map(|text| pattern(&text))
});

/// `How far should I isolate a chlorine spill`.
static ISOLATE: LazyLock<Regex> = LazyLock::new(|| {
    pattern(
        r"(?i)^how far (?:do (?:we|i|you|crews)|should (?:we|i|you|one|crews)|must (?:we|i|you|crews)|to) isolate (?:for )?(?:a |an |the )?(?:small )?(?P<name>.+?)(?: (?:spill|leak|release))?$",
    )
});

/// Words that may stand around a UN number when its entry is all that is asked for.
const AROUND_A_NUMBER: &str = "a about any and class division do does entry erg find for get give group guide hazard \
    hazards hazmat i identify in info information is label labels look lookup material me mean name number of on \
    packing placard please proper s shipping show substance table tell the up what which";

/// A score of names from which on the words are the name.
const SAME_NAME: f64 = 0.98;

/// The call that answers `question` out of a table.
///
/// # Errors
/// An unreadable database.
pub(super) fn route(home: &Home, question: &str) -> Result<Option<ToolCall>, RuntimeError> {
    if !hazard::has_table(home)? {
        return Ok(None);
    }
    let call =
        |substance: &str| ToolCall { name: hazard::LOOK_UP.to_owned(), arguments: json!({ "substance": substance }) };
    // A number that no table has is a call too: it says so, where a model would make something up.
    if let Some(numbers) = numbers(question) {
        return Ok(Some(call(&numbers)));
    }
    if let Some(name) = LOOK_UP.captures(question).map(|found| found[1].trim().to_owned())
        && !name.contains(" for ")
        && hazard::look_up(home, &name)? != Found::Nothing
    {
        return Ok(Some(call(&name)));
    }
    if let Some((name, property)) = property_of(question)
        && let Found::Entries(entries) = hazard::look_up(home, &name)?
        && entries.iter().any(|entry| property.is_in(entry))
    {
        return Ok(Some(call(&name)));
    }
    let alone = NAME_ALONE.captures(question).map(|found| found[1].trim().to_owned());
    match alone {
        Some(name) if hazard::likeness(home, &name)? >= SAME_NAME => Ok(Some(call(&name))),
        _ => Ok(None),
    }
}

/// The numbers of a question that asks for their entries and nothing else.
fn numbers(question: &str) -> Option<String> {
    let numbers: Vec<String> =
        NUMBER.captures_iter(question).map(|found| format!("{}{}", found[1].to_uppercase(), &found[2])).collect();
    let around = NUMBER.replace_all(question, " ").to_lowercase();
    let mut words = around.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let known = words.all(|word| AROUND_A_NUMBER.split_whitespace().any(|known| known == word));
    (known && !numbers.is_empty()).then(|| numbers.join(" "))
}

/// What is asked of a substance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Property {
    Number,
    Cell(Role),
    /// A column of which the heading says this.
    Headed(&'static str),
}

impl Property {
    fn of(words: &str) -> Property {
        let words = words.to_lowercase();
        let holds = |part: &str| words.contains(part);
        if holds("isolation") {
            Property::Headed("isolation")
        } else if holds("idlh") {
            Property::Headed("idlh")
        } else if holds("guide") {
            Property::Cell(Role::Guide)
        } else if holds("packing") {
            Property::Cell(Role::PackingGroup)
        } else if holds("label") || holds("placard") {
            Property::Cell(Role::Labels)
        } else if holds("class") || holds("division") {
            Property::Cell(Role::Class)
        } else {
            Property::Number
        }
    }

    /// Whether the entry says it.
    fn is_in(self, entry: &HazardEntry) -> bool {
        match self {
            Property::Number => entry.number.is_some(),
            Property::Cell(wanted) => entry.fields.iter().any(|(role, ..)| *role == wanted),
            Property::Headed(part) => entry
                .fields
                .iter()
                .any(|(role, heading, _)| *role == Role::Shown && heading.to_lowercase().contains(part)),
        }
    }
}

fn property_of(question: &str) -> Option<(String, Property)> {
    let named = OF_A_NAME.iter().find_map(|form| form.captures(question));
    let (name, property) = match named {
        Some(found) => (found["name"].trim().to_owned(), Property::of(&found["property"])),
        None => (ISOLATE.captures(question)?["name"].trim().to_owned(), Property::Headed("isolation")),
    };
    (name.len() <= 100 && name.contains(char::is_alphabetic)).then_some((name, property))
}
