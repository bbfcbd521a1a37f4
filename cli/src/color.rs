//! Colours: on a terminal alone, and not where `NO_COLOR` asks for none.

use std::env;
use std::io::IsTerminal;

use clap::builder::StyledStr;
use clap::builder::styling::{AnsiColor, Style, Styles};

/// Help's usual styles. The word before an error is ours and not clap's: see `error`.
pub(crate) const HELP: Styles = Styles::styled().error(Style::new());

/// The word before an error.
const ERROR: Style = AnsiColor::Red.on_default().bold();
/// A table's headings.
const HEADINGS: Style = Style::new().bold();

/// Returns `true` if what goes there may have colors, by <https://no-color.org>.
fn wanted(stream: &impl IsTerminal) -> bool {
    let is_off = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let can = env::var_os("TERM").is_some_and(|terminal| terminal != "dumb");
    stream.is_terminal() && can && !is_off
}

pub(crate) fn error(word: &str, stream: &impl IsTerminal) -> String {
    styled(word, ERROR, stream)
}

pub(crate) fn headings(line: &str, stream: &impl IsTerminal) -> String {
    styled(line, HEADINGS, stream)
}

/// What clap has styled.
pub(crate) fn help(text: &StyledStr, stream: &impl IsTerminal) -> String {
    if wanted(stream) { text.ansi().to_string() } else { text.to_string() }
}

fn styled(text: &str, style: Style, stream: &impl IsTerminal) -> String {
    if wanted(stream) { format!("{style}{text}{style:#}") } else { text.to_owned() }
}
