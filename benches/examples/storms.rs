//! What each remedy against storms costs, by how many of the pages are written: a table, and a plot as SVG.
//!
//! ```text
//! cargo run --release -p zeroboot-benches --example storms -- docs/storms.svg
//! ```
//!
//! 100 MiB, from the call of the fork to the child's last write; all remedies take turns.

use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use plotters::prelude::*;
use zeroboot_benches::{Remedy, Storm};

const PERCENTS: [u32; 8] = [2, 10, 25, 40, 55, 70, 85, 100];
const ROUNDS: usize = 11;

const COLOURS: [RGBColor; 5] = [
    RGBColor(0xc2, 0x56, 0x1a),
    RGBColor(0xe6, 0x9f, 0x00),
    RGBColor(0x7a, 0x86, 0x96),
    RGBColor(0x56, 0x7b, 0xd6),
    RGBColor(0x0b, 0x7a, 0x75),
];
const INK: RGBColor = RGBColor(0x22, 0x2b, 0x36);
const GRID: RGBColor = RGBColor(0xe3, 0xe7, 0xec);

/// Milliseconds of each remedy, one for each share.
type Lines = [Vec<f64>; Remedy::ALL.len()];

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("storms FILE.svg")?;
    let mut lines = Lines::default();
    for percent in PERCENTS {
        for (line, median) in lines.iter_mut().zip(medians(percent)?) {
            line.push(median.as_secs_f64() * 1e3);
        }
    }
    std::io::stdout().write_all(table(&lines)?.as_bytes())?;
    draw(&path, &lines)
}

/// Of each remedy, all measured in turns.
fn medians(percent: u32) -> Result<Vec<Duration>, Box<dyn Error>> {
    let mut processes = Vec::new();
    for remedy in Remedy::ALL {
        processes.push((Storm::start(remedy, percent)?, Vec::new()));
    }
    // The first of each is for caches.
    for round in 0..=ROUNDS {
        for (process, times) in &mut processes {
            let (time, _) = process.measure()?;
            if round > 0 {
                times.push(time);
            }
        }
    }
    let median = |(_, mut times): (Storm, Vec<Duration>)| {
        times.sort_unstable();
        times[ROUNDS / 2]
    };
    Ok(processes.into_iter().map(median).collect())
}

fn table(lines: &Lines) -> Result<String, std::fmt::Error> {
    let mut text = "| pages written |".to_owned();
    Remedy::ALL.iter().try_for_each(|remedy| write!(text, " `{}` |", remedy.name()))?;
    text.push_str("\n|---:|---:|---:|---:|---:|---:|\n");
    for (row, percent) in PERCENTS.iter().enumerate() {
        write!(text, "| {percent} % |")?;
        lines.iter().try_for_each(|line| write!(text, " {:.1} ms |", line[row]))?;
        text.push('\n');
    }
    Ok(text)
}

fn draw(path: &str, lines: &Lines) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::new(path, (860, 480)).into_drawing_area();
    root.fill(&WHITE)?;
    let most = lines.iter().flatten().copied().fold(0.0, f64::max) * 1.05;
    let text = |size: u32| ("sans-serif", size).into_font().color(&INK);
    let mut chart = ChartBuilder::on(&root)
        .caption("100 MiB of a template: fork to the last write", text(18))
        .margin(16)
        .margin_right(150)
        .x_label_area_size(44)
        .y_label_area_size(56)
        .build_cartesian_2d(0.0..100.0, 0.0..most)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(INK)
        .x_desc("pages written, in per cent, evenly spread")
        .y_desc("milliseconds (median)")
        .x_label_formatter(&|value| format!("{value:.0}"))
        .y_label_formatter(&|value| format!("{value:.0}"))
        .label_style(text(13))
        .draw()?;
    for ((remedy, line), colour) in Remedy::ALL.iter().zip(lines).zip(COLOURS) {
        let points: Vec<_> =
            PERCENTS.iter().map(|percent| f64::from(*percent)).zip(line.iter().copied()).collect();
        chart.draw_series([PathElement::new(points.clone(), colour.stroke_width(2))])?;
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
        let last = points.last().copied().ok_or("no point")?;
        let (x, y) = chart.backend_coord(&last);
        root.draw(&Text::new(remedy.name(), (x + 10, y - 7), ("sans-serif", 14).into_font().color(&colour)))?;
    }
    root.present()?;
    Ok(())
}
