//! Rules on size: the tier, and the memory at each storage type against the device profiles.
//!
//! For a file that is stored as a device would hold it, its own bytes count. For an original the sizes of the usual
//! types follow from its weights: the embedding at the type that llama.cpp gives it, the rest at the mixture's mean.

use halligan_firmware_profiles::ModelShape;
use serde::Serialize;

use super::candidate::{Candidate, Weights};
use super::{Finding, Verdict};
use crate::devices::{self, Fit};
use crate::progress::bytes;

/// Mixture, mean bits per weight of the blocks, bits of the embedding and output tables (measured over llama.cpp's
/// mixtures of Llama-shaped models; within a few percent).
const TYPES: [(&str, f64, f64); 6] = [
    ("F16", 16.0, 16.0),
    ("Q8_0", 8.5, 8.5),
    ("Q6_K", 6.5625, 6.5625),
    ("Q5_K_M", 5.65, 6.5625),
    ("Q4_K_M", 4.83, 6.5625),
    ("IQ4_XS", 4.25, 6.5625),
];

/// Upper bounds of the tiers in weights, their names and their memory as F16.
const TIERS: [(f64, &str); 6] = [
    (0.95e9, "under 1B (up to 2 GB as F16)"),
    (4e9, "1-3B (2 to 8 GB as F16)"),
    (10e9, "7-8B (14 to 16 GB as F16)"),
    (20e9, "13-14B (26 to 28 GB as F16)"),
    (50e9, "30-34B (60 to 68 GB as F16)"),
    (f64::INFINITY, "70B and more (140 GB and more as F16)"),
];

/// A storage type on every profile.
#[derive(Debug, Clone, Serialize)]
pub struct Placement {
    /// The type.
    pub r#type: String,
    /// Bytes of the tensors.
    pub bytes: u64,
    /// Whether the bytes were counted in the file or follow from the number of weights.
    pub counted: bool,
    /// The profiles.
    pub profiles: Vec<Fit>,
}

/// The types on the profiles; empty where the shape is not known.
pub(super) fn placements(candidate: &Candidate) -> Vec<Placement> {
    let shape = &candidate.shape;
    let (Some(layers), Some(kv_heads), Some(head_dim)) = (shape.layers, shape.kv_heads, shape.head_dim) else {
        return Vec::new();
    };
    let narrow = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let context = shape.context.map(narrow);
    let model = |model_bytes| ModelShape {
        model_bytes,
        layers: narrow(layers),
        kv_heads: narrow(kv_heads),
        head_dim: narrow(head_dim),
    };
    let place = |name: &str, bytes: u64, counted: bool| Placement {
        r#type: name.to_owned(),
        bytes,
        counted,
        profiles: devices::fits(&model(bytes), context),
    };
    if let Some(stored) = candidate.stored.as_ref().filter(|stored| stored.quantized) {
        return vec![place(&stored.types, stored.bytes, true)];
    }
    let Some(parameters) = candidate.parameters() else { return Vec::new() };
    let tables = match (shape.vocabulary, shape.hidden) {
        (Some(vocabulary), Some(hidden)) => {
            let copies = if shape.tied == Some(true) { 1 } else { 2 };
            vocabulary.saturating_mul(hidden).saturating_mul(copies).min(parameters)
        }
        _ => 0,
    };
    (TYPES.iter())
        .map(|(name, bits, table_bits)| {
            let size = ((parameters - tables) as f64 * bits + tables as f64 * table_bits) / 8.0;
            place(name, size as u64, false)
        })
        .collect()
}

pub(super) fn rules(candidate: &Candidate, placements: &[Placement]) -> Vec<Finding> {
    vec![weights(candidate), size(candidate), memory(candidate, placements)]
}

fn weights(candidate: &Candidate) -> Finding {
    let rule = "weights";
    match &candidate.weights {
        Weights::Counted { parameters, tensors, storage } => {
            let whole = format!("all of {tensors} tensors are there, {} weights as {storage}", short(*parameters));
            Finding::new(rule, Verdict::Pass, whole)
        }
        Weights::Absent => Finding::unknown(rule, "there is no file with weights"),
        Weights::Unusable(reason) => Finding::new(rule, Verdict::Fail, reason),
    }
}

/// A number of weights as people say it.
fn short(parameters: u64) -> String {
    let millions = parameters as f64 / 1e6;
    if millions < 1000.0 { format!("{millions:.1} M") } else { format!("{:.2} B", millions / 1000.0) }
}

fn size(candidate: &Candidate) -> Finding {
    let rule = "size tier";
    let Some(parameters) = candidate.parameters() else {
        return Finding::unknown(rule, "there are no weights to count");
    };
    let tier = TIERS.iter().find(|(limit, _)| (parameters as f64) < *limit).map_or("", |(_, name)| name);
    // A model below the smallest tier of the methodology knows little by itself.
    let verdict = if (parameters as f64) < TIERS[0].0 { Verdict::Warn } else { Verdict::Pass };
    Finding::new(rule, verdict, format!("{} weights: {tier}", short(parameters)))
}

fn memory(candidate: &Candidate, placements: &[Placement]) -> Finding {
    let rule = "memory";
    let Some(smallest) = placements.last() else {
        let missing = if candidate.parameters().is_none() { "weights" } else { "layers and heads" };
        return Finding::unknown(rule, format!("{missing} are not known"));
    };
    let profiles = devices::profiles();
    // Profiles by the largest type that fits them, in the order of the types.
    let largest = |index: usize| {
        let fits = |placement: &&Placement| placement.profiles.get(index).is_some_and(|fit| fit.fits);
        placements.iter().find(fits).map(|placement| placement.r#type.as_str())
    };
    let named = placements.iter().map(|placement| Some(placement.r#type.as_str())).chain([None]);
    let best: Vec<String> = named
        .filter_map(|name| {
            let chosen = profiles.iter().enumerate().filter(|(index, _)| largest(*index) == name);
            let names: Vec<&str> = chosen.map(|(_, profile)| profile.name.as_str()).collect();
            let what = name.unwrap_or("nothing");
            (!names.is_empty()).then(|| format!("{what} on {}", names.join(", ")))
        })
        .collect();
    let fitting = smallest.profiles.iter().filter(|fit| fit.fits).count();
    let verdict = match fitting {
        0 => Verdict::Fail,
        _ if fitting < profiles.len() => Verdict::Warn,
        _ => Verdict::Pass,
    };
    let about = if smallest.counted { "" } else { "about " };
    let sizes: Vec<String> =
        placements.iter().map(|placement| format!("{} {about}{}", placement.r#type, bytes(placement.bytes))).collect();
    Finding::new(rule, verdict, format!("{}; largest that fits: {}", sizes.join(", "), best.join("; ")))
}
