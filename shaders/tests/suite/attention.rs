//! `attention` and `attention_backward`.

use halligan_shaders::{AttentionShape, Executor};

use super::harness::*;

/// f32 scores of up to 256 products, exponentials, and sums over up to 100 keys.
const TOLERANCE: f64 = 5e-6;
/// The gradients pass through the difference `d_out v^T - delta`, which loses some digits.
const BACKWARD_TOLERANCE: f64 = 2e-5;

on_both_executors! {
    attention_matches_the_formula
    attention_backward_matches_the_formula
    attention_backward_matches_finite_differences
    attention_survives_large_scores
}

/// Segment lengths, heads, key heads, channels: single, odd, around the block of 32 and the chunks of 32 and
/// 64 channels, grouped heads, several segments in a block and across blocks.
const CASES: [(&[usize], usize, usize, usize); 9] = [
    (&[1], 1, 1, 1),
    (&[3, 1, 2], 3, 1, 5),
    (&[31], 2, 2, 8),
    (&[33], 1, 1, 33),
    (&[20, 45, 1], 6, 2, 16),
    (&[40, 30], 5, 5, 7),
    (&[35], 2, 1, 64),
    (&[9, 30], 2, 1, 65),
    (&[34], 1, 1, 256),
];

struct Case {
    shape: AttentionShape,
    starts: Vec<u32>,
    ends: Vec<u32>,
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    d_out: Vec<f32>,
}

fn case(segments: &[usize], heads: usize, kv_heads: usize, head_dim: usize) -> Case {
    let rows = segments.iter().sum();
    let (mut starts, mut ends) = (Vec::new(), Vec::new());
    for &len in segments {
        let start = starts.len();
        starts.resize(start + len, start as u32);
        ends.resize(start + len, (start + len) as u32);
    }
    let scale = 1.0 / (head_dim as f32).sqrt();
    let shape = AttentionShape { rows, heads, kv_heads, head_dim, scale, window: None, softcap: None };
    let mut inputs = Inputs::new(18);
    let mut wider = |len| inputs.values(len).iter().map(|value| 3.0 * value).collect::<Vec<f32>>();
    let (q, k) = (wider(rows * heads * head_dim), wider(rows * kv_heads * head_dim));
    let (v, d_out) = (wider(rows * kv_heads * head_dim), wider(rows * heads * head_dim));
    Case { shape, starts, ends, q, k, v, d_out }
}

/// Each case plain, and with a window (of one key, inside a block, across blocks), a soft cap that bends, or both.
fn cases() -> impl Iterator<Item = Case> {
    const VARIANTS: [(Option<usize>, Option<f32>); 4] =
        [(Some(5), Some(2.0)), (Some(33), None), (None, Some(3.0)), (Some(1), None)];
    CASES.into_iter().enumerate().flat_map(|(index, (segments, heads, kv_heads, head_dim))| {
        [(None, None), VARIANTS[index % VARIANTS.len()]].map(|(window, softcap)| {
            let mut case = case(segments, heads, kv_heads, head_dim);
            (case.shape.window, case.shape.softcap) = (window, softcap);
            case
        })
    })
}

/// First key that a query sees, by definition: in its segment, and fewer than `window` keys back.
fn first_key(case: &Case, query: usize) -> usize {
    let window = case.shape.window.unwrap_or(usize::MAX);
    (case.starts[query] as usize..=query).find(|key| query - key < window).unwrap()
}

/// Probabilities and log-sum-exp of one query and head, and the keys' offsets.
fn probabilities(case: &Case, q: &[f64], k: &[f64], query: usize, head: usize) -> (Vec<f64>, f64) {
    let AttentionShape { heads, kv_heads, head_dim, scale, .. } = case.shape;
    let q = &q[(query * heads + head) * head_dim..][..head_dim];
    let raw = |key: usize| f64::from(scale) * dot(q, &k[at_key(case, key, head * kv_heads / heads)..][..head_dim]);
    let cap = |score: f64| case.shape.softcap.map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh());
    let scores: Vec<f64> = (first_key(case, query)..=query).map(|key| cap(raw(key))).collect();
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let log_sum = scores.iter().map(|score| (score - highest).exp()).sum::<f64>().ln() + highest;
    (scores.iter().map(|score| (score - log_sum).exp()).collect(), log_sum)
}

fn at_key(case: &Case, key: usize, kv_head: usize) -> usize {
    (key * case.shape.kv_heads + kv_head) * case.shape.head_dim
}

fn forward(case: &Case, q: &[f64], k: &[f64], v: &[f64]) -> (Vec<f64>, Vec<f64>) {
    let AttentionShape { rows, heads, kv_heads, head_dim, .. } = case.shape;
    let mut out = vec![0.0; q.len()];
    let mut log_sums = vec![0.0; heads * rows];
    for query in 0..rows {
        for head in 0..heads {
            let (weights, log_sum) = probabilities(case, q, k, query, head);
            log_sums[head * rows + query] = log_sum;
            for (key, weight) in (first_key(case, query)..).zip(weights) {
                let value = at_key(case, key, head * kv_heads / heads);
                for c in 0..head_dim {
                    out[(query * heads + head) * head_dim + c] += weight * v[value + c];
                }
            }
        }
    }
    (out, log_sums)
}

/// d_q, d_k, d_v, each probability at a time.
fn backward(case: &Case) -> [Vec<f64>; 3] {
    let AttentionShape { rows, heads, kv_heads, head_dim, scale, .. } = case.shape;
    let (q, k, v, d_out) = (wide(&case.q), wide(&case.k), wide(&case.v), wide(&case.d_out));
    let (mut d_q, mut d_k, mut d_v) = (vec![0.0; q.len()], vec![0.0; k.len()], vec![0.0; v.len()]);
    for query in 0..rows {
        for head in 0..heads {
            let (weights, _) = probabilities(case, &q, &k, query, head);
            let base = (query * heads + head) * head_dim;
            let d_out = &d_out[base..][..head_dim];
            let keys: Vec<usize> =
                (first_key(case, query)..=query).map(|key| at_key(case, key, head * kv_heads / heads)).collect();
            let slopes: Vec<f64> = keys.iter().map(|at| dot(d_out, &v[*at..][..head_dim])).collect();
            let mean = dot(&weights, &slopes);
            for ((at, weight), slope) in keys.into_iter().zip(weights).zip(slopes) {
                let raw = f64::from(scale) * dot(&q[base..][..head_dim], &k[at..][..head_dim]);
                let bend = case.shape.softcap.map_or(1.0, |cap| (raw / f64::from(cap)).cosh().powi(-2));
                let d_score = f64::from(scale) * weight * (slope - mean) * bend;
                for c in 0..head_dim {
                    d_q[base + c] += d_score * k[at + c];
                    d_k[at + c] += d_score * q[base + c];
                    d_v[at + c] += weight * d_out[c];
                }
            }
        }
    }
    [d_q, d_k, d_v]
}

fn name(case: &Case) -> String {
    format!("{:?} starts {:?}", case.shape, case.starts)
}

fn attention_matches_the_formula<E: Executor>(device: &mut E) {
    for case in cases() {
        let AttentionShape { rows, heads, .. } = case.shape;
        let found = twice(device, |device| {
            let [q, k, v] = [&case.q, &case.k, &case.v].map(|values| device.upload(values).unwrap());
            let mut starts = device.indices(rows).unwrap();
            device.write_indices(&mut starts, &case.starts);
            let mut out = device.zeros(case.q.len()).unwrap();
            let mut log_sums = device.zeros(heads * rows).unwrap();
            device.attention(case.shape, &q, &k, &v, &starts, &mut out, &mut log_sums);
            [device.read(&out, case.q.len()).unwrap(), device.read(&log_sums, heads * rows).unwrap()].concat()
        });
        let (out, log_sums) = forward(&case, &wide(&case.q), &wide(&case.k), &wide(&case.v));
        assert_close(&name(&case), &found[..out.len()], &out, TOLERANCE);
        assert_close(&format!("log sums, {}", name(&case)), &found[out.len()..], &log_sums, TOLERANCE);
    }
}

fn run_backward<E: Executor>(device: &mut E, case: &Case) -> [Vec<f32>; 3] {
    let AttentionShape { rows, heads, .. } = case.shape;
    let (q_len, k_len) = (case.q.len(), case.k.len());
    let found = twice(device, |device| {
        let [q, k, v, d_out] = [&case.q, &case.k, &case.v, &case.d_out].map(|values| device.upload(values).unwrap());
        let mut starts = device.indices(rows).unwrap();
        device.write_indices(&mut starts, &case.starts);
        let mut ends = device.indices(rows).unwrap();
        device.write_indices(&mut ends, &case.ends);
        let mut out = device.zeros(q_len).unwrap();
        let mut log_sums = device.zeros(heads * rows).unwrap();
        device.attention(case.shape, &q, &k, &v, &starts, &mut out, &mut log_sums);
        // Old contents must not show: the gradients are overwritten.
        let mut d_q = device.upload(&vec![9.0; q_len]).unwrap();
        let mut d_k = device.upload(&vec![9.0; k_len]).unwrap();
        let mut d_v = device.upload(&vec![9.0; k_len]).unwrap();
        device.attention_backward(
            case.shape, &q, &k, &v, &starts, &ends, &out, &log_sums, &d_out, &mut d_q, &mut d_k, &mut d_v,
        );
        let gradients = [(&d_q, q_len), (&d_k, k_len), (&d_v, k_len)];
        gradients.map(|(tensor, len)| device.read(tensor, len).unwrap()).concat()
    });
    [&found[..q_len], &found[q_len..q_len + k_len], &found[q_len + k_len..]].map(<[f32]>::to_vec)
}

fn compare(case: &Case, found: &[Vec<f32>; 3], expected: &[Vec<f64>; 3]) {
    // A single key has probability one, so gradients can vanish: all three share one scale.
    let scale = expected.iter().flatten().fold(0.0f64, |scale, value| scale.max(value.abs()));
    for ((found, expected), what) in found.iter().zip(expected).zip(["d_q", "d_k", "d_v"]) {
        for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
            let error = (f64::from(*found) - expected).abs();
            let close = error <= BACKWARD_TOLERANCE * scale;
            assert!(close, "{what}[{i}]: {found} is not {expected}, {}", name(case));
        }
    }
}

fn attention_backward_matches_the_formula<E: Executor>(device: &mut E) {
    for case in cases() {
        let found = run_backward(device, &case);
        compare(&case, &found, &backward(&case));
    }
}

fn attention_backward_matches_finite_differences<E: Executor>(device: &mut E) {
    let case = case(&[3, 4], 4, 2, 3);
    let found = run_backward(device, &case);
    let (q, k, v, d_out) = (wide(&case.q), wide(&case.k), wide(&case.v), wide(&case.d_out));
    let expected = [
        central_differences(&q, |q| dot(&forward(&case, q, &k, &v).0, &d_out)),
        central_differences(&k, |k| dot(&forward(&case, &q, k, &v).0, &d_out)),
        central_differences(&v, |v| dot(&forward(&case, &q, &k, v).0, &d_out)),
    ];
    compare(&case, &found, &expected);
}

fn attention_survives_large_scores<E: Executor>(device: &mut E) {
    // Scores of +-1e4: the softmax is one key, and no exponential may overflow.
    let mut case = case(&[40], 1, 1, 2);
    case.shape.scale = 1.0;
    for row in 0..40 {
        let sign = if row % 3 == 0 { 100.0 } else { -100.0 };
        case.q[2 * row..2 * row + 2].copy_from_slice(&[100.0, -0.0]);
        case.k[2 * row..2 * row + 2].copy_from_slice(&[sign + row as f32, 0.0]);
    }
    let found = run_backward(device, &case);
    compare(&case, &found, &backward(&case));
}
