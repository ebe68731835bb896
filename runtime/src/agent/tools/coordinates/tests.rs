//! Notations of positions, there and back.

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
fn places_on_the_equator_and_on_the_date_line_have_all_notations() {
    for (text, mgrs) in [
        ("0, 3", "31NEA0000000000"),
        ("0 S 3 E", "31NEA0000000000"),
        ("31N 500000 0", "31NEA0000000000"),
        ("31M 500000 10000000", "31NEA0000000000"),
        ("-0.0, -0.0", "31NAA6602100000"),
    ] {
        let place = Place::parse(text).unwrap();
        assert_eq!(place.mgrs(), mgrs, "{text}");
        assert!(place.decimal().starts_with("0.00000, ") && place.dms().starts_with("0d00'00.0\"N "), "{text}");
        assert!(place.utm().starts_with("31N "), "{text}: {}", place.utm());
    }
    assert_eq!(Place::parse("0, -78.5").unwrap().mgrs()[..5], *"17NQA");
    let [east, west] = ["10, 180", "10, -180"].map(|text| Place::parse(text).unwrap());
    assert_eq!((east.utm(), east.mgrs()), (west.utm(), west.mgrs()));
    assert_eq!(Place::parse("-0.000001, 3").unwrap().decimal(), "0.00000, 3.00000");
}

#[test]
fn a_minus_sign_beside_a_letter_is_refused() {
    for text in ["-39.7 N 104 W", "39.7 N -104 W", "-39.7 S 104 W", "N -39.7 W 104"] {
        let error = Place::parse(text).unwrap_err().to_string();
        assert!(error.contains("minus sign"), "{text}: {error}");
    }
    assert!(Place::parse("-39.7, -104").is_ok());
}

#[test]
fn a_coarse_reference_keeps_its_digits() {
    assert_eq!(coarse_square("MGRS 13s de 1 2"), Some((10_000, "13SDE12".to_owned())));
    assert_eq!(coarse_square("13SDE1234512345"), None);
    assert_eq!(coarse_square("39.7, -104.9"), None);
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
