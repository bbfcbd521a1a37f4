//! What a run found: tables of figures, and targets with their verdicts. This is what is kept of a run.

use serde::{Deserialize, Serialize};

/// A whole run.
#[derive(Default, Serialize, Deserialize)]
pub struct Record {
    /// What it ran on: each with its name.
    pub machine: Vec<(String, String)>,
    pub tables: Vec<Table>,
    pub targets: Vec<Target>,
}

/// One table; times are in nanoseconds.
#[derive(Clone, Serialize, Deserialize)]
pub struct Table {
    pub id: String,
    pub title: String,
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

/// A row: a figure for each column, or the reason why there is none.
#[derive(Clone, Serialize, Deserialize)]
pub struct Row {
    pub name: String,
    pub figures: Vec<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lacking: Option<String>,
}

/// A figure that has to be at most, or at least, so much.
#[derive(Serialize, Deserialize)]
pub struct Target {
    pub what: String,
    pub figure: f64,
    pub bound: Bound,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
pub enum Bound {
    AtMost(f64),
    AtLeast(f64),
}

impl Table {
    pub fn new(id: &str, title: &str, columns: &[&str]) -> Self {
        let columns = columns.iter().map(|column| (*column).to_owned()).collect();
        Self { id: id.to_owned(), title: title.to_owned(), columns, rows: Vec::new() }
    }

    pub fn row(&mut self, name: &str, figures: Vec<f64>) {
        self.rows.push(Row { name: name.to_owned(), figures, lacking: None });
    }

    pub fn lacking(&mut self, name: &str, reason: &str) {
        self.rows.push(Row { name: name.to_owned(), figures: Vec::new(), lacking: Some(reason.to_owned()) });
    }

    /// The figure of a row and a column, if there is one.
    pub fn figure(&self, row: &str, column: &str) -> Option<f64> {
        let column = self.columns.iter().position(|name| name == column)?;
        self.rows.iter().find(|other| other.name == row)?.figures.get(column).copied()
    }
}

impl Target {
    pub fn is_met(&self) -> bool {
        match self.bound {
            Bound::AtMost(most) => self.figure <= most,
            Bound::AtLeast(least) => self.figure >= least,
        }
    }
}

impl Record {
    pub fn table(&self, id: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.id == id)
    }

    /// Notes a figure that has a target; one that could not be measured has no verdict.
    pub fn target(&mut self, what: &str, figure: Option<f64>, bound: Bound) {
        if let Some(figure) = figure {
            self.targets.push(Target { what: what.to_owned(), figure, bound });
        }
    }
}
