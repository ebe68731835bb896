//! Imports of small files.

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    args: ImportArgs,
}

/// Imports a file of this content; gives the rows and where they stood.
fn imported(name: &str, content: &str) -> anyhow::Result<(Vec<Row>, Vec<Origin>)> {
    let folder = tempfile::tempdir().unwrap();
    let (input, output) = (folder.path().join(name), folder.path().join("made"));
    std::fs::write(&input, content).unwrap();
    let words = ["import".to_owned(), input.display().to_string(), "-o".to_owned(), output.display().to_string()];
    run(&Command::try_parse_from(words).unwrap().args)?;
    let dataset = crate::data::dataset::Dataset::open(&output)?;
    let origins = dataset.records::<Origin>(crate::data::manifest::ORIGINS)?.collect::<anyhow::Result<_>>()?;
    Ok((dataset.rows()?.collect::<anyhow::Result<_>>()?, origins))
}

#[test]
fn one_list_of_rows_is_read_as_it_is_published() {
    let content = "[\n  {\n    \"instruction\": \"Name a suit.\",\n    \"input\": \"\",\n    \"output\": \"Level A.\"\n  },\n  \
                   {\n    \"instruction\": \"Name a gas.\",\n    \"input\": \"\",\n    \"output\": \"Chlorine.\"\n  }\n]\n";
    let (rows, origins) = imported("alpaca_data.json", content).unwrap();
    assert_eq!(rows.iter().map(Row::answer).collect::<Vec<_>>(), ["Level A.", "Chlorine."]);
    let mut lines: Vec<u64> = origins.iter().map(|origin| origin.line).collect();
    lines.sort_unstable();
    assert_eq!(lines, [2, 7]);
    let talk =
        "[{\"conversations\": [{\"from\": \"human\", \"value\": \"a\"}, {\"from\": \"gpt\", \"value\": \"b\"}]}]";
    assert_eq!(imported("talk.json", talk).unwrap().0.len(), 1);
    let error = imported("cut.json", &content[..content.len() - 5]).unwrap_err().to_string();
    assert!(error.contains("cut off"), "{error}");
}

#[test]
fn calls_of_tools_come_in_whole() {
    let content = r#"{"messages":[{"role":"user","content":"How deep?"},{"role":"assistant","content":null,"tool_calls":[{"id":"c"}]},{"role":"tool","content":"5 feet","tool_call_id":"c"},{"role":"assistant","content":"5 feet."}],"score":1}"#;
    let (rows, _) = imported("rows.jsonl", content).unwrap();
    let messages = rows[0].messages.as_deref().unwrap();
    assert_eq!((messages[1].tool_calls.len(), messages[2].tool_call_id.as_deref()), (1, Some("c")));
}
