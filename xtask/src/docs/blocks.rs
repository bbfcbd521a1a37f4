//! The command blocks of a document: fences of `sh` and of `console`.
//!
//! One that cannot be run here has the comment `<!-- not run: WHY -->` on the line before it.

use anyhow::{Result, ensure};
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag};

use super::{Page, line};

/// A block, and how it is run.
#[derive(Debug, PartialEq)]
pub struct Block {
    /// Of its first line, which is the fence.
    pub line: usize,
    pub text: String,
    pub kind: Kind,
}

#[derive(Debug, PartialEq)]
pub enum Kind {
    /// A script that succeeds.
    Script,
    /// Commands after `$ `, each followed by what it prints.
    Console,
    /// Not run, for this reason.
    NotRun(String),
}

pub fn of(page: &Page) -> Result<Vec<Block>> {
    let mut blocks: Vec<Block> = Vec::new();
    let (mut comment, mut is_commands) = (None, false);
    for (event, range) in Parser::new(&page.text).into_offset_iter() {
        let line = line(&page.text, range.start);
        match event {
            Event::Html(html) => comment = reason(&html).or(comment),
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(language))) => {
                let kind = match (language.as_ref(), comment.take()) {
                    ("sh" | "console", Some(reason)) => Kind::NotRun(reason),
                    ("sh", None) => Kind::Script,
                    ("console", None) => Kind::Console,
                    ("bash" | "shell", _) => {
                        anyhow::bail!("{}:{line}: a command block is `sh` or `console`", page.path)
                    }
                    _ => continue,
                };
                is_commands = true;
                blocks.push(Block { line, text: String::new(), kind });
            }
            Event::Text(text) if is_commands => {
                blocks.iter_mut().last().into_iter().for_each(|block| block.text += &text)
            }
            Event::End(_) => is_commands = false,
            Event::Start(Tag::HtmlBlock) => {}
            _ => {
                ensure!(comment.is_none(), "{}:{line}: `not run` stands before no command block", page.path);
            }
        }
    }
    Ok(blocks)
}

fn reason(html: &str) -> Option<String> {
    let reason = html.trim().strip_prefix("<!-- not run: ")?.strip_suffix(" -->")?;
    Some(reason.to_owned())
}

/// The commands of a console block, each with what it prints.
pub fn commands(console: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in console.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.to_owned(), String::new())),
            (None, Some((_, output))) => *output += &format!("{line}\n"),
            (None, None) => {}
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(text: &str) -> Result<Vec<Block>> {
        of(&Page { path: "a.md".into(), text: text.into() })
    }

    #[test]
    fn blocks_have_their_kind() {
        let text = "# A\n```sh\nls\n```\n\n<!-- not run: it needs a board -->\n```sh\nreboot\n```\n```rust\nf();\n```\n\
                    - in a list:\n  ```console\n  $ ls\n  a\n  ```\n";
        let block = |line, text: &str, kind| Block { line, text: text.into(), kind };
        let expected = [
            block(2, "ls\n", Kind::Script),
            block(7, "reboot\n", Kind::NotRun("it needs a board".into())),
            block(14, "$ ls\na\n", Kind::Console),
        ];
        assert_eq!(blocks(text).unwrap(), expected);
    }

    #[test]
    fn what_is_not_understood_is_an_error() {
        for wrong in ["```bash\nls\n```\n", "<!-- not run: why -->\nText.\n", "<!-- not run: why -->\n\n# A\n"] {
            assert!(blocks(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn consoles_are_commands_and_outputs() {
        let pair = |command: &str, output: &str| (command.to_owned(), output.to_owned());
        assert_eq!(commands("$ a b\nc\n\nd\n$ e\n"), [pair("a b", "c\n\nd\n"), pair("e", "")]);
    }
}
