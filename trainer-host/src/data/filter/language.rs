//! The language of a row, by its script and by the trigrams of the whatlang crate.
//!
//! The script of a text is known from its first letter on, its language only from some words: a short row in another
//! language of the same script passes.

use whatlang::{Lang, Script, detect, detect_script};

use super::Finding;

/// Letters below which a text says too little about its language, beside its script.
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

/// Whether a text is in none of the wanted languages. One in a script of theirs passes where it is short or doubtful.
pub fn foreign(text: &str, wanted: &[Lang]) -> Option<Finding> {
    if wanted.is_empty() {
        return None;
    }
    if let Some(script) = detect_script(text)
        && !wanted.iter().any(|language| is_written_in(*language, script))
    {
        return Some(Finding::new("language", format!("it is in the script {script}")));
    }
    if text.chars().filter(|character| character.is_alphabetic()).count() < LETTERS_MIN {
        return None;
    }
    let found = detect(text).filter(|found| found.is_reliable())?;
    (!wanted.contains(&found.lang()))
        .then(|| Finding::new("language", format!("it is in {} ({})", found.lang().eng_name(), found.lang().code())))
}

/// Japanese is written in kana and in characters, which count as Mandarin.
fn is_written_in(language: Lang, script: Script) -> bool {
    script.langs().contains(&language) || language == Lang::Jpn && script == Script::Mandarin
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_languages_are_named_and_short_texts_in_the_same_script_pass() {
        let greek = "\u{3a0}\u{3b1}\u{3c1}\u{3b1}\u{3bc}\u{3ad}\u{3bd}\u{3b5}\u{3c4}\u{3b5} ".repeat(8);
        let english = "Stay upwind of the spill and keep everybody out of the hot zone until it is over.";
        let wanted = [parse_language("eng").unwrap()];
        assert_eq!(foreign(english, &wanted), None);
        assert!(foreign(&greek, &wanted).unwrap().detail.contains("Greek"));
        assert!(foreign("\u{3a0}\u{3b1}\u{3cd}\u{3c3}\u{3b5};", &wanted).unwrap().detail.contains("Greek"));
        assert!(foreign("\u{6c34}\u{6df1}\u{591a}\u{5c11}\u{ff1f}", &wanted).unwrap().detail.contains("Mandarin"));
        assert_eq!(foreign("\u{6c34}\u{6df1}\u{591a}\u{5c11}\u{ff1f}", &[Lang::Jpn]), None);
        assert_eq!(foreign("Reste au vent.", &wanted), None);
        let french = "Reste toujours du c\u{f4}t\u{e9} du vent et tiens tout le monde loin de la zone chaude du d\u{e9}versement.";
        assert!(foreign(french, &wanted).unwrap().detail.contains("French"));
        assert_eq!(
            (foreign("What does \u{3a0}\u{3a5}\u{3a1} mean?", &wanted), foreign("4 + 5 = 9", &wanted)),
            (None, None)
        );
        assert_eq!(foreign(&greek, &[]), None);
        assert!(parse_language("xx").unwrap_err().contains("eng"));
    }
}
