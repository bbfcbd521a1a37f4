//! Phrases that documentation and comments of this project do not use: each makes a reader read a sentence twice.

use std::fs;

use anyhow::{Context, Result};

use super::Fault;
use super::source::Source;
use crate::root;

/// A phrase, in lower case, and what to write instead.
const PHRASES: [(&str, &str); 16] = [
    ("anew", "again"),
    ("in vain", "without success"),
    ("put right", "repaired"),
    ("puts right", "repairs"),
    ("is told", "is notified, or gets"),
    ("are told", "are notified, or get"),
    ("be told", "be notified, or get"),
    ("tells of", "reports"),
    ("tell of", "report"),
    ("so many", "a number, or `count`"),
    ("so often", "`count` times"),
    ("at most so long", "for at most `timeout`"),
    ("nobody", "no process"),
    ("somebody", "a process"),
    ("everybody", "all processes"),
    ("whoever", "a process that"),
];

/// The documents that people read first. Recorded pages quote what their programs print.
const DOCUMENTS: [&str; 12] = [
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "DESIGN.md",
    "README.md",
    "SECURITY.md",
    "docs/building.md",
    "docs/deployment.md",
    "docs/guarantees.md",
    "docs/migration.md",
    "docs/overview.md",
    "docs/real-time.md",
    "docs/tool.md",
];

/// The comments of the library, of the tool and of the examples.
pub fn comments_are_plain(source: &Source) -> Vec<Fault> {
    let is_read = source.is_library() || source.path.starts_with("cli/src/") || source.path.starts_with("examples/");
    if !is_read {
        return Vec::new();
    }
    let comments = source.lines.iter().zip(&source.code).enumerate().filter_map(|(index, (line, code))| {
        let comment = line.find("//").filter(|start| code.get(*start..).is_none_or(|code| code.trim().is_empty()))?;
        Some((index + 1, &line[comment..]))
    });
    comments.flat_map(|(number, comment)| faults_of(comment).into_iter().map(move |fault| (number, fault))).collect()
}

/// The same of the documents.
pub fn of_documents() -> Result<Vec<String>> {
    let mut faults = Vec::new();
    for path in DOCUMENTS {
        let text = fs::read_to_string(root().join(path)).with_context(|| format!("{path} cannot be read"))?;
        for (index, line) in text.lines().enumerate() {
            faults.extend(faults_of(line).into_iter().map(|fault| format!("{path}:{}: {fault}", index + 1)));
        }
    }
    Ok(faults)
}

fn faults_of(line: &str) -> Vec<String> {
    let line = line.to_lowercase();
    let has = |phrase: &str| {
        line.match_indices(phrase).any(|(at, _)| {
            let is_letter = |character: Option<char>| character.is_some_and(|c| c.is_alphanumeric() || c == '_');
            let (before, after) = (line[..at].chars().next_back(), line[at + phrase.len()..].chars().next());
            !is_letter(before) && !is_letter(after)
        })
    };
    let found = PHRASES.iter().filter(|(phrase, _)| has(phrase));
    found.map(|(phrase, better)| format!("`{phrase}`: write `{better}`")).collect()
}

#[cfg(test)]
mod tests {
    use super::super::lines;
    use super::comments_are_plain as rule;

    #[test]
    fn phrases_are_found_in_comments_alone() {
        assert_eq!(lines(rule, "src/a.rs", "/// Nobody waits.\nlet nobody = \"somebody\"; // anew\nx();"), [1, 2]);
        assert_eq!(lines(rule, "src/a.rs", "// whoever_it_is, renewal\nlet in_vain = \"in vain\";"), []);
        assert_eq!(lines(rule, "tests/a.rs", "// Nobody waits."), []);
    }
}
