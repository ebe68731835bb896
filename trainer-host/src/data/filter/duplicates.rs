//! Rows that say the same, among those that passed all other checks.

use super::Finding;
use crate::data::dedup::{self, stay};
use crate::data::documents::Document;
use crate::data::row::Row;
use crate::data::words::words;
use crate::progress::Progress;

/// Marks of code blocks, in which white space has a meaning.
const FENCES: [&str; 2] = ["```", "~~~"];

/// What a row is about, beside its words.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fact {
    /// Words of what a right answer must contain.
    value: Option<Vec<String>>,
    /// The fact that its source states; absent where nobody said which rows are of one fact.
    group: Option<String>,
    /// Words of each message: who says what.
    parts: Vec<usize>,
}

impl Fact {
    /// What this row is about.
    pub(super) fn of(row: &Row) -> Self {
        let value = row.value.as_deref().map(|value| words(value).collect());
        let group = (value.is_some() && !row.chunks.is_empty()).then(|| row.group.clone());
        let said = row.messages.iter().flatten().filter(|message| message.role != "system");
        let parts = said.map(|message| message.content.split_whitespace().count()).collect();
        Self { value, group, parts }
    }

    /// Whether both may be one fact, as far as is known: long names make the words of different facts alike.
    fn may_be(&self, other: &Self) -> bool {
        fn differ<T: PartialEq>(a: &Option<T>, b: &Option<T>) -> bool {
            a.is_some() && b.is_some() && a != b
        }
        !differ(&self.value, &other.value) && !differ(&self.group, &other.group)
    }
}

/// Adds the duplicates among the rows without a finding.
pub(super) fn add(documents: &[Document], facts: &[Fact], threshold: f64, findings: &mut [Option<Finding>]) {
    let passed: Vec<usize> = (0..documents.len()).filter(|place| findings[*place].is_none()).collect();
    let texts: Vec<&str> = passed.iter().map(|place| documents[*place].text.as_str()).collect();
    let mut progress = Progress::new("comparing rows", 0, texts.len());
    let may_go = |text: usize, kept: usize| {
        let (fact, other) = (&facts[passed[text]], &facts[passed[kept]]);
        match texts[text].split_whitespace().eq(texts[kept].split_whitespace()) {
            true => fact.parts == other.parts && same_code(texts[text], texts[kept]),
            false => fact.may_be(other),
        }
    };
    let fates = stay::fates(&texts, threshold, may_go, |done| progress.show(done, ""));
    progress.finish();
    for (at, fate) in fates.iter().enumerate() {
        if let Some(dropped) = fate {
            let record = dedup::skipped(&documents[passed[at]], &documents[passed[dropped.kept]], dropped, "filter");
            let reason = if dropped.exact { "exact_duplicate" } else { "near_duplicate" };
            findings[passed[at]] = Some(Finding::new(reason, record.detail));
        }
    }
}

/// Whether texts of the same words are the same code, or have none.
fn same_code(first: &str, second: &str) -> bool {
    let has_code = FENCES.iter().any(|fence| first.contains(fence));
    !has_code || first.lines().map(str::trim_end).eq(second.lines().map(str::trim_end))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reasons of the rows, in their order.
    fn reasons(rows: &[Row]) -> Vec<Option<&'static str>> {
        let document = |(line, row): (usize, &Row)| Document { id: row.id.clone(), line, text: row.said() };
        let documents: Vec<Document> = rows.iter().enumerate().map(document).collect();
        let facts: Vec<Fact> = rows.iter().map(Fact::of).collect();
        let mut findings = vec![None; rows.len()];
        add(&documents, &facts, 0.5, &mut findings);
        findings.into_iter().map(|found| found.map(|found| found.reason)).collect()
    }

    fn material(name: &str, value: &str, group: &str, chunk: Option<&str>) -> Row {
        let long = "toxic by inhalation liquid, n.o.s. with an LC50 lower than or equal to 200 ml/m3 and saturated vapor \
                    concentration greater than or equal to 500 LC50";
        let (question, answer) = (format!("Which class is {long}, {name}?"), format!("The {long}, {name} is {value}."));
        let chunks = chunk.into_iter().map(str::to_owned).collect();
        Row { value: Some(value.to_owned()), chunks, ..Row::of_answer("record", group, &question, &answer) }
    }

    #[test]
    fn facts_of_different_values_or_records_are_no_duplicates_however_alike_their_words() {
        let one = material("flammable", "6.1", "a", Some("c"));
        let other_value = material("flammable", "2.3", "a", Some("c"));
        let other_fact = material("corrosive", "6.1", "b", Some("d"));
        let again = material("flammable too", "6.1", "a", Some("c"));
        assert_eq!(reasons(&[one, other_value, other_fact, again]), [None, None, None, Some("near_duplicate")]);
    }

    #[test]
    fn imported_rows_are_compared_by_their_words_since_their_groups_may_be_mere_names() {
        let rows = [material("flammable", "6.1", "a", None), material("flammable too", "6.1", "b", None)];
        assert_eq!(reasons(&rows), [None, Some("near_duplicate")]);
        let copies = [material("flammable", "6.1", "a", Some("c")), material("flammable", "6.1", "b", Some("d"))];
        assert_eq!(reasons(&copies), [None, Some("exact_duplicate")]);
    }

    #[test]
    fn the_same_words_in_other_turns_or_another_indentation_of_code_are_other_rows() {
        let row = |question: &str, answer: &str| Row::of_answer("code", "g", question, answer);
        let (short, long) = ("```python\nif a:\n    b()\nc()\n```", "```python\nif a:\n    b()\n    c()\n```");
        let rows = [row("When?", short), row("When?", long), row("When?", &long.replace("()\n", "() \n"))];
        assert_eq!(reasons(&rows), [None, None, Some("exact_duplicate")]);
        let rows = [row("Is it far? No.", "Go on."), row("Is it far?", "No. Go on."), row("Is it far?", "No.\nGo on.")];
        assert_eq!(reasons(&rows), [None, None, Some("exact_duplicate")]);
    }
}
