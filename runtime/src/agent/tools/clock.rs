//! The time, here and in other time zones.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::tool::{Tool, ToolContext, read, result, schema_of};
use crate::error::ToolError;

/// Tells the time.
pub struct TellTime;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// IANA name such as America/Denver, or UTC; this device's zone if left out.
    #[schemars(length(min = 1, max = 60))]
    zone: Option<String>,
}

impl Tool for TellTime {
    fn name(&self) -> &str {
        "time"
    }

    fn description(&self) -> &str {
        "date and time"
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call(&self, arguments: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Arguments { zone } = read(self.name(), arguments)?;
        let zone = zone_of(zone.as_deref())?;
        let at = Timestamp::from_second(context.now).map_err(|error| ToolError::Device(error.to_string()))?;
        let local = at.to_zoned(zone);
        let says = format!("{}; {} UTC.", local.strftime("%Y-%m-%d %H:%M:%S %Z"), at.strftime("%H:%M"));
        Ok(result(says, json!({ "utc": at.to_string(), "local": local.to_string() })))
    }
}

/// The zone of this name or of the city of this name, or that of the device.
pub(crate) fn zone_of(name: Option<&str>) -> Result<TimeZone, ToolError> {
    match name {
        None => Ok(TimeZone::system()),
        Some(name) if name.eq_ignore_ascii_case("utc") || name == "Z" => Ok(TimeZone::UTC),
        Some(name) => TimeZone::get(name).ok().or_else(|| zone_of_city(name)).ok_or_else(|| {
            ToolError::NoResult(format!("no time zone `{name}`; write a name such as America/Denver or UTC"))
        }),
    }
}

/// `New York` for `America/New_York`, as people say it.
fn zone_of_city(city: &str) -> Option<TimeZone> {
    let names = jiff::tz::db().available();
    // Copies of the whole database for other clocks, which some systems keep beside it.
    let names = names.filter(|name| !name.as_str().starts_with("posix/") && !name.as_str().starts_with("right/"));
    let of_city = names.filter(|name| {
        let parts = name.as_str().rsplit_once('/');
        parts.is_some_and(|(_, last)| last.replace('_', " ").eq_ignore_ascii_case(city.trim()))
    });
    // A longer name of the same city is an older one of its district.
    let shortest = of_city.min_by_key(|name| name.as_str().len())?;
    TimeZone::get(shortest.as_str()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_known_without_the_systems_files_and_unknown_ones_are_refused() {
        let noon = Timestamp::from_second(1_719_835_200).unwrap();
        for (zone, hour) in [
            ("America/Denver", 6),
            ("UTC", 12),
            ("Asia/Kathmandu", 17),
            ("Europe/Berlin", 14),
            ("denver", 6),
            ("New York", 8),
        ] {
            assert_eq!(noon.to_zoned(zone_of(Some(zone)).unwrap()).hour(), hour, "{zone}");
        }
        for unknown in ["Mars/Olympus", "Olympus"] {
            assert!(zone_of(Some(unknown)).is_err(), "{unknown}");
        }
    }
}
