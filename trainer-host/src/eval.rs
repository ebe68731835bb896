//! `halligan-host eval`: what a base, with or without an adapter, knows of a dataset.
//!
//! Two figures that do not replace each other. Rows with `value` are asked through the device's own
//! inference and scored by its strict match. All rows give the mean loss and perplexity of their target
//! tokens by the training engine.

use std::path::Path;
use std::process::ExitCode;

use halligan_finetune::{dataset::LongText, model::BaseModel, train};
use halligan_runtime::{
    evaluate::{self, Evaluation, Question},
    inference::{Inference, InferenceSettings},
};
use serde::Serialize;

use crate::{
    about,
    cli::EvalArgs,
    interrupt,
    progress::{Progress, count},
    rows,
};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Scores {
    /// Share of right answers; null without questions.
    accuracy: Option<f64>,
    right: usize,
    questions: usize,
    /// Mean loss in nats per target token; null with `--no-loss`.
    loss: Option<f64>,
    perplexity: Option<f64>,
    tokens: usize,
    rows: usize,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    wrong: Vec<WrongAnswer>,
}

#[derive(Debug, Serialize)]
struct WrongAnswer {
    id: String,
    question: String,
    answer: String,
    reference: String,
}

/// Scores and prints.
///
/// # Errors
/// A bad base, adapter or dataset, or a failing device.
pub fn run(args: &EvalArgs) -> anyhow::Result<ExitCode> {
    interrupt::listen("stopping")?;
    let base = BaseModel::open(&args.base).map_err(|error| about(&args.base, error))?;
    let adapter = args.adapter.as_deref().map(|path| rows::open_adapter(path, &base)).transpose()?;
    let mut data = rows::read(&args.data)?;
    data.truncate(args.limit.unwrap_or(usize::MAX).max(1));
    let examples = rows::encode(&base, &args.data, &data, base.description.context_tokens, LongText::Split)?;
    let questions = rows::questions(&args.data, &data)?;

    let evaluation = if questions.is_empty() { None } else { Some(answer(args, &questions)?) };
    if interrupt::requested() {
        return Ok(ExitCode::from(interrupt::INTERRUPTED));
    }
    let loss = if args.no_loss {
        None
    } else {
        let mut progress = Progress::new("reading", 0, examples.len());
        let mean = train::mean_loss(&base, adapter.as_ref(), &examples, args.device, &mut |done, _| {
            if interrupt::requested() {
                std::process::exit(i32::from(interrupt::INTERRUPTED));
            }
            progress.show(done, "");
        });
        progress.finish();
        Some(mean.map_err(|error| about(&args.data, error))?)
    };
    let scores = scores(args, &questions, evaluation.as_ref(), loss, examples.len());
    print(args, &scores)?;
    Ok(ExitCode::SUCCESS)
}

fn answer(args: &EvalArgs, questions: &[Question]) -> anyhow::Result<Evaluation> {
    let inference = Inference::load(&args.base, &InferenceSettings::default())?;
    inference.set_adapter(args.adapter.as_deref())?;
    let mut progress = Progress::new("answering", 0, questions.len());
    let evaluation = evaluate::evaluate(&inference, questions, &mut |done, _| {
        progress.show(done, "");
        !interrupt::requested()
    });
    progress.finish();
    if interrupt::requested() {
        std::process::exit(i32::from(interrupt::INTERRUPTED));
    }
    Ok(evaluation?)
}

fn scores(
    args: &EvalArgs,
    questions: &[Question],
    evaluation: Option<&Evaluation>,
    loss: Option<(f64, usize)>,
    rows: usize,
) -> Scores {
    let wrong = evaluation
        .iter()
        .flat_map(|evaluation| evaluation.answers.iter().zip(questions))
        .filter(|(answer, _)| !answer.right)
        .take(args.show_wrong)
        .map(|(answer, question)| WrongAnswer {
            id: answer.id.clone(),
            question: answer.question.clone(),
            answer: answer.answer.clone(),
            reference: question.reference.clone(),
        })
        .collect();
    let (right, total) = evaluation.map_or((0, 0), |evaluation| (evaluation.right, evaluation.total));
    Scores {
        accuracy: (total > 0).then(|| right as f64 / total as f64),
        right,
        questions: total,
        loss: loss.map(|loss| loss.0),
        perplexity: loss.map(|loss| loss.0.exp()),
        tokens: loss.map_or(0, |loss| loss.1),
        rows,
        wrong,
    }
}

fn print(args: &EvalArgs, scores: &Scores) -> anyhow::Result<()> {
    let with = args.adapter.as_deref().map_or("no adapter".to_owned(), name);
    let mut lines = vec![format!("{} with {with} on {}", name(&args.base), name(&args.data))];
    if let Some(accuracy) = scores.accuracy {
        lines.push(format!("right      {} of {} ({:.1} %)", scores.right, scores.questions, 100.0 * accuracy));
    }
    if let (Some(loss), Some(perplexity)) = (scores.loss, scores.perplexity) {
        let tokens = count(scores.tokens);
        lines.push(format!("loss       {loss:.4} nats per token, perplexity {perplexity:.2}, over {tokens} tokens"));
    }
    for wrong in &scores.wrong {
        lines.push(format!(
            "wrong      {} {:?}\n  said     {}\n  right is {}",
            wrong.id, wrong.question, wrong.answer, wrong.reference
        ));
    }
    let text = lines.join("\n");
    if args.json {
        eprintln!("{text}");
        crate::print_data(&serde_json::to_string(scores)?);
    } else {
        crate::print_data(&text);
    }
    Ok(())
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
