//! Tests of facts of tables.

use super::super::fact::Ask;
use super::*;
use crate::data::chunk::{ChunkKind, Measured, Place};

fn table(rows: &[&[(&str, &str)]]) -> Vec<Chunk> {
    let chunk = |(index, row): (usize, &&[(&str, &str)])| {
        let fields: Fields = row.iter().map(|(name, cell)| ((*name).to_owned(), (*cell).to_owned())).collect();
        let bytes = [index as u64, index as u64 + 1];
        let text = format!("{fields:?}");
        Chunk {
            cleaned: Vec::new(),
            heading: Vec::new(),
            id: Chunk::name("s", bytes, &text),
            kind: ChunkKind::Table,
            language: None,
            path: "t.csv".to_owned(),
            place: Place { bytes, lines: bytes, measured: Measured::File, page: None },
            source: "s".to_owned(),
            tokens: 1,
            fields,
            text,
        }
    };
    rows.iter().enumerate().map(chunk).collect()
}

fn materials() -> Vec<Chunk> {
    let row = |id, name, class, group| {
        vec![("id_number", id), ("name", name), ("hazard_class", class), ("packing_group", group)]
    };
    let rows = [
        row("UN1090", "Acetone", "3", "II"),
        row("UN1133", "Adhesives", "3", "I"),
        row("UN1133", "Adhesives", "3", "III"),
        row("UN1005", "Ammonia, anhydrous", "2.2; 8", ""),
    ];
    table(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn find<'a>(facts: &'a [Fact], name: &str, column: &str) -> &'a Fact {
    facts.iter().find(|fact| fact.about[2] == name && fact.about[3] == column).unwrap()
}

#[test]
fn headers_and_a_name_column_make_facts() {
    let mut left = Vec::new();
    let facts = facts(&materials(), &Schema::default(), &mut left);
    let class = find(&facts, "Acetone", "hazard class");
    assert_eq!(class.answer.text, "The hazard class of Acetone is 3.");
    assert_eq!(find(&facts, "Ammonia, anhydrous", "hazard class").value.as_deref(), Some("2.2 and 8"));
    assert_eq!(find(&facts, "id_number UN1090", "name").answer.text, "The name of UN1090 is Acetone.");
    assert!(!facts.iter().any(|fact| fact.about[2].starts_with("Ammonia") && fact.about[3] == "packing group"));
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_fact_and_the_same_turned_round_share_their_group() {
    let facts = facts(&materials(), &Schema::default(), &mut Vec::new());
    let straight = find(&facts, "Acetone", &phrase_of("id_number").0);
    assert_eq!(find(&facts, "id_number UN1090", "name").group(), straight.group());
    assert_ne!(find(&facts, "Acetone", "hazard class").group(), straight.group());
}

#[test]
fn records_of_one_name_answer_together() {
    let facts = facts(&materials(), &Schema::default(), &mut Vec::new());
    let group = find(&facts, "Adhesives", "packing group");
    assert_eq!(group.answer.text, "The packing group of Adhesives is I or III.");
    assert_eq!((group.value.as_deref(), group.chunks.len()), (Some("I or III"), 2));
    assert_eq!(find(&facts, "Adhesives", "hazard class").answer.text, "The hazard class of Adhesives is 3.");
}

#[test]
fn values_of_a_small_column_rule_each_other_out() {
    let facts = facts(&materials(), &Schema::default(), &mut Vec::new());
    assert_eq!(find(&facts, "Acetone", "packing group").contradicts, ["I or III"]);
}

#[test]
fn full_stops_of_cells_neither_double_nor_stand_inside_an_answer() {
    let row = |id, name| vec![("id_number", id), ("name", name)];
    let rows = [row("UN0001", "Cans (each of 1 L at most)."), row("UN0002", "Paints, n.o.s."), row("UN0003", "Rope")];
    let chunks = table(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let facts = facts(&chunks, &Schema::default(), &mut Vec::new());
    let said: Vec<&str> = facts.iter().map(|fact| fact.answer.text.as_str()).collect();
    assert!(said.contains(&"The ID number of Cans (each of 1 L at most) is UN0001."), "{said:?}");
    assert!(said.contains(&"The name of UN0002 is Paints, n.o.s."), "{said:?}");
}

#[test]
fn a_schema_words_the_questions() {
    let schema = Schema::parse(
        "[[table]]\nfiles = '*.csv'\n[[table.question]]\nname = 'group'\n\
         ask = ['the packing group of {{ name | lower }}', 'How dangerous is {{ name | lower }}?']\n\
         answer = 'The packing group of {{ name | lower }} is {{ packing_group }}.'\n\
         value = '{{ packing_group }}'\nwhen = '{{ packing_group }}'\n",
    )
    .unwrap();
    let facts = facts(&materials(), &schema, &mut Vec::new());
    let answers: Vec<&str> = facts.iter().map(|fact| fact.answer.text.as_str()).collect();
    assert_eq!(answers, ["The packing group of acetone is II.", "The packing group of adhesives is I or III."]);
    assert!(matches!(facts[0].asks[0], Ask::Phrase(_)) && matches!(facts[0].asks[1], Ask::Question(_)));
}

#[test]
fn question_without_an_answer_is_left_with_the_reason() {
    let text = "[[table]]\nfiles = '*.csv'\nquestion_column = 'q'\nanswer_column = 'a'\n";
    let schema = Schema::parse(text).unwrap();
    let rows = [("What is fire?", "Heat"), ("Name it?", " "), ("", "Water")];
    let rows: Vec<_> = rows.iter().map(|(q, a)| vec![("q", *q), ("a", *a)]).collect();
    let chunks = table(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let mut left = Vec::new();
    assert_eq!(facts(&chunks, &schema, &mut left).len(), 1);
    let seen: Vec<(&str, &str)> = left.iter().map(|one| (one.reason, one.detail.as_str())).collect();
    assert_eq!(seen, [("no_answer", "t.csv:1: `a` is empty"), ("no_question", "t.csv:2: `q` is empty")]);
    let wrong = Schema::parse(&text.replace("'q'", "'question'")).unwrap();
    let error = wrong.check_questions(&chunks).unwrap_err();
    assert!(error.contains("`question` of the schema is in no record; the columns are q, a"), "{error}");
    assert_eq!(schema.check_questions(&chunks), Ok(()));
}

#[test]
fn answers_that_cannot_be_brought_together_are_left_with_the_reason() {
    let row = |cell| vec![("name", "Valve"), ("color", cell), ("size", "2")];
    let cells = ["red", "blue", "green", "white", "black"];
    let rows: Vec<_> = cells.iter().map(|cell| row(*cell)).collect();
    let mut left = Vec::new();
    let mut chunks = table(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
    chunks.extend(table(&[&[("name", "Pump"), ("color", "red"), ("size", "3")]]));
    let facts = facts(&chunks, &Schema::default(), &mut left);
    assert!(facts.iter().all(|fact| !(fact.about[2] == "Valve" && fact.about[3] == "color")));
    assert_eq!(left[0].reason, "ambiguous");
}

#[test]
fn a_blank_among_records_of_one_name_leaves_no_certain_answer() {
    let row = |group, class| vec![("name", "Foo"), ("packing_group", group), ("class", class)];
    let rows = [row("II", "3"), row("", "1"), vec![("name", "Bar"), ("packing_group", "III"), ("class", "8")]];
    let chunks = table(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let answers = |schema: &Schema| {
        let mut left = Vec::new();
        let facts = facts(&chunks, schema, &mut left);
        (facts.into_iter().map(|fact| fact.answer.text).collect::<Vec<_>>(), left.len())
    };
    let expected = ["The class of Bar is 8.", "The packing group of Bar is III.", "The class of Foo is 3 or 1."];
    assert_eq!(answers(&Schema::default()), (expected.map(str::to_owned).to_vec(), 1));
    let schema = Schema::parse(
        "[[table]]\nfiles = '*.csv'\ntitle = '{{ name }}'\n[[table.question]]\nname = 'group'\n\
         ask = ['the group of {{ title }}']\nanswer = 'The group of {{ title }} is {{ packing_group }}.'\n\
         value = '{{ packing_group }}'\nwhen = '{{ packing_group }}'\n",
    )
    .unwrap();
    let mut chunks = chunks.clone();
    chunks.iter_mut().for_each(|chunk| chunk.heading = vec![chunk.fields[0].1.clone()]);
    let mut left = Vec::new();
    let facts = facts(&chunks, &schema, &mut left);
    assert_eq!(facts.iter().map(|fact| fact.about[2].as_str()).collect::<Vec<_>>(), ["Bar"]);
    assert_eq!(left[0].reason, "ambiguous");
}

#[test]
fn placeholders_are_no_facts() {
    let row = |name, metal, notes| vec![("name", name), ("metal", metal), ("notes", notes)];
    let rows = [row("Axe", "steel", "unknown"), row("Rope", "-", "n/a; keep dry"), row("?", "iron", "x")];
    let chunks = table(&rows.iter().map(Vec::as_slice).collect::<Vec<_>>());
    let mut left = Vec::new();
    let facts = facts(&chunks, &Schema::default(), &mut left);
    let said: Vec<&str> = facts.iter().map(|fact| fact.answer.text.as_str()).collect();
    assert_eq!(said, ["The metal of Axe is steel.", "The notes of Rope are keep dry."]);
    assert_eq!(left.iter().map(|one| one.reason).collect::<Vec<_>>(), ["placeholder", "no_name"]);
}

#[test]
fn tables_of_a_text_give_the_facts_of_a_table() {
    let text = "## Gases\n\n| Gas | IDLH |\n|---|---|\n| Ammonia | 300 ppm |\n| Chlorine | 10 ppm |\n| Phosgene | - |";
    let chunks = [Chunk { kind: ChunkKind::Table, ..Chunk::paragraph(text, "Gases") }];
    let facts = facts(&chunks, &Schema::default(), &mut Vec::new());
    let said: Vec<&str> = facts.iter().map(|fact| fact.answer.text.as_str()).collect();
    assert_eq!(said, ["The IDLH of Ammonia is 300 ppm.", "The IDLH of Chlorine is 10 ppm."]);
    assert_eq!(facts[0].contradicts, ["10 ppm"]);
}
