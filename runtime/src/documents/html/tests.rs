//! What is read of a page, and how it stands in the text.

use super::*;

#[test]
fn text_is_kept_and_scripts_are_not() {
    let text = "<head><title>t</title><style>p{}</style></head><body><h1>Pumps &amp; hose</h1><script>if (a < b) { x('</p>') }</script>\
                <p>Open the <b>valve</b>.</p><ul><li>One</li><li>Two</ul></body>";
    let reading = read(text);
    let seen: Vec<_> = reading.blocks.iter().map(|block| block.text(text)).collect();
    assert_eq!(seen, ["Pumps & hose", "Open the valve.", "One", "Two"]);
    assert_eq!(&*reading.blocks[1].heading, ["Pumps & hose".to_owned()]);
    assert!(reading.notes.iter().any(|note| note.reason == "no_text"));
}

#[test]
fn blocks_know_their_bytes() {
    let text = "<p>First.</p>\n<p>Second &lt;one&gt;.</p>";
    let reading = read(text);
    let at = &reading.blocks[1];
    assert_eq!((&text[at.range.clone()], at.text(text)), ("Second &lt;one&gt;.", "Second <one>."));
}

#[test]
fn table_is_rows_of_cells_and_code_keeps_its_lines() {
    let text = "<table><tr><th>Gas</th><th>IDLH</th></tr><tr><td>Chlorine</td><td>10 ppm</td></tr></table>\
                <pre><code class=\"language-rust\">fn a() {\n    b()\n}</code></pre>";
    let reading = read(text);
    assert_eq!(reading.blocks[0].text(text), "Gas | IDLH\nChlorine | 10 ppm");
    assert_eq!(reading.blocks[1].text(text), "fn a() {\n    b()\n}");
    assert_eq!(reading.blocks[1].language.as_deref(), Some("rust"));
}

#[test]
fn displayed_equations_are_blocks_and_powers_stay_powers() {
    let text = "<p>Energy is <math display=\"block\"><mi>E</mi><mo>=</mo><mi>m</mi><msup><mi>c</mi><mn>2</mn></msup></math> \
                where m is the mass.</p><p>\\[ p = \\rho g h \\]</p><p>It costs $5 and $6.</p>\
                <p>A half is <math><mfrac><mn>1</mn><mn>2</mn></mfrac></math> here.</p>\
                <math display=block><semantics><mi>x</mi><annotation encoding=\"application/x-tex\">x = \\frac{a}{b}\
                </annotation></semantics></math>";
    let reading = read(text);
    let seen: Vec<_> = reading.blocks.iter().map(|block| (block.kind, block.text(text))).collect();
    let expected = [
        (BlockKind::Prose, "Energy is"),
        (BlockKind::Equation, "E=mc^2"),
        (BlockKind::Prose, "where m is the mass."),
        (BlockKind::Equation, "\\[ p = \\rho g h \\]"),
        (BlockKind::Prose, "It costs $5 and $6."),
        (BlockKind::Prose, "A half is 1/2 here."),
        (BlockKind::Equation, "x = \\frac{a}{b}"),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn raised_text_is_no_part_of_the_number_before_it() {
    let text = "<p>10<sup>5</sup> W/m<sup> 2</sup>, 3 x 10<sup>-6</sup>, e<sup>-<i>kt</i></sup>, H<sub>2</sub>O, \
                Ca<sup>2+</sup>, the 1<sup>st</sup> pump<sup><a href=n>[3]</a></sup></p><p><sup>Note: dry</sup></p>\
                <p>m<sup>2<p>next";
    let reading = read(text);
    let seen: Vec<_> = reading.blocks.iter().map(|block| block.text(text)).collect();
    let first = "10\u{2075} W/m\u{b2}, 3 x 10\u{207b}\u{2076}, e^(-kt), H2O, Ca\u{b2}\u{207a}, the 1st pump[3]";
    assert_eq!(seen, [first, "Note: dry", "m\u{b2}", "next"]);
}

#[test]
fn cell_with_blocks_is_one_line_and_keeps_them_apart() {
    let text = "<table><tr><th>Max<br>load</th><th> Parts </th>\n<th>Use</th></tr>\n\
                <tr><td>Pump<p>moves water</p></td><td><p>A.</p><p>B</p></td>\n<td>a<br>b<br><br>c</td></tr>\
                <tr><td><ul><li>one</li><li>two</li></ul></td><td></td><td>50<br>80<p>m<sup>2</sup></p></td></tr></table><p>End";
    let reading = read(text);
    let table = "Max load | Parts | Use\nPump; moves water | A. B | a b; c\none; two |  | 50; 80; m\u{b2}";
    let seen: Vec<_> = reading.blocks.iter().map(|block| block.text(text)).collect();
    assert_eq!(seen, [table, "End"]);
}

#[test]
fn title_heads_a_page_without_headings_and_is_noted_where_no_heading_says_it() {
    let plain = read("<title>Pumps &amp; hose</title><p>Open the valve.</p>");
    assert!(plain.blocks.iter().all(|block| *block.heading == ["Pumps & hose".to_owned()]));
    assert_eq!((plain.blocks.len(), plain.blocks[0].opening), (2, true));
    let said = read("<head><title>Priming - the station</title></head><h1>Priming</h1><p>Open the valve.</p>");
    assert!(said.notes.is_empty(), "{:?}", said.notes);
    let lost = read("<head><title>Edition of 2019</title></head><h1>Priming</h1><p>Open the valve.</p>");
    assert_eq!(*lost.blocks[1].heading, ["Priming".to_owned()]);
    assert!(lost.notes[0].detail.contains("\"Edition of 2019\""), "{:?}", lost.notes);
}

#[test]
fn upper_half_of_a_fraction_is_no_power() {
    let text = "<p>4<sup>3</sup>/<sub>4</sub> inch, <sup>1</sup>/2, 2<sup>1</sup>\u{2044}<sub>2</sub>, \
                10 m<sup>2</sup>/s, 10<sup>5</sup>/min</p>";
    let reading = read(text);
    assert_eq!(reading.blocks[0].text(text), "4 3/4 inch, 1/2, 2 1\u{2044}2, 10 m\u{b2}/s, 10\u{2075}/min");
}

#[test]
fn headings_and_code_in_a_cell_do_not_break_its_row() {
    let text = "<h1>Pumps</h1><table><tr><th><h3>Pump</h3></th><th>Use</th></tr>\
                <tr><td><h4>A</h4>small</td><td>Run<pre>open <b>valve</b> 1\n  close it<br>wait\n</pre>then</td></tr></table><p>End";
    let reading = read(text);
    let seen: Vec<_> = reading.blocks.iter().map(|block| (block.kind, block.text(text))).collect();
    let table = "Pump | Use\nA; small | Run; open valve 1; close it; wait; then";
    assert_eq!(seen[1..], [(BlockKind::Table, table), (BlockKind::Prose, "End")]);
    assert_eq!(*reading.blocks[2].heading, ["Pumps".to_owned()]);
}

#[test]
fn stroke_in_a_cell_ends_no_cell() {
    let text = "<table><tr><th>Key</th><th>Use</th></tr><tr><td>a|b</td><td>c | d</table>";
    let reading = read(text);
    assert_eq!(reading.blocks[0].text(text), "Key | Use\na\\|b | c \\| d");
}
