//! `halligan bench-console`: what the console costs, beside what it may cost.

use anyhow::Result;

use crate::cli::Common;
use crate::console::measure::measure;
use crate::output;

/// Measures and prints.
///
/// # Errors
/// No model; standard output is closed or full.
pub fn run(common: &Common) -> Result<()> {
    let figures = measure(&common.options())?;
    if common.json {
        return output::json(&figures);
    }
    for line in [
        format!("frame, 10 KB conversation    {:8.3} ms", figures.short_frame),
        format!(
            "frame, 5 MB conversation     {:8.3} ms, {:.2}x (at most 1.25x)",
            figures.long_frame, figures.frame_ratio
        ),
        format!("key to frame, median         {:8.3} ms (at most 2 ms)", figures.key_p50),
        format!("key to frame, 99th percentile{:8.3} ms (at most 16 ms)", figures.key_p99),
        format!("  while the model wrote      {:8.1} tokens/s", figures.tokens_per_second),
        format!(
            "bytes a streamed token       {:8} median (at most 200), {} mean",
            figures.token_bytes_median, figures.token_bytes_mean
        ),
    ] {
        output::line(&line)?;
    }
    Ok(())
}
