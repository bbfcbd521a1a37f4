//! The tool's manual and completions, in the folders that belong under `/usr/share`, as an archive in `target/dist`.

use anyhow::Result;
use xshell::{Shell, cmd};

use crate::{root, workspace};

/// A shell, and where the file of its completions goes.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "bash-completion/completions/rawipc"),
    ("fish", "fish/vendor_completions.d/rawipc.fish"),
    ("zsh", "zsh/site-functions/_rawipc"),
];

/// Made by the tool itself from the source of its `--help`, so that they cannot differ.
pub fn write(shell: &Shell) -> Result<()> {
    let share = workspace().join("share");
    shell.remove_path(&share)?;
    let manual = share.join("man/man1");
    // With the features that the tests are built with.
    cmd!(shell, "cargo run --quiet --package rawipc-cli --all-features -- man {manual}").run()?;
    for (name, file) in SHELLS {
        let script =
            cmd!(shell, "cargo run --quiet --package rawipc-cli --all-features -- completions {name}").read()?;
        shell.write_file(share.join(file), script + "\n")?;
    }
    let archive = root().join("target/dist/rawipc-share.tar.gz");
    shell.create_dir(root().join("target/dist"))?;
    cmd!(shell, "tar --create --gzip --sort=name --owner=0 --group=0 --file {archive} --directory {share} .").run()?;
    println!("{}", archive.display());
    Ok(())
}
