//! Page marks: lines of an extracted text that only say which page begins.

/// The page that a line announces, if it does nothing else: `Page 7`, `## Page 7`, `- 7 -`, `[page 7 of 9]`.
pub fn page_mark(line: &str) -> Option<u32> {
    let line = line.trim_matches(|c: char| c.is_whitespace() || matches!(c, '#' | '[' | ']' | '*' | '=' | '\x0c'));
    if line.len() > 24 || !line.bytes().any(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let dashed = line
        .strip_prefix(['-', '\u{2013}', '\u{2014}'])
        .and_then(|rest| rest.strip_suffix(['-', '\u{2013}', '\u{2014}']));
    if let Some(number) = dashed {
        let number = number.trim_matches(['-', ' ']);
        return number.strip_prefix("page ").or_else(|| number.strip_prefix("Page ")).unwrap_or(number).parse().ok();
    }
    let mut words = line.split_whitespace();
    let first = words.next()?;
    if !first.eq_ignore_ascii_case("page") {
        return None;
    }
    let number = words.next()?.parse().ok()?;
    match (words.next(), words.next(), words.next()) {
        (None, ..) => Some(number),
        (Some(of), Some(total), None) if matches!(of, "of" | "/") && total.parse::<u32>().is_ok() => Some(number),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_that_say_nothing_else_are_marks() {
        for (line, page) in
            [("Page 7", 7), ("## Page 12", 12), ("- 3 -", 3), ("page 4 of 10", 4), ("--- page 9 ---", 9)]
        {
            assert_eq!(page_mark(line), Some(page), "{line}");
        }
        for line in ["Page 7 shows the valve", "7", "- 3", "Page seven", "-", "", "see page 3"] {
            assert_eq!(page_mark(line), None, "{line}");
        }
    }
}
