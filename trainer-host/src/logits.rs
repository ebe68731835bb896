//! `halligan-host logits`: the training engine's logits after a list of tokens.

use std::process::ExitCode;

use halligan_finetune::{model::BaseModel, train};
use serde::Serialize;

use crate::{about, cli::LogitsArgs, rows};

#[derive(Debug, Serialize)]
struct Logits<'a> {
    logits: &'a [f32],
    argmax: usize,
}

/// Computes and prints.
///
/// # Errors
/// A bad base or adapter, a token outside the vocabulary, a failing device.
pub fn run(args: &LogitsArgs) -> anyhow::Result<ExitCode> {
    let base = BaseModel::open(&args.base).map_err(|error| about(&args.base, error))?;
    let adapter = args.adapter.as_deref().map(|path| rows::open_adapter(path, &base)).transpose()?;
    let logits = train::last_logits(&base, adapter.as_ref(), &args.tokens, args.device)?;
    let order = best_first(&logits);
    if args.json {
        let argmax = order.first().copied().unwrap_or(0);
        crate::print_data(&serde_json::to_string(&Logits { logits: &logits, argmax })?);
    } else {
        let top: Vec<String> =
            order.iter().take(10).map(|&token| format!("{token:>7} {:>9.4}", logits[token])).collect();
        crate::print_data(&format!("  token     logit\n{}", top.join("\n")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Token numbers by falling logit; of equal ones the lower number first.
fn best_first(logits: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..logits.len()).collect();
    order.sort_by(|&left, &right| logits[right].total_cmp(&logits[left]));
    order
}

#[cfg(test)]
mod tests {
    #[test]
    fn equal_logits_keep_the_order_of_their_tokens() {
        assert_eq!(super::best_first(&[1.0, 3.0, 3.0, 2.0]), [1, 2, 3, 0]);
    }
}
