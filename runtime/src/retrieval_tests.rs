//! Tests of the document index.

use std::path::Path;

use super::*;

/// Largest difference from the formula; the sums have a few dozen terms of size 1 to 10.
const FORMULA_DIFFERENCE_MAX: f64 = 1e-6;

#[path = "retrieval_tests/meaning.rs"]
mod meaning;

const GUIDE: &str = "# Hazmat\n\n## Chlorine\n\nIsolate a chlorine spill for 330 feet.\n\n\
    ## Ammonia\n\nIsolate an ammonia leak for 150 feet.\n\n# Fire\n\nEscape routes lead to safety zones.\n";

struct Room {
    folder: tempfile::TempDir,
    home: Home,
}

impl Room {
    fn new() -> Room {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::open(Some(&folder.path().join("home"))).unwrap();
        Room { folder, home }
    }

    fn library(&self) -> Library<'_> {
        Library::new(&self.home)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join("kit").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    fn kit(&self) -> PathBuf {
        self.folder.path().join("kit")
    }

    fn add(&self, paths: &[PathBuf]) -> IndexReport {
        self.library().add(paths, &mut |_| IndexControl::Continue).unwrap()
    }

    fn names(&self) -> Vec<String> {
        self.library().documents().unwrap().into_iter().map(|document| document.name).collect()
    }

    fn count(&self, table: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM {table}");
        self.home.documents().unwrap().query_row(&sql, [], |row| row.get(0)).unwrap()
    }

    fn check_index(&self) {
        let connection = self.home.documents().unwrap();
        connection.execute("INSERT INTO passage_words (passage_words) VALUES ('integrity-check')", []).unwrap();
    }
}

#[test]
fn question_finds_the_passage_with_its_place_in_the_document() {
    let room = Room::new();
    let report = room.add(&[room.write("guide.md", GUIDE)]);
    assert_eq!((report.added[0].name.as_str(), report.added[0].passages), ("guide.md", 3));

    let found = room.library().search("How far do we isolate leaking ammonia?", 3).unwrap();
    assert_eq!(found[0].heading, "Hazmat > Ammonia");
    assert_eq!(&GUIDE[found[0].start_byte..found[0].end_byte], found[0].text);
    assert!(found[0].score > found[1].score);
    // The porter tokenizer knows word forms.
    assert_eq!(room.library().search("escaping", 3).unwrap().len(), 1);
}

#[test]
fn document_with_another_content_takes_the_place_of_the_earlier_one() {
    let room = Room::new();
    let guide = room.write("guide.md", GUIDE);
    room.add(std::slice::from_ref(&guide));
    room.write("guide.md", "# Water\n\nPump pressure is 100 psi.\n");
    room.add(&[guide]);
    assert!(room.library().search("chlorine", 3).unwrap().is_empty());
    assert_eq!(room.library().search("pump", 3).unwrap().len(), 1);
    let documents = room.library().documents().unwrap();
    assert_eq!((documents.len(), documents[0].passages), (1, 1));
    room.check_index();
}

#[test]
fn a_document_that_takes_the_place_of_one_from_elsewhere_says_so() {
    let room = Room::new();
    let north = room.write("north/guide.md", GUIDE);
    let south = room.write("south/guide.md", "# South\n\nThe south gate is locked at night.\n");
    room.add(std::slice::from_ref(&north));
    let report = room.add(std::slice::from_ref(&south));
    let said = &report.added[0].remarks;
    assert!(said[0].starts_with("replaced: ") && said[0].contains(north.to_str().unwrap()), "{said:?}");
    assert_eq!(room.library().documents().unwrap()[0].remarks, *said, "it stays to be read");

    room.write("south/guide.md", "# South\n\nThe south gate is locked at dusk.\n");
    assert!(room.add(&[south]).added[0].remarks.is_empty(), "a new edition of the same file is none of it");
    room.add(&[room.kit()]);
    assert_eq!(room.names(), ["guide.md", "north/guide.md", "south/guide.md"]);
}

#[test]
fn of_two_files_of_one_name_the_one_that_is_left_out_stays_on_record_until_it_is_added() {
    let room = Room::new();
    let places = ["north", "south"].map(|place| room.write(&format!("{place}/guide.md"), format!("In the {place}.")));
    let stopped = room.library().add(&places[..1], &mut |_| IndexControl::Stop).unwrap();
    assert_eq!(stopped.waiting, 1);
    let report = room.add(&places[1..]);
    assert_eq!((report.added.len(), report.skipped.len()), (1, 1), "the file that waited has lost its place");
    assert_eq!(report.skipped, room.library().status().unwrap().skipped);
    assert_eq!(room.add(&places).skipped, report.skipped);
    room.add(&[room.kit()]);
    assert_eq!(room.library().status().unwrap().skipped, []);
}

#[test]
fn a_file_that_an_earlier_reader_read_is_read_again() {
    let room = Room::new();
    let guide = room.write("guide.md", GUIDE);
    room.add(std::slice::from_ref(&guide));
    room.home.documents().unwrap().execute("UPDATE documents SET reader = reader - 1", []).unwrap();
    let report = room.add(std::slice::from_ref(&guide));
    assert_eq!((report.added.len(), report.unchanged), (1, 0));
    assert!(report.added[0].remarks.is_empty());
    assert_eq!(room.add(&[guide]).unchanged, 1);
}

#[test]
fn unchanged_files_are_left_as_they_are_and_removed_ones_leave_nothing() {
    let room = Room::new();
    room.write("a/one.md", GUIDE);
    room.write("a/two.txt", "Check the radio.");
    room.write("three.csv", "name,class\nAcetone,3\nPhenol,6.1\n");
    let first = room.add(&[room.kit()]);
    assert_eq!(first.added.len(), 3);
    let second = room.add(&[room.kit()]);
    assert_eq!((second.added.len(), second.unchanged), (0, 3));
    assert_eq!(room.library().search("acetone", 3).unwrap()[0].text, "name: Acetone\nclass: 3");

    assert_eq!(room.library().remove("a").unwrap(), ["a/one.md", "a/two.txt"]);
    assert_eq!(room.names(), ["three.csv"]);
    assert!(room.library().search("chlorine radio", 3).unwrap().is_empty());
    room.check_index();
    room.library().remove("three.csv").unwrap();
    for table in ["documents", "passages", "vectors", "queue", "skipped"] {
        assert_eq!(room.count(table), 0, "{table}");
    }
    let error = room.library().remove("three.csv").unwrap_err().to_string();
    assert!(error.contains("three.csv") && error.contains("docs list"), "{error}");
}

#[test]
fn user_text_is_never_query_syntax() {
    let room = Room::new();
    room.add(&[room.write("guide.md", GUIDE)]);
    let hostile = [
        "",
        "   ",
        "\"",
        "\"\"\"",
        "NEAR(",
        "chlorine AND (",
        "heading:",
        "a* OR",
        "-x",
        "'; DROP",
        "^",
        "{a b}",
        "\0",
        "\u{1f525}",
        "AND",
        "NOT NOT",
        "*",
        "the",
        "col : \"x\" + y",
    ];
    for query in hostile {
        room.library().search(query, 5).unwrap_or_else(|error| panic!("{query:?}: {error}"));
    }
    assert_eq!(room.library().search("(chlorine AND", 5).unwrap().len(), 1);
    assert_eq!(room.library().search(&"chlorine ".repeat(100_000), 5).unwrap().len(), 1);
}

#[test]
fn files_that_cannot_be_read_are_named_with_the_reason_and_the_others_are_added() {
    let room = Room::new();
    room.write("good.md", GUIDE);
    room.write("empty.md", " \n");
    room.write("zero.md", "a\0b\u{1}\u{2}");
    room.write("picture.png", b"\x89PNG\r\n\x1a\n\0\0");
    room.write("broken.xlsx", b"PK\x03\x04 no archive");
    room.write(".hidden/secret.md", "hidden");
    let large = std::fs::File::create(room.kit().join("line.txt")).unwrap();
    large.set_len(1 << 30).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(room.kit(), room.kit().join("circle")).unwrap();
    let report = room.add(&[room.kit()]);
    assert_eq!(room.names(), ["good.md"]);
    let reason = |name: &str| report.skipped.iter().find(|one| one.name == name).map(|one| one.reason.as_str());
    let expected = [
        ("empty.md", "empty"),
        ("zero.md", "binary"),
        ("picture.png", "binary"),
        ("broken.xlsx", "broken"),
        ("line.txt", "binary"),
    ];
    for (name, wanted) in expected {
        assert_eq!(reason(name), Some(wanted), "{name}");
    }
    assert!(reason("secret.md").is_none());
    assert_eq!(room.library().status().unwrap().skipped, {
        let mut sorted = report.skipped.clone();
        sorted.sort_by(|a, b| a.name.cmp(&b.name));
        sorted
    });
    // A file that can be read by now is no longer named.
    room.write("empty.md", "Words.");
    room.add(&[room.kit().join("empty.md")]);
    assert!(room.library().status().unwrap().skipped.iter().all(|one| one.name != "empty.md"));

    let error = room.library().add(&[room.kit().join("absent.md")], &mut |_| IndexControl::Continue).unwrap_err();
    assert!(error.to_string().contains("absent.md"), "{error}");
}

#[test]
fn one_endless_line_is_too_large_without_being_read() {
    let room = Room::new();
    let path = room.write("line.txt", "a word ".repeat(2000));
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(1 << 30).unwrap();
    let report = room.add(&[path]);
    assert_eq!(report.skipped[0].reason, "too_large");
}

#[test]
fn ingest_that_was_stopped_goes_on_with_the_files_that_wait() {
    let room = Room::new();
    for number in 0..5 {
        room.write(&format!("{number}.txt"), format!("Document number{number}."));
    }
    let mut seen = 0;
    let mut stop_after_two = |event: IndexEvent| {
        seen += usize::from(matches!(event, IndexEvent::Added { .. }));
        if seen == 2 { IndexControl::Stop } else { IndexControl::Continue }
    };
    let report = room.library().add(&[room.kit()], &mut stop_after_two).unwrap();
    assert_eq!((report.added.len(), report.waiting), (2, 3));
    let again = Home::open(Some(room.home.folder())).unwrap();
    let report = Library::new(&again).add(&[], &mut |_| IndexControl::Continue).unwrap();
    assert_eq!((report.added.len(), report.waiting), (3, 0));
    assert_eq!(room.names().len(), 5);
}

#[test]
fn file_whose_reader_ended_the_program_again_and_again_is_given_up() {
    let room = Room::new();
    let path = room.write("poison.md", GUIDE);
    room.library().status().unwrap();
    let connection = room.home.documents().unwrap();
    let sql = "INSERT INTO queue (name, path, tries) VALUES ('poison.md', ?1, 3)";
    connection.execute(sql, [path.to_string_lossy()]).unwrap();
    let report = room.add(&[]);
    assert_eq!((report.skipped[0].reason.as_str(), report.waiting), ("crashed", 0));
    // Asked for by name it gets another chance.
    assert_eq!(room.add(&[path]).added.len(), 1);
}

#[test]
fn text_of_a_document_is_whole_and_opens_at_any_passage() {
    let room = Room::new();
    let text = format!("Preface.\n\n{GUIDE}\nLast words. Caf\u{e9}.\n   \n");
    room.add(&[room.write("guide.md", &text), room.write("page.html", "<h1>Hose</h1><p>Roll &lt;it&gt;.</p>")]);
    assert_eq!(room.library().text("guide.md").unwrap().unwrap(), text);
    assert_eq!(room.library().text("page.html").unwrap().unwrap(), "Hose\n\nRoll <it>.");
    for passage in room.library().search("chlorine ammonia escape preface words caf\u{e9}", 20).unwrap() {
        for around in [0, 1, 7, 40, 4000] {
            let opened =
                room.library().open(&passage.document, passage.start_byte, passage.end_byte, around).unwrap().unwrap();
            assert_eq!(&opened.text[opened.start..opened.end], passage.text);
            assert_eq!(opened.text, text[opened.first_byte..opened.first_byte + opened.text.len()]);
            assert_eq!((opened.heading.as_str(), opened.page), (passage.heading.as_str(), passage.page));
            assert_eq!(opened.more_before, opened.first_byte > 0);
            assert_eq!(opened.more_after, opened.first_byte + opened.text.len() < text.len(), "{opened:?}");
        }
    }
    assert!(room.library().open("guide.md", 100_000, 100_001, 5).unwrap().is_none());
    assert!(room.library().open("absent.md", 0, 1, 5).unwrap().is_none());
}

#[test]
fn citation_is_verbatim_only_while_the_document_says_so() {
    let room = Room::new();
    let guide = room.write("guide.md", GUIDE);
    room.add(std::slice::from_ref(&guide));
    let passages = room.library().search("chlorine", 5).unwrap();
    let support = citations("How far from chlorine?", "Isolate 330 feet.", &passages);
    let citation = &support.citations[0];
    assert_eq!(citation.quote, "Isolate a chlorine spill for 330 feet.");
    assert!(room.library().is_verbatim(citation).unwrap());
    let shifted = crate::turn::Citation { start_byte: citation.start_byte + 1, ..citation.clone() };
    assert!(!room.library().is_verbatim(&shifted).unwrap());
    room.write("guide.md", GUIDE.replace("330", "660"));
    room.add(&[guide]);
    assert!(!room.library().is_verbatim(citation).unwrap());
}

#[test]
fn scores_are_those_of_the_bm25_formula() {
    let room = Room::new();
    // Words that the stemmer leaves alone.
    let texts = ["bop bop dag", "bop fiz", "dag dag dag kip", "fiz", "kip kip mon", "mon", "zug", "zug tov", "tov rem"];
    for (number, text) in texts.iter().enumerate() {
        room.write(
            &format!("{number}.md"),
            format!("# hed{number} {}\n\n{text}\n", if number == 1 { "dag" } else { "" }),
        );
    }
    room.add(&[room.kit()]);
    let split = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<String>>();
    let rows: Vec<(Vec<String>, Vec<String>)> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| (split(&format!("hed{number} {}", if number == 1 { "dag" } else { "" })), split(text)))
        .collect();
    let total = rows.len() as f64;
    let mean = rows.iter().map(|(heading, text)| heading.len() + text.len()).sum::<usize>() as f64 / total;
    let query = ["dag", "bop", "kip"];
    let score = |row: &(Vec<String>, Vec<String>)| -> f64 {
        let (k1, b) = (1.2, 0.75);
        let length = (row.0.len() + row.1.len()) as f64;
        query
            .iter()
            .map(|word| {
                let has = |row: &(Vec<String>, Vec<String>)| row.0.iter().chain(&row.1).any(|other| other == word);
                let with = rows.iter().filter(|row| has(row)).count() as f64;
                let rarity = ((total - with + 0.5) / (with + 0.5)).ln().max(1e-6);
                let count = |words: &[String]| words.iter().filter(|other| *other == word).count() as f64;
                let frequency = store::HEADING_WEIGHT * count(&row.0) + count(&row.1);
                rarity * frequency * (k1 + 1.0) / (frequency + k1 * (1.0 - b + b * length / mean))
            })
            .sum()
    };
    let mut checked = 0;
    let found = room.library().search("dag bop kip", 20).unwrap();
    for passage in &found {
        let number: usize = passage.document.trim_end_matches(".md").parse().unwrap();
        let expected = score(&rows[number]);
        let difference = (f64::from(passage.score) - expected).abs();
        // Passages carry 32-bit scores; the ranking uses 64 bits, checked below.
        assert!(difference <= FORMULA_DIFFERENCE_MAX * expected.max(1.0), "{number}: {} {expected}", passage.score);
        checked += 1;
    }
    assert_eq!(checked, rows.iter().filter(|row| score(row) > 0.0).count());
    let exact: Vec<f64> = room
        .home
        .documents()
        .unwrap()
        .prepare("SELECT -bm25(passage_words, 2.0, 1.0) FROM passage_words WHERE passage_words MATCH 'dag OR bop OR kip' ORDER BY 1 DESC")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    let mut expected: Vec<f64> = rows.iter().map(score).filter(|score| *score > 0.0).collect();
    expected.sort_by(|a, b| b.total_cmp(a));
    for (exact, expected) in exact.iter().zip(&expected) {
        assert!((exact - expected).abs() <= FORMULA_DIFFERENCE_MAX, "{exact} {expected}");
    }
}

#[test]
fn documents_of_an_older_home_are_taken_over_and_read_again_when_they_are_added_again() {
    let room = Room::new();
    room.home
        .connection()
        .execute_batch(
            "INSERT INTO documents VALUES ('guide.md', 'aa', 40, 7);
             INSERT INTO passages (document, heading, text, start_byte, end_byte)
             VALUES ('guide.md', 'Hazmat', 'Stay back.', 10, 20), ('guide.md', 'Fire', 'Run.', 30, 34);",
        )
        .unwrap();
    let found = room.library().search("back", 5).unwrap();
    assert_eq!((found[0].heading.as_str(), found[0].start_byte), ("Hazmat", 10));
    let opened = room.library().open("guide.md", 30, 34, 0).unwrap().unwrap();
    assert_eq!(opened.text, "Run.");
    let report = room.add(&[room.write("guide.md", GUIDE)]);
    assert_eq!(report.added.len(), 1);
    assert_eq!(room.library().text("guide.md").unwrap().unwrap(), GUIDE);
    assert!(Path::new(&room.library().documents().unwrap()[0].path).is_absolute());
}
