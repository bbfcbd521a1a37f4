//! The rules of this code base that no other tool checks. Each is a function that looks at one file or at the project.

mod english;
mod layers;
mod project;
mod promises;
mod size;
mod source;
mod unsafety;
mod words;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

use crate::root;
pub use source::Source;

/// Where Rust code lies. Folders that are not there yet are no fault.
const FOLDERS: [&str; 7] = ["benches", "cli", "examples", "fuzz", "src", "tests", "xtask"];

/// What is wrong in a file: the line (0 if it is about all of the file), and a sentence.
type Fault = (usize, String);

/// A rule that looks at one file.
type Rule = fn(&Source) -> Vec<Fault>;

const RULES: [Rule; 10] = [
    english::comments_are_plain,
    layers::imports_go_down,
    size::lines_are_short,
    size::files_are_short,
    size::functions_are_short,
    unsafety::unsafe_is_where_it_may_be,
    unsafety::unsafe_says_why,
    words::nothing_is_left_undone,
    words::tests_neither_sleep_nor_hide,
    words::the_library_never_panics,
];

/// Checks every file and the project; the error lists all that is wrong.
pub fn check() -> Result<()> {
    let sources = sources()?;
    ensure!(sources.iter().any(|source| source.path == "src/lib.rs"), "no sources are found");
    let mut faults: Vec<String> = project::faults()?;
    faults.extend(promises::faults(&sources)?);
    faults.extend(english::of_documents()?);
    for source in &sources {
        for (line, fault) in RULES.iter().flat_map(|rule| rule(source)) {
            faults.push(format!("{}:{line}: {fault}", source.path));
        }
    }
    ensure!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
    println!("{} files are tidy.", sources.len());
    Ok(())
}

pub fn sources() -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for folder in FOLDERS {
        if root().join(folder).is_dir() {
            collect(&root().join(folder), &mut sources)?;
        }
    }
    Ok(sources)
}

fn collect(folder: &Path, sources: &mut Vec<Source>) -> Result<()> {
    let mut paths: Vec<_> = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
    paths.sort();
    for path in paths {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, sources)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root())?.to_str().context("a path that is no text")?;
            let text = fs::read_to_string(&path).with_context(|| format!("{name} cannot be read"))?;
            sources.push(Source::new(name, &text));
        }
    }
    Ok(())
}

/// What a rule says of a text at a path, for the rules' tests: the lines of its faults.
#[cfg(test)]
fn lines(rule: Rule, path: &str, text: &str) -> Vec<usize> {
    rule(&Source::new(path, text)).into_iter().map(|(line, _)| line).collect()
}
