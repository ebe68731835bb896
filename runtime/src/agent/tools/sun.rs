//! Sunrise, sunset and civil twilight.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use jiff::Timestamp;
use jiff::civil::Date;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};
use sunrise::{Coordinates, DawnType, SolarDay, SolarEvent};

use super::clock::zone_of;
use super::coordinates::Place;
use crate::agent::tool::{Tool, ToolContext, read, result, schema_of};
use crate::error::ToolError;

/// Degrees between the axis of the Earth and that of its path.
const TILT: f64 = 23.44;
/// Degrees of the sun's middle as its edge is seen on the horizon.
const HORIZON: f64 = -0.833;

/// Tells when the sun rises and sets.
pub struct SunTimes;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// Coordinates.
    #[schemars(length(min = 1, max = 80))]
    at: String,
    /// YYYY-MM-DD; today if left out.
    #[schemars(length(min = 8, max = 10))]
    date: Option<String>,
    /// Time zone; this device's if left out.
    #[schemars(length(min = 1, max = 60))]
    zone: Option<String>,
}

impl Tool for SunTimes {
    fn name(&self) -> &str {
        "sun"
    }

    fn description(&self) -> &str {
        "sunrise, sunset and civil twilight at a place"
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call(&self, arguments: Value, context: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Arguments { at, date, zone } = read(self.name(), arguments)?;
        let place = Place::parse(&at)?;
        let zone = zone_of(zone.as_deref())?;
        let today = || Timestamp::from_second(context.now).map(|now| now.to_zoned(zone.clone()).date());
        let date: Date = match &date {
            Some(text) => {
                text.parse().map_err(|_| ToolError::NoResult(format!("`{text}` is no date; write it as 2026-07-01")))?
            }
            None => today().map_err(|error| ToolError::Device(error.to_string()))?,
        };
        let times = times(place, date)?;
        let local = |time: Option<DateTime<Utc>>| {
            let stamp = time.and_then(|time| Timestamp::from_second(time.timestamp()).ok());
            stamp.map_or("none".to_owned(), |stamp| {
                // To the nearest minute, as almanacs print it.
                let rounded = stamp.round(jiff::Unit::Minute).unwrap_or(stamp).to_zoned(zone.clone());
                // In the zone of another longitude the day of the place begins or ends on another date.
                let day = if rounded.date() == date { String::new() } else { format!(" on {}", rounded.date()) };
                format!("{}{day}", rounded.strftime("%H:%M %Z"))
            })
        };
        let sky = sky(place, date, &times);
        let [dawn, sunrise, sunset, dusk] = times.map(local);
        let says = format!(
            "On {date} at {}: civil dawn {dawn}, sunrise {sunrise}, sunset {sunset}, civil dusk {dusk} (level horizon).{sky}",
            place.decimal()
        );
        Ok(result(
            says,
            json!({ "date": date.to_string(), "dawn": dawn, "sunrise": sunrise, "sunset": sunset, "dusk": dusk }),
        ))
    }
}

/// Civil dawn, sunrise, sunset, civil dusk; none where the sun does not pass that height on the day.
fn times(place: Place, date: Date) -> Result<[Option<DateTime<Utc>>; 4], ToolError> {
    let day = NaiveDate::from_ymd_opt(
        i32::from(date.year()),
        date.month().unsigned_abs().into(),
        date.day().unsigned_abs().into(),
    )
    .filter(|day| (1901..=2099).contains(&day.year()))
    .ok_or_else(|| ToolError::NoResult(format!("the sun is computed for 1901 to 2099, not for {date}")))?;
    let coordinates = Coordinates::new(place.latitude, place.longitude)
        .ok_or_else(|| ToolError::NoResult("the place is not on the Earth".to_owned()))?;
    let day = SolarDay::new(coordinates, day);
    Ok([
        day.event_time(SolarEvent::Dawn(DawnType::Civil)),
        day.event_time(SolarEvent::Sunrise),
        day.event_time(SolarEvent::Sunset),
        day.event_time(SolarEvent::Dusk(DawnType::Civil)),
    ])
}

/// What a day without sunrise is, said behind the times.
fn sky(place: Place, date: Date, times: &[Option<DateTime<Utc>>; 4]) -> &'static str {
    let [dawn, sunrise, sunset, _] = times;
    if sunrise.is_some() || sunset.is_some() {
        return "";
    }
    // Without sunrise the sun is where it is at noon: above the horizon or below it.
    let turn = f64::from(date.day_of_year() + 10) / 365.25 * std::f64::consts::TAU;
    let declination = -TILT * turn.cos();
    let noon = 90.0 - (place.latitude - declination).abs();
    match (noon > HORIZON, dawn.is_some()) {
        (true, _) => " The sun is up all day (polar day).",
        (false, true) => " The sun stays below the horizon all day (polar night, with twilight).",
        (false, false) => " The sun stays below the horizon all day (polar night, without civil twilight).",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_equinox_and_the_polar_night_are_where_they_are() {
        // At Greenwich on the day of the equinox the sun stands in the south at 12:07.4 (equation of time) and is up for
        // 91.3 degrees before and after (refraction and radius, 50 arc minutes): from 06:02 to 18:13.
        let date = "2024-03-20".parse().unwrap();
        let minute = |time: Option<DateTime<Utc>>| (time.unwrap().timestamp() + 30) / 60 % 1440;
        let [_, rise, set, _] = times(Place::new(51.48, 0.0).unwrap(), date).unwrap();
        assert!((minute(rise) - (6 * 60 + 2)).abs() <= 2, "{rise:?}");
        assert!((minute(set) - (18 * 60 + 13)).abs() <= 2, "{set:?}");
        let night = times(Place::new(78.2, 15.6).unwrap(), "2024-12-21".parse().unwrap()).unwrap();
        assert_eq!(night, [None; 4]);
    }

    #[test]
    fn polar_day_and_polar_night_are_told_apart() {
        for (latitude, date, says) in [
            (78.2, "2024-12-21", "polar night, without"),
            (78.2, "2024-06-21", "polar day"),
            (68.5, "2024-12-21", "polar night, with twilight"),
            (-78.0, "2024-12-21", "polar day"),
            (-78.0, "2024-06-21", "polar night"),
            (51.5, "2024-06-21", ""),
        ] {
            let (place, date) = (Place::new(latitude, 15.6).unwrap(), date.parse().unwrap());
            let said = sky(place, date, &times(place, date).unwrap());
            assert!(said.contains(says) && said.is_empty() == says.is_empty(), "{latitude} {date}: {said}");
        }
    }
}
