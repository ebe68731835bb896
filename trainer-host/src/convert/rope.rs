//! Rotary positions: base frequency and what stretches them beyond the trained length.
//!
//! transformers 4 has `rope_theta` and `rope_scaling`, transformers 5 `rope_parameters`, which may differ by the
//! kind of layer. The formulas are those of transformers' `modeling_rope_utils`; the keys are llama.cpp's.

use anyhow::bail;
use halligan_finetune::gguf::MetadataValue::{Float32, String as Text, Uint32};
use serde_json::Value;

use super::config::Config;
use super::hyperparameters::Entries;

/// A tensor that is computed from the configuration: name and values.
pub type ComputedTensor = (&'static str, Vec<f32>);

/// What the rotation adds to the file.
#[derive(Default)]
pub struct Rope {
    /// Metadata, keys without the name of the family.
    pub entries: Entries,
    /// Factors of the frequencies.
    pub tensors: Vec<ComputedTensor>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Reads the rotation of a model whose heads have `head_dim` channels.
///
/// # Errors
/// A kind of scaling that llama.cpp does not compute, or one whose values are missing.
pub fn read(config: &Config, head_dim: u32, context: u32) -> anyhow::Result<Rope> {
    let parameters = config.find(&["rope_parameters"]);
    let by_layer = |kind: &str| parameters.and_then(|value| value.get(kind)).filter(|value| value.is_object());
    let scaling = by_layer("full_attention").or(parameters).or_else(|| config.find(&["rope_scaling"]));
    let scaling = Scaling { value: scaling.unwrap_or(&Value::Null) };
    let theta = match scaling.number("rope_theta")? {
        Some(theta) => theta,
        None => config.f64(&["rope_theta"])?,
    };
    let fraction = match scaling.number("partial_rotary_factor")? {
        Some(fraction) => fraction,
        None => config.find_f64(&["partial_rotary_factor"])?.unwrap_or(1.0),
    };
    let rotated = (f64::from(head_dim) * fraction) as u32;
    if theta <= 0.0 || rotated == 0 || !rotated.is_multiple_of(2) || rotated > head_dim {
        bail!(
            "config.json: a rotation of {rotated} of {head_dim} channels with base {theta} cannot be; correct \
             rope_theta and partial_rotary_factor"
        );
    }
    let mut rope = Rope::default();
    rope.entries.push(("rope.freq_base".into(), Float32(theta as f32)));
    rope.entries.push(("rope.dimension_count".into(), Uint32(rotated)));
    let local = by_layer("sliding_attention").and_then(|value| value.get("rope_theta")).and_then(Value::as_f64);
    if let Some(local) = local.map_or_else(|| config.find_f64(&["rope_local_base_freq"]), |found| Ok(Some(found)))? {
        rope.entries.push(("rope.freq_base_swa".into(), Float32(local as f32)));
    }
    let original = match scaling.number("original_max_position_embeddings")? {
        Some(original) => original,
        None => config.find_f64(&["original_max_position_embeddings"])?.unwrap_or(f64::from(context)),
    };
    match scaling.kind() {
        "default" => {}
        "linear" => rope.push_scaling("linear", scaling.need("factor")?),
        "llama3" => rope.tensors.push(("rope_freqs.weight", llama3(&scaling, theta, rotated, original)?)),
        "yarn" => yarn(&mut rope, &scaling, original)?,
        "longrope" | "su" => longrope(&mut rope, &scaling, rotated, original, context)?,
        "dynamic" => rope.notes.push(format!(
            "rope scaling `dynamic` changes nothing up to {context} tokens, and llama.cpp does not stretch beyond them"
        )),
        other => bail!(
            "config.json: rope scaling `{other}` is not known; default, linear, llama3, yarn and longrope can be converted"
        ),
    }
    Ok(rope)
}

impl Rope {
    fn push_scaling(&mut self, kind: &str, factor: f64) {
        self.entries.push(("rope.scaling.type".into(), Text(kind.into())));
        self.entries.push(("rope.scaling.factor".into(), Float32(factor as f32)));
    }
}

/// The object that describes the scaling, or null.
struct Scaling<'a> {
    value: &'a Value,
}

impl Scaling<'_> {
    fn kind(&self) -> &str {
        let kind = self.value.get("rope_type").or_else(|| self.value.get("type"));
        kind.and_then(Value::as_str).unwrap_or("default")
    }

    fn number(&self, key: &str) -> anyhow::Result<Option<f64>> {
        match self.value.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match value.as_f64().filter(|number| number.is_finite()) {
                Some(number) => Ok(Some(number)),
                None => bail!(
                    "config.json: `{key}` of the rope scaling should be a finite number, found {value}; correct it"
                ),
            },
        }
    }

    fn need(&self, key: &str) -> anyhow::Result<f64> {
        match self.number(key)? {
            Some(number) if number > 0.0 => Ok(number),
            _ => bail!("config.json: rope scaling `{}` needs a `{key}` above 0; correct it", self.kind()),
        }
    }

    fn factors(&self, key: &str, count: usize) -> anyhow::Result<Vec<f32>> {
        let list = self.value.get(key).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let factors: Vec<f32> = list.iter().filter_map(Value::as_f64).map(|factor| factor as f32).collect();
        if factors.len() != count || list.len() != count || !factors.iter().all(|factor| *factor > 0.0) {
            bail!("config.json: rope scaling `{}` needs {count} numbers above 0 as `{key}`; correct it", self.kind());
        }
        Ok(factors)
    }
}

/// Divisors of the frequencies of Llama 3.1: short waves stay, long ones are stretched, between them a blend.
fn llama3(scaling: &Scaling<'_>, theta: f64, rotated: u32, original: f64) -> anyhow::Result<Vec<f32>> {
    let factor = scaling.need("factor")?;
    let (low, high) = (scaling.need("low_freq_factor")?, scaling.need("high_freq_factor")?);
    if high <= low {
        bail!("config.json: high_freq_factor must be above low_freq_factor; correct them");
    }
    let divisor = |pair: u32| {
        let frequency = theta.powf(-2.0 * f64::from(pair) / f64::from(rotated));
        let waves = original * frequency / std::f64::consts::TAU;
        if waves > high {
            1.0
        } else if waves < low {
            factor
        } else {
            let blend = (waves - low) / (high - low);
            1.0 / ((1.0 - blend) / factor + blend)
        }
    };
    Ok((0..rotated / 2).map(|pair| divisor(pair) as f32).collect())
}

/// The gain of attention that YaRN uses for a stretch.
fn yarn_gain(factor: f64, scale: f64) -> f64 {
    if factor <= 1.0 { 1.0 } else { 0.1 * scale * factor.ln() + 1.0 }
}

fn yarn(rope: &mut Rope, scaling: &Scaling<'_>, original: f64) -> anyhow::Result<()> {
    let factor = scaling.need("factor")?;
    rope.push_scaling("yarn", factor);
    rope.entries.push(("rope.scaling.original_context_length".into(), Uint32(original as u32)));
    let scales = (scaling.number("mscale")?, scaling.number("mscale_all_dim")?);
    let gain = match (scaling.number("attention_factor")?, scales) {
        (Some(gain), _) => gain,
        (None, (Some(scale), Some(all))) if scale != 0.0 && all != 0.0 => {
            yarn_gain(factor, scale) / yarn_gain(factor, all)
        }
        _ => yarn_gain(factor, 1.0),
    };
    // llama.cpp applies the usual gain by itself and multiplies it by this.
    let beyond = gain / yarn_gain(factor, 1.0);
    if (beyond - 1.0).abs() > 1e-6 {
        rope.entries.push(("rope.scaling.attn_factor".into(), Float32(beyond as f32)));
    }
    for (key, name) in [("beta_fast", "rope.scaling.yarn_beta_fast"), ("beta_slow", "rope.scaling.yarn_beta_slow")] {
        if let Some(beta) = scaling.number(key)? {
            rope.entries.push((name.into(), Float32(beta as f32)));
        }
    }
    Ok(())
}

fn longrope(rope: &mut Rope, scaling: &Scaling<'_>, rotated: u32, original: f64, context: u32) -> anyhow::Result<()> {
    let pairs = rotated as usize / 2;
    rope.tensors.push(("rope_factors_long.weight", scaling.factors("long_factor", pairs)?));
    rope.tensors.push(("rope_factors_short.weight", scaling.factors("short_factor", pairs)?));
    let stretch = f64::from(context) / original;
    let gain = match scaling.number("attention_factor")? {
        Some(gain) => gain,
        None if stretch <= 1.0 => 1.0,
        None => (1.0 + stretch.ln() / original.ln()).sqrt(),
    };
    rope.entries.push(("rope.scaling.type".into(), Text("longrope".into())));
    rope.entries.push(("rope.scaling.original_context_length".into(), Uint32(original as u32)));
    rope.entries.push(("rope.scaling.attn_factor".into(), Float32(gain as f32)));
    Ok(())
}
