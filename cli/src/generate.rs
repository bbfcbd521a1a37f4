//! `rawipc completions` and `rawipc man`: made from the same source as `--help`.

use std::fs::create_dir_all;
use std::path::PathBuf;

use clap::{Args, Command, CommandFactory};
use clap_complete::Shell;

use crate::Tool;
use crate::error::Failure;
use crate::output::Output;

const NAME: &str = env!("CARGO_BIN_NAME");

/// Write a shell's completions to standard output.
#[derive(Args)]
#[command(after_help = COMPLETIONS_HELP)]
pub(crate) struct Completions {
    /// The shell that is to complete.
    shell: Shell,
}

const COMPLETIONS_HELP: &str = "\
The shell looks for them when it starts; elsewhere than here the folder may have another name.

Example:
  rawipc completions bash > ~/.local/share/bash-completion/completions/rawipc
  rawipc completions fish > ~/.config/fish/completions/rawipc.fish
  rawipc completions zsh > ~/.zfunc/_rawipc    # with fpath+=~/.zfunc before compinit in ~/.zshrc";

impl Completions {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        // Bash would get hidden commands too.
        let tool = Tool::command();
        let commands = tool.get_subcommands().filter(|command| !command.is_hide_set()).cloned();
        let mut shown = Command::new(NAME).disable_help_subcommand(true).version("").subcommands(commands);
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut shown, NAME, &mut script);
        Output::open()?.write(script)
    }
}

/// Write the manual, a page a command, into a folder.
#[derive(Args)]
#[command(after_help = MAN_HELP)]
pub(crate) struct Man {
    /// The folder, which is made if it is not there.
    folder: PathBuf,
}

const MAN_HELP: &str = "\
Example:
  rawipc man ~/.local/share/man/man1";

impl Man {
    pub(crate) fn run(&self) -> Result<(), Failure> {
        let written =
            create_dir_all(&self.folder).and_then(|()| clap_mangen::generate_to(Tool::command(), &self.folder));
        written.map_err(|error| Failure::new(self.folder.display(), error))
    }
}
