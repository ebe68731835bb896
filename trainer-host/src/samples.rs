//! Short texts of four kinds on which models and tokenizers are measured.
//!
//! Written for this project in the style of what responders read, so that no model has met them in training.

/// Kind and text of each sample.
pub const SAMPLES: [(&str, &str); 4] = [
    ("English", include_str!("../samples/english.txt")),
    ("Greek", include_str!("../samples/greek.txt")),
    ("code", include_str!("../samples/code.txt")),
    ("numbers", include_str!("../samples/numbers.txt")),
];

/// All samples in one text.
pub fn all() -> String {
    SAMPLES.map(|(_, text)| text).join("\n")
}
