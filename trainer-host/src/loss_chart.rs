//! The losses of a run as a chart in block and braille characters for the terminal, and as an SVG.

use plotters::prelude::*;
use textplots::{Chart, LabelBuilder as _, LabelFormat, Plot as _, Shape};

/// Step and loss in nats.
pub type Point = (usize, f64);

/// Training and held-out losses of a run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curves {
    /// One point a step.
    pub training: Vec<Point>,
    /// One point an evaluation.
    pub held_out: Vec<Point>,
}

/// The losses as `width` block characters at most, high to low; empty without losses.
pub fn sparkline(losses: &[f64], width: usize) -> String {
    let means = bins(losses, width);
    let (low, high) = range(means.iter().copied());
    let span = if high > low { high - low } else { 1.0 };
    // U+2581 (one eighth block) to U+2588 (full block).
    let block = |value: &f64| char::from_u32(0x2581 + ((value - low) / span * 7.0).round() as u32).unwrap_or('?');
    means.iter().map(block).collect()
}

/// Columns and lines of the terminal chart.
const COLUMNS: u32 = 60;
const LINES: u32 = 8;
/// Steps from which a chart says more than the numbers.
const CHART_STEPS: usize = 8;

/// Both curves in braille characters, the held-out points joined by a line; empty for a run of few steps.
pub fn terminal(curves: &Curves) -> String {
    let losses = bins(&curves.training.iter().map(|point| point.1).collect::<Vec<_>>(), 2 * COLUMNS as usize);
    let Some(last) = curves.training.last().map(|point| point.0).filter(|_| losses.len() >= CHART_STEPS) else {
        return String::new();
    };
    let first = curves.training[0].0.min(curves.held_out.first().map_or(usize::MAX, |point| point.0)) as f32;
    // A mean stands in the middle of the steps it is taken over.
    let wide = (last as f32 - first) / losses.len() as f32;
    let training: Vec<(f32, f32)> =
        losses.iter().enumerate().map(|(bin, &loss)| (first + (bin as f32 + 0.5) * wide, loss as f32)).collect();
    let held_out: Vec<(f32, f32)> = curves.held_out.iter().map(|&(step, loss)| (step as f32, loss as f32)).collect();
    let (low, high) = range(training.iter().chain(&held_out).map(|point| f64::from(point.1)));
    let high = if high > low { high } else { low + 1.0 };
    let labels = |decimals: usize| LabelFormat::Custom(Box::new(move |value| format!("{value:.decimals$}")));
    let mut chart = Chart::new_with_y_range(2 * COLUMNS, 4 * LINES, first, last as f32, low as f32, high as f32);
    let (training, held_out) = (Shape::Lines(&training), Shape::Points(&held_out));
    let chart = chart.lineplot(&training).lineplot(&held_out).x_label_format(labels(0)).y_label_format(labels(3));
    chart.figures();
    chart.to_string().lines().map(|line| format!("  {}\n", line.trim_end_matches([' ', '\u{2800}']))).collect()
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

fn range(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
    let low = values.clone().fold(f64::INFINITY, f64::min);
    let high = values.fold(f64::NEG_INFINITY, f64::max);
    (low, high)
}

const WIDTH: u32 = 720;
const HEIGHT: u32 = 360;
const PALE: RGBColor = RGBColor(0xb9, 0xcf, 0xe4);
const BLUE: RGBColor = RGBColor(0x1f, 0x5f, 0x99);
const ORANGE: RGBColor = RGBColor(0xd1, 0x6b, 0x14);
const GREY: RGBColor = RGBColor(0x55, 0x55, 0x55);

/// The curves: every step thin, a running mean on top, evaluations as marked points; the best is filled.
pub fn svg(curves: &Curves) -> String {
    let mut image = String::new();
    // A string takes everything, and an empty chart is still a chart.
    let _ = draw(curves, &mut image);
    image
}

type DrawError = Box<dyn std::error::Error>;

fn draw(curves: &Curves, image: &mut String) -> Result<(), DrawError> {
    let Curves { training, held_out } = curves;
    let all = training.iter().chain(held_out);
    let last = all.clone().map(|point| point.0).max().unwrap_or(1).max(1);
    let highest = all.map(|point| point.1).filter(|loss| loss.is_finite()).fold(0.0, f64::max).max(1e-6);
    let root = SVGBackend::with_string(image, (WIDTH, HEIGHT)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Loss", ("sans-serif", 16))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(56)
        .build_cartesian_2d(0..last, 0.0..highest * 1.04)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .bold_line_style(RGBColor(0xe2, 0xe2, 0xe2))
        .light_line_style(TRANSPARENT)
        .axis_style(GREY)
        .label_style(("sans-serif", 12).into_font().color(&GREY))
        .x_desc("step")
        .y_desc("nats per token")
        .draw()?;
    let line = |colour: RGBColor, width: u32| colour.stroke_width(width);
    chart.draw_series(LineSeries::new(training.iter().copied(), line(PALE, 1)))?;
    let losses: Vec<f64> = training.iter().map(|point| point.1).collect();
    let smooth = running_mean(&losses, (losses.len() / 40).max(1));
    let mean = training.iter().zip(smooth).map(|(point, loss)| (point.0, loss));
    let key = |colour: RGBColor| move |(x, y)| PathElement::new(vec![(x, y), (x + 18, y)], line(colour, 2));
    chart.draw_series(LineSeries::new(mean, line(BLUE, 2)))?.label("training, running mean").legend(key(BLUE));
    if !held_out.is_empty() {
        let best = held_out.iter().map(|point| point.1).fold(f64::INFINITY, f64::min);
        chart.draw_series(LineSeries::new(held_out.iter().copied(), line(ORANGE, 2)))?;
        let mark = |&(step, loss): &Point| {
            let style = if loss == best { ORANGE.filled() } else { line(ORANGE, 2) };
            Circle::new((step, loss), 4, style)
        };
        chart.draw_series(held_out.iter().map(mark))?.label(format!("held out, best {best:.3}")).legend(key(ORANGE));
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.8))
        .label_font(("sans-serif", 12))
        .draw()?;
    root.present()?;
    Ok(())
}

/// Mean of each value and up to `window` before it.
fn running_mean(values: &[f64], window: usize) -> Vec<f64> {
    let mean = |end: usize| {
        let part = &values[end.saturating_sub(window)..=end];
        part.iter().sum::<f64>() / part.len() as f64
    };
    (0..values.len()).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn curves() -> Curves {
        Curves {
            training: (1..=200).map(|step| (step, 5.0 / step as f64)).collect(),
            held_out: vec![(0, 5.0), (50, 2.0), (100, 1.5), (200, 1.75)],
        }
    }

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
        assert_eq!(terminal(&Curves::default()), "");
        let flat = Curves { training: (1..9).map(|step| (step, 2.0)).collect(), held_out: vec![(0, 2.0)] };
        assert!(terminal(&flat).lines().count() > 4);
    }

    #[test]
    fn terminal_chart_starts_high_ends_low_and_shows_its_scale() {
        let chart = terminal(&curves());
        let lines: Vec<&str> = chart.lines().collect();
        let drawn = |line: &str, part: std::ops::Range<usize>| {
            line.chars().skip(2).skip(part.start).take(part.len()).any(|c| ('\u{2801}'..='\u{28ff}').contains(&c))
        };
        assert!(drawn(lines[0], 0..4) && !drawn(lines[0], 20..60), "{chart}");
        assert!(drawn(lines[LINES as usize], 40..60), "{chart}");
        assert!(lines[0].contains("5.000") && chart.contains("200"), "{chart}");
    }

    #[test]
    fn svg_keeps_every_point_of_both_curves_inside_its_frame() {
        let image = svg(&curves());
        assert!(image.starts_with("<svg") && image.ends_with("</svg>\n"));
        assert!(image.contains("held out, best 1.500"));
        let lines: Vec<&str> = image.split("points=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(lines.iter().any(|line| line.split_whitespace().count() == 200));
        assert_eq!(image.matches("<circle").count(), 4);
        for point in lines.iter().flat_map(|line| line.split_whitespace()) {
            let (x, y) = point.split_once(',').unwrap();
            let (x, y): (f64, f64) = (x.parse().unwrap(), y.parse().unwrap());
            assert!((0.0..=f64::from(WIDTH)).contains(&x) && (0.0..=f64::from(HEIGHT)).contains(&y), "{point}");
        }
    }
}
