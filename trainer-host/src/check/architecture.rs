//! Rules on the design of the model: decoder, attention, positions, feed-forward, normalisation, context, template.

use super::candidate::{Candidate, Family, FeedForward, Norm, Template};
use super::card::Card;
use super::{Finding, Verdict};
use crate::progress::count;

/// Shortest context that is of use, the recommended one, and the one that leaves nothing to wish for.
const CONTEXT_TOKENS: [u64; 3] = [2048, 4096, 32_768];
/// Sizes of a vocabulary that serve a few languages well without a large embedding.
const VOCABULARY: std::ops::RangeInclusive<u64> = 32_000..=131_072;

/// Words in a name that tell a model tuned on instructions.
const TUNED_WORDS: [&str; 5] = ["instruct", "chat", "-it", "assistant", "sft"];

pub(super) fn rules(candidate: &Candidate) -> Vec<Finding> {
    let design =
        [decoder(candidate), attention(candidate), positions(candidate), feed_forward(candidate), norm(candidate)];
    let mut found: Vec<Finding> = design.into_iter().map(|finding| unless_foreign(candidate, finding)).collect();
    found.extend([context(candidate), instruct(candidate), vocabulary(candidate)]);
    found
}

/// What the files of an unknown architecture say in words that we know may mean something else there.
fn unless_foreign(candidate: &Candidate, finding: Finding) -> Finding {
    let foreign = candidate.design.architecture.as_deref().filter(|name| Family::find(name).is_none());
    match (foreign, finding.verdict) {
        (Some(name), Verdict::Pass | Verdict::Warn) => {
            let doubt = format!("{}; but nothing is known here of the architecture {name}", finding.evidence);
            Finding::unknown(finding.rule, doubt)
        }
        _ => finding,
    }
}

fn decoder(candidate: &Candidate) -> Finding {
    let rule = "decoder-only";
    match &candidate.design.decoder {
        Some((true, why)) => Finding::new(rule, Verdict::Pass, why),
        Some((false, why)) => Finding::new(rule, Verdict::Fail, why),
        None => {
            let name = candidate.design.architecture.as_deref().unwrap_or("not named");
            Finding::unknown(rule, format!("the architecture is {name}, of which nothing is known here"))
        }
    }
}

fn attention(candidate: &Candidate) -> Finding {
    let rule = "attention (GQA)";
    let shape = &candidate.shape;
    let (Some(heads), Some(kv_heads)) = (shape.heads, shape.kv_heads) else {
        return Finding::unknown(rule, format!("{} does not give the number of heads", candidate.source));
    };
    let window =
        shape.sliding_window.map_or(String::new(), |tokens| format!(", window of {} tokens", count_of(tokens)));
    let heads_text = format!("{heads} query heads on {kv_heads} key/value heads{window} ({})", candidate.source);
    if kv_heads < heads {
        let kind = if kv_heads == 1 { "multi-query" } else { "grouped-query" };
        return Finding::new(rule, Verdict::Pass, format!("{kind}: {heads_text}"));
    }
    let price = "each head has its own keys and values, so the cache is large";
    Finding::new(rule, Verdict::Warn, format!("multi-head: {heads_text}; {price}"))
}

fn positions(candidate: &Candidate) -> Finding {
    let rule = "positions (RoPE or ALiBi)";
    let Some(positions) = &candidate.design.positions else {
        return Finding::unknown(rule, format!("{} does not say", candidate.source));
    };
    let relative = positions.contains("RoPE") || positions.contains("ALiBi");
    let verdict = if relative { Verdict::Pass } else { Verdict::Warn };
    let price = if relative { "" } else { "; the context ends where training did" };
    Finding::new(rule, verdict, format!("{positions}{price}"))
}

fn feed_forward(candidate: &Candidate) -> Finding {
    let rule = "feed-forward (SwiGLU)";
    match candidate.design.feed_forward {
        Some(FeedForward::SwiGlu) => Finding::new(rule, Verdict::Pass, "SwiGLU: gated by SiLU"),
        Some(FeedForward::GeGlu) => Finding::new(rule, Verdict::Warn, "GeGLU: gated by GELU instead of SiLU"),
        Some(FeedForward::Plain) => Finding::new(rule, Verdict::Warn, "not gated; SwiGLU is preferred"),
        None => Finding::unknown(rule, format!("{} does not say", candidate.source)),
    }
}

fn norm(candidate: &Candidate) -> Finding {
    let rule = "normalisation (RMSNorm)";
    match candidate.design.norm {
        Some(Norm::Rms) => Finding::new(rule, Verdict::Pass, "RMSNorm"),
        Some(Norm::Layer) => Finding::new(rule, Verdict::Warn, "LayerNorm; RMSNorm is preferred"),
        None => Finding::unknown(rule, format!("{} does not say", candidate.source)),
    }
}

fn context(candidate: &Candidate) -> Finding {
    let rule = "context";
    let Some(tokens) = candidate.shape.context else {
        return Finding::unknown(rule, format!("{} does not give its length", candidate.source));
    };
    let [least, recommended, optimal] = CONTEXT_TOKENS;
    let (verdict, remark) = match tokens {
        _ if tokens < least => (Verdict::Fail, "at least 2,048 are needed"),
        _ if tokens < recommended => (Verdict::Warn, "4,096 are recommended"),
        _ if tokens < optimal => (Verdict::Pass, "32,768 would be optimal"),
        _ => (Verdict::Pass, "optimal"),
    };
    Finding::new(rule, verdict, format!("{} tokens ({}); {remark}", count_of(tokens), candidate.source))
}

fn instruct(candidate: &Candidate) -> Finding {
    let rule = "instruct variant";
    match &candidate.template {
        Template::Missing => {
            Finding::new(rule, Verdict::Fail, "no chat template: it can be trained on texts, not on conversations")
        }
        Template::Broken { place, reason } => {
            Finding::new(rule, Verdict::Fail, format!("the chat template in {place} cannot be used: {reason}"))
        }
        Template::Works { place } => {
            let template = format!("the chat template in {place} renders a conversation");
            match tuned(candidate) {
                Some(why) => Finding::new(rule, Verdict::Pass, format!("{template}; {why}")),
                None => {
                    let doubt = "nothing says that the model was tuned on instructions";
                    Finding::new(rule, Verdict::Warn, format!("{template}, but {doubt}"))
                }
            }
        }
    }
}

/// Why the model counts as tuned on instructions.
fn tuned(candidate: &Candidate) -> Option<String> {
    let title = candidate.card.as_ref().and_then(Card::title);
    let names = [&candidate.name].into_iter().chain(&candidate.aliases).chain(&title);
    let word_in = |name: &str| {
        let name = name.to_lowercase();
        let ends =
            |word: &str| name.ends_with(word) || ["-", " "].iter().any(|end| name.contains(&format!("{word}{end}")));
        TUNED_WORDS.into_iter().find(|word| ends(word))
    };
    if let Some((name, word)) = names.into_iter().find_map(|name| Some((name, word_in(name)?))) {
        return Some(format!("the name {name} says {}", word.trim_start_matches('-')));
    }
    let tags = candidate.card.as_ref().map(|card| card.tags.as_slice()).unwrap_or_default();
    let tag = tags.iter().find(|tag| matches!(tag.as_str(), "conversational" | "chat" | "instruct"))?;
    Some(format!("the card has the tag {tag}"))
}

fn vocabulary(candidate: &Candidate) -> Finding {
    let rule = "vocabulary";
    let Some(size) = candidate.shape.vocabulary else {
        return Finding::unknown(rule, format!("{} does not give its size", candidate.source));
    };
    let (verdict, remark) = match size {
        _ if size < *VOCABULARY.start() => (Verdict::Warn, "below 32k: words break into many tokens"),
        _ if size > *VOCABULARY.end() => (Verdict::Warn, "above 128k: embedding and output take much memory"),
        _ => (Verdict::Pass, "between 32k and 128k"),
    };
    Finding::new(rule, verdict, format!("{} tokens; {remark}", count_of(size)))
}

fn count_of(number: u64) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX))
}
