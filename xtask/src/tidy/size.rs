//! How long lines, files and functions may be. Files and functions are measured in lines of code: comments are free.

use super::Fault;
use super::source::{Source, has_word};

const LINE: usize = 120;
const FILE: usize = 250;
const FUNCTION: usize = 60;

/// Tests and tools are lists more often than the library is.
const FILE_ELSEWHERE: usize = 380;

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
    let most =
        if source.path.starts_with("src/") && !source.path.contains("/loom_tests/") { FILE } else { FILE_ELSEWHERE };
    let length = code_lines(&source.code);
    if length > most { vec![(0, format!("the file has {length} lines of code, {most} at most"))] } else { Vec::new() }
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
        let length = code_lines(&rest[..length]);
        if length > FUNCTION {
            faults.push((number, format!("the function has {length} lines of code, {FUNCTION} at most")));
        }
    }
    faults
}

/// How many of the lines have code.
fn code_lines(lines: &[String]) -> usize {
    lines.iter().filter(|line| !line.trim().is_empty()).count()
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
        assert_eq!(lines(files_are_short, "src/a.rs", &("x();\n".repeat(250) + &"\n// y\n".repeat(250))), []);
        assert_eq!(lines(files_are_short, "src/a.rs", &"x();\n".repeat(251)), [0]);
        assert_eq!(lines(files_are_short, "tests/a.rs", &"x();\n".repeat(380)), []);
    }

    #[test]
    fn long_functions_are_faults() {
        let function = |lines: usize| {
            format!("impl A {{\n    pub fn f(\n    ) {{\n{}    }}\n}}\n", "        x();\n".repeat(lines))
        };
        assert_eq!(lines(functions_are_short, "src/a.rs", &function(57)), []);
        assert_eq!(lines(functions_are_short, "src/a.rs", &function(58)), [2]);
        let others = "trait A {\n    fn f();\n}\nfn g() {}\n".to_owned() + &"// fn\n".repeat(99);
        assert_eq!(lines(functions_are_short, "src/a.rs", &others), []);
    }
}
