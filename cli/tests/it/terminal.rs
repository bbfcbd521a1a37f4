//! What a terminal gets that a file does not: colors.

use std::io::Read;
use std::process::{Command, Stdio};
use std::thread;

use super::output::pseudo_terminal;
use super::{FreeName, run, tool};

crate::tests!(colors_are_for_terminals_that_want_them, a_file_gets_no_colours);

const RED: &str = "\x1b[1m\x1b[31mrawipc:\x1b[0m ";

/// What a command writes to a terminal of this sort.
fn shown(command: &mut Command, terminal: &str, no_color: Option<&str>) -> String {
    let [mut ours, its] = pseudo_terminal();
    command.env("TERM", terminal).env_remove("NO_COLOR").envs(no_color.map(|value| ("NO_COLOR", value)));
    // Read meanwhile: a terminal holds few bytes, and a list may have more.
    let reader = thread::spawn(move || {
        let mut shown = Vec::new();
        // A terminal that nobody has open any more is an error; what had been written to it comes before.
        let _ = ours.read_to_end(&mut shown);
        shown
    });
    run(command.stdout(its.try_clone().unwrap()).stderr(its));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    String::from_utf8(reader.join().unwrap()).unwrap()
}

fn colors_are_for_terminals_that_want_them() {
    let name = FreeName::new();
    for (arguments, colored) in [
        (&["mq", "stat", &name.0][..], RED),
        (&["mq", "stat"], RED),
        (&["list"], "\x1b[1mKIND"),
        (&["--help"], "\x1b[1m\x1b[4mUsage:\x1b[0m"),
    ] {
        for (terminal, no_color, wanted) in
            [("xterm", None, true), ("xterm", Some(""), true), ("xterm", Some("1"), false), ("dumb", None, false)]
        {
            let text = shown(&mut tool(arguments), terminal, no_color);
            let sort = format!("{arguments:?} {terminal} {no_color:?}: {text:?}");
            assert_eq!((text.contains(colored), text.contains('\x1b')), (wanted, wanted), "{sort}");
        }
    }
}

fn a_file_gets_no_colours() {
    let name = FreeName::new();
    for arguments in [&["mq", "stat", &name.0][..], &["mq"], &["--help"], &["list"], &["mq", "sedn"]] {
        let ran = run(tool(arguments).env("TERM", "xterm").env("CLICOLOR_FORCE", "1"));
        assert!(!ran.output.contains(&b'\x1b') && !ran.errors.contains('\x1b'), "{ran:?}");
        assert!(ran.code == Some(0) || ran.errors.starts_with("rawipc: ") || arguments == ["mq"], "{ran:?}");
    }
}
