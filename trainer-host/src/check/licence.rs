//! The licence class: what may be done with the model and with an adapter trained over it.
//!
//! The card's `license` field, the licence file and GGUF metadata are read and classified one by one; where they
//! differ the strictest decides, and all are shown. This sorts candidates; it is no legal advice.

use super::candidate::{Candidate, Statement};
use super::{Finding, Verdict};

/// What a licence allows, from free to not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Permissive,
    ShareAlike,
    Llama,
    Gemma,
    UseRestricted,
    NoDerivatives,
    NonCommercial,
}

impl Class {
    fn verdict(self) -> Verdict {
        match self {
            Self::Permissive => Verdict::Pass,
            Self::ShareAlike | Self::Llama | Self::Gemma | Self::UseRestricted => Verdict::Warn,
            Self::NoDerivatives | Self::NonCommercial => Verdict::Fail,
        }
    }

    fn says(self) -> &'static str {
        match self {
            Self::Permissive => "permissive: use, change and pass on",
            Self::ShareAlike => "share-alike: what is passed on must carry the same licence",
            Self::Llama => {
                "Llama community licence: free up to 700 million monthly users, an acceptable-use policy, and its name \
                 in derived models"
            }
            Self::Gemma => "Gemma terms: prohibited uses that must be passed on with every derived model",
            Self::UseRestricted => "open with restrictions on use: read them before deployment",
            Self::NoDerivatives => "no derivatives: an adapter over it may not be passed on",
            Self::NonCommercial => "non-commercial: not for an organisation that sells or charges",
        }
    }
}

/// A statement with what it was classified as.
type Classed<'a> = (&'a Statement, Option<(Class, String)>);

pub(super) fn rule(candidate: &Candidate) -> Finding {
    let rule = "licence";
    if candidate.licences.is_empty() {
        return Finding::unknown(rule, "neither card nor licence file nor metadata names one; ask the publisher");
    }
    let classed: Vec<Classed<'_>> =
        candidate.licences.iter().map(|statement| (statement, classify(&statement.text))).collect();
    let places = |known_only: bool| -> String {
        let named = classed.iter().filter(|(_, found)| found.is_some() || !known_only);
        let shown = named.map(|(statement, found)| match found {
            Some((_, name)) => format!("{} ({})", name, statement.place),
            None => format!("{:?} ({})", shortened(&statement.text), statement.place),
        });
        shown.collect::<Vec<_>>().join(", ")
    };
    let strictest = classed.iter().filter_map(|(_, found)| found.as_ref()).map(|(class, _)| *class).max();
    let Some(class) = strictest else {
        return Finding::unknown(rule, format!("not one of the known licences: {}; read it", places(false)));
    };
    let classes: Vec<Class> = classed.iter().filter_map(|(_, found)| Some(found.as_ref()?.0)).collect();
    let differ = classes.iter().any(|other| other.verdict() != class.verdict());
    let remark = if differ { "; the files disagree, the strictest counts" } else { "" };
    Finding::new(rule, class.verdict(), format!("{}: {}{remark}", places(true), class.says()))
}

/// Class and name of an identifier (`apache-2.0`) or of a licence text.
fn classify(text: &str) -> Option<(Class, String)> {
    if text.lines().count() <= 1 && text.len() < 80 { identifier(text) } else { licence_text(text) }
}

fn identifier(text: &str) -> Option<(Class, String)> {
    let id = text.trim().to_lowercase().replace(['_', ' '], "-");
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| id.starts_with(prefix));
    let non_commercial = id.contains("-nc") || id.contains("non-commercial") || id.contains("noncommercial");
    let class = if non_commercial || id.contains("research") || starts(&["mnpl", "mrl"]) {
        Class::NonCommercial
    } else if id.starts_with("cc-by") && id.contains("-nd") {
        Class::NoDerivatives
    } else if starts(&[
        "apache-2",
        "mit",
        "bsd",
        "isc",
        "cc-by-4",
        "cc-by-3",
        "cc0",
        "unlicense",
        "zlib",
        "wtfpl",
        "0bsd",
    ]) {
        Class::Permissive
    } else if id.starts_with("cc-by-sa") || starts(&["gpl", "agpl", "lgpl", "mpl"]) {
        Class::ShareAlike
    } else if id.starts_with("llama") {
        Class::Llama
    } else if id.starts_with("gemma") {
        Class::Gemma
    } else if id.contains("rail") || starts(&["qwen", "tongyi", "deepseek", "falcon", "yi-", "nvidia", "health-ai"]) {
        Class::UseRestricted
    } else {
        return None;
    };
    Some((class, text.trim().to_owned()))
}

fn licence_text(text: &str) -> Option<(Class, String)> {
    let head: String = text.chars().take(20_000).collect::<String>().to_lowercase();
    let head = crate::one_line(&head);
    let named = |class, name: &str| Some((class, name.to_owned()));
    let non_commercial =
        ["non-commercial purposes", "noncommercial purposes", "non-commercial use only", "attribution-noncommercial"];
    if head.contains("llama") && head.contains("community license") {
        let name = head.find("llama").map_or("Llama", |start| &head[start..]);
        let version: String =
            name.chars().skip(5).take_while(|c| c.is_ascii_digit() || matches!(c, ' ' | '.')).collect();
        return named(Class::Llama, &format!("Llama {} community licence", version.trim()));
    }
    if head.contains("gemma terms of use") {
        return named(Class::Gemma, "Gemma terms of use");
    }
    if non_commercial.iter().any(|words| head.contains(words)) || head.contains("research license") {
        return named(Class::NonCommercial, "a non-commercial licence");
    }
    if head.contains("attribution-noderivatives") || head.contains("noderivatives 4.0") {
        return named(Class::NoDerivatives, "a no-derivatives licence");
    }
    if head.contains("apache license") && head.contains("version 2.0") {
        return named(Class::Permissive, "Apache-2.0");
    }
    if head.contains("permission is hereby granted, free of charge, to any person") {
        return named(Class::Permissive, "MIT");
    }
    if head.contains("redistribution and use in source and binary forms") {
        return named(Class::Permissive, "BSD");
    }
    if head.contains("gnu general public license") || head.contains("gnu affero general public license") {
        return named(Class::ShareAlike, "GPL");
    }
    if head.contains("attribution-sharealike") {
        return named(Class::ShareAlike, "a share-alike licence");
    }
    if head.contains("responsible ai license") || head.contains("use-based restrictions") {
        return named(Class::UseRestricted, "a licence with use restrictions");
    }
    None
}

fn shortened(text: &str) -> String {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    line.trim().chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(text: &str) -> Option<Class> {
        classify(text).map(|(class, _)| class)
    }

    #[test]
    fn identifiers_fall_into_their_class() {
        let cases = [
            ("apache-2.0", Class::Permissive),
            ("MIT", Class::Permissive),
            ("llama3.2", Class::Llama),
            ("gemma", Class::Gemma),
            ("cc-by-nc-4.0", Class::NonCommercial),
            ("cc-by-nc-nd-4.0", Class::NonCommercial),
            ("cc-by-nd-4.0", Class::NoDerivatives),
            ("qwen-research", Class::NonCommercial),
            ("cc-by-sa-4.0", Class::ShareAlike),
            ("bigscience-openrail-m", Class::UseRestricted),
        ];
        for (text, expected) in cases {
            assert_eq!(class(text), Some(expected), "{text}");
        }
        assert_eq!(class("other"), None);
        assert_eq!(class("my-own-licence"), None);
    }

    #[test]
    fn texts_fall_into_their_class() {
        let llama = "LLAMA 3.1 COMMUNITY LICENSE AGREEMENT\nLlama 3.1 Version Release Date: July 23, 2024\n";
        assert_eq!(classify(llama), Some((Class::Llama, "Llama 3.1 community licence".to_owned())));
        let apache =
            "                                 Apache License\n                           Version 2.0, January 2004\n";
        assert_eq!(class(apache), Some(Class::Permissive));
        let research = "Qwen RESEARCH LICENSE AGREEMENT\n\nfor non-commercial purposes only\n";
        assert_eq!(class(research), Some(Class::NonCommercial));
        assert_eq!(class("All rights reserved.\nAsk us first.\n"), None);
    }
}
