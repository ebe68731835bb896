//! Questions about dangerous goods that an imported table answers: by number, by name, or for one property of a name.
//!
//! Figures on dangerous goods should come from the table and never out of a model, so every form that is recognised is
//! taken as long as a table has the substance. Where its cell is empty the answer says so, where the name fits several
//! substances it asks which one, and where the name stands only in longer ones it offers these. What no table has a
//! column for is left to the model and the documents.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::json;

use super::forms::pattern;
use crate::agent::tools::hazard::{self, Found, Property};
use crate::error::RuntimeError;
use crate::home::Home;
use crate::turn::ToolCall;

static NUMBER: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)\b(UN|NA)(?: ?(?:number|no\.?|id))?[ #-]{0,2}(\d{4})\b"));

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
        && is_accounted_for(home, &name)?
        && hazard::look_up(home, &name)? != Found::Nothing
    {
        return Ok(Some(call(&name)));
    }
    if let Some((name, property)) = property_of(question) {
        match hazard::look_up_for(home, &name, Some(property))? {
            // A number among other words: they may ask for more than the entry says.
            _ if !is_accounted_for(home, &name)? => {}
            Found::Entries { entries, .. } if !entries.iter().any(|entry| property.is_in(entry)) => {
                return Ok(hazard::have_column(home, property)?.then(|| call(&property.of(&name))));
            }
            // The tool needs the property to answer for a name that fits several substances.
            Found::Entries { .. } if matches!(hazard::look_up(home, &name)?, Found::Choices(_)) => {
                return Ok(Some(call(&property.of(&name))));
            }
            Found::Entries { .. } | Found::Choices(_) => return Ok(Some(call(&name))),
            Found::Near { holds: true, .. } => return Ok(hazard::have_column(home, property)?.then(|| call(&name))),
            Found::Near { .. } | Found::Nothing => {}
        }
    }
    let alone = NAME_ALONE.captures(question).map(|found| found[1].trim().to_owned());
    match alone {
        Some(name) if hazard::is_name(home, &name)? => Ok(Some(call(&name))),
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

/// Whether the words beside the numbers of a name are a name too, as in `UN 1203 gasoline`.
fn is_accounted_for(home: &Home, name: &str) -> Result<bool, RuntimeError> {
    if !NUMBER.is_match(name) {
        return Ok(true);
    }
    let beside = NUMBER.replace_all(name, " ");
    let known = ["and", "or", "the"];
    let mut words = beside.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let beside = beside.trim_matches(|c: char| !c.is_alphanumeric());
    Ok(words.all(|word| known.contains(&word)) || matches!(hazard::look_up(home, beside)?, Found::Entries { .. }))
}

fn property_of(question: &str) -> Option<(String, Property)> {
    let named = OF_A_NAME.iter().find_map(|form| form.captures(question));
    let (name, property) = match named {
        Some(found) => (found["name"].trim().to_owned(), Property::named(&found["property"])),
        None => (ISOLATE.captures(question)?["name"].trim().to_owned(), Property::Headed("isolation")),
    };
    (name.len() <= 100 && name.contains(char::is_alphabetic)).then_some((name, property))
}
