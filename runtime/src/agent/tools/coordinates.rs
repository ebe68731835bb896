//! Coordinates as responders write them: decimal degrees, degrees minutes seconds, UTM, MGRS (all WGS-84).

use std::sync::LazyLock;

use geoconvert::{LatLon, Mgrs, UtmUps};
use regex::Regex;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::tool::{Tool, ToolContext, read, result, schema_of};
use crate::error::ToolError;

/// Digits of easting and northing in MGRS: 5 is one metre.
const MGRS_DIGITS: i32 = 5;

/// A place on the Earth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Degrees, north positive, -90 to 90.
    pub latitude: f64,
    /// Degrees, east positive, -180 to 180.
    pub longitude: f64,
}

/// Rewrites coordinates.
pub struct ConvertCoordinates;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Arguments {
    /// In any of the notations.
    #[schemars(length(min = 1, max = 80))]
    coordinates: String,
}

impl Tool for ConvertCoordinates {
    fn name(&self) -> &str {
        "coordinates"
    }

    fn description(&self) -> &str {
        "one position as decimal degrees, DMS, UTM and MGRS"
    }

    fn schema(&self) -> Value {
        schema_of::<Arguments>()
    }

    fn call(&self, arguments: Value, _: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Arguments { coordinates } = read(self.name(), arguments)?;
        let place = Place::parse(&coordinates)?;
        let (decimal, dms, utm, mgrs) = (place.decimal(), place.dms(), place.utm(), place.mgrs());
        let says = format!("Decimal {decimal}; DMS {dms}; UTM {utm}; MGRS {mgrs} (WGS-84).");
        Ok(result(
            says,
            json!({
                "latitude": place.latitude, "longitude": place.longitude, "dms": dms, "utm": utm, "mgrs": mgrs,
            }),
        ))
    }
}

static MGRS: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"(?i)^(\d{1,2})?([A-HJ-NP-Z])([A-HJ-NP-Z]{2})((?:\d\d){1,5})$"));
static UTM: LazyLock<Regex> = LazyLock::new(|| {
    pattern(r"(?i)^(\d{1,2})([C-HJ-NP-X])\s+(\d{5,7}(?:\.\d+)?)\s*m?\s*E?[\s,]+(\d{1,8}(?:\.\d+)?)\s*m?\s*N?$")
});
static NUMBER: LazyLock<Regex> = LazyLock::new(|| pattern(r"\d+(?:\.\d+)?"));

fn pattern(text: &str) -> Regex {
    Regex::new(text).expect("a constant pattern should be sound")
}

impl Place {
    /// A place from degrees.
    ///
    /// # Errors
    /// [`ToolError::NoResult`] outside of the Earth's degrees.
    pub fn new(latitude: f64, longitude: f64) -> Result<Place, ToolError> {
        if !(-90.0..=90.0).contains(&latitude) || !(-180.0..=180.0).contains(&longitude) {
            return Err(ToolError::NoResult(format!(
                "latitude {latitude}, longitude {longitude} is not on the Earth; latitude is -90 to 90, longitude -180 to 180"
            )));
        }
        Ok(Place { latitude, longitude })
    }

    /// Reads any of the notations.
    ///
    /// # Errors
    /// [`ToolError::NoResult`] where the text is none of them.
    pub fn parse(text: &str) -> Result<Place, ToolError> {
        let text = text.trim();
        let text = text.strip_prefix("MGRS").or_else(|| text.strip_prefix("UTM")).unwrap_or(text).trim();
        let joined: String = text.split_whitespace().collect();
        if let Some(parts) = MGRS.captures(&joined) {
            return mgrs_place(&joined.to_uppercase(), parts.get(1).map_or("", |zone| zone.as_str()));
        }
        if let Some(parts) = UTM.captures(text) {
            return utm_place(&parts[1], &parts[2], &parts[3], &parts[4]);
        }
        degrees_place(text)
    }

    /// `39.73915, -104.98470`.
    pub fn decimal(self) -> String {
        format!("{:.5}, {:.5}", self.latitude, self.longitude)
    }

    /// `39d44'20.9"N 104d59'04.9"W`.
    pub fn dms(self) -> String {
        let one = |degrees: f64, positive: char, negative: char| {
            // Rounded before it is divided, so that no 60.0 seconds appear.
            let tenths = (degrees.abs() * 36_000.0).round() as u64;
            let (minutes, seconds) = (tenths / 600, (tenths % 600) as f64 / 10.0);
            let side = if degrees < 0.0 { negative } else { positive };
            format!("{}d{:02}'{:04.1}\"{side}", minutes / 60, minutes % 60, seconds)
        };
        format!("{} {}", one(self.latitude, 'N', 'S'), one(self.longitude, 'E', 'W'))
    }

    /// `13S 501316 E 4398806 N`; `UPS` near the poles.
    pub fn utm(self) -> String {
        let Ok(place) = LatLon::create(self.latitude, self.longitude) else { return "none".to_owned() };
        let utm = place.to_utmups();
        if utm.zone() == 0 {
            let side = if utm.is_north() { 'N' } else { 'S' };
            return format!("UPS {side} {:.0} E {:.0} N", utm.easting(), utm.northing());
        }
        let grid = self.mgrs();
        let band = grid.chars().find(char::is_ascii_alphabetic).unwrap_or('?');
        format!("{}{band} {:.0} E {:.0} N", utm.zone(), utm.easting(), utm.northing())
    }

    /// `13SED0131698806`, one metre.
    pub fn mgrs(self) -> String {
        match LatLon::create(self.latitude, self.longitude) {
            Ok(place) => place.to_mgrs(MGRS_DIGITS).to_string(),
            Err(_) => "none".to_owned(),
        }
    }
}

fn not_read(text: &str) -> ToolError {
    let shown: String = text.chars().take(80).collect();
    ToolError::NoResult(format!(
        "`{shown}` is no position; write 39.7392, -104.9847 or 39 44 21 N 104 59 05 W or 13S 501316 4398806 or 13SED0131698806"
    ))
}

fn mgrs_place(joined: &str, zone: &str) -> Result<Place, ToolError> {
    if !zone.is_empty() && !matches!(zone.parse(), Ok(1..=60)) {
        return Err(not_read(joined));
    }
    // A grid reference names a square; the middle of it is the best single point, which is what the library gives.
    let mgrs = Mgrs::parse_str(joined).map_err(|_| not_read(joined))?;
    let place = mgrs.to_latlon();
    Place::new(place.latitude(), place.longitude())
}

fn utm_place(zone: &str, band: &str, easting: &str, northing: &str) -> Result<Place, ToolError> {
    let shown = format!("{zone}{band} {easting} {northing}");
    let number = |text: &str| text.parse::<f64>().map_err(|_| not_read(&shown));
    let zone = zone.parse::<i32>().ok().filter(|zone| (1..=60).contains(zone)).ok_or_else(|| not_read(&shown))?;
    // Bands N to X are north of the equator.
    let north = band.to_ascii_uppercase().as_str() >= "N";
    let utm = UtmUps::create(zone, north, number(easting)?, number(northing)?).map_err(|_| not_read(&shown))?;
    let place = utm.to_latlon();
    Place::new(place.latitude(), place.longitude())
}

/// Decimal degrees, or degrees with minutes and seconds, with signs or letters.
fn degrees_place(text: &str) -> Result<Place, ToolError> {
    let wrong = || not_read(text);
    let upper = text.to_uppercase();
    let allowed = |c: char| {
        c.is_ascii_digit() || " .,;:+-'\"NSEWD\t".contains(c) || "\u{b0}\u{2032}\u{2033}\u{2019}\u{201d}".contains(c)
    };
    if !upper.chars().all(allowed) {
        return Err(wrong());
    }
    let sides: Vec<(usize, char)> = upper.char_indices().filter(|(_, c)| "NSEW".contains(*c)).collect();
    let halves: (&str, &str) = match &sides[..] {
        [] => {
            // Without letters only a comma or one gap divides the two numbers.
            let parts: Vec<&str> = upper.split([',', ';']).collect();
            match &parts[..] {
                [latitude, longitude] => (latitude, longitude),
                [both] => {
                    let words: Vec<&str> = both.split_whitespace().collect();
                    if words.len() != 2 {
                        return Err(wrong());
                    }
                    (words[0], words[1])
                }
                _ => return Err(wrong()),
            }
        }
        [(first, first_side), (second, second_side)] => {
            if !"NS".contains(*first_side) || !"EW".contains(*second_side) {
                return Err(wrong());
            }
            let before = upper[..*first].chars().any(|c| c.is_ascii_digit());
            // The letter stands behind its degrees, or before them.
            let middle = if before { first + 1 } else { *second };
            if before && upper[second + 1..].chars().any(|c| c.is_ascii_digit()) {
                return Err(wrong());
            }
            upper.split_at(middle)
        }
        _ => return Err(wrong()),
    };
    Place::new(angle(halves.0, 90.0).ok_or_else(wrong)?, angle(halves.1, 180.0).ok_or_else(wrong)?)
}

/// One angle in degrees; south and west are negative.
fn angle(text: &str, most: f64) -> Option<f64> {
    let parts: Vec<f64> = NUMBER.find_iter(text).filter_map(|number| number.as_str().parse().ok()).collect();
    if parts.is_empty() || parts.len() > 3 || parts[1..].iter().any(|part| *part >= 60.0) {
        return None;
    }
    // Only the last part may have a fraction.
    if parts[..parts.len() - 1].iter().any(|part| part.fract() != 0.0) {
        return None;
    }
    let degrees: f64 = parts.iter().zip([1.0, 60.0, 3600.0]).map(|(part, by)| part / by).sum();
    let minus = text.trim_start().starts_with('-');
    let far_side = text.contains(['S', 'W']);
    let value = if minus != far_side { -degrees } else { degrees };
    (degrees <= most).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a metre on the ground.
    const DEGREES: f64 = 5e-6;

    #[test]
    fn known_points_agree_in_all_notations() {
        // The documentation of GeographicLib's GeoConvert gives these: 33.3 44.4 is 38n 444140.54 3684706.36 and
        // 38SMB4414084706; the White House in many texts on MGRS is 18SUJ2339407395 (38.8977 N, 77.0365 W).
        let point = Place::parse("33.3 44.4").unwrap();
        assert_eq!(point.mgrs(), "38SMB4414084706");
        assert_eq!(point.utm(), "38S 444141 E 3684706 N");
        assert_eq!(point.dms(), "33d18'00.0\"N 44d24'00.0\"E");
        for text in
            ["33d18'N 44d24'E", "N33 18 00 E44 24 00", "33.3, 44.4", "38S 444140.54 3684706.36", "38S MB 44140 84706"]
        {
            let found = Place::parse(text).unwrap();
            assert!((found.latitude - 33.3).abs() < 2.0 * DEGREES, "{text}: {found:?}");
            assert!((found.longitude - 44.4).abs() < 2.0 * DEGREES, "{text}: {found:?}");
        }
        let house = Place::parse("18SUJ2339407395").unwrap();
        assert!((house.latitude - 38.8977).abs() < 1e-4 && (house.longitude + 77.0365).abs() < 1e-4, "{house:?}");
    }

    #[test]
    fn south_and_west_are_negative_and_seconds_never_reach_sixty() {
        let found = Place::parse("41 19 12 S 174 48 36 W").unwrap();
        assert!((found.latitude + 41.32).abs() < DEGREES && (found.longitude + 174.81).abs() < DEGREES);
        assert_eq!(Place::new(0.999_999_99, 0.0).unwrap().dms(), "1d00'00.0\"N 0d00'00.0\"E");
    }

    #[test]
    fn a_text_that_is_no_position_is_refused_without_a_panic() {
        for text in [
            "",
            "north",
            "95, 10",
            "10, 190",
            "1 2 3",
            "10 61 N 20 E",
            "39.7",
            "61SXX1234512345",
            "13S 1 1",
            "39N",
            "N E",
            "10 N 20 N",
            "1,2,3",
            "00AAA12",
            "13SED0131698",
            "13IED0131698806",
            "1.5 20 N 3 E",
            "\u{b0}\u{b0} N E",
        ] {
            assert!(Place::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_place_survives_the_way_through_each_notation() {
        for step in 0..400_u32 {
            let latitude = -79.9 + f64::from(step * 7919 % 1600) / 10.0 + 0.003;
            let longitude = -179.9 + f64::from(step * 104_729 % 3598) / 10.0 + 0.007;
            let place = Place::new(latitude, longitude).unwrap();
            for text in [place.decimal(), place.dms(), place.utm(), place.mgrs()] {
                let found = Place::parse(&text).unwrap_or_else(|error| panic!("{text}: {error}"));
                let degrees_per_metre = 1.0 / 111_000.0;
                assert!((found.latitude - latitude).abs() < 2.0 * degrees_per_metre, "{text}");
                assert!(
                    (found.longitude - longitude).abs() * latitude.to_radians().cos() < 4.0 * degrees_per_metre,
                    "{text}"
                );
            }
        }
    }
}
