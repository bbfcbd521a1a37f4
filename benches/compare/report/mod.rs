//! A run as people read it: text, tables of the page in `docs/`, plots.

mod page;
mod plots;

use std::fmt::Write;

use crate::record::{Bound, Record, Row, Table, Target};

/// Writes the tables into `docs/performance.md` and the plots into `docs/plots/`.
pub fn write(record: &Record) {
    let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs");
    page::write(record, &format!("{docs}/performance.md"));
    plots::write(record, &format!("{docs}/plots"));
}

/// Everything, as a terminal shows it.
pub fn text(record: &Record) -> String {
    let mut text = String::new();
    for (name, fact) in &record.machine {
        let _ = writeln!(text, "{name}: {fact}");
    }
    for table in &record.tables {
        let _ = writeln!(text, "\n{}\n  {:44}{}", table.title, "", heads(table));
        for row in &table.rows {
            let _ = writeln!(text, "  {:44}{}", row.name, cells(table, row).unwrap_or_else(|reason| reason));
        }
    }
    text.push_str("\nTargets\n");
    for target in &record.targets {
        let _ =
            writeln!(text, "  {:88} {:>9}  {:>14}  {}", target.what, figure(target), bound(target), verdict(target));
    }
    text
}

fn heads(table: &Table) -> String {
    table.columns.iter().map(|column| format!("{column:>12}")).collect()
}

fn cells(table: &Table, row: &Row) -> Result<String, String> {
    match &row.lacking {
        Some(reason) => Err(format!("not measured: {reason}")),
        None => Ok(shown(table, row).iter().map(|cell| format!("{cell:>12}")).collect()),
    }
}

/// A row's figures as text, each in its column's manner.
fn shown(table: &Table, row: &Row) -> Vec<String> {
    let of_ratio = |column: &String| column.starts_with('×');
    let figures = table.columns.iter().zip(&row.figures);
    figures.map(|(column, figure)| if of_ratio(column) { format!("{figure:.2}") } else { number(*figure) }).collect()
}

/// With as many digits as can mean something, and commas between thousands.
fn number(figure: f64) -> String {
    if figure < 100.0 {
        let text = format!("{figure:.1}");
        return text.strip_suffix(".0").map_or(text.clone(), str::to_owned);
    }
    let digits = format!("{figure:.0}");
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn figure(target: &Target) -> String {
    if target.figure < 100.0 { format!("{:.2}", target.figure) } else { number(target.figure) }
}

fn bound(target: &Target) -> String {
    match target.bound {
        Bound::AtMost(most) => format!("at most {most}"),
        Bound::AtLeast(least) => format!("at least {least}"),
    }
}

fn verdict(target: &Target) -> &'static str {
    if target.is_met() { "met" } else { "MISSED" }
}
