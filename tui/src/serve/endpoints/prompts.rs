//! A prompt or input as OpenAI takes it: a text, texts, tokens, or lists of tokens.

use serde_json::Value;

use crate::serve::error::ApiError;
use crate::serve::task::Prompt;

/// The prompts in `value`, which is the field `field`.
///
/// # Errors
/// Anything else, and none.
pub fn prompts(field: &str, value: &Value) -> Result<Vec<Prompt>, ApiError> {
    let wrong = || {
        ApiError::invalid(format!("{field} is a text, a list of texts, a list of tokens, or a list of such lists"))
            .about(field)
    };
    let empty = || ApiError::invalid(format!("{field} is empty; send a text or tokens")).about(field);
    match value {
        Value::String(text) => Ok(vec![Prompt::Text(text.clone())]),
        Value::Array(items) => match items.first() {
            None => Err(empty()),
            Some(Value::Number(_)) => Ok(vec![Prompt::Tokens(tokens(value).ok_or_else(wrong)?)]),
            Some(_) => items
                .iter()
                .map(|item| match item {
                    Value::String(text) => Ok(Prompt::Text(text.clone())),
                    Value::Array(list) if list.is_empty() => Err(empty()),
                    _ => tokens(item).map(Prompt::Tokens).ok_or_else(wrong),
                })
                .collect(),
        },
        _ => Err(wrong()),
    }
}

fn tokens(value: &Value) -> Option<Vec<i32>> {
    value.as_array()?.iter().map(|token| i32::try_from(token.as_i64()?).ok()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_four_forms_are_read() {
        let text = |text: &str| Prompt::Text(text.to_owned());
        for (value, expected) in [
            (json!("a"), vec![text("a")]),
            (json!(["a", "b"]), vec![text("a"), text("b")]),
            (json!([1, 2]), vec![Prompt::Tokens(vec![1, 2])]),
            (json!([[1], [2, 3]]), vec![Prompt::Tokens(vec![1]), Prompt::Tokens(vec![2, 3])]),
        ] {
            assert_eq!(prompts("prompt", &value).unwrap(), expected, "{value}");
        }
    }

    #[test]
    fn other_forms_are_refused_by_name() {
        for value in
            [json!(null), json!([]), json!([[]]), json!([1, "a"]), json!([1.5]), json!([9_999_999_999_i64]), json!({})]
        {
            assert_eq!(prompts("input", &value).unwrap_err().param.as_deref(), Some("input"), "{value}");
        }
    }
}
