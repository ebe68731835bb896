//! Numbers as answers say them.

use std::collections::HashMap;

use crate::data::words::{content_words, has_digit};

/// Whether two words are one number in two ways of writing: 10 and 10.0, 1,000 and 1000.
pub fn same_number(first: &str, second: &str) -> bool {
    match (plain(first), plain(second)) {
        (Some(first), Some(second)) => first == second,
        _ => false,
    }
}

/// A number without separators of thousands and without zeros that say nothing; `None` where it is none, such as
/// UN1090, 1,2 or 5.1.2.
fn plain(word: &str) -> Option<String> {
    let (whole, part) = word.split_once('.').unwrap_or((word, ""));
    let groups: Vec<&str> = whole.split(',').collect();
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let is_first = |group: &str| !group.is_empty() && (groups.len() == 1 || group.len() <= 3);
    let are_thousands = groups[1..].iter().all(|group| group.len() == 3);
    if !is_first(groups[0]) || !are_thousands || !groups.iter().all(|group| is_digits(group)) || !is_digits(part) {
        return None;
    }
    let (whole, part) = (groups.concat(), part.trim_end_matches('0'));
    Some(if part.is_empty() { whole } else { format!("{whole}.{part}") })
}

/// Whether the answer says some number, or some single capital, more often than the question does.
pub fn said_more_often(question: &str, answer: &str) -> bool {
    let mut left: HashMap<String, usize> = HashMap::new();
    let counted = |word: &String| has_digit(word) || word.chars().all(char::is_uppercase);
    content_words(question).filter(counted).for_each(|word| *left.entry(word).or_default() += 1);
    content_words(answer).filter(counted).any(|word| match left.get_mut(&word) {
        Some(count) if *count > 0 => {
            *count -= 1;
            false
        }
        _ => true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_however_it_is_written() {
        for (first, second) in [("10", "10.0"), ("1,000", "1000"), ("1,000.50", "1000.5"), ("0", "0.00")] {
            assert!(same_number(first, second), "{first} {second}");
        }
        for (first, second) in
            [("10", "100"), ("1,2", "12"), ("un10", "un10.0"), ("5.1", "5.1.0"), ("0.5", "5"), ("1", "l")]
        {
            assert!(!same_number(first, second), "{first} {second}");
        }
    }

    #[test]
    fn a_number_that_the_answer_adds_is_noticed_though_the_question_has_it() {
        assert!(said_more_often("The class of 3-butenol?", "The class of 3-butenol is 3."));
        assert!(!said_more_often("The class of 3-butenol?", "The class of 3-butenol."));
        assert!(!said_more_often("A safety zone?", "A safety zone is a safety zone."));
    }
}
