//! Tests of the document index.

use super::*;

const GUIDE: &str = "# Hazmat\n\n## Chlorine\n\nIsolate a chlorine spill for 330 feet.\n\n\
    ## Ammonia\n\nIsolate an ammonia leak for 150 feet.\n\n# Fire\n\nEscape routes lead to safety zones.\n";

fn library(home: &Home) -> Library<'_> {
    Library::new(home)
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn a_question_finds_the_passage_with_its_place_in_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let guide = write(folder.path(), "guide.md", GUIDE);
    let added = library(&home).add(&[guide], &mut |_| {}).unwrap();
    assert_eq!((added[0].name.as_str(), added[0].passages), ("guide.md", 3));

    let found = library(&home).search("How far do we isolate leaking ammonia?", 3).unwrap();
    assert_eq!(found[0].heading, "Hazmat > Ammonia");
    assert_eq!(&GUIDE[found[0].start_byte..found[0].end_byte], found[0].text);
    assert!(found[0].score > found[1].score);
    // The porter tokenizer knows word forms.
    let found = library(&home).search("escaping", 3).unwrap();
    assert_eq!(found.len(), 1);
}

#[test]
fn a_document_with_a_known_name_replaces_the_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let guide = write(folder.path(), "guide.md", GUIDE);
    library(&home).add(std::slice::from_ref(&guide), &mut |_| {}).unwrap();
    write(folder.path(), "guide.md", "# Water\n\nPump pressure is 100 psi.\n");
    library(&home).add(&[guide], &mut |_| {}).unwrap();
    assert!(library(&home).search("chlorine", 3).unwrap().is_empty());
    assert_eq!(library(&home).search("pump", 3).unwrap().len(), 1);
    let documents = library(&home).documents().unwrap();
    assert_eq!((documents.len(), documents[0].passages), (1, 1));
    home.connection().execute("INSERT INTO passage_words (passage_words) VALUES ('integrity-check')", []).unwrap();
}

#[test]
fn user_text_is_never_query_syntax() {
    let folder = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let guide = write(folder.path(), "guide.md", GUIDE);
    library(&home).add(&[guide], &mut |_| {}).unwrap();
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
        library(&home).search(query, 5).unwrap_or_else(|error| panic!("{query:?}: {error}"));
    }
    assert_eq!(library(&home).search("(chlorine AND", 5).unwrap().len(), 1);
    let endless = "chlorine ".repeat(100_000);
    assert_eq!(library(&home).search(&endless, 5).unwrap().len(), 1);
}

#[test]
fn folders_give_their_text_files_with_paths_as_names() {
    let folder = tempfile::tempdir().unwrap();
    let kit = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    write(kit.path(), "guide.md", GUIDE);
    write(kit.path(), "old/guide.md", GUIDE);
    write(kit.path(), "notes.TXT", "Check the radio.");
    write(kit.path(), "picture.png", "no text");
    write(kit.path(), ".hidden/secret.md", "hidden");
    let mut seen = Vec::new();
    library(&home).add(&[kit.path().to_path_buf()], &mut |document| seen.push(document.name.clone())).unwrap();
    let old = Path::new("old").join("guide.md").to_string_lossy().into_owned();
    assert_eq!(seen, ["guide.md".to_owned(), "notes.TXT".to_owned(), old]);
}

#[test]
fn documents_that_cannot_be_indexed_are_named_and_nothing_is_added() {
    let folder = tempfile::tempdir().unwrap();
    let kit = tempfile::tempdir().unwrap();
    let home = Home::open(Some(folder.path())).unwrap();
    let good = write(kit.path(), "good.md", GUIDE);
    let cases = [
        (kit.path().join("absent.md"), "absent.md"),
        (write(kit.path(), "empty.md", " \n"), "empty.md"),
        (write(kit.path(), "zero.md", "a\0b"), "zero.md"),
        (write(kit.path(), "folder/picture.png", "x").parent().unwrap().to_path_buf(), "folder"),
    ];
    for (bad, name) in cases {
        let error = library(&home).add(&[good.clone(), bad], &mut |_| {}).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    std::fs::write(kit.path().join("latin.md"), [0xE9_u8, 0x20]).unwrap();
    let error = library(&home).add(&[kit.path().join("latin.md")], &mut |_| {}).unwrap_err();
    assert!(matches!(error, RetrievalError::NotText { .. }));
    assert!(library(&home).documents().unwrap().is_empty());
}
