//! The plots, as SVG: what a figure costs on a logarithmic axis, and how throughput grows with callers.
//!
//! A plot of nothing is no plot. Never here: a number that is not in the report.

use anyhow::anyhow;
use plotters::coord::Shift;
use plotters::coord::combinators::LogCoord;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::catalogue::{OURSELVES, Of, goal, peer, peer_of, peer_ratio};
use super::report::Report;
use super::samples::{Figure, Unit};

const INK: RGBColor = RGBColor(0x22, 0x2b, 0x36);
const FAINT: RGBColor = RGBColor(0x6b, 0x76, 0x84);
const GRID: RGBColor = RGBColor(0xe3, 0xe7, 0xec);
/// Bare forks.
const BARE: RGBColor = RGBColor(0x7a, 0x86, 0x96);
/// What is ours.
const OURS: RGBColor = RGBColor(0x0b, 0x7a, 0x75);
/// What starts cold.
const COLD: RGBColor = RGBColor(0xc2, 0x56, 0x1a);

/// What the plots are called.
pub(crate) const NAMES: [&str; 3] = ["times", "peers", "throughput"];

const WIDTH: u32 = 980;
/// Left of the axis, for names.
const LABELS: i32 = 230;
const TOP: i32 = 78;
const BOTTOM: i32 = 40;
const RIGHT: i32 = 24;
const ROW: i32 = 27;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Logarithmic<'a> = DrawingArea<SVGBackend<'a>, Cartesian2d<LogCoord<f64>, RangedCoordf64>>;

/// A plot: what it is called in the directory, and its text.
#[derive(Debug)]
pub(crate) struct Plot {
    pub(crate) name: &'static str,
    pub(crate) svg: String,
}

struct Row {
    name: String,
    p50: f64,
    p99: f64,
    colour: RGBColor,
    /// What stands behind the times.
    remark: String,
}

impl Row {
    /// What stands behind its ring.
    fn words(&self) -> String {
        let remark = if self.remark.is_empty() { String::new() } else { format!(" = {}", self.remark) };
        format!("{}{remark}, p99 {}", short(self.p50), short(self.p99))
    }
}

/// Every plot that this run has the figures for.
pub(crate) fn all(report: &Report) -> anyhow::Result<Vec<Plot>> {
    let plots = [times(report), peers(report), throughput(report)];
    let drawn =
        NAMES.into_iter().zip(plots).filter_map(|(name, svg)| Some(svg?.map(|svg| Plot { name, svg })));
    drawn.collect()
}

fn times(report: &Report) -> Option<anyhow::Result<String>> {
    let own = |(name, figure): &(&str, &Figure)| figure.unit == Unit::Us && !name.starts_with("peer_");
    let row = |(name, figure): (&str, &Figure)| Row {
        name: name.to_owned(),
        p50: figure.p50,
        p99: figure.p99,
        colour: colour(name),
        remark: String::new(),
    };
    let rows: Vec<_> = report.ordered_figures().into_iter().filter(own).map(row).collect();
    let floor = report.figures.get("floor").map(|figure| figure.p50);
    (!rows.is_empty())
        .then(|| costs("What each takes, next to the floor", &rows, floor.map(|at| ("floor", at))))
}

fn peers(report: &Report) -> Option<anyhow::Result<String>> {
    let row = |(name, figure): (&str, &Figure)| {
        let of = peer_of(name)?;
        let ratio = report.ratios.get(&peer_ratio(of)).map(|ratio| format!("{ratio:.1} x"));
        let colour = if of == OURSELVES { OURS } else { COLD };
        let remark = ratio.unwrap_or_default();
        Some(Row { name: of.to_owned(), p50: figure.p50, p99: figure.p99, colour, remark })
    };
    let mut rows: Vec<_> = report.ordered_figures().into_iter().filter_map(row).collect();
    rows.sort_by(|one, other| one.p50.total_cmp(&other.p50));
    let ours = report.figures.get(&peer(OURSELVES)).map(|figure| figure.p50);
    let title = "The same Python job to its result, under each peer on this machine";
    (!rows.is_empty()).then(|| costs(title, &rows, ours.map(|at| (OURSELVES, at))))
}

/// A row for each: a dot at p50, a line to a ring at p99; and a line down the plot at what they are compared with.
fn costs(title: &str, rows: &[Row], compared: Option<(&str, f64)>) -> anyhow::Result<String> {
    let count = i32::try_from(rows.len())?;
    let height = TOP + count * ROW + BOTTOM;
    drawing(title, "dot: p50, ring: p99; logarithmic", height, |root| {
        let low = rows.iter().map(|row| row.p50).fold(f64::INFINITY, f64::min);
        let high = rows.iter().map(|row| row.p99).fold(0.0, f64::max);
        let (start, width) = (low * 0.7, f64::from(i32::try_from(WIDTH)? - LABELS - RIGHT));
        // The words behind the largest p99 take this share of the axis.
        let share = rows.iter().map(|row| words_width(&row.words())).fold(0.0, f64::max) / width;
        let range = start..high * (high / start).powf(share / (1.0 - share));
        let decades = decades(range.start, range.end);
        let spec = Cartesian2d::<LogCoord<f64>, RangedCoordf64>::new(
            range.log_scale(),
            0.0..f64::from(count),
            (LABELS..i32::try_from(WIDTH)? - RIGHT, TOP..height - BOTTOM),
        );
        let area = root.apply_coord_spec(spec);
        for at in decades {
            vertical(&area, at, count, GRID)?;
            let (x, _) = area.map_coordinate(&(at, 0.0));
            write(
                root,
                &short(at).replace(".0", ""),
                (x, height - BOTTOM + 8),
                &words(15, FAINT, HPos::Center, VPos::Top),
            )?;
        }
        if let Some((name, at)) = compared {
            vertical(&area, at, count, FAINT)?;
            let (x, _) = area.map_coordinate(&(at, 0.0));
            write(root, name, (x, TOP - 6), &words(15, FAINT, HPos::Center, VPos::Bottom))?;
        }
        for (row, place) in rows.iter().zip(0..) {
            draw_row(root, &area, row, f64::from(place) + 0.5)?;
        }
        Ok(())
    })
}

fn draw_row(root: &Area<'_>, area: &Logarithmic<'_>, row: &Row, y: f64) -> anyhow::Result<()> {
    let Row { name, p50, p99, colour, .. } = row;
    let (_, middle) = area.map_coordinate(&(*p50, y));
    write(root, name, (LABELS - 12, middle), &words(16, INK, HPos::Right, VPos::Center))?;
    let line = PathElement::new(vec![(*p50, y), (*p99, y)], colour.stroke_width(2));
    area.draw(&line).map_err(drawn)?;
    area.draw(&Circle::new((*p99, y), 4, WHITE.filled())).map_err(drawn)?;
    area.draw(&Circle::new((*p99, y), 4, colour.stroke_width(2))).map_err(drawn)?;
    area.draw(&Circle::new((*p50, y), 5, colour.filled())).map_err(drawn)?;
    let (x, _) = area.map_coordinate(&(*p99, y));
    write(root, &row.words(), (x + 12, middle), &words(15, FAINT, HPos::Left, VPos::Center))
}

fn throughput(report: &Report) -> Option<anyhow::Result<String>> {
    const HEIGHT: i32 = 360;
    const LEFT: i32 = 80;
    let rates = &report.throughput_by_callers;
    let points: Vec<_> = rates.iter().map(|rate| (number(rate.callers), rate.per_s)).collect();
    let (first, last) = (points.first()?.0, points.last()?.0);
    let goal = goal(Of::Figure, "throughput").map(|goal| (goal.to_string(), goal.bound()));
    let top = points.iter().map(|(_, rate)| *rate).chain(goal.iter().map(|(_, at)| *at)).fold(0.0, f64::max);
    let under = "Python sandboxes run to their end, by threads that call at once (logarithmic)";
    let draw = |root: &Area<'_>| {
        let spec = Cartesian2d::<LogCoord<f64>, RangedCoordf64>::new(
            (first * 0.8..last * 1.4).log_scale(),
            top * 1.15..0.0,
            (LEFT..i32::try_from(WIDTH)? - RIGHT, TOP..HEIGHT - BOTTOM),
        );
        let area = root.apply_coord_spec(spec);
        for at in steps(top) {
            let line = PathElement::new(vec![(first * 0.8, at), (last * 1.4, at)], GRID.stroke_width(1));
            area.draw(&line).map_err(drawn)?;
            let (_, y) = area.map_coordinate(&(first, at));
            write(root, &format!("{at:.0}"), (LEFT - 10, y), &words(15, FAINT, HPos::Right, VPos::Center))?;
        }
        if let Some((text, at)) = &goal {
            let line = PathElement::new(vec![(first * 0.8, *at), (last * 1.4, *at)], COLD.stroke_width(1));
            area.draw(&line).map_err(drawn)?;
            let (x, y) = area.map_coordinate(&(last * 1.4, *at));
            let text = format!("goal {text}");
            write(root, &text, (x - 4, y - 5), &words(15, COLD, HPos::Right, VPos::Bottom))?;
        }
        area.draw(&PathElement::new(points.clone(), OURS.stroke_width(2))).map_err(drawn)?;
        for (rate, point) in rates.iter().zip(&points) {
            area.draw(&Circle::new(*point, 5, OURS.filled())).map_err(drawn)?;
            let (x, y) = area.map_coordinate(point);
            let value = format!("{:.0}", rate.per_s);
            write(root, &value, (x, y - 11), &words(15, INK, HPos::Center, VPos::Bottom))?;
            let style = words(15, FAINT, HPos::Center, VPos::Top);
            write(root, &rate.callers.to_string(), (x, HEIGHT - BOTTOM + 8), &style)?;
        }
        Ok(())
    };
    Some(drawing("Sandboxes a second", under, HEIGHT, draw))
}

fn drawing(
    title: &str,
    under: &str,
    height: i32,
    draw: impl Fn(&Area<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<String> {
    let mut svg = String::new();
    {
        let root = SVGBackend::with_string(&mut svg, (WIDTH, u32::try_from(height)?)).into_drawing_area();
        root.fill(&WHITE).map_err(drawn)?;
        write(&root, title, (20, 16), &words(22, INK, HPos::Left, VPos::Top))?;
        write(&root, under, (20, 41), &words(15, FAINT, HPos::Left, VPos::Top))?;
        draw(&root)?;
        root.present().map_err(drawn)?;
    }
    Ok(svg)
}

fn vertical(area: &Logarithmic<'_>, at: f64, rows: i32, colour: RGBColor) -> anyhow::Result<()> {
    area.draw(&PathElement::new(vec![(at, 0.0), (at, f64::from(rows))], colour.stroke_width(1)))
        .map_err(drawn)
}

fn words(size: i32, colour: RGBColor, horizontal: HPos, vertical: VPos) -> TextStyle<'static> {
    ("sans-serif", size).into_font().color(&colour).pos(Pos::new(horizontal, vertical))
}

fn write(root: &Area<'_>, text: &str, at: (i32, i32), style: &TextStyle<'_>) -> anyhow::Result<()> {
    root.draw_text(text, style, at).map_err(drawn)
}

/// About how wide small words are, with the gap before them: nobody has asked a font.
fn words_width(text: &str) -> f64 {
    const GAP: f64 = 14.0;
    const LETTER: f64 = 7.0;
    text.chars().fold(GAP, |width, _| width + LETTER)
}

/// What plotters says of the one kind of surface that is used here.
fn drawn<E: std::error::Error + Send + Sync>(error: DrawingAreaErrorKind<E>) -> anyhow::Error {
    anyhow!("cannot draw: {error}")
}

fn colour(name: &str) -> RGBColor {
    match name {
        _ if name.starts_with("cold_") => COLD,
        _ if name == "floor" || name.starts_with("fork_") => BARE,
        _ => OURS,
    }
}

/// The powers of ten between two numbers.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let all = std::iter::successors(Some(1.0), |at| Some(at * 10.0)).take_while(|at| *at < high);
    all.filter(|at| *at > low).collect()
}

/// Some round numbers up to this one, zero included.
fn steps(top: f64) -> Vec<f64> {
    let power = 10_f64.powf(top.max(1.0).log10().floor());
    let step = if top / power < 2.0 {
        power / 5.0
    } else if top / power < 5.0 {
        power / 2.0
    } else {
        power
    };
    std::iter::successors(Some(0.0), |at| Some(at + step)).take_while(|at| *at <= top * 1.1).collect()
}

#[expect(clippy::cast_precision_loss, reason = "a few threads")]
fn number(callers: usize) -> f64 {
    callers as f64
}

/// A time with two or three digits.
fn short(us: f64) -> String {
    match us {
        ..1e3 => format!("{us:.0} µs"),
        ..1e4 => format!("{:.1} ms", us / 1e3),
        ..1e6 => format!("{:.0} ms", us / 1e3),
        _ => format!("{:.1} s", us / 1e6),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may end there")]
mod tests {
    use super::super::report::tests::made_up;
    use super::*;

    #[test]
    fn every_plot_is_well_formed() {
        let plots = all(&made_up()).unwrap();
        let names: Vec<_> = plots.iter().map(|plot| plot.name).collect();
        assert_eq!(names, NAMES);
        for Plot { name, svg } in &plots {
            let document = roxmltree::Document::parse(svg).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(document.root_element().has_tag_name(("http://www.w3.org/2000/svg", "svg")));
        }
    }

    #[test]
    fn a_plot_names_what_it_shows() {
        let plots = all(&made_up()).unwrap();
        for name in ["floor", "spawn_python", "cold_python", "100 µs", "8.0 ms"] {
            assert!(plots[0].svg.contains(name), "{name}");
        }
        assert!(!plots[0].svg.contains("peer_"));
        for name in ["zeroboot", "bwrap", "11.0 x"] {
            assert!(plots[1].svg.contains(name), "{name}");
        }
    }

    #[test]
    fn what_was_not_measured_is_not_drawn() {
        let empty = Report { figures: [].into(), throughput_by_callers: Vec::new(), ..made_up() };
        assert_eq!(all(&empty).unwrap().len(), 0);
    }

    #[test]
    fn numbers_on_axes() {
        assert_eq!(decades(62.0, 20_000.0), [100.0, 1000.0, 10_000.0]);
        assert_eq!(steps(900.0), [0.0, 100.0, 200.0, 300.0, 400.0, 500.0, 600.0, 700.0, 800.0, 900.0]);
        assert_eq!(steps(3000.0).len(), 7);
        assert_eq!([short(62.3), short(1500.0), short(45_000.0)], ["62 µs", "1.5 ms", "45 ms"]);
    }
}
