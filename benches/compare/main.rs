//! rawipc beside its peers, all in one run and in turns: `cargo xtask bench` builds them and starts this.
//!
//! - `compare measure [--quick] [--json FILE] [PART…]` measures.
//! - `compare report FILE` writes the tables and plots of a kept run into `docs/`.
//! - `compare count WAY PAIRS` only makes so many pairs, for a tool that counts their instructions.

mod growth;
mod hand_off;
mod instructions;
mod machine;
mod measure;
mod notification;
mod opening;
mod passing;
mod queue;
mod record;
mod report;
mod semaphore;
mod start;
mod tries;

use std::process::ExitCode;

use record::Record;

/// A run: what it has found until now, and how long it may take.
pub struct Run {
    record: Record,
    quick: bool,
    /// Only these parts, if any are named.
    only: Vec<String>,
}

type Part = fn(&mut Run);

/// The parts of a run, in the order of the page.
const PARTS: [(&str, Part); 11] = [
    ("pairs", passing::pairs),
    ("instructions", instructions::all),
    ("tries", tries::all),
    ("round-trips", passing::round_trips),
    ("one-way", passing::one_way),
    ("growth", growth::all),
    ("semaphore", semaphore::all),
    ("hand-off", hand_off::all),
    ("opening", opening::all),
    ("notification", notification::all),
    ("start", start::all),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["count", way, pairs] => instructions::count(way, pairs.parse().expect("a number of pairs")),
        ["report", file] => {
            let text = std::fs::read_to_string(file).expect("the kept run can be read");
            report::write(&serde_json::from_str(&text).expect("it is a kept run"));
        }
        ["measure", options @ ..] => return measure(options),
        _ => {
            eprintln!("usage: compare measure [--quick] [--json FILE] [PART…] | report FILE | count WAY PAIRS");
            return ExitCode::from(2);
        }
    }
    ExitCode::SUCCESS
}

/// Measures, and prints what it finds.
fn measure(options: &[&str]) -> ExitCode {
    let mut run = Run { record: Record::default(), quick: false, only: Vec::new() };
    let (mut json, mut options) = (None, options.iter());
    while let Some(option) = options.next() {
        match *option {
            "--quick" => run.quick = true,
            "--json" => json = options.next(),
            part => run.only.push(part.to_owned()),
        }
    }
    if let Some(unknown) = run.only.iter().find(|only| PARTS.iter().all(|(name, _)| name != only)) {
        eprintln!("there is no part {unknown}; there are {}", PARTS.map(|(name, _)| name).join(", "));
        return ExitCode::from(2);
    }
    run.record.machine = machine::description();
    for (name, part) in PARTS {
        if run.only.is_empty() || run.only.iter().any(|only| only == name) {
            eprintln!("measuring: {name}");
            part(&mut run);
        }
    }
    print!("{}", report::text(&run.record));
    if let Some(file) = json {
        let text = serde_json::to_string_pretty(&run.record).expect("figures are numbers");
        std::fs::write(file, text + "\n").expect("the run can be kept");
    }
    ExitCode::SUCCESS
}

impl Run {
    /// So many, or a tenth of it if it is to be quick.
    fn rounds(&self, rounds: usize) -> usize {
        if self.quick { (rounds / 10).max(3) } else { rounds }
    }

    /// Keeps a table; what is lacking is said aloud.
    fn keep(&mut self, table: record::Table) {
        for row in &table.rows {
            if let Some(reason) = &row.lacking {
                eprintln!("NOT MEASURED: {} in {:?}: {reason}", row.name, table.title);
            }
        }
        self.record.tables.push(table);
    }
}
