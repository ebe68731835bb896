//! A device that is lost in the middle of a run.

use halligan_shaders::{Format, counting::CountingExecutor};

use super::*;
use crate::random_model::{self, RandomShape};

const SHAPE: RandomShape = RandomShape {
    architecture: "llama",
    layers: 1,
    hidden: 32,
    heads: 4,
    kv_heads: 2,
    head_dim: 8,
    feed_forward: 64,
    vocabulary: 64,
    context_tokens: 64,
    rope_base: 10_000.0,
    tied: true,
};

#[test]
fn lost_device_leaves_the_last_checkpoint_and_says_where() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("base.gguf");
    random_model::write(&path, &SHAPE, Format::Q8_0, 11).unwrap();
    let base = BaseModel::open(&path).unwrap();
    let row = |row: usize| Example { tokens: vec![1, 2, 3], trained: vec![true; 3], row };
    let rows: Vec<Example> = (1..40).map(row).collect();
    let set = TrainingSet::from(&rows);
    let options = TrainOptions { pack: false, checkpoint_steps: 3, ..TrainOptions::default() };
    let plan = Plan::new(&set, &options).unwrap();
    let checkpoint_dir = Some(folder.path().join("checkpoint"));
    let continuation = Continuation { checkpoint_dir, ..Continuation::default() };
    let task = Task {
        device: "a device that fails",
        base: &base,
        set: &set,
        plan: &plan,
        options: &options,
        continuation: &continuation,
    };
    let mut steps = 0;
    let mut observe = |event: &TrainEvent| {
        steps += usize::from(matches!(event, TrainEvent::Step(_)));
        Control::Continue
    };
    // A checkpoint reads 42 tensors (two factors of seven matrices, with both moments), a step reads two: it is lost
    // in the loss of step 5, after the checkpoints of steps 0 and 3.
    let exec = CountingExecutor::failing_after(42 + 3 * 2 + 42 + 2);
    let error = run(exec, task, &mut observe).unwrap_err();
    assert_eq!(steps, 4);
    let text = error.to_string();
    assert!(text.starts_with("step 5 failed: the GPU stopped"), "{text}");
    assert!(text.contains("the checkpoint of step 3 is in") && text.contains("checkpoint)"), "{text}");
    let dir = folder.path().join("checkpoint");
    let kept = Checkpoint::read(&dir, &options, &base.sha256, &set.fingerprint()).unwrap();
    assert_eq!(kept.state.step, 3);
}
