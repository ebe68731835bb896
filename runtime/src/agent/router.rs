//! The router: questions that a tool answers as they stand, recognised by their form and without a model.
//!
//! It is meant for models that are too small to call tools. It takes a question only when every word of it is
//! accounted for: a form that it knows, with values that parse. Anything else is the model's. People see that a tool
//! answered, and [`ENABLED_SETTING`] turns it off.

mod forms;
mod hazard;

use serde_json::json;

use super::tools::{Place, units, zone_of};
use crate::error::RuntimeError;
use crate::home::Home;
use crate::turn::ToolCall;
use forms::{Words, is_expression};

/// Setting of the home that turns the router off with the value `off`.
pub const ENABLED_SETTING: &str = "tools.router";

/// Longest question that is looked at; longer ones are stories.
const QUESTION_BYTES_MAX: usize = 300;

/// Whether the router is on in this home.
///
/// # Errors
/// An unreadable database.
pub fn is_enabled(home: &Home) -> Result<bool, RuntimeError> {
    Ok(home.setting(ENABLED_SETTING)?.as_deref() != Some("off"))
}

/// Turns the router on or off.
///
/// # Errors
/// A database that cannot be written.
pub fn enable(home: &Home, on: bool) -> Result<(), RuntimeError> {
    Ok(home.remember(&[(ENABLED_SETTING, if on { "on" } else { "off" })])?)
}

/// The call that answers `question`, if its form is known. Hazard questions need an imported table.
///
/// # Errors
/// An unreadable database.
pub fn route(home: &Home, question: &str) -> Result<Option<ToolCall>, RuntimeError> {
    // What is to be logged may be long, have several lines and end as it likes.
    if let Some(call) = log(question.trim()) {
        return Ok(Some(call));
    }
    let question = question.trim().trim_end_matches(['?', '.', '!']).trim();
    if question.is_empty() || question.len() > QUESTION_BYTES_MAX || question.contains('\n') {
        return Ok(None);
    }
    if let Some(call) = hazard::route(home, question)? {
        return Ok(Some(call));
    }
    let forms = [checklist, time, sun, concentration, conversion, distance, destination, coordinates, arithmetic];
    Ok(forms.into_iter().find_map(|form| form(question)))
}

fn call(name: &str, arguments: serde_json::Value) -> Option<ToolCall> {
    Some(ToolCall { name: name.to_owned(), arguments })
}

/// `Log: crew 2 on scene`.
fn log(question: &str) -> Option<ToolCall> {
    let lower = question.to_lowercase();
    let begins = ["log:", "log entry:", "add to log:", "add to the log:", "note in the log:", "write in the log:"];
    if let Some(begin) = begins.iter().find(|begin| lower.starts_with(**begin)) {
        let text = question.get(begin.len()..)?.trim();
        return if text.is_empty() { None } else { call("log_entry", json!({ "text": text })) };
    }
    let asks =
        ["show the log", "read the log", "show the incident log", "read the incident log", "show log", "read log"];
    if asks.contains(&lower.trim_end_matches(['?', '.', '!'])) { call("read_log", json!({})) } else { None }
}

/// `Start the checklist Engine check`, `next item`, `item 3 done`.
fn checklist(question: &str) -> Option<ToolCall> {
    let lower = question.to_lowercase();
    match lower.as_str() {
        "list checklists"
        | "list the checklists"
        | "show checklists"
        | "show the checklists"
        | "which checklists are there" => {
            return call("list_checklists", json!({}));
        }
        "next item" | "next checklist item" | "what is the next item" | "show the next item" => {
            return call("next_item", json!({}));
        }
        "item done" | "check item" | "tick item" | "tick the next item" | "this item is done" => {
            return call("item_done", json!({}));
        }
        _ => {}
    }
    if let Some(name) = ["start checklist ", "start the checklist ", "begin checklist ", "begin the checklist "]
        .iter()
        .find_map(|begin| lower.starts_with(begin).then(|| question.get(begin.len()..)).flatten())
    {
        return call("start_checklist", json!({ "name": name.trim() }));
    }
    let number = lower.strip_prefix("item ")?.strip_suffix(" done")?.trim_end_matches(" is").trim();
    let number: u32 = number.parse().ok().filter(|number| (1..=999).contains(number))?;
    call("item_done", json!({ "item": number }))
}

/// `What time is it in Europe/Berlin?`, `time in Denver`.
fn time(question: &str) -> Option<ToolCall> {
    let words = Words::of(question);
    let rest = words.after_any(&[
        "what time is it",
        "what is the time",
        "time",
        "current time",
        "date and time",
        "what is the date",
    ])?;
    match rest.as_str() {
        "" | "now" | "right now" => call("time", json!({})),
        _ => {
            let zone = rest.strip_prefix("in ")?;
            let utc = zone.eq_ignore_ascii_case("utc");
            // A zone that is written as one is the tool's to answer or to refuse; a city must be known.
            (utc || zone.contains('/') || zone_of(Some(zone)).is_ok()).then_some(())?;
            call("time", json!({ "zone": if utc { "UTC" } else { zone } }))
        }
    }
}

/// `Sunset at 39.74, -104.98 on 2026-07-01`.
fn sun(question: &str) -> Option<ToolCall> {
    let words = Words::of(question);
    let rest = words.after_any(&[
        "when is sunset",
        "when is sunrise",
        "when does the sun set",
        "when does the sun rise",
        "sunset",
        "sunrise",
        "what time is sunset",
        "what time is sunrise",
        "sunrise and sunset",
    ])?;
    let rest = rest.strip_prefix("at ")?;
    let (place, date) = match rest.split_once(" on ") {
        Some((place, date)) => (place, Some(date.trim())),
        None => (rest, None),
    };
    Place::parse(place).ok()?;
    match date {
        None => call("sun", json!({ "at": place.trim() })),
        Some(date) => {
            date.parse::<jiff::civil::Date>().ok()?;
            call("sun", json!({ "at": place.trim(), "date": date }))
        }
    }
}

/// `20 ppm in mg/m3 for 34.1 g/mol`.
fn concentration(question: &str) -> Option<ToolCall> {
    let parts = forms::CONCENTRATION.captures(question)?;
    let (from, to) = (parts[2].to_lowercase(), parts[3].to_lowercase());
    (from != to).then_some(())?;
    let value: f64 = parts[1].replace(',', "").parse().ok()?;
    let molar_mass: f64 = parts[4].parse().ok()?;
    call("concentration", json!({ "value": value, "from": from, "molar_mass": molar_mass }))
}

/// `Convert 500 gpm to L/min`, `how many litres are 5 gallons`.
fn conversion(question: &str) -> Option<ToolCall> {
    let (value, from, to) = forms::conversion(question)?;
    let meant = |name: &str| match units::meant(name)[..] {
        [] => None,
        [one] => Some((Some(one), one.symbol.to_owned())),
        // Which of several is meant the tool asks.
        _ => Some((None, name.to_owned())),
    };
    let ((from, from_name), (to, to_name)) = (meant(&from)?, meant(&to)?);
    if let (Some(from), Some(to)) = (from, to) {
        units::convert(value, from, to).ok()?;
    }
    call("convert_units", json!({ "value": value, "from": from_name, "to": to_name }))
}

/// `How far is it from 39.74, -104.98 to 40.01, -105.27?`
fn distance(question: &str) -> Option<ToolCall> {
    let words = Words::of(question);
    let rest = words.after_any(&[
        "how far is it from",
        "how far from",
        "distance from",
        "bearing from",
        "distance and bearing from",
        "what is the distance from",
        "what is the bearing from",
        "what is the distance and bearing from",
        "distance between",
        "what is the distance between",
    ])?;
    let (from, to) = rest.split_once(" to ").or_else(|| rest.split_once(" and "))?;
    Place::parse(from).ok()?;
    Place::parse(to).ok()?;
    call("distance", json!({ "from": from.trim(), "to": to.trim() }))
}

/// `5 km at 120 degrees from 39.74, -104.98`.
fn destination(question: &str) -> Option<ToolCall> {
    let parts = forms::DESTINATION.captures(question)?;
    let value: f64 = parts[1].parse().ok()?;
    let kilometres = units::convert(value, units::find(&parts[2])?, units::find("km")?).ok()?;
    let bearing: f64 = parts[3].parse().ok().filter(|bearing| (0.0..=360.0).contains(bearing))?;
    let from = parts[4].trim();
    Place::parse(from).ok()?;
    call("destination", json!({ "from": from, "bearing": bearing, "kilometres": kilometres }))
}

/// `Convert 39.74, -104.98 to MGRS`, or a position alone.
fn coordinates(question: &str) -> Option<ToolCall> {
    let words = Words::of(question);
    let rest = words
        .after_any(&["convert", "coordinates", "what is", "what are", "position", "where is"])
        .unwrap_or_else(|| question.to_owned());
    let rest = rest.trim();
    let lower = rest.to_lowercase();
    let ends = [
        " to mgrs",
        " in mgrs",
        " to utm",
        " in utm",
        " to dms",
        " in dms",
        " to decimal degrees",
        " in decimal degrees",
        " to decimal",
        " to coordinates",
    ];
    let position = match ends.iter().find(|end| lower.ends_with(**end)) {
        Some(end) => rest.get(..rest.len() - end.len())?,
        None => rest,
    };
    // Two bare numbers are a position only with a fraction and a comma.
    let letters = position.chars().any(|c| c.is_ascii_alphabetic());
    let plain = position.contains(',') && position.matches('.').count() == 2;
    if !letters && !plain {
        return None;
    }
    Place::parse(position).ok()?;
    call("coordinates", json!({ "coordinates": position.trim() }))
}

/// `What is 3 * (12 + 5)?`, `18 percent of 250`.
fn arithmetic(question: &str) -> Option<ToolCall> {
    let words = Words::of(question);
    let asked = words.after_any(&["calculate", "compute"]);
    let explicit = asked.is_some();
    let rest =
        asked.or_else(|| words.after_any(&["what is", "how much is", "what's"])).unwrap_or_else(|| question.to_owned());
    let expression = rest.trim().trim_end_matches('=').trim();
    if let Some(parts) = forms::PERCENT.captures(expression) {
        return call("calculate", json!({ "expression": format!("{} percent of {}", &parts[1], &parts[2]) }));
    }
    is_expression(expression, explicit).then_some(())?;
    call("calculate", json!({ "expression": expression }))
}

#[cfg(test)]
mod tests;
