//! The reliability diagram: what was said against what was so, as an SVG for reports.

use plotters::prelude::*;

use super::metrics::{BINS, Binning, Figures, Judged, bins};

const WIDTH: u32 = 480;
const HEIGHT: u32 = 440;
const BLUE: RGBColor = RGBColor(0x1f, 0x5f, 0x99);
const PALE: RGBColor = RGBColor(0xb9, 0xcf, 0xe4);
const GREY: RGBColor = RGBColor(0x55, 0x55, 0x55);

/// Bars of accuracy over bins of equal width, the diagonal of perfect calibration, and a point at the mean confidence
/// of each bin whose size grows with its share of the answers.
pub fn reliability_diagram(judged: &[Judged], title: &str) -> String {
    let mut image = String::new();
    // A string takes everything, and a diagram without answers is still a diagram.
    let _ = draw(judged, title, &mut image);
    image
}

type DrawError = Box<dyn std::error::Error>;

fn draw(judged: &[Judged], title: &str, image: &mut String) -> Result<(), DrawError> {
    let Figures { answers, ece, mce, brier, .. } = Figures::of(judged);
    let root = SVGBackend::with_string(image, (WIDTH, HEIGHT)).into_drawing_area();
    root.fill(&WHITE)?;
    let caption = format!("{title}: {answers} answers, ECE {ece:.3}, MCE {mce:.3}, Brier {brier:.3}");
    let mut chart = ChartBuilder::on(&root)
        .caption(caption, ("sans-serif", 13))
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(48)
        .build_cartesian_2d(0.0..1.0, 0.0..1.0)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(RGBColor(0xe2, 0xe2, 0xe2))
        .axis_style(GREY)
        .label_style(("sans-serif", 12).into_font().color(&GREY))
        .x_desc("stated probability")
        .y_desc("share of right answers")
        .draw()?;
    let bins = bins(judged, BINS, Binning::WidthHighClosed);
    let width = 1.0 / BINS as f64;
    for bin in &bins {
        let left = ((bin.confidence / width).ceil() - 1.0).max(0.0) * width;
        chart.draw_series([Rectangle::new([(left, 0.0), (left + width, bin.accuracy)], PALE.filled())])?;
    }
    chart.draw_series([PathElement::new(vec![(0.0, 0.0), (1.0, 1.0)], GREY.stroke_width(1))])?;
    chart.draw_series(bins.iter().map(|bin| {
        let size = 3.0 + 9.0 * (bin.count as f64 / answers.max(1) as f64).sqrt();
        Circle::new((bin.confidence, bin.accuracy), size.round() as i32, BLUE.filled())
    }))?;
    root.present()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bin_with_answers_has_a_bar_and_a_point() {
        let judged: Vec<Judged> = [(0.05, false), (0.55, true), (0.55, false), (1.0, true)]
            .map(|(confidence, right)| Judged { confidence, right })
            .to_vec();
        let image = reliability_diagram(&judged, "test");
        assert!(image.starts_with("<svg") && image.trim_end().ends_with("</svg>"));
        assert_eq!(image.matches("<circle").count(), 3);
        assert!(image.contains("4 answers"));
        assert!(reliability_diagram(&[], "none").contains("0 answers"));
    }
}
