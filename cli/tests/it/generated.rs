//! `completions` and `man`: made from the source of `--help`.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::usage::COMMANDS;
use super::{FreeName, run, tool};
use crate::harness::{Ending, Lacking};

crate::tests!(bash_completes_commands_and_options, each_shell_has_completions, each_command_has_a_page);

fn bash_completes_commands_and_options() -> Ending {
    let script = String::from_utf8(run(&mut tool(&["completions", "bash"])).output).unwrap();
    for (words, expected) in [
        ("rawipc m", "mq man"),
        ("rawipc d", "demo"),
        ("rawipc mq s", "send stat"),
        ("rawipc sem repair --y", "--yes"),
        ("rawipc mq receive --f", "--follow"),
    ] {
        let last = words.split(' ').count() - 1;
        let [last, before] = [last, last - 1].map(|index| words.split(' ').nth(index).unwrap());
        let ask = format!(
            "{script}\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _rawipc rawipc {last} {before}; \
             echo \"${{COMPREPLY[*]}}\""
        );
        let output = Command::new("bash").args(["-c", &ask]).output();
        let output = output.map_err(|error| Lacking(format!("bash ({error})")))?;
        assert_eq!(String::from_utf8_lossy(&output.stdout), format!("{expected}\n"), "{words}: {output:?}");
    }
    Ok(())
}

fn each_shell_has_completions() {
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(run(&mut tool(&["completions", shell])).output).unwrap();
        for word in ["max-message-size", "receive", "limits"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let ran = run(&mut tool(&["completions", "csh"]));
    assert!(ran.code == Some(2) && ran.errors.contains("bash"), "{ran:?}");
}

fn each_command_has_a_page() -> Ending {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(&FreeName::new().0[1..]);
    run(tool(&["man"]).arg(&folder)).done("");
    let mut pages = fs::read_dir(&folder).unwrap().count();
    for command in COMMANDS {
        let name = [&["rawipc"], *command].concat().join("-");
        let page = fs::read_to_string(folder.join(format!("{name}.1"))).unwrap();
        assert!(page.contains("Example"), "{page}");
        pages -= 1;
    }
    assert_eq!(pages, 3, "and one for each of mq, sem, shm");
    // Troff complains of what it does not understand.
    let output = Command::new("groff").args(["-man", "-ww", "-z"]).arg(folder.join("rawipc-mq-receive.1")).output();
    let _ = fs::remove_dir_all(&folder);
    let output = output.map_err(|error| Lacking(format!("groff ({error})")))?;
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    Ok(())
}
