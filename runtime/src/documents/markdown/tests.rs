//! What is read of Markdown, and how it stands in the text.

use super::*;

fn seen(text: &str) -> Vec<(String, String)> {
    let reading = read(text, true);
    reading.blocks.iter().map(|block| (block.heading.join(" > "), block.text(text).to_owned())).collect()
}

#[test]
fn blocks_stand_under_their_headings() {
    let text =
        "# Pumps\n\nA pump moves water.\n\n## Priming\n\n- Open the valve.\n- Run 30 s.\n\n# Hose\n\n```sh\nls\n```\n";
    let expected = [
        ("Pumps", "# Pumps"),
        ("Pumps", "A pump moves water."),
        ("Pumps > Priming", "## Priming"),
        ("Pumps > Priming", "- Open the valve."),
        ("Pumps > Priming", "- Run 30 s."),
        ("Hose", "# Hose"),
        ("Hose", "```sh\nls\n```"),
    ];
    assert_eq!(seen(text), expected.map(|(heading, text)| (heading.to_owned(), text.to_owned())));
}

#[test]
fn page_headings_are_pages_and_glued_front_matter_is_none() {
    let text = "---\nid: a\nkind: pdf\n---# Guide\n\n## Page 3\n\nStay upwind.\n";
    let reading = read(text, true);
    let last = reading.blocks.last().unwrap();
    assert_eq!((last.text(text), last.page), ("Stay upwind.", Some(3)));
    assert_eq!(&*last.heading, ["Guide".to_owned()]);
    assert_eq!(reading.notes[0].reason, "front_matter");
}

#[test]
fn rule_at_the_start_is_no_front_matter() {
    assert_eq!(front_matter("---\nSome words here.\n---\n"), 0);
}

#[test]
fn scripts_in_markdown_are_left_out_and_code_keeps_its_language() {
    let text = "<div><script>alert(1)</script><p>Stay low.</p></div>\n\n```rust\nfn a() {}\n```\n";
    let reading = read(text, true);
    assert_eq!(reading.blocks[0].text(text), "Stay low.");
    assert_eq!(reading.blocks[1].language.as_deref(), Some("rust"));
}

#[test]
fn scripts_that_are_left_out_are_noted_wherever_they_stand() {
    let text = "<script>\nalert(1)\n</script>\n\nStay <script>alert(2)</script>low.\n";
    let reading = read(text, true);
    let seen: Vec<_> = reading.blocks.iter().map(|block| block.text(text)).collect();
    assert_eq!(seen, ["Stay low."]);
    assert_eq!(reading.notes.len(), 1);
    assert!(reading.notes[0].lost && reading.notes[0].detail.starts_with("2 scripts"), "{:?}", reading.notes);
}

#[test]
fn raised_text_in_a_line_is_no_part_of_the_number_before_it() {
    let text = "# Load in W/m<sup>2</sup>\n\nAt 10<sup>5</sup> and *3 x 10<SUP>-6</SUP>*, CO<sub>2</sub>, `10<sup>5</sup>`.\n\n\
                | m<sup>2</sup> | b |\n|---|---|\n| 4<sup>x<sup>2</sup></sup> | 5 |\n\n- 10<sup>5\n- e<sup>-kt</sup>\n";
    let reading = read(text, true);
    let seen: Vec<_> = reading.blocks.iter().map(|block| block.text(text)).collect();
    let expected = [
        "# Load in W/m\u{b2}",
        "At 10\u{2075} and *3 x 10\u{207b}\u{2076}*, CO2, `10<sup>5</sup>`.",
        "| m\u{b2} | b |\n|---|---|\n| 4^(x\u{b2}) | 5 |",
        "- 10<sup>5",
        "- e^(-kt)",
    ];
    assert_eq!(seen, expected);
    assert_eq!(*reading.blocks[1].heading, ["Load in W/m\u{b2}".to_owned()]);
    assert_eq!(reading.blocks[2].repeat.as_deref(), Some("| m\u{b2} | b |\n|---|---|"));
    assert_eq!((&reading.blocks[1].cleaned, reading.blocks[3].text.is_none()), (&vec!["html"], true));
}

#[test]
fn displayed_equations_are_known_and_prices_stay() {
    let text = "Energy is $$E = mc^2$$ where m is the mass.\n\n$$\na = b\n- c\n$$\n\n\\[ p = h / 2 \\]\n\n\
                It costs $5 and $6, or $x$ a day.\n\n```math\nx^2\n```\n\nSee \\[1\\].\n";
    let reading = read(text, true);
    let seen: Vec<_> = reading.blocks.iter().map(|block| (block.kind, block.text(text))).collect();
    let expected = [
        (BlockKind::Equation, "Energy is $$E = mc^2$$ where m is the mass."),
        (BlockKind::Equation, "$$\na = b\n- c\n$$"),
        (BlockKind::Equation, "\\[ p = h / 2 \\]"),
        (BlockKind::Prose, "It costs $5 and $6, or $x$ a day."),
        (BlockKind::Equation, "```math\nx^2\n```"),
        (BlockKind::Prose, "See \\[1\\]."),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn upper_half_of_a_fraction_is_no_power() {
    let text =
        "# Use 4<sup>3</sup>/<sub>4</sub> inch\n\nA 2<sup>1</sup>&frasl;<sub>2</sub> hose at 10 m<sup>2</sup>/s.\n";
    let reading = read(text, true);
    assert_eq!(reading.blocks[1].heading.last().map(String::as_str), Some("Use 4 3/4 inch"));
    assert_eq!(reading.blocks[1].text(text), "A 2 1&frasl;2 hose at 10 m\u{b2}/s.");
}
