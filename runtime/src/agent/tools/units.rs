//! Units of responders, and gas concentrations.

mod table;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::agent::tool::{Tool, ToolContext, figure, read, result, schema_of};
use crate::error::ToolError;

pub use table::{Unit, find, meant};

/// Digits of a converted value.
const DIGITS: usize = 6;
/// Molar gas constant in J/(mol K), exact (CODATA 2018).
const GAS_CONSTANT: f64 = 8.314_462_618_153_24;
/// One atmosphere in pascals, exact.
const ATMOSPHERE: f64 = 101_325.0;
/// 0 degrees Celsius in kelvins, exact.
const FREEZING: f64 = 273.15;

/// Converts a quantity.
pub struct ConvertUnits;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Quantity {
    /// How much.
    value: f64,
    /// Unit, e.g. gpm, psi, F, mph.
    #[schemars(length(min = 1, max = 40))]
    from: String,
    /// Unit wanted.
    #[schemars(length(min = 1, max = 40))]
    to: String,
}

impl Tool for ConvertUnits {
    fn name(&self) -> &str {
        "convert_units"
    }

    fn description(&self) -> &str {
        "length, area, volume, flow, pressure, temperature, speed, mass, energy, power"
    }

    fn schema(&self) -> Value {
        schema_of::<Quantity>()
    }

    fn call(&self, arguments: Value, _: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Quantity { value, from, to } = read(self.name(), arguments)?;
        let (from, to) = (unit(&from)?, unit(&to)?);
        let converted = convert(value, from, to)?;
        let says = format!("{} {} = {} {}.", figure(value, 12), from.symbol, figure(converted, DIGITS), to.symbol);
        Ok(result(says, json!({ "value": converted, "unit": to.symbol })))
    }
}

fn unit(name: &str) -> Result<&'static Unit, ToolError> {
    let shown: String = name.chars().take(40).collect();
    match meant(name)[..] {
        [one] => Ok(one),
        [] => Err(ToolError::NoResult(format!("no unit `{shown}`; near are {}", table::nearest(name).join(", ")))),
        ref several => {
            let symbols: Vec<&str> = several.iter().map(|unit| unit.symbol).collect();
            Err(ToolError::NoResult(format!(
                "`{shown}` may be {}; write the one that is meant, with its capital letters",
                symbols.join(" or ")
            )))
        }
    }
}

/// `value` of `from` in `to`.
///
/// # Errors
/// [`ToolError::NoResult`] for units of different kinds, values that are no number, and temperatures below absolute zero.
pub fn convert(value: f64, from: &Unit, to: &Unit) -> Result<f64, ToolError> {
    if from.kind != to.kind {
        return Err(ToolError::NoResult(format!(
            "{} measures {} and {} measures {}; they do not convert",
            from.symbol, from.kind, to.symbol, to.kind
        )));
    }
    let base = (value + from.offset) * from.factor;
    if from.kind == table::TEMPERATURE && base < 0.0 {
        return Err(ToolError::NoResult(format!("{} {} is below absolute zero", figure(value, 12), from.symbol)));
    }
    let converted = base / to.factor - to.offset;
    if !converted.is_finite() {
        return Err(ToolError::NoResult(format!("{} {} is too large to convert", figure(value, 12), from.symbol)));
    }
    Ok(converted)
}

/// Converts a gas concentration.
pub struct ConvertConcentration;

#[derive(Clone, Copy, Deserialize, JsonSchema)]
enum ConcentrationUnit {
    #[serde(rename = "ppm")]
    PartsPerMillion,
    #[serde(rename = "mg/m3")]
    MilligramsPerCubicMetre,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Concentration {
    /// How much.
    #[schemars(range(min = 0, max = 1e9))]
    value: f64,
    /// Unit given; the other is the result.
    from: ConcentrationUnit,
    /// Molar mass in g/mol.
    #[schemars(range(min = 1, max = 2000))]
    molar_mass: f64,
    /// Degrees Celsius; 25 if left out.
    #[schemars(range(min = -100, max = 200))]
    celsius: Option<f64>,
}

impl Tool for ConvertConcentration {
    fn name(&self) -> &str {
        "concentration"
    }

    fn description(&self) -> &str {
        "gas: ppm to mg/m3 or back"
    }

    fn schema(&self) -> Value {
        schema_of::<Concentration>()
    }

    fn call(&self, arguments: Value, _: &ToolContext<'_>) -> Result<Value, ToolError> {
        let Concentration { value, from, molar_mass, celsius } = read(self.name(), arguments)?;
        let celsius = celsius.unwrap_or(25.0);
        let milligrams_per_ppm = milligrams_per_ppm(molar_mass, celsius);
        let (given, converted, unit) = match from {
            ConcentrationUnit::PartsPerMillion => ("ppm", value * milligrams_per_ppm, "mg/m3"),
            ConcentrationUnit::MilligramsPerCubicMetre => ("mg/m3", value / milligrams_per_ppm, "ppm"),
        };
        let says = format!(
            "{} {given} = {} {unit} for {} g/mol at {} C and 1 atm.",
            figure(value, 12),
            figure(converted, 4),
            figure(molar_mass, 6),
            figure(celsius, 4)
        );
        Ok(result(says, json!({ "value": converted, "unit": unit })))
    }
}

/// Milligrams in a cubic metre of air at one part per million, of an ideal gas at one atmosphere.
fn milligrams_per_ppm(molar_mass: f64, celsius: f64) -> f64 {
    let litres_per_mole = GAS_CONSTANT * (celsius + FREEZING) / ATMOSPHERE * 1000.0;
    molar_mass / litres_per_mole
}

#[cfg(test)]
mod tests {
    use super::*;

    fn converted(value: f64, from: &str, to: &str) -> f64 {
        convert(value, find(from).unwrap(), find(to).unwrap()).unwrap()
    }

    /// Published factors have 7 digits.
    const NIST_TOLERANCE: f64 = 5e-7;

    #[test]
    fn factors_are_those_of_nist_special_publication_811() {
        // NIST SP 811 (2008), appendix B.8, as printed there; chain and acre of the international foot, which NIST holds to
        // since 2023 (85 FR 62698).
        let cases = [
            ("ft", "m", 0.3048),
            ("mile", "m", 1609.344),
            ("nmi", "m", 1852.0),
            ("chain", "m", 20.1168),
            ("yard", "m", 0.9144),
            ("acre", "m2", 4_046.856_422_4),
            ("sq mi", "m2", 2.589_988e6),
            ("hectare", "m2", 1.0e4),
            ("gallon", "L", 3.785412),
            ("imperial gallon", "L", 4.54609),
            ("cubic foot", "m3", 0.028_316_85),
            ("barrel", "m3", 0.158_987_3),
            ("gpm", "m3/s", 6.309_020e-5),
            ("cfm", "m3/s", 4.719_474e-4),
            ("psi", "Pa", 6894.757),
            ("bar", "Pa", 1.0e5),
            ("atm", "Pa", 101_325.0),
            ("inHg", "Pa", 3386.389),
            ("ft of water", "Pa", 2989.067),
            ("mmHg", "Pa", 133.3224),
            ("mph", "m/s", 0.447_04),
            ("knot", "m/s", 0.514_444_4),
            ("lb", "kg", 0.453_592_37),
            ("oz", "kg", 0.028_349_52),
            ("short ton", "kg", 907.1847),
            ("Btu", "J", 1055.056),
            ("cal", "J", 4.1868),
            ("kWh", "J", 3.6e6),
            ("hp", "W", 745.6999),
            ("Btu/h", "W", 0.293_071_1),
        ];
        for (from, to, factor) in cases {
            let found = converted(1.0, from, to);
            assert!((found / factor - 1.0).abs() < NIST_TOLERANCE, "{from} to {to}: {found} is not {factor}");
        }
    }

    #[test]
    fn temperatures_have_their_own_zeros() {
        assert!((converted(-40.0, "F", "C") + 40.0).abs() < 1e-9);
        assert!((converted(212.0, "fahrenheit", "celsius") - 100.0).abs() < 1e-9);
        assert!((converted(0.0, "C", "K") - 273.15).abs() < 1e-9);
        assert!(convert(-300.0, find("C").unwrap(), find("F").unwrap()).is_err());
    }

    #[test]
    fn an_acre_is_a_chain_by_ten_chains_and_a_chain_is_66_feet() {
        assert!((converted(1.0, "ch", "ft") - 66.0).abs() < 1e-12);
        assert!((converted(1.0, "ac", "ft2") - 43_560.0).abs() < 1e-8);
    }

    #[test]
    fn what_may_be_milli_or_mega_is_refused_with_both_names() {
        let error = unit("mw").unwrap_err().to_string();
        assert!(error.contains("MW or mW"), "{error}");
        assert!((converted(5.0, "mW", "W") - 0.005).abs() < 1e-15);
    }

    #[test]
    fn an_error_of_a_large_value_is_one_short_line() {
        let error = convert(1e308, find("km").unwrap(), find("mm").unwrap()).unwrap_err().to_string();
        assert!(error.starts_with("1e308 km is too large"), "{error}");
    }

    #[test]
    fn units_of_different_kinds_do_not_convert_and_unknown_ones_name_near_ones() {
        assert!(convert(1.0, find("psi").unwrap(), find("gpm").unwrap()).is_err());
        assert!(unit("gallonz").unwrap_err().to_string().contains("gal"));
    }

    #[test]
    fn parts_per_million_agree_with_the_niosh_pocket_guide() {
        // NIOSH Pocket Guide, 25 C and 1 atm: chlorine 1 ppm = 2.90 mg/m3, carbon monoxide 1.15, hydrogen sulfide 1.40.
        for (molar_mass, milligrams) in [(70.9, 2.90), (28.0, 1.15), (34.1, 1.40)] {
            let found = milligrams_per_ppm(molar_mass, 25.0);
            assert!((found - milligrams).abs() < 0.01, "{molar_mass}: {found}");
        }
    }
}
