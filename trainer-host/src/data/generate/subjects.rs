//! What a sentence can be about, and whether it says what that is.
//!
//! There is no grammar of English here, only words that betray a sentence that is no definition: an order ("Ensure
//! radios are charged"), a beginning that points elsewhere ("Sometimes those repairs"), a clause of its own. A definition
//! that is missed costs little; a wrong one is learned.

/// Longest subject in words.
const WORDS_MAX: usize = 14;

/// Words that no subject begins with: they point at an earlier sentence, open a clause or say how often.
const NO_BEGINNING: &str = "\
    after again all also although always and another any as at because before both but by during each either \
    every example for from he here how however i if in it its many most neither never next no not note now often \
    on once one or other our seldom she since so some sometimes such that their then there these they this those \
    thus to today under unless until we what when where which while who why with within you your";
/// Verbs that give an order where a sentence begins with them; those that are as often nouns, such as
/// `report` or `water`, are not among them.
const ORDERS: &str = "\
    add adjust allow apply ask assess assign assume avoid be become begin bring build carry check choose close \
    communicate confirm consider continue coordinate create decide determine develop discuss do don't encircle ensure \
    establish estimate evaluate expect find follow get give go have identify include inform inspect keep know learn leave \
    let locate look maintain make minimize monitor move notify obtain perform place prepare prevent protect \
    provide put read recognize reduce refer remain remember remove replace review see select send show stay take \
    tell think treat try turn understand use verify wait wear write";
/// Words in `-ly` that are things.
const THINGS_IN_LY: &str = "anomaly assembly family fly july monopoly reply supply tally";
/// Words inside a subject that open a clause of their own or stand for somebody.
const INSIDE: &str = "\
    are because he i if is it our she that their these they this those was we were when which while who whom you \
    your";
/// Last words of a subject that point at what stands around it.
const POINTING: &str = "above below following here";
/// Words after the verb that make it no definition: "is not", "is also", "is between you and the fire".
const NO_DEFINITION: &str = "also among away being beside between down near not off out still then there up why";
/// Participles that end neither in `-ed` nor in `-ing`.
const PARTICIPLES: &str = "\
    begun built done driven found given gone held kept laid left lost made meant met paid put seen sent shown taken \
    told understood worn written";

/// Words after the verb that say where or how much, not what; a thing under an article may have its place as its
/// meaning ("The place of the kit is on the left").
const NO_NATURE: &str = "at different in less more on so too very within without";

/// Whether a word stands in a list.
fn lists(list: &str, word: &str) -> bool {
    list.split(' ').any(|listed| listed == word)
}

/// Articles as a subject begins with them.
const ARTICLES: [&str; 3] = ["The ", "A ", "An "];

/// The subject without a heading that an extracted text has before it: `Safety Zones A safety zone`.
pub fn own_subject(text: &str) -> &str {
    let text = text.trim();
    if begins_with_article(text) {
        // No heading begins so, and a letter inside is a name: `The size of a Class A fire`.
        return text;
    }
    let starts = [" The ", " A ", " An "].iter().filter_map(|article| text.rfind(article));
    starts.max().map_or(text, |at| &text[at..]).trim()
}

fn begins_with_article(text: &str) -> bool {
    ARTICLES.iter().any(|article| text.starts_with(article))
}

/// Whether a text begins as a thing does: with no order and no pointer to something else.
pub fn begins_as_thing(text: &str) -> bool {
    let first = text.split_whitespace().next().map(str::to_lowercase).unwrap_or_default();
    !lists(ORDERS, &first) && !lists(NO_BEGINNING, &first)
}

/// Whether a text can be what a sentence is about: a thing by its name.
pub fn is_subject(subject: &str) -> bool {
    let words: Vec<String> = subject.split_whitespace().map(str::to_lowercase).collect();
    let Some(first) = words.first().map(String::as_str) else { return false };
    let begins = subject.chars().next().is_some_and(|c| c.is_uppercase() || c.is_ascii_digit());
    let content = words.iter().any(|word| word.len() > 2 && word.chars().all(|c| c.is_alphanumeric() || c == '-'));
    let adverb = first.len() > 3 && first.ends_with("ly") && !lists(THINGS_IN_LY, first);
    // "The number of a placard or paper" is one thing, "building a line or unburned fuel" is two.
    let joined = words.iter().any(|word| word == "or") && !matches!(first, "the" | "a" | "an");
    begins
        && content
        && !joined
        && !adverb
        && begins_as_thing(first)
        && words.len() <= WORDS_MAX
        && !has_heading(subject)
        && !words.iter().any(|word| lists(INSIDE, word))
        && !words.last().is_some_and(|word| lists(POINTING, word))
        && !subject.contains([',', ';', ':', '(', ')', '[', ']', '?', '\u{2022}'])
        && !subject.contains(". ")
}

/// Whether a heading or a number of a page stands before the subject: `HM Hazardous material`, `102 Fire information`.
fn has_heading(subject: &str) -> bool {
    let mut words = subject.split_whitespace();
    let (Some(first), Some(second)) = (words.next(), words.next()) else { return false };
    let capitals = first.len() > 1 && first.chars().all(|c| c.is_ascii_uppercase());
    let number = first.chars().all(|c| c.is_ascii_digit());
    let name = second.starts_with(char::is_uppercase) && second.contains(char::is_lowercase);
    let thing = words.next().is_some_and(|third| third.starts_with(char::is_lowercase));
    name && (number || capitals && thing)
}

/// Whether a sentence says what the subject is. Without an article, it tells of a state as often as of a nature:
/// "Control efforts are ineffective", "Night work is more dangerous".
pub fn is_definition(subject: &str, rest: &str) -> bool {
    let mut words = rest.split_whitespace();
    let first = words.next().map(str::to_lowercase).unwrap_or_default();
    let state = words.next().is_none() || lists(NO_NATURE, &first);
    let clause = subject.split_whitespace().any(|word| word.eq_ignore_ascii_case("where"));
    says_what(rest) && (begins_with_article(subject) || !state && !clause)
}

/// Whether what follows the verb says what the subject is, not what happens to it ("is measured in chains").
fn says_what(rest: &str) -> bool {
    let Some(first) = rest.split_whitespace().next().map(str::to_lowercase) else { return false };
    let participle = ["ing", "ed"].iter().any(|ending| first.ends_with(ending)) || lists(PARTICIPLES, &first);
    let happens = participle && rest.contains(' ');
    let often = matches!(first.as_str(), "always" | "often" | "sometimes") || first.len() > 3 && first.ends_with("ly");
    let else_says = often || lists(NO_DEFINITION, &first) || rest.contains(": ");
    !happens && !else_says
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_by_their_name_are_subjects_and_orders_and_pointers_are_not() {
        for subject in ["The length of one chain", "A set", "Supply lines", "Report forms", "Water"] {
            assert!(is_subject(subject), "{subject}");
        }
        let none = [
            "Ensure radios",
            "Never the crew",
            "Quickly the crew",
            "Sometimes those repairs",
            "Winds or currents",
            "The crew that we know",
            "The tools they carry",
            "Next steps",
        ];
        for subject in none {
            assert!(!is_subject(subject), "{subject}");
        }
    }

    #[test]
    fn headings_and_numbers_of_pages_before_a_subject_make_it_none() {
        for subject in ["HM Hazardous material", "102 Fire Information"] {
            assert!(!is_subject(subject), "{subject}");
        }
        for subject in ["ICS Form 201", "10 hour fuels", "UN numbers", "Fire Order 1"] {
            assert!(is_subject(subject), "{subject}");
        }
    }

    #[test]
    fn the_state_of_a_thing_is_not_what_it_is() {
        for (subject, rest) in [
            ("Control efforts at head", "ineffective"),
            ("South slopes", "in the sun"),
            ("Night work", "more dangerous than work by day"),
            ("Areas where spot fires", "many"),
        ] {
            assert!(!is_definition(subject, rest), "{subject} {rest}");
        }
        for (subject, rest) in [
            ("The sign color for low danger", "green"),
            ("The place of the kit", "on the left"),
            ("The zone where the command post stands", "the cold zone"),
            ("Fire Order 1", "to stay current on fire weather"),
        ] {
            assert!(is_definition(subject, rest), "{subject} {rest}");
        }
    }

    #[test]
    fn what_happens_to_a_thing_is_not_what_it_is() {
        for rest in ["66 feet", "an area without fuel", "known as a chain", "red"] {
            assert!(says_what(rest), "{rest}");
        }
        for rest in [
            "understood by all",
            "between you and the flood",
            "measured in chains",
            "being held",
            "not red",
            "usually red",
        ] {
            assert!(!says_what(rest), "{rest}");
        }
    }
}
