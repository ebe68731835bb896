//! Speed of block decoding on one core: billions of weights per second, by format.

use std::time::Instant;

use halligan_shaders::{Format, format::decode};

/// Weights decoded at a time: they stay in the second-level cache.
const WEIGHTS: usize = 64 * 1024;
const ROUNDS: usize = 2000;

fn main() {
    let mut out = vec![0.0f32; WEIGHTS];
    for format in Format::ALL {
        let bytes = vec![0x11; format.row_bytes(WEIGHTS).unwrap_or(0)];
        decode(format, &bytes, &mut out);
        let start = Instant::now();
        for _ in 0..ROUNDS {
            decode(format, std::hint::black_box(&bytes), &mut out);
            std::hint::black_box(&mut out);
        }
        let rate = (WEIGHTS * ROUNDS) as f64 / start.elapsed().as_secs_f64() / 1e9;
        println!("{format:8} {rate:6.2}");
    }
}
