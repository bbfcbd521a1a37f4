//! The plots: bars of one column of a table, and lines over several tables.

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::number;
use crate::record::{Record, Table};

/// A table's column as bars, on a logarithmic scale where figures lie far apart: file, table, column.
const BARS: [(&str, &str, &str); 8] = [
    ("pairs", "pairs-64-0", "median"),
    ("round-trips-1", "round-trips-1", "p50"),
    ("round-trips-2", "round-trips-2", "p50"),
    ("one-way", "one-way-64", "median"),
    ("hand-off-2", "hand-off-2", "p50"),
    ("tries", "tries", "median"),
    ("notification", "notification", "p50"),
    ("start", "start", "median"),
];

/// A row's figures in several tables as a line: file, title, the tables with what is below each.
type Lines = (&'static str, &'static str, [(&'static str, f64); 3]);

const LINES: [Lines; 2] = [
    (
        "pairs-by-size",
        "Send and receive in one process, empty queue: ns a pair, by bytes",
        [("pairs-64-0", 64.0), ("pairs-1024-0", 1024.0), ("pairs-8192-0", 8192.0)],
    ),
    (
        "one-way-by-size",
        "One way between two processors: ns a message, by bytes",
        [("one-way-64", 64.0), ("one-way-1024", 1024.0), ("one-way-8192", 8192.0)],
    ),
];

const OURS: RGBColor = RGBColor(0xc0, 0x4a, 0x1a);
const OTHERS: RGBColor = RGBColor(0x8a, 0x9b, 0xa8);
const INK: RGBColor = RGBColor(0x33, 0x33, 0x33);

type Drawn = Result<(), Box<dyn std::error::Error>>;

pub fn write(record: &Record, folder: &str) {
    std::fs::create_dir_all(folder).expect("the folder can be made");
    for (file, table, column) in BARS {
        if let Some(table) = record.table(table) {
            bars(table, column, &format!("{folder}/{file}.svg")).expect("the plot can be drawn");
        }
    }
    for (file, title, tables) in LINES {
        let found = tables.iter().filter_map(|(table, at)| Some((record.table(table)?, *at)));
        lines(title, &found.collect::<Vec<_>>(), &format!("{folder}/{file}.svg")).expect("the plot can be drawn");
    }
}

fn is_ours(name: &str) -> bool {
    name.contains("rawipc") || name.starts_with("try_receive") || name.starts_with("receive_")
}

fn ink(size: f64) -> TextStyle<'static> {
    TextStyle::from(("sans-serif", size).into_font()).color(&INK)
}

/// One bar a row, with its name before and its figure behind it.
fn bars(table: &Table, column: &str, path: &str) -> Drawn {
    let (left, right, top, step) = (290, 800, 44, 26);
    let rows: Vec<_> =
        table.rows.iter().filter_map(|row| Some((&row.name, table.figure(&row.name, column)?))).collect();
    let height = top + step * rows.len() as i32 + 10;
    let area = SVGBackend::new(path, (900, height as u32)).into_drawing_area();
    area.fill(&WHITE)?;
    area.draw(&Text::new(format!("{} ({column})", table.title), (12, 14), ink(15.0)))?;
    let most = rows.iter().map(|row| row.1).fold(1.0, f64::max);
    let least = rows.iter().map(|row| row.1).fold(most, f64::min);
    // A bar's length is the figure, or from a tenth of the least on its logarithm.
    let logarithmic = most / least > 20.0;
    let part = |figure: f64| {
        let from = least / 10.0;
        if logarithmic { (figure / from).log10() / (most / from).log10() } else { figure / most }
    };
    for (at, (name, figure)) in rows.into_iter().enumerate() {
        let y = top + step * at as i32;
        let end = left + (f64::from(right - left) * part(figure)) as i32;
        let color = if is_ours(name) { OURS } else { OTHERS };
        area.draw(&Rectangle::new([(left, y), (end, y + step - 8)], color.filled()))?;
        let middle = y + (step - 8) / 2;
        let before = ink(14.0).pos(Pos::new(HPos::Right, VPos::Center));
        area.draw(&Text::new(name.clone(), (left - 8, middle), before))?;
        let behind = ink(14.0).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new(number(figure), (end + 6, middle), behind))?;
    }
    if logarithmic {
        let note = ink(12.0).pos(Pos::new(HPos::Right, VPos::Top));
        area.draw(&Text::new("logarithmic", (888, 16), note))?;
    }
    area.present()?;
    Ok(())
}

/// One line a row, over all the tables; both axes logarithmic.
fn lines(title: &str, tables: &[(&Table, f64)], path: &str) -> Drawn {
    let Some((first, _)) = tables.first() else { return Ok(()) };
    let points = |row: &str| -> Vec<(f64, f64)> {
        tables.iter().filter_map(|(table, at)| Some((*at, table.figure(row, "median")?))).collect()
    };
    let all: Vec<_> = first.rows.iter().map(|row| (row.name.as_str(), points(&row.name))).collect();
    let heights = || all.iter().flat_map(|(_, points)| points.iter().map(|point| point.1));
    let (least, most) = (heights().fold(f64::MAX, f64::min), heights().fold(1.0, f64::max));
    let area = SVGBackend::new(path, (900, 460)).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .margin(12)
        .margin_right(190)
        .caption(title, ink(15.0))
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d((50.0..9_000.0).log_scale(), (least / 1.3..most * 1.3).log_scale())?;
    let label = |figure: &f64| number(*figure);
    let mut mesh = chart.configure_mesh();
    mesh.light_line_style(TRANSPARENT).label_style(ink(12.0));
    mesh.x_label_formatter(&label).y_label_formatter(&label).draw()?;
    for (at, (name, points)) in all.iter().enumerate() {
        let color = if is_ours(name) { OURS.to_rgba() } else { Palette99::pick(at).to_rgba() };
        let width = if is_ours(name) { 3 } else { 1 };
        chart.draw_series(LineSeries::new(points.iter().copied(), ShapeStyle::from(color).stroke_width(width)))?;
        chart.draw_series(points.iter().map(|point| Circle::new(*point, 3, ShapeStyle::from(color).filled())))?;
        let y = 50 + 24 * at as i32;
        area.draw(&Rectangle::new([(725, y), (743, y + 4)], ShapeStyle::from(color).filled()))?;
        let beside = ink(13.0).pos(Pos::new(HPos::Left, VPos::Center));
        area.draw(&Text::new((*name).to_owned(), (750, y + 2), beside))?;
    }
    area.present()?;
    Ok(())
}
