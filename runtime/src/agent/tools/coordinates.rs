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
/// Degrees from the equator within which a place is on it, a tenth of a millimetre; the library finds no band of MGRS for
/// zero itself.
const ON_EQUATOR: f64 = 1e-9;

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
        let (decimal, dms, utm) = (place.decimal(), place.dms(), place.utm());
        // A coarse reference is a square: it has no more digits than it came with, and its middle says that it is one.
        let (square, mgrs) = match coarse_square(&coordinates) {
            Some((metres, reference)) if metres < 1000 => (format!("Middle of a square of {metres} m: "), reference),
            Some((metres, reference)) => (format!("Middle of a square of {} km: ", metres / 1000), reference),
            None => (String::new(), place.mgrs()),
        };
        let says = format!("{square}Decimal {decimal}; DMS {dms}; UTM {utm}; MGRS {mgrs} (WGS-84).");
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
        // No -0.0, which is printed and projected as the southern side.
        let latitude = if latitude.abs() < ON_EQUATOR { 0.0 } else { latitude };
        Ok(Place { latitude, longitude: longitude + 0.0 })
    }

    /// Reads any of the notations.
    ///
    /// # Errors
    /// [`ToolError::NoResult`] where the text is none of them.
    pub fn parse(text: &str) -> Result<Place, ToolError> {
        let text = bare(text);
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
        // Adding nothing takes the sign off a zero.
        let rounded = |degrees: f64| (degrees * 1e5).round() / 1e5 + 0.0;
        format!("{:.5}, {:.5}", rounded(self.latitude), rounded(self.longitude))
    }

    /// `39d44'20.9"N 104d59'04.9"W`.
    pub fn dms(self) -> String {
        let one = |degrees: f64, positive: char, negative: char| {
            // Rounded before it is divided, so that no 60.0 seconds appear.
            let tenths = (degrees.abs() * 36_000.0).round() as u64;
            let (minutes, seconds) = (tenths / 600, (tenths % 600) as f64 / 10.0);
            let side = if degrees < 0.0 && tenths > 0 { negative } else { positive };
            format!("{}d{:02}'{:04.1}\"{side}", minutes / 60, minutes % 60, seconds)
        };
        format!("{} {}", one(self.latitude, 'N', 'S'), one(self.longitude, 'E', 'W'))
    }

    /// `13S 501316 E 4398806 N`; `UPS` near the poles.
    pub fn utm(self) -> String {
        let Some(place) = self.projected() else { return "none".to_owned() };
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
        self.projected().map_or("none".to_owned(), |place| place.to_mgrs(MGRS_DIGITS).to_string())
    }

    /// The place as the library projects it: on the northern side of the equator, and 180 degrees east as west.
    fn projected(self) -> Option<LatLon> {
        let latitude = if self.latitude.abs() < ON_EQUATOR { ON_EQUATOR } else { self.latitude };
        let longitude = if self.longitude >= 180.0 { self.longitude - 360.0 } else { self.longitude };
        LatLon::create(latitude, longitude).ok()
    }
}

/// Without the name of the notation.
fn bare(text: &str) -> &str {
    let text = text.trim();
    text.strip_prefix("MGRS").or_else(|| text.strip_prefix("UTM")).unwrap_or(text).trim()
}

/// Metres along the side of the square that an MGRS reference of less than full digits names, and the reference.
fn coarse_square(text: &str) -> Option<(u32, String)> {
    let joined: String = bare(text).split_whitespace().collect();
    let digits = u32::try_from(MGRS.captures(&joined)?[4].len() / 2).ok()?;
    let metres = 10_u32.pow(MGRS_DIGITS.unsigned_abs().checked_sub(digits)?);
    (metres > 1).then(|| (metres, joined.to_uppercase()))
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
    for half in [halves.0, halves.1] {
        if half.trim_start_matches(|c: char| !c.is_ascii_digit() && c != '-').starts_with('-')
            && half.contains(['N', 'S', 'E', 'W'])
        {
            let shown: String = text.chars().take(80).collect();
            return Err(ToolError::NoResult(format!(
                "`{shown}` has a minus sign and a letter for one side; write -39.7 or 39.7 S, not both"
            )));
        }
    }
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
    let value = if minus || far_side { -degrees } else { degrees };
    (degrees <= most).then_some(value)
}

#[cfg(test)]
mod tests;
