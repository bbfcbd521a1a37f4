//! The page: its words are written by hand, its figures only by this.
//!
//! What stands between `<!-- figures: NAME -->` and `<!-- end -->` is replaced: by the table of that name, the machine,
//! or the targets.

use super::{bound, figure, shown, verdict};
use crate::record::{Record, Table};

const BEGIN: &str = "<!-- figures: ";
const END: &str = "<!-- end -->";

pub fn write(record: &Record, path: &str) {
    let old = std::fs::read_to_string(path).expect("the page can be read");
    let mut new = String::new();
    let mut rest = old.as_str();
    while let Some((before, after)) = rest.split_once(BEGIN) {
        let (name, block) = after.split_once(" -->").expect("a mark ends on its line");
        let (_, after) = block.split_once(END).expect("each block of figures has an end");
        new.push_str(&format!("{before}{BEGIN}{name} -->\n{}{END}", figures(record, name)));
        rest = after;
    }
    new.push_str(rest);
    std::fs::write(path, new).expect("the page can be written");
}

fn figures(record: &Record, name: &str) -> String {
    match name {
        "machine" => {
            let head = "| | |\n|---|---|\n".to_owned();
            head + &record.machine.iter().map(|(name, fact)| format!("| {name} | {fact} |\n")).collect::<String>()
        }
        "targets" => {
            let head = "| what | measured | wanted | |\n|---|--:|---|---|\n".to_owned();
            let row = |target: &crate::record::Target| {
                format!("| {} | {} | {} | {} |\n", target.what, figure(target), bound(target), verdict(target))
            };
            head + &record.targets.iter().map(row).collect::<String>()
        }
        name => record.table(name).map_or_else(|| format!("{name} was not measured.\n"), table),
    }
}

fn table(table: &Table) -> String {
    let mut text = format!(
        "{}\n\n| | {} |\n|---|{}\n",
        table.title,
        table.columns.join(" | "),
        "--:|".repeat(table.columns.len())
    );
    for row in &table.rows {
        let cells = match &row.lacking {
            Some(reason) => format!("not measured: {reason}{}", " |".repeat(table.columns.len() - 1)),
            None => shown(table, row).join(" | "),
        };
        text.push_str(&format!("| {} | {cells} |\n", row.name));
    }
    text
}
