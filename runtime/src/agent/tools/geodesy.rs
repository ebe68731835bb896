//! Distance, bearing and destination on the WGS-84 ellipsoid (Karney's geodesics).

use geographiclib_rs::{DirectGeodesic, Geodesic, InverseGeodesic};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::coordinates::Place;
use crate::agent::tool::{Tool, ToolContext, figure, read, result, schema_of};
use crate::error::ToolError;

/// Metres of an international mile.
const METRES_PER_MILE: f64 = 1609.344;
/// Metres below which two places are one: what the last digit of a printed position stands for, and less.
const SAME_PLACE: f64 = 0.01;
/// Farthest destination: half way around the Earth.
const KILOMETRES_MAX: f64 = 20_004.0;

/// Measures between two places.
pub struct MeasureDistance;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Between {
    /// Decimal degrees, degrees minutes seconds, UTM or MGRS.
    #[schemars(length(min = 1, max = 80))]
    from: String,
    /// Likewise.
    #[schemars(length(min = 1, max = 80))]
    to: String,
}

impl Tool for MeasureDistance {
    fn name(&self) -> &str {
        "distance"
    }

    fn description(&self) -> &str {
        "distance and bearing between two coordinates"
    }

    fn schema(&self) -> Value {
        schema_of::<Between>()
    }

    fn call(&self, arguments: Value, _: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Between { from, to } = read(self.name(), arguments)?;
        let (from, to) = (Place::parse(&from)?, Place::parse(&to)?);
        let (metres, bearing) = inverse(from, to);
        if metres < SAME_PLACE {
            let says = format!("{} and {} are the same place, so there is no bearing.", from.decimal(), to.decimal());
            return Ok(result(says, json!({ "metres": metres, "bearing_degrees": null })));
        }
        let says = format!(
            "From {} to {}: {} km ({} mi), bearing {} degrees true.",
            from.decimal(),
            to.decimal(),
            figure(metres / 1000.0, 6),
            figure(metres / METRES_PER_MILE, 6),
            figure(bearing, 4)
        );
        Ok(result(says, json!({ "metres": metres, "bearing_degrees": bearing })))
    }
}

/// Finds where a walk ends.
pub struct FindDestination;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Walk {
    /// Coordinates of the start.
    #[schemars(length(min = 1, max = 80))]
    from: String,
    /// Degrees true.
    #[schemars(range(min = 0, max = 360))]
    bearing: f64,
    /// Distance.
    #[schemars(range(min = 0, max = 20004))]
    kilometres: f64,
}

impl Tool for FindDestination {
    fn name(&self) -> &str {
        "destination"
    }

    fn description(&self) -> &str {
        "coordinates at a bearing and distance from a point"
    }

    fn schema(&self) -> Value {
        schema_of::<Walk>()
    }

    fn call(&self, arguments: Value, _: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Walk { from, bearing, kilometres } = read(self.name(), arguments)?;
        if !(0.0..=360.0).contains(&bearing) || !(0.0..=KILOMETRES_MAX).contains(&kilometres) {
            return Err(ToolError::NoResult(format!(
                "a bearing is 0 to 360 degrees and a distance 0 to {KILOMETRES_MAX} km"
            )));
        }
        let from = Place::parse(&from)?;
        let (latitude, longitude): (f64, f64) =
            Geodesic::wgs84().direct(from.latitude, from.longitude, bearing, kilometres * 1000.0);
        let end = Place::new(latitude, longitude)?;
        let says = format!(
            "{} km at {} degrees true from {} is {} ({}).",
            figure(kilometres, 6),
            figure(bearing, 6),
            from.decimal(),
            end.decimal(),
            end.mgrs()
        );
        Ok(result(says, json!({ "latitude": end.latitude, "longitude": end.longitude, "mgrs": end.mgrs() })))
    }
}

/// Metres, and the bearing at the start in degrees true, 0 to 360.
fn inverse(from: Place, to: Place) -> (f64, f64) {
    let (metres, bearing, _, _): (f64, f64, f64, f64) =
        Geodesic::wgs84().inverse(from.latitude, from.longitude, to.latitude, to.longitude);
    (metres, bearing.rem_euclid(360.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The published figures are rounded to the millimetre and to 1e-5 degrees.
    const METRES_TOLERANCE: f64 = 0.01;
    const DEGREES_TOLERANCE: f64 = 1e-5;

    #[test]
    fn distances_and_bearings_are_those_of_geographiclib() {
        // JFK to LHR and Wellington to Salamanca, both in the documentation of GeographicLib.
        let cases = [
            ((40.6, -73.8), (51.6, -0.5), 5_551_759.400, 51.198_883),
            ((-41.32, 174.81), (40.96, -5.50), 19_959_679.267, 161.067_67),
        ];
        for (from, to, metres, bearing) in cases {
            let found = inverse(Place::new(from.0, from.1).unwrap(), Place::new(to.0, to.1).unwrap());
            assert!((found.0 - metres).abs() < METRES_TOLERANCE, "{} m", found.0);
            assert!((found.1 - bearing).abs() < DEGREES_TOLERANCE, "{} degrees", found.1);
        }
    }

    #[test]
    fn a_destination_is_where_the_way_back_begins() {
        let from = Place::new(39.0, -105.0).unwrap();
        for bearing in [0.0, 77.0, 181.5, 300.0] {
            let (latitude, longitude): (f64, f64) = Geodesic::wgs84().direct(39.0, -105.0, bearing, 12_345.0);
            let (metres, found) = inverse(from, Place::new(latitude, longitude).unwrap());
            assert!((metres - 12_345.0).abs() < 1e-6 && (found - bearing).abs() < 1e-9);
        }
    }
}
