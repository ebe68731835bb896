//! Rows in, tokens out, and one clear line for each way a file can be wrong.

use super::*;
use crate::tokenizer::tests::tiny;

const PLAIN: &str = "{% for m in messages %}{{ m.role ~ ': ' ~ m.content ~ '<|im_end|>' }}{% endfor %}\
    {% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";

fn template() -> ChatTemplate {
    ChatTemplate::new(PLAIN, String::new(), String::new()).unwrap()
}

fn read(content: &str) -> Result<Vec<Row>, DatasetError> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    std::fs::write(&path, content).unwrap();
    read_rows(path)
}

fn refusal(content: &str) -> String {
    let tokenizer = tiny();
    let result = read(content).and_then(|rows| encode_rows("rows.jsonl", &rows, tokenizer, Some(&template()), 40));
    result.unwrap_err().to_string()
}

const GOOD: &str = r#"{"id":"f1","messages":[{"role":"user","content":"he"},{"role":"assistant","content":"hel"}],"value":"hel","contradicts":["no"],"source":"page 3"}"#;

#[test]
fn rows_keep_their_line_and_evaluation_fields() {
    let rows = read(&format!("\u{feff}\n{GOOD}\n\n{{\"text\":\"hello\"}}")).unwrap();
    assert_eq!((rows.len(), rows[0].line, rows[1].line), (2, 2, 4));
    assert_eq!(rows[0].id.as_deref(), Some("f1"));
    assert_eq!(rows[0].value.as_deref(), Some("hel"));
    assert_eq!(rows[0].contradicts, ["no"]);
    assert_eq!(rows[1].content, Content::Text("hello".to_string()));
}

#[test]
fn conversations_train_the_answer_and_texts_all_but_the_first_token() {
    let tokenizer = tiny();
    let rows = read(&format!("{GOOD}\n{{\"text\":\"ab<|im_end|>\"}}")).unwrap();
    let examples = encode_rows("x", &rows, tokenizer, Some(&template()), 100).unwrap();
    let count = |example: &Example| example.trained.iter().filter(|trained| **trained).count();
    assert_eq!(count(&examples[0]), 2);
    assert_eq!(examples[0].tokens.last(), Some(&259));
    assert_eq!((count(&examples[1]), examples[1].tokens.len()), (11, 12));
    assert!(!examples[1].trained[0]);
    assert_eq!((examples[0].row, examples[1].row), (1, 2));
}

#[test]
fn written_rows_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("rows.jsonl");
    let rows = read(&format!("{GOOD}\n{{\"text\":\"a\\nb\"}}")).unwrap();
    write_rows(&path, &rows).unwrap();
    assert_eq!(read_rows(&path).unwrap(), rows);
}

#[test]
fn empty_datasets_are_refused() {
    for content in ["", "\n \n"] {
        assert!(refusal(content).contains("the dataset is empty"));
    }
    let error = read_rows("/no/such/rows.jsonl").unwrap_err();
    assert!(matches!(error, DatasetError::Io { .. }));
}

#[test]
fn malformed_lines_are_named() {
    let wrong = [
        "{\"text\": ",
        "[]",
        "7",
        "{}",
        "{\"text\": 7}",
        "{\"messages\": [{\"role\": \"user\"}]}",
        "{\"text\": \"a\", \"messages\": [{\"role\":\"assistant\",\"content\":\"b\"}]}",
        "\u{1}",
    ];
    for line in wrong {
        let text = refusal(&format!("{GOOD}\n{line}\n"));
        assert!(text.contains("rows.jsonl:2: not a row"), "{line}: {text}");
    }
}

#[test]
fn rows_with_nothing_to_learn_are_named() {
    let text = refusal(&format!("{GOOD}\n{{\"messages\":[{{\"role\":\"user\",\"content\":\"a\"}}]}}"));
    assert!(text.contains("rows.jsonl:2: no message has the role `assistant`"), "{text}");
    let text = refusal(r#"{"messages":[{"role":"assistant","content":" "}]}"#);
    assert!(text.contains("rows.jsonl:1: nothing to learn"), "{text}");
    for line in [r#"{"text":""}"#, r#"{"text":"a"}"#] {
        assert!(refusal(line).contains("rows.jsonl:1: nothing to learn"));
    }
}

#[test]
fn long_rows_are_refused_not_cut() {
    let text = refusal(&format!("{{\"text\":\"{}\"}}", "z".repeat(41)));
    assert!(text.contains("rows.jsonl:1: 41 tokens, the limit is 40"), "{text}");
    assert!(!refusal(&format!("{{\"text\":\"{}\"}}\n{{}}", "z".repeat(40))).contains("limit is"));
}

#[test]
fn conversations_need_a_chat_template() {
    let rows = read(GOOD).unwrap();
    let error = encode_rows("x", &rows, tiny(), None, 100).unwrap_err();
    assert!(matches!(error, DatasetError::NoTemplate { line: 1, .. }));
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_rows_or_an_error(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rows.jsonl");
        std::fs::write(&path, &bytes).unwrap();
        let _ = read_rows(&path);
    }
}

#[test]
fn long_text_is_split_so_that_every_token_but_the_first_is_predicted_once() {
    let tokenizer = tiny();
    let rows = read("{\"text\":\"abcdefghijklmnopqrstuvwxyz\"}").unwrap();
    let whole = encode_rows("x", &rows, tokenizer, None, 100).unwrap().remove(0);
    for limit in [2, 3, 7, 10, 25, 26] {
        let parts = encode_rows_with("x", &rows, tokenizer, None, limit, LongText::Split).unwrap();
        assert!(parts.iter().all(|part| (2..=limit).contains(&part.tokens.len()) && part.row == 1));
        let predicted: Vec<u32> = parts.iter().flat_map(|part| part.tokens[1..].to_vec()).collect();
        assert_eq!(predicted, whole.tokens[1..], "limit {limit}");
        assert!(parts.iter().all(|part| !part.trained[0] && part.trained[1..].iter().all(|&trained| trained)));
    }
    let error = encode_rows("x", &rows, tokenizer, None, 10).unwrap_err();
    assert!(matches!(error, DatasetError::TooLong { tokens: 26, limit: 10, .. }), "{error}");
}

#[test]
fn conversation_is_never_cut() {
    let rows = read(GOOD).unwrap();
    let error = encode_rows_with("x", &rows, tiny(), Some(&template()), 4, LongText::Split).unwrap_err();
    assert!(matches!(error, DatasetError::TooLong { line: 1, .. }), "{error}");
}

#[test]
fn turn_that_only_calls_tools_is_learned_where_the_template_shows_the_call() {
    const CALLS: &str = "{% for m in messages %}{{ m.role ~ ': ' ~ m.content }}{% for c in m.tool_calls or [] %}\
        {{ c.function.name }}{% endfor %}{{ '<|im_end|>' }}{% endfor %}\
        {% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}";
    const ROW: &str = r#"{"messages":[{"role":"user","content":"he"},{"role":"assistant","content":null,"tool_calls":[{"type":"function","function":{"name":"hello","arguments":{}}}]}]}"#;
    let tokenizer = tiny();
    let rows = read(ROW).unwrap();
    let calls = ChatTemplate::new(CALLS, String::new(), String::new()).unwrap();
    let example = &encode_rows("rows.jsonl", &rows, tokenizer, Some(&calls), 100).unwrap()[0];
    assert!(example.trained.iter().filter(|trained| **trained).count() >= 2);
    let text = refusal(ROW);
    assert!(text.contains("rows.jsonl:1: the chat template of the base shows no tool calls"), "{text}");
}

#[test]
fn result_of_a_tool_is_trained_as_the_device_asks_and_may_be_the_last_word() {
    let rows = |role: &str, answer: &str| {
        read(&format!(
            r#"{{"messages":[{{"role":"user","content":"he"}},{{"role":"assistant","content":"hel"}},{{"role":"{role}","content":"lo"}},{{"role":"assistant","content":"{answer}"}}]}}"#
        ))
    };
    let encode = |role, answer| encode_rows("x", &rows(role, answer)?, tiny(), Some(&template()), 100);
    let as_user = encode("user", "hello").unwrap();
    assert_eq!(encode("tool", "hello").unwrap()[0].tokens, as_user[0].tokens, "this template has no role of tools");
    let ended = &encode("tool", "").unwrap()[0];
    assert_eq!((ended.tokens.last(), ended.trained.last()), (Some(&259), Some(&true)), "the end is learned");
    assert!(encode("user", "").is_err(), "an empty answer to a person is none");
}
