//! What the headers of a table say: which column names the records, and how a column is called in a sentence.

use std::collections::HashSet;

use crate::data::ingest::schema::Fields;

/// Words in a header that say that the column names its records, best first.
const NAME_WORDS: [&str; 9] =
    ["name", "names", "title", "term", "material", "substance", "item", "subject", "description"];
/// Words in a header that say that the column identifies its records.
const IDENTIFIER_WORDS: [&str; 5] = ["id", "number", "no", "code", "symbol"];
/// Words of headers that are written in capitals.
const CAPITALS: [&str; 9] = ["id", "idlh", "un", "na", "cas", "erg", "url", "ph", "usa"];
/// First words of headers that are no names of anything ("What it is", "Made by").
const NO_NOUNS: [&str; 12] =
    ["are", "can", "does", "how", "is", "made", "what", "when", "where", "which", "who", "why"];
/// What cells say where nothing is known. `None` is no such word: where no label is needed, tables say so.
const BLANKS: [&str; 18] = [
    "n.a",
    "n/a",
    "n/k",
    "nan",
    "nil",
    "no data",
    "none known",
    "not applicable",
    "not available",
    "not determined",
    "not known",
    "not listed",
    "not specified",
    "null",
    "t.b.d",
    "tba",
    "tbd",
    "unknown",
];
/// Words in one `s` at their end that are no plurals; their endings are those of plurals too (`areas`, `persons`).
const SINGULARS: [&str; 13] = [
    "alias",
    "asbestos",
    "atlas",
    "bias",
    "biogas",
    "canvas",
    "chaos",
    "christmas",
    "gas",
    "lens",
    "pancreas",
    "pathos",
    "thermos",
];
/// Share of different values from which a column can identify records.
const IDENTIFIES_SHARE: f64 = 0.5;

/// The columns of one table.
#[derive(Debug)]
pub struct Headers {
    /// Column that names the records.
    pub title: String,
    identifiers: HashSet<String>,
}

impl Headers {
    /// Reads the columns of `rows`; `None` if none of them names the records.
    pub fn of(rows: &[&Fields]) -> Option<Self> {
        let columns: Vec<&String> = rows.first()?.iter().map(|(column, _)| column).collect();
        let score = |column: &str| {
            let cells = cells(rows, column);
            let different = share_of_different(&cells);
            let named = NAME_WORDS.iter().position(|word| header_words(column).iter().any(|part| part == word));
            let hint = named.map_or(0.0, |place| 1.0 - place as f64 / 20.0);
            let reads = |cell: &&&str| is_worded(cell, named.is_some());
            let worded = cells.iter().filter(reads).count() as f64 / cells.len().max(1) as f64;
            // How many values repeat does not tell names from notes, as long as half of them differ.
            let different = if different < IDENTIFIES_SHARE { different } else { 1.0 };
            if cells.len() * 2 < rows.len() || worded < 0.5 { 0.0 } else { different + hint }
        };
        // The first of the best: names stand in front.
        let best = columns.iter().map(|column| score(column)).fold(0.0, f64::max);
        if best < IDENTIFIES_SHARE {
            return None;
        }
        let title = columns.iter().find(|column| score(column) >= best)?.to_string();
        let identifiers = columns.iter().filter(|column| ***column != title).filter(|column| {
            let cells = cells(rows, column);
            let marked = header_words(column).iter().any(|word| IDENTIFIER_WORDS.contains(&word.as_str()));
            let numbered =
                cells.iter().filter(|cell| cell.contains(|c: char| c.is_ascii_digit()) && !cell.contains(' '));
            marked && numbered.count() * 10 >= cells.len() * 9 && share_of_different(&cells) >= IDENTIFIES_SHARE
        });
        let identifiers = identifiers.map(|column| (*column).clone()).collect();
        Some(Self { title, identifiers })
    }

    /// Name of a record: its title cell up to the first semicolon, behind which other names stand.
    pub fn name<'a>(&self, fields: &'a Fields) -> &'a str {
        let cell = fields.iter().find(|(column, _)| *column == self.title).map_or("", |(_, cell)| cell.trim());
        let first = cell.split(';').next().unwrap_or_default().trim();
        without_stop(if first.is_empty() { cell } else { first })
    }

    /// Whether the column has another value for almost every record, so that the value names the record.
    pub fn identifies(&self, column: &str) -> bool {
        self.identifiers.contains(column)
    }
}

/// How a column is called in a sentence (`hazard class`), and whether it is plural.
pub fn phrase_of(column: &str) -> (String, bool) {
    let words = header_words(column);
    let capitals = |word: &String| if CAPITALS.contains(&word.as_str()) { word.to_uppercase() } else { word.clone() };
    let phrase = words.iter().map(capitals).collect::<Vec<_>>().join(" ");
    let last = words.last().map(String::as_str).unwrap_or_default();
    let singular_ending = ["ss", "us", "is"].iter().any(|ending| last.ends_with(ending));
    (phrase, last.len() > 2 && last.ends_with('s') && !singular_ending && !SINGULARS.contains(&last))
}

/// Whether a column can be asked for in the words of its header.
pub fn is_noun(phrase: &str) -> bool {
    !phrase.is_empty() && !phrase.split(' ').next().is_some_and(|first| NO_NOUNS.contains(&first))
}

/// Words of a header in lower case: cut at everything but letters and digits, and before capitals inside a word.
fn header_words(column: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before_lower = false;
    for character in column.chars() {
        let starts = character.is_uppercase() && before_lower;
        if !character.is_alphanumeric() || starts {
            words.push(String::new());
        }
        if character.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(character.to_lowercase());
        }
        before_lower = character.is_lowercase();
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A cell without the full stop at its end, which is no part of a name; that of an abbreviation (`n.o.s.`) stays.
pub fn without_stop(cell: &str) -> &str {
    let last = cell.rsplit(char::is_whitespace).next().unwrap_or_default();
    match cell.strip_suffix('.') {
        Some(rest) if !last[..last.len() - 1].contains('.') => rest.trim_end(),
        _ => cell,
    }
}

/// Whether a cell is empty or a placeholder: dashes, `n/a`, `unknown`.
pub fn is_blank(cell: &str) -> bool {
    let is_mark =
        |c: char| matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '.' | '\u{2026}' | '?' | '_' | '/' | '~');
    let words = cell.trim().trim_matches(['(', ')', '[', ']']).trim_end_matches('.').to_lowercase();
    cell.chars().all(|c| is_mark(c) || c.is_whitespace()) || BLANKS.contains(&words.as_str())
}

/// The filled cells of a column.
fn cells<'a>(rows: &[&'a Fields], column: &str) -> Vec<&'a str> {
    let found = rows.iter().filter_map(|row| row.iter().find(|(name, _)| name == column));
    found.map(|(_, cell)| cell.trim()).filter(|cell| !is_blank(cell)).collect()
}

fn share_of_different(cells: &[&str]) -> f64 {
    let different: HashSet<&&str> = cells.iter().collect();
    different.len() as f64 / cells.len().max(1) as f64
}

/// Whether a cell reads like a name: it begins with a letter and has more letters than digits. Under a header that
/// means a name, codes (`E1`) and names that begin with a digit (`2-Butanone`) are names as well.
fn is_worded(cell: &str, named: bool) -> bool {
    let letters = cell.chars().filter(|c| c.is_alphabetic()).count();
    let digits = cell.chars().filter(char::is_ascii_digit).count();
    let begins = cell.starts_with(char::is_alphabetic);
    let reads = letters >= 3 && letters > digits;
    if named { begins || reads } else { begins && reads }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_become_phrases() {
        assert_eq!(phrase_of("hazard_class"), ("hazard class".to_owned(), false));
        assert_eq!(phrase_of("id_number"), ("ID number".to_owned(), false));
        assert_eq!(phrase_of("labelCodes"), ("label codes".to_owned(), true));
        assert_eq!(phrase_of("ERG guide"), ("ERG guide".to_owned(), false));
        assert_eq!(phrase_of("Status"), ("status".to_owned(), false));
        for (header, plural) in
            [("Carrier gas", false), ("lens", false), ("bias", false), ("Areas", true), ("Actions", true)]
        {
            assert_eq!(phrase_of(header).1, plural, "{header}");
        }
        assert!(is_noun(&phrase_of("Color").0) && !is_noun(&phrase_of("What it is").0) && !is_noun(&phrase_of("%").0));
    }

    #[test]
    fn names_are_worded_and_different_and_identifiers_are_numbered() {
        let row = |id: &str, name: &str, class: &str| -> Fields {
            [("id_number", id), ("proper_shipping_names", name), ("hazard_class", class)]
                .map(|(column, cell)| (column.to_owned(), cell.to_owned()))
                .to_vec()
        };
        let rows =
            [row("UN1088", "Acetal", "3"), row("UN1089", "Acetaldehyde; Ethyl aldehyde", "3"), row("", "Azide", "")];
        let headers = Headers::of(&rows.iter().collect::<Vec<_>>()).unwrap();
        assert_eq!(headers.title, "proper_shipping_names");
        assert_eq!(headers.name(&rows[1]), "Acetaldehyde");
        assert!(headers.identifies("id_number") && !headers.identifies("hazard_class"));
    }

    #[test]
    fn values_are_no_names_and_codes_under_a_name_are() {
        let title = |columns: [&str; 3], rows: &[[&str; 3]]| {
            let fields = |cells: &[&str; 3]| (0..3).map(|at| (columns[at].to_owned(), cells[at].to_owned())).collect();
            let rows: Vec<Fields> = rows.iter().map(fields).collect();
            Headers::of(&rows.iter().collect::<Vec<_>>()).map(|headers| headers.title)
        };
        let gases = [["Chlorine", "10 ppm", "bad"], ["Ammonia", "300 ppm", "x"], ["Ammonia", "25 ppm", "y"]];
        assert_eq!(title(["gas", "idlh", "note"], &gases).as_deref(), Some("gas"));
        let codes = [["E1", "CO", "big"], ["E2", "NO", "small"]];
        assert_eq!(title(["name", "gas", "limit"], &codes).as_deref(), Some("name"));
        let notes = [["Chlorine", "10", "yellow"], ["Ammonia", "300", "sharp"], ["Ammonia", "25", "clear"]];
        assert_eq!(title(["gas", "idlh", "note"], &notes).as_deref(), Some("gas"));
        let solvents = [["2-Butanone", "a", "1"], ["1,1-Dichloroethane", "b", "2"]];
        assert_eq!(title(["material", "x", "y"], &solvents).as_deref(), Some("material"));
        assert_eq!(title(["item", "x", "y"], &[["1", "a", "2"], ["2", "b", "3"]]), None);
    }

    #[test]
    fn full_stop_at_the_end_is_no_part_of_a_name_and_that_of_an_abbreviation_is() {
        assert_eq!(without_stop("Cans (each of 1 L at most)."), "Cans (each of 1 L at most)");
        assert_eq!(without_stop("Paints, n.o.s."), "Paints, n.o.s.");
        assert_eq!((without_stop("."), without_stop("")), ("", ""));
    }

    #[test]
    fn dashes_and_words_for_nothing_are_blank_and_signs_and_symbols_are_not() {
        for cell in ["", " ", "-", "\u{2014}", "--", "...", "N/A", "n.a.", "nil", "(unknown)", "TBD", "?"] {
            assert!(is_blank(cell), "{cell}");
        }
        for cell in ["0", "+", "\u{2713}", "No", "Na", "None", "none of these", "-5", "UNKNOWN GAS"] {
            assert!(!is_blank(cell), "{cell}");
        }
    }

    #[test]
    fn a_table_of_numbers_has_no_names() {
        let row: Fields = vec![("x".to_owned(), "1".to_owned()), ("y".to_owned(), "2".to_owned())];
        assert!(Headers::of(&[&row, &row]).is_none());
    }
}
