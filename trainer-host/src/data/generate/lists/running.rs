//! Lists inside running text, as PDFs give them: words after bullets, or `Orders 1. Go. 2. Stop.`
//!
//! Nothing says where the last item ends, nor whether a heading without a mark stands between two items. A list is taken
//! only where its items are alike enough to tell.

use std::sync::LazyLock;

use regex::Regex;

use super::{BULLETS, List, item};
use crate::data::generate::sentences::sentences;

/// Numbers that a list may have lost before the one that ends it; a higher one is a number in the text.
const GAP_MAX: usize = 2;
/// Words that a last item without a mark at its end may be longer than the longest of the others.
const LONGER_MAX: usize = 2;

static NUMBER: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?:^|\s)(\d{1,2})[.)]").ok());

/// The lists of a text, one a paragraph at most.
pub fn lists(text: &str) -> Vec<List> {
    let mut found = Vec::new();
    let mut before = String::new();
    for paragraph in paragraphs(text) {
        found.extend(bulleted(&paragraph, &before).or_else(|| numbered(&paragraph, &before)));
        before = paragraph;
    }
    found
}

/// Runs of lines without a blank one, each as one line.
fn paragraphs(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    for line in text.lines() {
        match all.last_mut() {
            Some(last) if !line.trim().is_empty() => {
                last.push(' ');
                last.push_str(line);
            }
            _ => all.push(String::new()),
        }
    }
    all.iter().map(|text| crate::one_line(text)).filter(|text| !text.is_empty()).collect()
}

/// A name and words after bullets.
fn bulleted(text: &str, before: &str) -> Option<List> {
    let mut parts = text.split(BULLETS).map(str::trim);
    let own = parts.next().unwrap_or_default();
    let mut items: Vec<&str> = parts.collect();
    let last = items.pop()?;
    // A second sentence may be the heading of other items.
    let alone = !items.is_empty() && items.iter().all(|item| sentences(item).len() == 1);
    let last = whole_last(&items, last).filter(|_| alone)?;
    items.push(last);
    Some(List { whole: true, ..list(own, before, &items, false) })
}

/// `NAME 1. a 2. b 3. c`: numbers from 1 without a gap.
fn numbered(text: &str, before: &str) -> Option<List> {
    let mut starts: Vec<(usize, usize)> = Vec::new();
    let (mut end, mut new_list) = (text.len(), false);
    for found in NUMBER.as_ref()?.captures_iter(text) {
        let (whole, number) = (found.get(0)?, found.get(1)?.as_str().parse::<usize>().ok()?);
        let rest = &text[whole.end()..];
        let next = starts.len() + 1;
        if !rest.starts_with(char::is_whitespace) {
            continue;
        }
        if number == next {
            starts.push((whole.start(), whole.end()));
        } else if !starts.is_empty() && (next + 1..=next + GAP_MAX).contains(&number) {
            // The text has lost an item; what follows belongs to none of those before.
            end = whole.start();
            break;
        } else if !starts.is_empty() && rest.trim_start().starts_with(char::is_uppercase) {
            if number != 1 {
                // Two columns of items, read line by line.
                return None;
            }
            (end, new_list) = (whole.start(), true);
            break;
        }
    }
    let first = starts.first()?.0;
    let ends = starts.iter().skip(1).map(|(start, _)| *start).chain([end]);
    let mut items: Vec<&str> = starts.iter().zip(ends).map(|((_, start), end)| text[*start..end].trim()).collect();
    let mut whole = end == text.len();
    if new_list {
        // The name of the next list stands at the end of this one.
        items.pop();
    } else if whole {
        let last = items.pop()?;
        let alone = items.iter().all(|item| sentences(item).len() == 1);
        let last = whole_last(&items, last).filter(|_| alone);
        whole = last.is_some();
        items.extend(last);
    }
    Some(List { whole, ..list(&text[..first], before, &items, true) })
}

fn list(own: &str, before: &str, items: &[&str], numbered: bool) -> List {
    let lead = if own.trim().is_empty() { before } else { own };
    List {
        lead: sentences(lead).last().copied().unwrap_or_default().to_owned(),
        by_heading: lead.trim().is_empty(),
        items: items.iter().map(|text| item(text)).collect(),
        partly: Vec::new(),
        numbered,
        whole: false,
    }
}

/// The last item without the text behind the list; `None` where its end cannot be told.
fn whole_last<'a>(others: &[&str], last: &'a str) -> Option<&'a str> {
    let ends = |item: &&str| item.ends_with(['.', '!', '?', ';']);
    let parts = sentences(last);
    if others.iter().all(ends) {
        // Items are sentences: the first is the item.
        return parts.first().copied().filter(ends);
    }
    let words = |item: &str| item.split_whitespace().count();
    let longest = others.iter().map(|item| words(item)).max().unwrap_or_default();
    let runs_on = others.iter().chain([&last]).any(|item| ends_in_a_title(item));
    (parts.len() == 1 && words(last) <= longest + LONGER_MAX && !runs_on).then_some(last)
}

/// `Absent (page 111) Skin Color`: two capitals or more at the end after a word that is none look like the heading of
/// what follows.
fn ends_in_a_title(item: &str) -> bool {
    let words: Vec<&str> = item.split_whitespace().collect();
    let title = words.iter().rev().take_while(|word| word.starts_with(char::is_uppercase)).count();
    title >= 2 && title < words.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<String> {
        lists(text).into_iter().flat_map(|list| list.items).collect()
    }

    #[test]
    fn the_sentence_behind_a_list_of_sentences_is_no_part_of_its_last_item() {
        let text = "Duties: \u{2022} Brief others. \u{2022} Ask if you do not know. Intent Leaders have more duties.";
        assert_eq!(items(text), ["Brief others", "Ask if you do not know"]);
        assert_eq!(items("Orders 1. Go on. 2. Stop. The crew waits."), ["Go on", "Stop"]);
    }

    #[test]
    fn a_list_whose_end_cannot_be_told_is_none() {
        assert!(
            items("Report \u{2022} Size \u{2022} Needs This list is meant to help with the first report.").is_empty()
        );
        assert!(
            items("Pulse \u{2022} Present \u{2022} Absent (page 111) Skin Color \u{2022} Normal \u{2022} Pale")
                .is_empty()
        );
        assert!(items("Duty \u{2022} Take charge. Make sound decisions. \u{2022} Plan ahead.").is_empty());
    }

    #[test]
    fn numbers_of_another_list_end_a_list_or_say_that_there_are_columns() {
        assert_eq!(items("Spread: 1. Low 2. High 3. Extreme Character: 1. Smoldering 4. Spotting"), ["Low", "High"]);
        assert!(items("CONTENTS 1. Objectives (202) 7. Medical Plan 2. Organization 8. Safety").is_empty());
    }
}
