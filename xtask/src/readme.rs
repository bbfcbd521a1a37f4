//! The two commands at the top of the README, read from there so that they cannot differ from what is tested.

use anyhow::{Context, Result, bail};

use crate::root;

/// The first shell block of the README: how to see the main job, and how to run the tests.
#[derive(Debug, PartialEq)]
pub struct Commands {
    pub main_job: String,
    pub tests: String,
}

pub fn commands() -> Result<Commands> {
    let text = std::fs::read_to_string(root().join("README.md")).context("README.md cannot be read")?;
    of_text(&text)
}

fn of_text(text: &str) -> Result<Commands> {
    let block = text.split_once("```sh\n").and_then(|(_, rest)| rest.split_once("\n```"));
    let (block, _) = block.context("README.md has no ```sh block")?;
    let mut lines = block.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    match (lines.next(), lines.next(), lines.next()) {
        (Some(main_job), Some(tests), None) if tests.starts_with("cargo test") => {
            Ok(Commands { main_job: main_job.into(), tests: tests.into() })
        }
        _ => bail!("the first ```sh block of README.md must be two commands: the main job, then `cargo test …`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_block_is_two_commands() {
        let commands =
            of_text("# It\n```sh\n# See it.\ncargo run\ncargo test --all # All.\n```\n```sh\nls\n```\n").unwrap();
        assert_eq!(commands, Commands { main_job: "cargo run".into(), tests: "cargo test --all # All.".into() });
    }

    #[test]
    fn anything_else_is_an_error() {
        for wrong in
            ["", "```sh\ncargo test\n```", "```sh\ncargo run\nls\n```", "```sh\ncargo run\ncargo test\nls\n```"]
        {
            assert!(of_text(wrong).is_err(), "{wrong:?}");
        }
    }
}
