//! The table of units: symbol, other names, kind, and what one is in the SI unit of its kind.
//!
//! Factors are exact by definition (the foot, the pound, the US gallon of 231 cubic inches, the standard atmosphere, the
//! international table Btu and calorie) or conventional (the column of mercury at 0 C); NIST SP 811 lists them all.

use std::sync::LazyLock;

/// Kind of quantity whose units have zeros of their own.
pub const TEMPERATURE: &str = "temperature";

/// A unit.
#[derive(Debug)]
pub struct Unit {
    /// How it is written.
    pub symbol: &'static str,
    /// Other names, in lower case, plural forms aside.
    names: &'static [&'static str],
    /// What it measures.
    pub kind: &'static str,
    /// SI units in one of it.
    pub factor: f64,
    /// Added before the factor applies.
    pub offset: f64,
}

const FOOT: f64 = 0.3048;
const INCH: f64 = 0.0254;
const MILE: f64 = 1609.344;
/// Chain and acre rest on the international foot since NIST retired the survey foot at the end of 2022.
const CHAIN: f64 = 66.0 * FOOT;
const ACRE: f64 = 43_560.0 * FOOT * FOOT;
const GALLON: f64 = 231.0 * INCH * INCH * INCH;
const IMPERIAL_GALLON: f64 = 4.546_09e-3;
const POUND: f64 = 0.453_592_37;
const GRAVITY: f64 = 9.806_65;
const PSI: f64 = POUND * GRAVITY / (INCH * INCH);
const BTU: f64 = 1_055.055_852_62;
const MERCURY: f64 = 133.322_387_415;

const fn unit(symbol: &'static str, names: &'static [&'static str], kind: &'static str, factor: f64) -> Unit {
    Unit { symbol, names, kind, factor, offset: 0.0 }
}

const LENGTH: &str = "length";
const AREA: &str = "area";
const VOLUME: &str = "volume";
const FLOW: &str = "flow";
const PRESSURE: &str = "pressure";
const SPEED: &str = "speed";
const MASS: &str = "mass";
const ENERGY: &str = "energy";
const POWER: &str = "power";
const TIME: &str = "time";

static UNITS: LazyLock<Vec<Unit>> = LazyLock::new(|| {
    let mut units = vec![
        unit("m", &["meter", "metre"], LENGTH, 1.0),
        unit("km", &["kilometer", "kilometre"], LENGTH, 1000.0),
        unit("cm", &["centimeter", "centimetre"], LENGTH, 0.01),
        unit("mm", &["millimeter", "millimetre"], LENGTH, 0.001),
        unit("Mm", &["megameter", "megametre"], LENGTH, 1e6),
        unit("in", &["inch", "inches", "\""], LENGTH, INCH),
        unit("ft", &["foot", "feet", "'"], LENGTH, FOOT),
        unit("yd", &["yard"], LENGTH, 3.0 * FOOT),
        unit("mi", &["mile", "statute mile"], LENGTH, MILE),
        unit("nmi", &["nautical mile", "nm"], LENGTH, 1852.0),
        unit("ch", &["chain"], LENGTH, CHAIN),
        unit("m2", &["square meter", "square metre", "sq m", "m^2"], AREA, 1.0),
        unit("km2", &["square kilometer", "square kilometre", "sq km", "km^2"], AREA, 1e6),
        unit("ft2", &["square foot", "square feet", "sq ft", "ft^2"], AREA, FOOT * FOOT),
        unit("mi2", &["square mile", "sq mi", "mi^2", "section"], AREA, MILE * MILE),
        unit("ac", &["acre"], AREA, ACRE),
        unit("ha", &["hectare"], AREA, 1e4),
        unit("m3", &["cubic meter", "cubic metre", "cu m", "m^3"], VOLUME, 1.0),
        unit("L", &["liter", "litre", "l"], VOLUME, 1e-3),
        unit("mL", &["milliliter", "millilitre", "ml"], VOLUME, 1e-6),
        unit("ML", &["megaliter", "megalitre"], VOLUME, 1e3),
        unit("gal", &["gallon", "us gallon", "us gal"], VOLUME, GALLON),
        unit("imp gal", &["imperial gallon", "uk gallon", "uk gal"], VOLUME, IMPERIAL_GALLON),
        unit("qt", &["quart", "us quart"], VOLUME, GALLON / 4.0),
        unit("pt", &["pint", "us pint"], VOLUME, GALLON / 8.0),
        unit("fl oz", &["fluid ounce"], VOLUME, GALLON / 128.0),
        unit("ft3", &["cubic foot", "cubic feet", "cu ft", "ft^3", "cf"], VOLUME, FOOT * FOOT * FOOT),
        unit("yd3", &["cubic yard", "cu yd", "yd^3"], VOLUME, 27.0 * FOOT * FOOT * FOOT),
        unit("bbl", &["barrel", "oil barrel"], VOLUME, 42.0 * GALLON),
        unit("acre-ft", &["acre foot", "acre feet", "acre-foot", "acre-feet"], VOLUME, ACRE * FOOT),
        unit("m3/s", &["cubic meter per second", "cumec"], FLOW, 1.0),
        unit("m3/h", &["cubic meter per hour"], FLOW, 1.0 / 3600.0),
        unit("L/s", &["liter per second", "litre per second", "lps"], FLOW, 1e-3),
        unit("L/min", &["liter per minute", "litre per minute", "lpm", "l per minute"], FLOW, 1e-3 / 60.0),
        unit("gpm", &["gallon per minute", "gal/min", "gal per minute"], FLOW, GALLON / 60.0),
        unit("gph", &["gallon per hour", "gal/h", "gal/hr"], FLOW, GALLON / 3600.0),
        unit("ft3/s", &["cubic foot per second", "cubic feet per second", "cfs"], FLOW, FOOT * FOOT * FOOT),
        unit("cfm", &["cubic foot per minute", "cubic feet per minute", "ft3/min"], FLOW, FOOT * FOOT * FOOT / 60.0),
        unit("Pa", &["pascal"], PRESSURE, 1.0),
        unit("hPa", &["hectopascal", "millibar", "mbar", "mb"], PRESSURE, 100.0),
        unit("kPa", &["kilopascal"], PRESSURE, 1000.0),
        unit("MPa", &["megapascal"], PRESSURE, 1e6),
        unit("mPa", &["millipascal"], PRESSURE, 1e-3),
        unit("bar", &[], PRESSURE, 1e5),
        unit("Mbar", &["megabar"], PRESSURE, 1e11),
        unit("psi", &["pound per square inch", "lb/in2", "lbf/in2", "psig"], PRESSURE, PSI),
        unit("atm", &["atmosphere"], PRESSURE, 101_325.0),
        unit("inHg", &["inch of mercury", "inches of mercury", "in hg"], PRESSURE, 25.4 * MERCURY),
        unit("mmHg", &["millimeter of mercury", "mm hg", "torr"], PRESSURE, MERCURY),
        unit(
            "ftH2O",
            &["foot of water", "feet of water", "ft of water", "feet of head"],
            PRESSURE,
            FOOT * 1000.0 * GRAVITY,
        ),
        unit("inH2O", &["inch of water", "inches of water", "in of water"], PRESSURE, INCH * 1000.0 * GRAVITY),
        unit("mH2O", &["meter of water", "metre of water", "m of water"], PRESSURE, 1000.0 * GRAVITY),
        unit("m/s", &["meter per second", "metre per second", "mps"], SPEED, 1.0),
        unit("km/h", &["kilometer per hour", "kilometre per hour", "kph", "kmh"], SPEED, 1.0 / 3.6),
        unit("mph", &["mile per hour", "miles per hour", "mi/h"], SPEED, MILE / 3600.0),
        unit("kn", &["knot", "kt"], SPEED, 1852.0 / 3600.0),
        unit("ft/s", &["foot per second", "feet per second", "fps"], SPEED, FOOT),
        unit("ft/min", &["foot per minute", "feet per minute", "fpm"], SPEED, FOOT / 60.0),
        unit("ch/h", &["chain per hour", "chains per hour", "ch/hr"], SPEED, CHAIN / 3600.0),
        unit("kg", &["kilogram", "kilo"], MASS, 1.0),
        unit("g", &["gram"], MASS, 1e-3),
        unit("mg", &["milligram"], MASS, 1e-6),
        unit("Mg", &["megagram"], MASS, 1000.0),
        unit("lb", &["pound"], MASS, POUND),
        unit("oz", &["ounce"], MASS, POUND / 16.0),
        unit("t", &["tonne", "metric ton"], MASS, 1000.0),
        unit("ton", &["short ton", "us ton"], MASS, 2000.0 * POUND),
        unit("long ton", &["imperial ton"], MASS, 2240.0 * POUND),
        unit("J", &["joule"], ENERGY, 1.0),
        unit("kJ", &["kilojoule"], ENERGY, 1e3),
        unit("MJ", &["megajoule"], ENERGY, 1e6),
        unit("mJ", &["millijoule"], ENERGY, 1e-3),
        unit("cal", &["calorie"], ENERGY, 4.1868),
        unit("kcal", &["kilocalorie"], ENERGY, 4186.8),
        unit("Btu", &["british thermal unit"], ENERGY, BTU),
        unit("Wh", &["watt hour", "watt-hour"], ENERGY, 3600.0),
        unit("kWh", &["kilowatt hour", "kilowatt-hour"], ENERGY, 3.6e6),
        unit("W", &["watt"], POWER, 1.0),
        unit("kW", &["kilowatt"], POWER, 1e3),
        unit("MW", &["megawatt"], POWER, 1e6),
        unit("mW", &["milliwatt"], POWER, 1e-3),
        unit("hp", &["horsepower"], POWER, 550.0 * FOOT * POUND * GRAVITY),
        unit("Btu/h", &["btu per hour", "btu/hr"], POWER, BTU / 3600.0),
        unit("s", &["second", "sec"], TIME, 1.0),
        unit("min", &["minute"], TIME, 60.0),
        unit("h", &["hour", "hr"], TIME, 3600.0),
        unit("d", &["day"], TIME, 86_400.0),
    ];
    units.push(unit("K", &["kelvin"], TEMPERATURE, 1.0));
    units.push(Unit {
        offset: 273.15,
        ..unit("C", &["celsius", "degree celsius", "deg c", "centigrade"], TEMPERATURE, 1.0)
    });
    units.push(Unit {
        offset: 459.67,
        ..unit("F", &["fahrenheit", "degree fahrenheit", "deg f"], TEMPERATURE, 5.0 / 9.0)
    });
    units
});

/// The unit of this name, letter case aside as long as one unit alone is written so.
pub fn find(name: &str) -> Option<&'static Unit> {
    match meant(name)[..] {
        [one] => Some(one),
        _ => None,
    }
}

/// The units that a name may mean: several where only letter case tells milli from mega, as `mpa` does not.
pub fn meant(name: &str) -> Vec<&'static Unit> {
    let name = name.trim().trim_end_matches('.');
    let exact =
        UNITS.iter().find(|unit| unit.symbol == name).or_else(|| UNITS.iter().find(|unit| unit.names.contains(&name)));
    if let Some(exact) = exact {
        return vec![exact];
    }
    let lower = plain(name);
    let singular = lower.strip_suffix('s').filter(|rest| rest.len() > 1);
    // `gallons per minute`: the first word has the plural.
    let first_singular = lower.split_once("s per ").map(|(first, rest)| format!("{first} per {rest}"));
    let spellings = [Some(lower.as_str()), singular, first_singular.as_deref()];
    let folded = spellings.into_iter().flatten().map(of_folded).find(|units| !units.is_empty()).unwrap_or_default();
    // `Mpa` begins as MPa does, while all of `MPA` is in one case and says nothing.
    let mixed = name.contains(char::is_lowercase) && name.contains(char::is_uppercase);
    let alike = |unit: &&&Unit| mixed && unit.symbol.chars().next() == name.chars().next();
    match folded.iter().filter(alike).collect::<Vec<_>>()[..] {
        [one] if folded.len() > 1 => vec![*one],
        _ => folded,
    }
}

/// The units with this name or symbol in lower case.
fn of_folded(wanted: &str) -> Vec<&'static Unit> {
    let is_meant = |unit: &&Unit| unit.names.contains(&wanted) || unit.symbol.to_lowercase() == wanted;
    let units: Vec<&Unit> = UNITS.iter().filter(is_meant).collect();
    // Other letters mean the same either way.
    let prefixed = wanted.starts_with('m') && units.len() > 1;
    if prefixed { units } else { units.into_iter().take(1).collect() }
}

fn plain(name: &str) -> String {
    let lower = name.to_lowercase().replace("degrees", "degree").replace('\u{b0}', "degree ").replace('\u{b2}', "2");
    let lower = lower.replace('\u{b3}', "3").replace(" / ", "/");
    let lower = lower.split_whitespace().collect::<Vec<_>>().join(" ");
    match lower.strip_prefix("degree ") {
        Some("c") => "celsius".to_owned(),
        Some("f") => "fahrenheit".to_owned(),
        _ => lower,
    }
}

/// Symbols whose names resemble a name that is not known.
pub fn nearest(name: &str) -> Vec<&'static str> {
    let name = plain(name);
    let likeness = |unit: &Unit| {
        let names = unit.names.iter().copied().chain([unit.symbol]);
        names.map(|known| strsim::jaro_winkler(known, &name)).fold(0.0, f64::max)
    };
    let mut units: Vec<&Unit> = UNITS.iter().collect();
    units.sort_by(|a, b| likeness(b).total_cmp(&likeness(a)));
    units.iter().take(4).map(|unit| unit.symbol).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_found_by_its_symbol_its_names_and_their_plurals() {
        for unit in UNITS.iter() {
            assert_eq!(find(unit.symbol).unwrap().symbol, unit.symbol);
            for name in unit.names {
                assert_eq!(find(name).unwrap().symbol, unit.symbol, "{name}");
            }
        }
        for (name, symbol) in [
            ("Gallons per minute", "gpm"),
            ("LITERS", "L"),
            ("degrees F", "F"),
            ("\u{b0}C", "C"),
            ("Miles per hour", "mph"),
            ("PSI", "psi"),
            ("mm", "mm"),
            ("MW", "MW"),
            ("pounds", "lb"),
            ("ml", "mL"),
            ("Mpa", "MPa"),
            ("mbar", "hPa"),
            ("MPH", "mph"),
        ] {
            assert_eq!(find(name).map(|unit| unit.symbol), Some(symbol), "{name}");
        }
        assert!(find("furlongs").is_none() && find("").is_none());
    }

    #[test]
    fn milli_and_mega_are_told_apart_or_not_guessed() {
        for (name, symbol, factor) in
            [("mW", "mW", 1e-3), ("MW", "MW", 1e6), ("Mg", "Mg", 1000.0), ("ML", "ML", 1e3), ("mPa", "mPa", 1e-3)]
        {
            let unit = find(name).unwrap();
            assert_eq!((unit.symbol, unit.factor), (symbol, factor));
        }
        for (name, both) in [
            ("mw", ["MW", "mW"]),
            ("MPA", ["MPa", "mPa"]),
            ("mpa", ["MPa", "mPa"]),
            ("MG", ["mg", "Mg"]),
            ("MM", ["mm", "Mm"]),
            ("MBAR", ["hPa", "Mbar"]),
        ] {
            assert_eq!(meant(name).iter().map(|unit| unit.symbol).collect::<Vec<_>>(), both, "{name}");
            assert!(find(name).is_none());
        }
    }
}
