//! The loss of a run as a line of block characters for the terminal, and as an SVG.

use std::fmt::Write as _;

/// The losses as `width` block characters at most, high to low; empty without losses.
pub fn sparkline(losses: &[f64], width: usize) -> String {
    let means = bins(losses, width);
    let (low, high) = range(&means);
    let span = if high > low { high - low } else { 1.0 };
    // U+2581 (one eighth block) to U+2588 (full block).
    let block = |value: &f64| char::from_u32(0x2581 + ((value - low) / span * 7.0).round() as u32).unwrap_or('?');
    means.iter().map(block).collect()
}

/// Means of at most `count` equal runs of `values`.
fn bins(values: &[f64], count: usize) -> Vec<f64> {
    let count = count.min(values.len());
    let mean = |bin: usize| {
        let part = &values[bin * values.len() / count..(bin + 1) * values.len() / count];
        part.iter().sum::<f64>() / part.len() as f64
    };
    (0..count).map(mean).collect()
}

fn range(values: &[f64]) -> (f64, f64) {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 20.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 48.0;

/// The loss curve: every step thin, a running mean on top. `points` are `(step, loss in nats)`.
pub fn svg(points: &[(usize, f64)]) -> String {
    let losses: Vec<f64> = points.iter().map(|point| point.1).collect();
    let last_step = points.last().map_or(1, |point| point.0).max(1) as f64;
    let highest = losses.iter().copied().fold(0.0, f64::max).max(1e-6);
    let (x_ticks, y_ticks) = (ticks(last_step), ticks(highest));
    let (x_end, y_end) = (last_step, highest.max(y_ticks.last().copied().unwrap_or(highest)));
    let x = |step: f64| LEFT + step / x_end * (WIDTH - LEFT - RIGHT);
    let y = |loss: f64| HEIGHT - BOTTOM - loss / y_end * (HEIGHT - TOP - BOTTOM);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#ffffff\"/>\n\
         <text x=\"{LEFT}\" y=\"24\" font-size=\"15\" fill=\"#222222\">Training loss</text>\n"
    );
    // Writing to a string cannot fail.
    for tick in &y_ticks {
        let (line, label) = (y(*tick), number(*tick));
        let _ = writeln!(
            out,
            "<path d=\"M{LEFT} {line:.1}H{:.1}\" stroke=\"#e2e2e2\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\" fill=\"#555555\">{label}</text>",
            WIDTH - RIGHT,
            LEFT - 8.0,
            line + 4.0
        );
    }
    for tick in &x_ticks {
        let _ = writeln!(
            out,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#555555\">{}</text>",
            x(*tick),
            HEIGHT - BOTTOM + 18.0,
            number(*tick)
        );
    }
    let (middle_x, middle_y) = ((LEFT + WIDTH - RIGHT) / 2.0, (TOP + HEIGHT - BOTTOM) / 2.0);
    let _ = writeln!(
        out,
        "<path d=\"M{LEFT} {TOP}V{floor:.1}H{:.1}\" fill=\"none\" stroke=\"#888888\"/>\n\
         <text x=\"{middle_x:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#222222\">step</text>\n\
         <text transform=\"translate(16 {middle_y:.1}) rotate(-90)\" text-anchor=\"middle\" fill=\"#222222\">loss (nats per token)</text>",
        WIDTH - RIGHT,
        HEIGHT - 10.0,
        floor = HEIGHT - BOTTOM
    );
    let smooth = running_mean(&losses, (losses.len() / 40).max(1));
    for (values, colour, width) in [(&losses, "#b9cfe4", 1.0), (&smooth, "#1f5f99", 2.0)] {
        let line: Vec<String> = (points.iter().zip(values))
            .map(|(point, value)| format!("{:.1},{:.1}", x(point.0 as f64), y(*value)))
            .collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>",
            line.join(" ")
        );
    }
    out + "</svg>\n"
}

/// Mean of each value and up to `window` before it.
fn running_mean(values: &[f64], window: usize) -> Vec<f64> {
    let mean = |end: usize| {
        let part = &values[end.saturating_sub(window)..=end];
        part.iter().sum::<f64>() / part.len() as f64
    };
    (0..values.len()).map(mean).collect()
}

/// Round numbers from 0 to `end`, about five of them.
fn ticks(end: f64) -> Vec<f64> {
    let rough = end / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough);
    let step = step.unwrap_or(rough);
    (0..=(end / step + 1e-9) as usize).map(|index| index as f64 * step).collect()
}

fn number(value: f64) -> String {
    let text = format!("{value:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sparkline_falls_from_the_full_block_to_the_lowest() {
        let line: Vec<char> = sparkline(&[8.0, 6.0, 4.0, 2.0, 1.0], 3).chars().collect();
        assert_eq!(line.len(), 3);
        assert_eq!((line[0], line[2]), ('\u{2588}', '\u{2581}'));
    }

    #[test]
    fn short_and_flat_runs_have_a_line_too() {
        assert_eq!(sparkline(&[], 10), "");
        assert_eq!(sparkline(&[2.0], 10).chars().count(), 1);
        assert_eq!(sparkline(&[2.0; 50], 10).chars().count(), 10);
    }

    #[test]
    fn ticks_are_round_and_cover_the_range() {
        assert_eq!(ticks(5.0), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(ticks(900.0), [0.0, 200.0, 400.0, 600.0, 800.0]);
        assert_eq!(number(0.5), "0.5");
    }

    #[test]
    fn svg_keeps_every_point_inside_its_frame() {
        let points: Vec<(usize, f64)> = (1..=200).map(|step| (step, 5.0 / step as f64)).collect();
        let image = svg(&points);
        assert!(image.starts_with("<svg") && image.ends_with("</svg>\n"));
        let lines = image.split("points=\"").skip(1).flat_map(|rest| rest.split('"').next());
        for point in lines.flat_map(|line| line.split(' ')) {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!(
                (LEFT..=WIDTH - RIGHT + 0.1).contains(&x) && (TOP - 0.1..=HEIGHT - BOTTOM + 0.1).contains(&y),
                "{point}"
            );
        }
    }
}
