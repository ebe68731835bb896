//! Tables of ratings as they are read.

use super::*;

fn read(text: &str) -> Result<Ratings, RatingsError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ratings.csv");
    std::fs::write(&path, text).unwrap();
    read_csv(&path)
}

fn error(text: &str) -> String {
    read(text).unwrap_err().to_string()
}

#[test]
fn columns_are_found_by_name_in_any_order() {
    let ratings = read("\u{feff}label,note,Rater,item\ngood,x,ann,1\nbad,,bob,1\n").unwrap();
    assert_eq!((ratings.items.len(), ratings.raters.len(), ratings.count()), (1, 2, 2));
    assert_eq!(ratings.labels, ["bad", "good"]);
    assert_eq!(ratings.values, None);
}

#[test]
fn numbers_are_ordered_by_value_and_equal_numbers_are_one_label() {
    let ratings = read("item,rater,label\n1,a,10\n1,b,9\n2,a,9.0\n2,b,10\n").unwrap();
    assert_eq!(ratings.values, Some(vec![9.0, 10.0]));
    assert_eq!(ratings.cells, [vec![(0, 1), (1, 0)], vec![(0, 0), (1, 1)]]);
}

#[test]
fn empty_label_is_a_missing_rating() {
    assert_eq!(read("item,rater,label\n1,a,x\n1,b,\n").unwrap().count(), 1);
}

#[test]
fn missing_number_is_no_word_and_a_word_among_numbers_is_named() {
    let ratings = read("item,rater,label\n1,a,1\n1,b,2\n2,a,NA\n2,b,nan\n").unwrap();
    assert_eq!((ratings.values.as_deref(), ratings.missing, ratings.count()), (Some(&[1.0, 2.0][..]), 2, 2));
    let ratings = read("item,rater,label\n1,a,1\n1,b,low\n2,a,NA\n").unwrap();
    assert_eq!((ratings.values, ratings.missing), (None, 0));
    assert_eq!(ratings.not_a_number.as_deref(), Some("`low` on line 3"));
    // Among words it may mean that a label does not apply.
    let ratings = read("item,rater,label\n1,a,good\n1,b,NA\n").unwrap();
    assert_eq!(
        (ratings.labels, ratings.missing, ratings.not_a_number),
        (vec!["NA".to_owned(), "good".to_owned()], 0, None)
    );
}

#[test]
fn open_quote_does_not_swallow_ratings() {
    let found = error("item,rater,label\n1,a,\"good\n1,b,good\n2,a,bad\n");
    assert!(found.contains(":2: a quote opens") && found.contains("close it"), "{found}");
}

#[test]
fn table_in_another_encoding_is_said_to_be_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ratings.csv");
    let text: Vec<u8> = "item,rater,label\n1,a,x\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(&path, [&[0xff, 0xfe][..], &text].concat()).unwrap();
    let found = read_csv(&path).unwrap_err().to_string();
    assert!(found.contains(":1: this is no UTF-8") && !found.contains("field"), "{found}");
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    assert!(error("").contains("no ratings"));
    assert!(error("item,rater,label\n").contains("no ratings"));
    assert!(error("item;rater;label\n1;a;x\n").contains("no column `item`"));
    assert!(error("item,rater,score\n1,a,x\n").contains("no column `label`; the columns are `item`"));
    assert!(error("item,rater,label\n1,a,x\n1\n").contains(":3:"));
    assert!(error("item,rater,label\n1,a,x\n,a,x\n").contains(":3: item or rater is empty"));
    let twice = error("item,rater,label\n1,a,x\n1,b,x\n1,a,y\n");
    assert!(twice.contains(":4:") && twice.contains("on line 2"), "{twice}");
}

#[test]
fn lines_that_end_as_on_windows_are_counted_as_the_editor_shows_them() {
    let error = error("item,rater,label\r\n1,a,x\r\n1,b,\"x\"\r\n\r\n1,a,y\r\n");
    assert!(error.contains(":5:") && error.contains("on line 2"), "{error}");
}

#[test]
fn one_endless_line_is_refused_before_it_fills_the_memory() {
    let text = "x".repeat(HEADER_BYTES_MAX as usize + 10);
    assert!(error(&text).contains("header line is longer"));
}
