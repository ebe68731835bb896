//! The figures of a demo and the table that shows them.

use std::path::Path;

use serde::Serialize;

use crate::progress::duration;

/// Everything that the demo measured; accuracies from 0 to 1.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Figures {
    /// Held-out questions, base alone.
    pub base_accuracy: f64,
    /// Held-out questions, with the trained adapter.
    pub adapter_accuracy: f64,
    /// Corrected questions as they were asked, after learning.
    pub corrected_accuracy: f64,
    /// Corrected facts in wordings that the device never saw, after learning.
    pub corrected_reworded_accuracy: f64,
    /// Corrected questions before learning.
    pub corrected_before_accuracy: f64,
    /// Held-out questions whose facts were not corrected, after learning.
    pub rest_accuracy: f64,
    /// Held-out questions after the roll back.
    pub rollback_accuracy: f64,
    /// Number of held-out questions.
    pub held_out_questions: u64,
    /// Number of corrected questions.
    pub corrected_questions: u64,
    /// Number of reworded questions.
    pub reworded_questions: u64,
    /// Perplexity of the held-out answers, base alone.
    pub base_perplexity: f64,
    /// Perplexity of the held-out answers, with the adapter.
    pub adapter_perplexity: f64,
    /// Whether the gate let the update through.
    pub update_activated: bool,
    /// Training speed at headquarters.
    pub tokens_per_second: f64,
    /// Training time at headquarters.
    pub train_seconds: f64,
    /// Training time of the update on the device.
    pub learn_seconds: f64,
    /// The whole demo, without building.
    pub total_seconds: f64,
    /// What trained, and why.
    pub device: String,
    /// Where the files are.
    pub folder: String,
}

/// The table and what to try next; `dir` as the user named it.
pub(super) fn table(figures: &Figures, dir: &Path) -> String {
    let dir = dir.display();
    let percent = |accuracy: f64| format!("{:>6.1} %", 100.0 * accuracy);
    let update = if figures.update_activated { "+ field update" } else { "(update refused)" };
    format!(
        "\n\
         right answers             held-out ({} questions)   corrected facts ({} questions, {} reworded)\n\
         \x20 base                    {}\n\
         \x20 + adapter               {}                  {}\n\
         \x20 {update:<22}  {}                  {}, {} reworded\n\
         \x20 after roll back         {}\n\
         \n\
         training   {}, {:.0} tokens/s, {}\n\
         learning   {} on the device\n\
         perplexity {:.2} to {:.2} on the held-out answers\n\
         whole demo {}\n\
         \n\
         files in {dir}: base.gguf, adapter.gguf, adapter-peft/, train.jsonl, train.svg, guide/, home/\n\
         \n\
         try next (the programs are in target/release):\n\
         \x20 ./x console\n\
         \x20 target/release/halligan ask --home {dir}/home \"What does Fire Order 1 tell you to do?\"\n\
         \x20 target/release/halligan adapters list --home {dir}/home\n\
         \x20 target/release/halligan doctor --home {dir}/home\n\
         \x20 target/release/halligan-host train --help",
        figures.held_out_questions,
        figures.corrected_questions,
        figures.reworded_questions,
        percent(figures.base_accuracy),
        percent(figures.adapter_accuracy),
        percent(figures.corrected_before_accuracy),
        percent(figures.rest_accuracy),
        percent(figures.corrected_accuracy),
        percent(figures.corrected_reworded_accuracy),
        percent(figures.rollback_accuracy),
        duration(figures.train_seconds),
        figures.tokens_per_second,
        figures.device,
        duration(figures.learn_seconds),
        figures.base_perplexity,
        figures.adapter_perplexity,
        duration(figures.total_seconds),
    )
}
