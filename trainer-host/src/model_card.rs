//! Model cards: the YAML head of `README.md`, as the Hugging Face hub defines it, and the licence beside it.

use std::path::Path;

use serde_json::Value;

use crate::convert::config::read_text;

/// Longest head that is read; those of the hub take a few kilobytes.
const HEAD_BYTES_MAX: usize = 128 << 10;

/// Names of files that hold a licence.
const LICENCE_FILES: &[&str] = &["LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "COPYING"];

/// Sentences by which a licence text is known, and the identifier that the hub uses for it.
const LICENCE_TEXTS: &[(&[&str], &str)] = &[
    (&["Apache License", "Version 2.0"], "apache-2.0"),
    (&["Permission is hereby granted, free of charge", "THE SOFTWARE IS PROVIDED \"AS IS\""], "mit"),
    (&["Redistribution and use in source and binary forms", "Neither the name of"], "bsd-3-clause"),
    (&["LLAMA 2 COMMUNITY LICENSE"], "llama2"),
    (&["META LLAMA 3 COMMUNITY LICENSE"], "llama3"),
    (&["LLAMA 3.1 COMMUNITY LICENSE"], "llama3.1"),
    (&["LLAMA 3.2 COMMUNITY LICENSE"], "llama3.2"),
    (&["LLAMA 3.3 COMMUNITY LICENSE"], "llama3.3"),
    (&["Gemma Terms of Use"], "gemma"),
];

/// What a card and the licence beside it say.
#[derive(Debug, Default)]
pub struct ModelCard {
    /// The YAML head as JSON; null where there is none.
    pub head: Value,
    /// The text below the head.
    pub body: String,
    /// Licence identifier of the hub, from the card, else from the licence file.
    pub licence: Option<String>,
    /// Name of the licence file, where there is one.
    pub licence_file: Option<&'static str>,
    /// Why the head could not be read.
    pub problem: Option<String>,
}

impl ModelCard {
    /// Reads the card of a model folder; a folder without one has an empty card.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(folder: &Path) -> anyhow::Result<Self> {
        let text = read_text(&folder.join("README.md"))?.unwrap_or_default();
        let mut card = Self::parse(&text);
        for name in LICENCE_FILES {
            let path = folder.join(name);
            if !path.is_file() {
                continue;
            }
            card.licence_file = Some(name);
            if let (None, Some(text)) = (&card.licence, read_text(&path)?) {
                card.licence = recognise_licence(&text).map(str::to_owned);
            }
            break;
        }
        Ok(card)
    }

    /// Splits head and body.
    pub fn parse(text: &str) -> Self {
        let text = text.trim_start_matches('\u{feff}');
        let Some(rest) = text.strip_prefix("---\n").or_else(|| text.strip_prefix("---\r\n")) else {
            return Self { body: text.to_owned(), ..Self::default() };
        };
        let end = rest
            .match_indices("\n---")
            .find(|(start, _)| matches!(rest.as_bytes().get(start + 4), None | Some(b'\n' | b'\r')));
        let Some((end, _)) = end else {
            let problem = Some("the head that begins with --- has no end".to_owned());
            return Self { body: text.to_owned(), problem, ..Self::default() };
        };
        let body = rest[end + 4..].trim_start_matches(['\r', '\n']).to_owned();
        if end > HEAD_BYTES_MAX {
            return Self {
                body,
                problem: Some(format!("the head takes {end} bytes, {HEAD_BYTES_MAX} are read")),
                ..Self::default()
            };
        }
        match serde_saphyr::from_str::<Value>(&rest[..end]) {
            Ok(head) => {
                let licence = first_text(&head, "license").filter(|name| name != "other");
                let licence = licence.or_else(|| first_text(&head, "license_name"));
                Self { licence, head, body, ..Self::default() }
            }
            Err(error) => Self { body, problem: Some(crate::one_line(&error.to_string())), ..Self::default() },
        }
    }

    /// All texts of a field, which may be one text or a list.
    pub fn texts(&self, field: &str) -> Vec<String> {
        match self.head.get(field) {
            Some(Value::String(text)) => vec![text.clone()],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        }
    }
}

fn first_text(head: &Value, field: &str) -> Option<String> {
    let value = head.get(field)?;
    let value = value.as_array().and_then(|items| items.first()).unwrap_or(value);
    value.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}

/// The identifier of a licence by its text, `None` for one that is not known.
pub fn recognise_licence(text: &str) -> Option<&'static str> {
    let plain = crate::one_line(text);
    let known = LICENCE_TEXTS.iter().find(|(sentences, _)| sentences.iter().all(|sentence| plain.contains(sentence)));
    known.map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_body_are_told_apart() {
        let card = ModelCard::parse("---\nlicense: apache-2.0\nlanguage:\n- en\n- el\n---\n\n# Model\n---\nmore\n");
        assert_eq!(card.licence.as_deref(), Some("apache-2.0"));
        assert_eq!(card.texts("language"), ["en", "el"]);
        assert!(card.body.starts_with("# Model") && card.body.ends_with("more\n"), "{:?}", card.body);
    }

    #[test]
    fn licence_with_a_name_of_its_own_goes_by_that() {
        let card = ModelCard::parse("---\nlicense: other\nlicense_name: qwen-research\n---\n");
        assert_eq!(card.licence.as_deref(), Some("qwen-research"));
    }

    #[test]
    fn damaged_head_is_a_problem_and_no_failure() {
        for text in ["---\nlicense: [mit\n---\nbody\n", "---\nlicense: mit\n"] {
            let card = ModelCard::parse(text);
            assert!(card.problem.is_some() && card.licence.is_none(), "{card:?}");
        }
    }

    #[test]
    fn card_without_a_head_is_all_body() {
        let card = ModelCard::parse("# Model\n");
        assert_eq!((card.body.as_str(), card.licence, card.problem), ("# Model\n", None, None));
    }

    #[test]
    fn licences_are_known_by_their_text() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let read = |name: &str| std::fs::read_to_string(root.join(name)).unwrap();
        assert_eq!(recognise_licence(&read("LICENSE-APACHE")), Some("apache-2.0"));
        assert_eq!(recognise_licence(&read("LICENSE-MIT")), Some("mit"));
        assert_eq!(recognise_licence("All rights reserved."), None);
    }
}
