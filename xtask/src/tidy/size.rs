//! How long lines, files and functions may be.

use super::Fault;
use super::source::{Source, has_word};

const LINE: usize = 120;
const FILE: usize = 400;
const FUNCTION: usize = 70;

/// An address cannot be broken, nor can the row of a table.
pub fn lines_are_short(source: &Source) -> Vec<Fault> {
    let is_free = |line: &str| {
        let comment = line.trim_start().trim_start_matches(['/', '!']).trim_start();
        line.contains("https://") || comment.starts_with('|')
    };
    let lines = source.lines.iter().enumerate().filter(|(_, line)| !is_free(line));
    let lengths = lines.map(|(index, line)| (index + 1, line.chars().count()));
    let long = lengths.filter(|(_, length)| *length > LINE);
    long.map(|(line, length)| (line, format!("the line has {length} characters, {LINE} at most"))).collect()
}

pub fn files_are_short(source: &Source) -> Vec<Fault> {
    let length = source.lines.len();
    if length > FILE { vec![(0, format!("the file has {length} lines, {FILE} at most"))] } else { Vec::new() }
}

/// Relies on rustfmt: a function ends with the first closing brace as far to the left as its beginning.
pub fn functions_are_short(source: &Source) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (number, line) in source.numbered().filter(|(_, line)| has_word(line, "fn")) {
        let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        let rest = &source.code[number - 1..];
        // A function without a body ends with a semicolon; one on a line, where it begins.
        let Some(head) = rest.iter().position(|line| line.trim_end().ends_with(['{', '}', ';'])) else { continue };
        if !rest[head].trim_end().ends_with('{') {
            continue;
        }
        let length = rest.iter().position(|line| line.starts_with(&end)).map_or(rest.len(), |last| last + 1);
        if length > FUNCTION {
            faults.push((number, format!("the function has {length} lines, {FUNCTION} at most")));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::*;

    #[test]
    fn long_lines_are_faults_unless_they_cannot_be_broken() {
        let long = "é".repeat(121);
        assert_eq!(lines(lines_are_short, "src/a.rs", &format!("\n// {long}\n{}", "é".repeat(120))), [2]);
        assert_eq!(lines(lines_are_short, "src/a.rs", &format!("/// | {long} |\n/// https://{long}")), []);
    }

    #[test]
    fn long_files_are_faults() {
        assert_eq!(lines(files_are_short, "src/a.rs", &"\n".repeat(400)), []);
        assert_eq!(lines(files_are_short, "src/a.rs", &"\n".repeat(401)), [0]);
    }

    #[test]
    fn long_functions_are_faults() {
        let function = |lines: usize| {
            format!("impl A {{\n    pub fn f(\n    ) {{\n{}    }}\n}}\n", "        x();\n".repeat(lines))
        };
        assert_eq!(lines(functions_are_short, "src/a.rs", &function(67)), []);
        assert_eq!(lines(functions_are_short, "src/a.rs", &function(68)), [2]);
        let others = "trait A {\n    fn f();\n}\nfn g() {}\n".to_owned() + &"// fn\n".repeat(99);
        assert_eq!(lines(functions_are_short, "src/a.rs", &others), []);
    }
}
