//! Facts of running text, without a model: sentences that say what something is ("The length of one chain is 66
//! feet."), terms with a colon, and abbreviations with their words.

use super::fact::{Ask, Fact, Worded};
use super::marks::without_marks;
use super::sentences::sentences;
use super::subjects::{is_definition, is_subject, own_subject};
use crate::data::chunk::{Chunk, ChunkKind};

/// Longest statement in words; longer sentences have more than one thought.
const STATEMENT_WORDS_MAX: usize = 36;
/// Longest term before a colon in words.
const TERM_WORDS_MAX: usize = 5;
/// Longest value in words that an answer is scored by.
const VALUE_WORDS_MAX: usize = 12;
/// Verbs that say what something is, and whether their subject is plural.
const VERBS: [(&str, bool); 4] = [("is", false), ("are", true), ("means", false), ("refers to", false)];

/// Marks of items, which belong to lists.
const MARKS: [char; 5] = ['\u{2022}', '\u{25aa}', '\u{25cf}', '\u{25cb}', '\u{a7}'];

/// Terms before a colon that announce something instead of naming it.
const NO_TERM: &[&str] = &[
    "caution", "contents", "edition", "example", "figure", "note", "page", "source", "table", "url", "warning", "www",
    "http", "https",
];

/// Facts of the running text among `chunks`, also of that around an equation.
pub fn facts(chunks: &[Chunk]) -> Vec<Fact> {
    let running = |chunk: &&Chunk| matches!(chunk.kind, ChunkKind::Prose | ChunkKind::Equation);
    let prose = chunks.iter().filter(|chunk| chunk.fields.is_empty()).filter(running);
    prose.flat_map(of_chunk).collect()
}

fn of_chunk(chunk: &Chunk) -> Vec<Fact> {
    let mut facts = Vec::new();
    for line in chunk.text.lines() {
        for sentence in sentences(&without_marks(line)) {
            let sentence = without_brackets(sentence);
            let found = statement(&sentence).or_else(|| term(&sentence));
            facts.extend(found.map(|stated| stated.into_fact(chunk)));
            facts.extend(abbreviations(&sentence).into_iter().map(|stated| stated.into_fact(chunk)));
        }
    }
    facts
}

/// What a sentence says of something.
struct Stated {
    /// The subject as a phrase in a question.
    phrase: String,
    template: &'static str,
    plural: bool,
    answer: Worded,
    value: String,
}

impl Stated {
    fn into_fact(self, chunk: &Chunk) -> Fact {
        let key = crate::data::words::words(&self.phrase).collect::<Vec<_>>().join(" ");
        let short = self.value.split_whitespace().count() <= VALUE_WORDS_MAX;
        Fact {
            kind: "definition",
            about: vec!["definition".to_owned(), chunk.path.clone(), key],
            turns_round: None,
            asks: vec![Ask::Phrase(Worded { text: self.phrase, template: self.template.to_owned() })],
            plural: self.plural,
            answer: self.answer,
            value: (short && self.value.chars().any(char::is_alphanumeric)).then_some(self.value),
            contradicts: Vec::new(),
            chunks: vec![chunk.id.clone()],
            sources: vec![chunk.source.clone()],
        }
    }
}

/// `SUBJECT is REST.`
fn statement(sentence: &str) -> Option<Stated> {
    let words: Vec<&str> = sentence.split_whitespace().collect();
    if !(4..=STATEMENT_WORDS_MAX).contains(&words.len())
        || !sentence.ends_with('.')
        || sentence.contains(MARKS)
        || sentence.contains(';')
    {
        return None;
    }
    let (verb, plural, at) = VERBS
        .iter()
        .filter_map(|(verb, plural)| sentence.find(&format!(" {verb} ")).map(|at| (*verb, *plural, at)))
        .min_by_key(|(_, _, at)| *at)?;
    let (subject, rest) = (own_subject(&sentence[..at]), sentence[at + verb.len() + 2..].trim_end_matches('.').trim());
    if !is_subject(subject) || !is_definition(subject, rest) {
        return None;
    }
    let phrase = phrase(subject);
    let answer = Worded {
        text: format!("{subject} {verb} {rest}."),
        template: format!("{{{{ Subject }}}} {verb} {{{{ rest }}}}."),
    };
    Some(Stated { phrase, template: "{{ subject }}", plural, answer, value: rest.to_owned() })
}

/// `Term: what it is.`
fn term(sentence: &str) -> Option<Stated> {
    let (term, rest) = sentence.split_once(": ")?;
    let (term, rest) = (term.trim(), rest.trim());
    let words = rest.split_whitespace().count();
    let announces = term.split_whitespace().any(|word| NO_TERM.contains(&word.to_lowercase().as_str()));
    let fits = term.split_whitespace().count() <= TERM_WORDS_MAX && (3..=STATEMENT_WORDS_MAX).contains(&words);
    if announces || !fits || !is_subject(term) || rest.contains(MARKS) || rest.contains(':') || !rest.ends_with('.') {
        return None;
    }
    let answer = Worded { text: format!("{term}: {rest}"), template: "{{ Subject }}: {{ rest }}".to_owned() };
    Some(Stated {
        phrase: phrase(term),
        template: "{{ subject }}",
        plural: false,
        answer,
        value: rest.trim_end_matches('.').to_owned(),
    })
}

/// `Incident Commander (IC)`: words whose first letters are those in the brackets.
fn abbreviations(sentence: &str) -> Vec<Stated> {
    let mut found = Vec::new();
    for (at, _) in sentence.match_indices('(') {
        let Some(length) = sentence[at..].find(')') else { continue };
        let short = sentence[at + 1..at + length].trim();
        let letters: Vec<char> = short.chars().collect();
        if !(2..=8).contains(&letters.len()) || !letters.iter().all(char::is_ascii_uppercase) {
            continue;
        }
        let before: Vec<&str> = sentence[..at].split_whitespace().collect();
        let Some(first) = before.len().checked_sub(letters.len()) else { continue };
        let words = &before[first..];
        let initials = words.iter().map(|word| word.chars().next().map(|c| c.to_ascii_uppercase()));
        if !initials.eq(letters.iter().map(|letter| Some(*letter))) {
            continue;
        }
        let long = words.join(" ");
        found.push(Stated {
            phrase: format!("the meaning of {short}"),
            template: "the meaning of {{ abbreviation }}",
            plural: false,
            answer: Worded::fill(
                "{{ abbreviation }} stands for {{ words }}.",
                &[("abbreviation", short), ("words", &long)],
            ),
            value: long,
        });
    }
    found
}

/// A subject inside a question: its article loses the capital, names keep theirs.
fn phrase(subject: &str) -> String {
    let (first, rest) = subject.split_once(' ').unwrap_or((subject, ""));
    match first {
        "The" | "A" | "An" => format!("{} {rest}", first.to_lowercase()),
        _ => subject.to_owned(),
    }
}

/// A sentence without remarks in square brackets, such as sources, and without the mark of a list before it.
fn without_brackets(sentence: &str) -> String {
    let mut text = String::new();
    let mut depth = 0_usize;
    for character in sentence.chars() {
        match character {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => text.push(character),
            _ => {}
        }
    }
    let text = text.trim().trim_start_matches(['\u{2022}', '-', '*', '\u{2013}']).trim();
    crate::one_line(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts_of(text: &str) -> Vec<Fact> {
        facts(&[Chunk::paragraph(text, "")])
    }

    fn asked(fact: &Fact) -> &str {
        fact.asks[0].text()
    }

    #[test]
    fn sentences_that_say_what_something_is_become_facts() {
        let facts = facts_of(
            "Fire size is measured in chains. The length of one chain is 66 feet. The fuels of a slope are grass and brush. \
             [Source: a guide, p. 5]",
        );
        let said: Vec<(&str, Option<&str>)> = facts.iter().map(|fact| (asked(fact), fact.value.as_deref())).collect();
        let expected =
            [("the length of one chain", Some("66 feet")), ("the fuels of a slope", Some("grass and brush"))];
        assert_eq!(said, expected);
        assert!(facts[1].plural && facts[0].answer.text == "The length of one chain is 66 feet.");
    }

    #[test]
    fn sentences_that_point_elsewhere_or_tell_a_story_do_not() {
        let none = [
            "It is 66 feet.",
            "This is the rule for all crews.",
            "If the wind is strong, the line is lost.",
            "The crew that is late is out.",
            "The engine is not here today.",
            "The crew is walking down the hill.",
            "When in doubt, the answer is no.",
            "There is a pump at the lake.",
            "the rest of a sentence is here.",
            "A heading without an end is here",
            "The following are the signs of a storm.",
            "The values below are pressures in psi.",
            "Ensure radios are charged before the shift begins.",
            "Building a dam or a full tank is between you and the flood.",
            "Sometimes those repairs are a matter of hours.",
            "Usually the valve is a brass one.",
            "The hose that you carry is a spare one.",
            "Pumps of our crew are understood by few.",
            "Winds or currents are the cause of the drift.",
            "Watch for those that need HM Hazardous material is present.",
            "Control efforts at head are ineffective.",
            "Examples include: o General indicators \u{a7} Crews vary from two to six people.",
        ];
        for text in none {
            assert!(facts_of(text).is_empty(), "{text}: {:?}", facts_of(text));
        }
    }

    #[test]
    fn a_heading_before_the_sentence_is_no_part_of_it() {
        let facts = facts_of("Safety Zones A safety zone is an area without fuel.");
        assert_eq!(asked(&facts[0]), "a safety zone");
        assert_eq!(facts[0].answer.text, "A safety zone is an area without fuel.");
        let facts = facts_of("The size of a Class A fire is a quarter acre or less.");
        assert_eq!(asked(&facts[0]), "the size of a Class A fire");
    }

    #[test]
    fn terms_with_a_colon_and_abbreviations_become_facts() {
        let facts = facts_of("\u{2022} Safety zone: a place where a crew survives without shelters.");
        assert_eq!(
            (asked(&facts[0]), facts[0].value.as_deref()),
            ("Safety zone", Some("a place where a crew survives without shelters"))
        );
        let facts = facts_of("Report to the Incident Commander (IC) at once.");
        assert_eq!((asked(&facts[0]), facts[0].value.as_deref()), ("the meaning of IC", Some("Incident Commander")));
        assert!(facts_of("Note: the pump is heavy.").is_empty());
        assert!(facts_of("Report to the boss (IC) at once.").is_empty());
    }

    #[test]
    fn bold_terms_and_terms_of_code_are_terms() {
        let text = "**PPE**: protective gear worn by the crew.\n\n`MOPP`: mission oriented protective posture.\n\n- **Level \
                    of danger:** a level that is dangerous to life.";
        let facts = facts_of(text);
        let said: Vec<&str> = facts.iter().map(|fact| fact.answer.text.as_str()).collect();
        let expected = [
            "PPE: protective gear worn by the crew.",
            "MOPP: mission oriented protective posture.",
            "Level of danger: a level that is dangerous to life.",
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn the_full_stop_of_an_abbreviation_cuts_no_statement() {
        let facts = facts_of("A backfire is a fire that was first described by Dr. Smith in approx. 1910. It is hot.");
        let said: Vec<&str> = facts.iter().map(|fact| fact.answer.text.as_str()).collect();
        assert_eq!(said, ["A backfire is a fire that was first described by Dr. Smith in approx. 1910."]);
    }
}
