//! Words whose ligatures were lost on the way out of a PDF: `Wildfre` for `Wildfire`, `ofcer` for `officer`.
//!
//! A typesetter joins f with i, l or another f into one glyph, and T with h; an extractor without the font's
//! table keeps the first letter only. A word is mended when it is no English word as it stands, and exactly one way
//! of putting the letters back gives a word that is in the list or in the document. Words that are right as they
//! stand are never touched, whatever they could have been: `treat` is no lost `threat`, `ft` no lost `fit`.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use super::vocabulary::words;

/// Words with the ligatures.
static KNOWN: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("ligature_words.txt").split_whitespace().collect());

/// English words (American and British lists of SCOWL, size 80) that putting a ligature in would turn into another
/// English word.
static RIVALS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("ligature_rivals.txt").split_whitespace().collect());

/// What may have stood where an `f` is.
const AFTER_F: [&str; 5] = ["i", "l", "f", "fi", "fl"];

/// Letters of the shortest word that is mended; `ft` and `fs` are units and abbreviations.
const LETTERS_MIN: usize = 3;
/// Letters of the shortest word that tells of lost ligatures, and of the shortest one in capitals that is mended:
/// shorter ones are abbreviations as often.
const TELLING_LETTERS: usize = 4;
/// Letters of the shortest word that is mended to one that only the document knows.
const OWN_LETTERS: usize = 5;
/// Distinct broken words that a document must have before any is mended.
const SIGNS_MIN: usize = 2;
/// Distinct sound words with a ligature for each broken one, at most: where ligatures were lost, they were lost all
/// over, and few odd words among many sound ones are names and slips.
const SOUND_PER_SIGN: usize = 20;

/// The words of a document that lost ligatures, with what they should be.
#[derive(Debug, Default)]
pub struct Repairs {
    words: HashMap<String, String>,
    /// How often each word was mended.
    made: BTreeMap<(String, String), usize>,
}

impl Repairs {
    /// Looks for broken words in the vocabulary of a document.
    pub fn find(counts: &HashMap<String, usize>) -> Self {
        let words: HashMap<String, String> =
            counts.keys().filter_map(|word| Some((word.clone(), mended(word, counts)?))).collect();
        let telling = |(word, whole): &(&String, &String)| {
            word.len() >= TELLING_LETTERS && KNOWN.contains(whole.as_str()) && has_ligature(whole)
        };
        let signs = words.iter().filter(telling).count();
        let sound = counts.keys().filter(|word| has_ligature(word) && KNOWN.contains(word.as_str())).count();
        // The list is English; other languages write `oficial` and `te`.
        if signs < SIGNS_MIN || signs * SOUND_PER_SIGN < sound || !counts.contains_key("the") {
            return Self::default();
        }
        Self { words, made: BTreeMap::new() }
    }

    /// `text` with its broken words mended, and how many they were; `None` where there are none.
    pub fn apply(&mut self, text: &str) -> Option<(String, usize)> {
        if self.words.is_empty() {
            return None;
        }
        let (mut mended, mut count, mut at) = (String::with_capacity(text.len() + 16), 0, 0);
        for word in words(text) {
            let start = word.as_ptr() as usize - text.as_ptr() as usize;
            let Some(whole) = self.words.get(&word.to_lowercase()) else { continue };
            let capitals = word.chars().all(char::is_uppercase);
            // `TE` and `FSH` are abbreviations, `te` a unit and a note, and `'tis` is right behind its apostrophe.
            if capitals && word.len() <= TELLING_LETTERS || word == "te" || text[..start].ends_with(['\'', '\u{2019}'])
            {
                continue;
            }
            mended.push_str(&text[at..start]);
            let whole = in_case_of(word, whole);
            mended.push_str(&whole);
            at = start + word.len();
            count += 1;
            *self.made.entry((word.to_owned(), whole)).or_default() += 1;
        }
        (count > 0).then(|| {
            mended.push_str(&text[at..]);
            (mended, count)
        })
    }

    /// The words that were mended and what they became, for the report; at most `listed`, the rest are counted.
    pub fn made(&self, listed: usize) -> String {
        let one = |((broken, whole), count): (&(String, String), &usize)| match count {
            1 => format!("{broken} became {whole}"),
            _ => format!("{broken} became {whole} ({count})"),
        };
        let more = self.made.len().saturating_sub(listed);
        let more = if more > 0 { format!(" and {more} more words") } else { String::new() };
        self.made.iter().take(listed).map(one).collect::<Vec<_>>().join(", ") + &more
    }
}

/// The one word that `word` was, if it lost a ligature, or two.
fn mended(word: &str, counts: &HashMap<String, usize>) -> Option<String> {
    let broken = |word: &str| (word.starts_with('t') || word.contains('f')) && word.is_ascii();
    if !broken(word) || word.len() > 40 || KNOWN.contains(word) || RIVALS.contains(word) {
        return None;
    }
    // `Te` is a word of its own kind: `The` in nearly every document that lost the ligature.
    if word == "te" {
        return Some("the".to_owned());
    }
    if word.len() < LETTERS_MIN {
        return None;
    }
    let once = candidates(word);
    let known = |candidates: &BTreeSet<String>| -> Vec<String> {
        candidates.iter().filter(|candidate| KNOWN.contains(candidate.as_str())).cloned().collect()
    };
    let mut listed = known(&once);
    if listed.is_empty() {
        listed = known(&once.iter().flat_map(|candidate| candidates(candidate)).collect());
    }
    if !listed.is_empty() {
        return (listed.len() == 1).then(|| listed.remove(0));
    }
    // A word of the document counts if it is the more common one, and the broken one is too odd to be a word.
    let common = |candidate: &&String| {
        word.len() >= OWN_LETTERS
            && counts.get(*candidate).is_some_and(|count| *count > counts.get(word).copied().unwrap_or(0))
    };
    let mut common = once.iter().filter(|candidate| has_ligature(candidate)).filter(common);
    let first = common.next()?;
    common.next().is_none().then(|| first.clone())
}

/// What `word` may have been before it lost one ligature.
fn candidates(word: &str) -> BTreeSet<String> {
    let joined = |(at, _)| AFTER_F.iter().map(move |letters| format!("{}{letters}{}", &word[..=at], &word[at + 1..]));
    let mut candidates: BTreeSet<String> = word.match_indices('f').flat_map(joined).collect();
    candidates.extend(word.strip_prefix('t').map(|rest| format!("th{rest}")));
    candidates
}

fn has_ligature(word: &str) -> bool {
    ["fi", "fl", "ff"].iter().any(|ligature| word.contains(ligature))
}

fn in_case_of(word: &str, whole: &str) -> String {
    if word.len() > 1 && word.chars().all(char::is_uppercase) {
        whole.to_uppercase()
    } else if word.starts_with(char::is_uppercase) {
        whole[..1].to_uppercase() + &whole[1..]
    } else {
        whole.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::super::vocabulary::vocabulary;
    use super::*;

    fn mend(text: &str) -> String {
        Repairs::find(&vocabulary([text].into_iter())).apply(text).map_or_else(|| text.to_owned(), |(text, _)| text)
    }

    /// Words that show that a document lost its ligatures.
    const SIGNS: &str = "The frst ofcer was afected by the wildfre.";

    #[test]
    fn lost_ligatures_come_back_in_the_case_of_the_word() {
        let broken = "Te Wildfre ofcer was afected; SIGNIFCANT efort on the frst fank, terrain infuences. Staf stayed of the road.";
        let whole = "The Wildfire officer was affected; SIGNIFICANT effort on the first flank, terrain influences. Staff stayed of the road.";
        assert_eq!(mend(broken), whole);
    }

    #[test]
    fn sound_text_is_left_alone() {
        let text = "Fog is safe for the fir. Half of the feet fit; a fair fight. Te is tellurium. Fame, not flame. Self-fed fan.";
        assert_eq!(mend(text), text);
        // A single odd word is no sign.
        assert_eq!(mend("Mr Fre came to the office."), "Mr Fre came to the office.");
    }

    #[test]
    fn english_words_are_right_as_they_stand_even_in_a_broken_document() {
        let text = "Treat the patient 50 ft from the trough; treats a defect, fled with fares for tat, defects of wafers. \
                    Reject a defective rifle, infect no favor. Tell the CO of the FSH test; 'tis 3 te. FRE.";
        assert_eq!(mend(text), text);
        let mended = mend(&format!("{SIGNS} {text} A defective wafer, deflective deflective. Refect waffer waffer."));
        assert!(mended.contains(text), "{mended}");
        assert!(mended.starts_with("The first officer was affected by the wildfire."), "{mended}");
    }

    #[test]
    fn words_with_two_lost_ligatures_come_back() {
        assert!(
            mend(&format!("{SIGNS} Six frefghters, stafng, fve of them."))
                .ends_with("Six firefighters, staffing, five of them.")
        );
    }

    #[test]
    fn few_odd_words_among_many_sound_ones_are_no_lost_ligatures() {
        let sound: Vec<&str> = KNOWN.iter().copied().filter(|word| has_ligature(word)).take(100).collect();
        let text = format!("The {}. Mr Ofcer met Ms Frst.", sound.join(" "));
        assert_eq!(mend(&text), text);
    }

    #[test]
    fn other_languages_keep_their_words() {
        let text = "Te dije que el oficial y el oficer lo confirman; te toca.";
        assert_eq!(mend(text), text);
    }

    #[test]
    fn each_mended_word_is_named_once_with_its_count() {
        let text = "The ofcer and the ofcer saw a wildfre.";
        let mut repairs = Repairs::find(&vocabulary([text].into_iter()));
        repairs.apply(text);
        assert_eq!(repairs.made(9), "ofcer became officer (2), wildfre became wildfire");
        assert_eq!(repairs.made(1), "ofcer became officer (2) and 1 more words");
    }

    #[test]
    fn words_of_the_document_count_too() {
        let text = "The frst specifc Kefler valve. The Kefler valve. A kefer valve leaked.";
        assert!(mend(text).contains("A kefler valve leaked."), "{}", mend(text));
    }
}
