//! Promises in documents are held by tests: every line of a table whose last column is `test` names some, and they are
//! there.

use std::fs;

use anyhow::{Context, Result};

use super::source::{Source, has_word};
use crate::root;

/// The documents that promise, and the first cells that each of their tables must have, if any are fixed.
const DOCUMENTS: [(&str, &[&str]); 2] =
    [("SECURITY.md", &[]), ("docs/guarantees.md", &["thread", "process", "fork", "exec", "signal", "kill"])];

pub fn faults(sources: &[Source]) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for (path, first_cells) in DOCUMENTS {
        let text = fs::read_to_string(root().join(path)).with_context(|| format!("{path} cannot be read"))?;
        faults.extend(of_document(path, &text, first_cells, |test| exists(test, sources)));
    }
    Ok(faults)
}

fn of_document(path: &str, text: &str, first_cells: &[&str], exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut faults = Vec::new();
    // The first cells of the table that the line is in, while it is in one that names tests.
    let mut table: Option<Vec<&str>> = None;
    for (index, line) in text.lines().chain([""]).enumerate() {
        let mut fault = |what: String| faults.push(format!("{path}:{}: {what}", index + 1));
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        match &mut table {
            None if line.starts_with('|') && cells.last() == Some(&"test") => table = Some(Vec::new()),
            None => {}
            Some(rows) if !line.starts_with('|') => {
                if !first_cells.is_empty() && rows != first_cells {
                    fault(format!("the table has the lines {rows:?}, where it should have {first_cells:?}"));
                }
                table = None;
            }
            Some(_) if line.starts_with("|---") => {}
            Some(rows) => {
                rows.push(cells[0]);
                let tests = named(cells.last().copied().unwrap_or_default());
                if tests.is_empty() {
                    fault("the line names no test".into());
                }
                tests.iter().filter(|test| !exists(test)).for_each(|test| fault(format!("there is no test `{test}`")));
            }
        }
    }
    faults
}

/// What stands between backticks.
fn named(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

/// Whether `tests/it` has a test of this path: a file or folder of its modules' names, and the function in it.
fn exists(test: &str, sources: &[Source]) -> bool {
    let Some((modules, function)) = test.rsplit_once("::") else { return false };
    let mut modules: Vec<&str> = modules.split("::").collect();
    // A module may be inside its parent's file.
    while !modules.is_empty() {
        let path = format!("tests/it/{}", modules.join("/"));
        let files = [format!("{path}.rs"), format!("{path}/mod.rs")];
        if let Some(source) = sources.iter().find(|source| files.contains(&source.path)) {
            return source.code.iter().any(|line| has_word(line, "fn") && has_word(line, function));
        }
        modules.pop();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = "| | what | test |\n|---|---|---|\n| thread | a | `m::f` |\n| kill | b | `m::f`, `m::n::g` |\n";

    fn of(text: &str) -> usize {
        let source = Source::new("tests/it/m.rs", "fn f() {\n}\nmod n {\n    fn g() {}\n}");
        let sources = [source];
        of_document("x.md", text, &["thread", "kill"], |test| exists(test, &sources)).len()
    }

    #[test]
    fn promises_with_tests_have_no_faults() {
        assert_eq!(of(RIGHT), 0);
        assert_eq!(of(&format!("# Title\n{RIGHT}\n| another | table |\n|---|---|\n| of | words |\n")), 0);
    }

    #[test]
    fn each_fault_is_found() {
        for (right, wrong) in [
            ("`m::f` |", " |"),
            ("m::f", "m::h"),
            ("m::n::g", "k::g"),
            ("| kill", "| exec"),
            ("| thread | a | `m::f` |\n", ""),
        ] {
            assert_ne!(of(&RIGHT.replacen(right, wrong, 1)), 0, "{wrong:?} in place of {right:?}");
        }
    }
}
