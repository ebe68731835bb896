//! The language of a row, by the trigrams of the whatlang crate.

use whatlang::{Lang, detect};

use super::Finding;

/// Letters below which a text says too little about its language.
const LETTERS_MIN: usize = 60;

/// A language by its code of three letters (ISO 639-3).
///
/// # Errors
/// A code that is not known, with the known ones.
pub fn parse_language(code: &str) -> Result<Lang, String> {
    Lang::from_code(code.to_lowercase()).ok_or_else(|| {
        let known: Vec<&str> = Lang::all().iter().map(|language| language.code()).collect();
        format!("give the three letters of a known language, such as eng: {}", known.join(" "))
    })
}

/// Whether a text is in none of the wanted languages. Short texts and doubtful ones pass.
pub fn foreign(text: &str, wanted: &[Lang]) -> Option<Finding> {
    if wanted.is_empty() || text.chars().filter(|character| character.is_alphabetic()).count() < LETTERS_MIN {
        return None;
    }
    let found = detect(text).filter(|found| found.is_reliable())?;
    (!wanted.contains(&found.lang()))
        .then(|| Finding::new("language", format!("it is in {} ({})", found.lang().eng_name(), found.lang().code())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_languages_are_named_and_short_texts_pass() {
        let greek = "\u{3a0}\u{3b1}\u{3c1}\u{3b1}\u{3bc}\u{3ad}\u{3bd}\u{3b5}\u{3c4}\u{3b5} ".repeat(8);
        let english = "Stay upwind of the spill and keep everybody out of the hot zone until it is over.";
        let wanted = [parse_language("eng").unwrap()];
        assert_eq!(foreign(english, &wanted), None);
        assert!(foreign(&greek, &wanted).unwrap().detail.contains("Greek"));
        assert_eq!(foreign("\u{3a0}\u{3b1}", &wanted), None);
        assert_eq!(foreign(&greek, &[]), None);
        assert!(parse_language("xx").unwrap_err().contains("eng"));
    }
}
