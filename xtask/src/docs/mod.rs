//! The documents: what they tell to type is typed, and their links are followed.

mod blocks;
mod links;
mod run;

use std::fs;

use anyhow::{Context, Result};
use xshell::{Shell, cmd};

use crate::root;
use crate::steps::Steps;

pub use run::inside;

/// A document of the repository.
pub struct Page {
    /// From the repository's root.
    path: String,
    text: String,
}

/// Runs the commands of every document, and follows every link.
pub fn all(shell: &Shell, steps: &mut Steps) -> Result<()> {
    let pages = pages(shell)?;
    steps.run("documents: links", || links::follow(&pages))?;
    steps.run("documents: commands", || run::all(shell, &pages))
}

/// All that git has or would take.
fn pages(shell: &Shell) -> Result<Vec<Page>> {
    let paths = cmd!(shell, "git ls-files --cached --others --exclude-standard *.md").quiet().read()?;
    let there = paths.lines().filter(|path| root().join(path).exists());
    there.map(page).collect()
}

fn page(path: &str) -> Result<Page> {
    let text = fs::read_to_string(root().join(path)).with_context(|| format!("{path} cannot be read"))?;
    Ok(Page { path: path.to_owned(), text })
}

/// The number of the line that this place of a text is in.
fn line(text: &str, at: usize) -> usize {
    text[..at].matches('\n').count() + 1
}
