//! The strict match: when is an answer right?
//!
//! Both texts become words: lower case, punctuation dropped except inside numbers. An answer is
//! right when it contains the value as whole words in a row, says no number that the reference
//! does not say, and says nothing that contradicts the fact.

use super::Question;

/// Whether `answer` gives the fact that `question` asks for, by the strict match.
pub fn is_right(answer: &str, question: &Question) -> bool {
    let said = words(answer);
    let value = words(&question.value);
    let reference = words(&question.reference);
    !value.is_empty()
        && contains(&said, &value)
        && said.iter().filter(|word| is_number(word)).all(|number| reference.contains(number))
        && !question.contradicts.iter().any(|wrong| {
            let wrong = words(wrong);
            !wrong.is_empty() && contains(&said, &wrong)
        })
}

/// The numbers of a text as they are compared: without thousands separators.
pub fn numbers(text: &str) -> Vec<String> {
    words(text).into_iter().filter(|word| is_number(word)).collect()
}

/// The part of a free-text correction that an answer must contain: from its first number to the
/// word after its last one, so that unit and order count; the whole text if it has no number.
pub(crate) fn value_of_correction(correction: &str) -> String {
    let said = words(correction);
    let first = said.iter().position(|word| is_number(word));
    let last = said.iter().rposition(|word| is_number(word));
    match (first, last) {
        (Some(first), Some(last)) => said[first..said.len().min(last + 2)].join(" "),
        _ => said.join(" "),
    }
}

fn is_number(word: &str) -> bool {
    word.chars().any(|c| c.is_ascii_digit())
}

fn contains(words: &[String], wanted: &[String]) -> bool {
    words.windows(wanted.len()).any(|window| window == wanted)
}

/// The words of a text in the form in which they are compared.
fn words(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.to_lowercase().chars().collect();
    let digit_at = |index: Option<usize>| index.and_then(|at| characters.get(at)).is_some_and(char::is_ascii_digit);
    let mut all = Vec::new();
    let mut word = String::new();
    let mut end = |word: &mut String| {
        if !word.is_empty() {
            all.push(without_thousands_separators(word));
            word.clear();
        }
    };
    for (index, character) in characters.iter().copied().enumerate() {
        let before = index.checked_sub(1);
        if character.is_alphanumeric() {
            // `150ft` is two words, `co2` is one.
            let number_so_far = word.starts_with(|c: char| c.is_ascii_digit() || c == '-');
            if number_so_far && character.is_alphabetic() {
                end(&mut word);
            }
            word.push(character);
        } else if matches!(character, '.' | ',' | '/' | ':') && digit_at(before) && digit_at(Some(index + 1)) {
            word.push(character);
        } else if character == '\'' || character == '\u{2019}' {
            // `don't` is one word.
        } else {
            end(&mut word);
            let sign = matches!(character, '-' | '\u{2212}') && digit_at(Some(index + 1));
            let starts = before.is_none_or(|at| characters[at].is_whitespace() || matches!(characters[at], '(' | '['));
            if sign && starts {
                word.push('-');
            }
        }
    }
    end(&mut word);
    all
}

/// `1,500` is `1500`; `1,5` and `10,20` stay as they are.
fn without_thousands_separators(word: &str) -> String {
    let (whole, fraction) = word.split_once('.').unwrap_or((word, ""));
    let mut groups = whole.trim_start_matches('-').split(',');
    let first_fits = groups.next().is_some_and(|group| (1..=3).contains(&group.len()));
    let is_digits = whole.chars().all(|c| c.is_ascii_digit() || matches!(c, ',' | '-'));
    let separated = whole.contains(',') && first_fits && groups.all(|group| group.len() == 3);
    match (is_digits && separated, fraction.is_empty()) {
        (false, _) => word.to_owned(),
        (true, true) => whole.replace(',', ""),
        (true, false) => format!("{}.{fraction}", whole.replace(',', "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(reference: &str, value: &str, contradicts: &[&str]) -> Question {
        Question {
            id: "fact".into(),
            question: "How far?".into(),
            reference: reference.into(),
            value: value.into(),
            contradicts: contradicts.iter().map(|text| (*text).to_owned()).collect(),
        }
    }

    #[test]
    fn letter_case_white_space_and_punctuation_do_not_count() {
        let asked = question("Isolate for 150 feet in all directions.", "150 feet", &[]);
        assert!(is_right("  ISOLATE   for\n150 Feet, in all directions!", &asked));
        assert!(is_right("\"150 feet\"", &asked));
        assert!(is_right("150ft... I mean 150 feet.", &asked));
    }

    #[test]
    fn the_value_must_stand_as_whole_words() {
        let asked = question("Isolate for 50 feet.", "50 feet", &[]);
        assert!(!is_right("Isolate for 150 feet.", &asked));
        assert!(!is_right("Isolate for 50 feeters.", &asked));
        assert!(!is_right("Isolate for 50 or so feet.", &asked));
        assert!(!is_right("Isolate.", &asked));
        assert!(!is_right("", &asked));
    }

    #[test]
    fn a_number_that_the_reference_does_not_say_is_wrong() {
        let asked = question("Isolate for 150 feet, class 2.", "150 feet", &[]);
        assert!(is_right("Class 2: 150 feet.", &asked));
        assert!(!is_right("Isolate for 150 feet, or 300 feet at night.", &asked));
        assert!(!is_right("150 feet (UN1005)", &asked));
    }

    #[test]
    fn a_contradiction_is_wrong_even_beside_the_value() {
        let asked = question("Use the red valve.", "red valve", &["blue valve", ""]);
        assert!(is_right("The red valve.", &asked));
        assert!(!is_right("The red valve, not the blue valve.", &asked));
    }

    #[test]
    fn numbers_keep_their_inner_punctuation_and_lose_thousands_separators() {
        let found = |text: &str| numbers(text);
        assert_eq!(found("1,500 feet or 1500."), ["1500", "1500"]);
        assert_eq!(found("12,345,678.25"), ["12345678.25"]);
        assert_eq!(found("3.5 psi, 1/2 mile, 10:30"), ["3.5", "1/2", "10:30"]);
        assert_eq!(found("10-20 m"), ["10", "20"]);
        assert_eq!(found("-40 or (-5) or \u{2212}7"), ["-40", "-5", "-7"]);
        assert_eq!(found("10,20"), ["10,20"]);
        assert_eq!(found("co2 at 50%."), ["co2", "50"]);
        assert!(found("no numbers - none, at. all/").is_empty());
    }

    #[test]
    fn a_correction_must_come_back_with_its_numbers_and_their_unit() {
        let value = value_of_correction("Isolate 330 feet by day and 1,500 feet at night.");
        assert_eq!(value, "330 feet by day and 1500 feet");
        assert_eq!(value_of_correction("Call command at 911"), "911");
        assert_eq!(value_of_correction("The red valve!"), "the red valve");
        let right = question("Isolate for 1,500 feet.", &value_of_correction("1,500 feet."), &[]);
        assert!(is_right("1500 feet", &right));
    }

    #[test]
    fn a_question_without_a_value_is_never_answered_right() {
        assert!(!is_right("anything", &question("anything", " . ", &[])));
    }

    #[test]
    fn strange_text_is_scored_without_panic() {
        let asked = question("\u{130}\u{df} 5", "\u{130}\u{df}", &["\u{1f525}"]);
        for text in ["\u{130}\u{df}", "-", "'", ",,,", "1,", ".5", "\0", "\u{1f525}5\u{1f525}"] {
            is_right(text, &asked);
            numbers(text);
            value_of_correction(text);
        }
    }
}
