//! Help, and wrong usage.

use super::{FreeName, run, run_with, tool};

crate::tests!(
    help_teaches_each_command,
    wrong_usage_is_exit_code_2,
    wrong_values_are_explained,
    a_queue_that_is_not_there_is_named,
);

const COMMANDS: [&[&str]; 6] =
    [&["mq", "create"], &["mq", "send"], &["mq", "receive"], &["mq", "stat"], &["mq", "unlink"], &["demo"]];

fn help_teaches_each_command() {
    for command in COMMANDS.iter().copied().chain([&[][..]]) {
        let ran = run(tool(command).arg("--help"));
        let help = String::from_utf8(ran.output).unwrap();
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""));
        assert!(help.contains(&["Usage: rawipc", &command.join(" ")].join(" ").trim_end().to_owned()), "{help}");
        let example = help.split("Example").nth(1).expect("an example");
        assert!(example.contains(&format!("rawipc {}", command.join(" "))), "{help}");
    }
    let all = run(&mut tool(&["--help"]));
    let all = String::from_utf8(all.output).unwrap();
    assert!(all.contains("Exit codes: 0 done, 1 failed, 2 wrong usage, 3 it would have to wait"), "{all}");
    assert!(!all.contains("partner"), "{all}");
    run(&mut tool(&["--version"])).done(concat!("rawipc ", env!("CARGO_PKG_VERSION"), "\n"));
}

fn wrong_usage_is_exit_code_2() {
    for arguments in [
        &[][..],
        &["mq"],
        &["mq", "sedn", "/q"],
        &["mq", "send"],
        &["mq", "unlink"],
        &["mq", "stat", "/q", "/r"],
        &["mq", "send", "/q", "message"],
        &["mq", "receive", "/q", "--follow", "--count", "2"],
        &["mq", "receive", "/q", "--json"],
    ] {
        let ran = run_with(arguments, b"never sent\n");
        assert_eq!((ran.code, ran.output.len()), (Some(2), 0), "{arguments:?}: {ran:?}");
        assert!(ran.errors.contains("Usage: rawipc"), "{arguments:?}: {ran:?}");
    }
    let ran = run(&mut tool(&["mq", "sedn", "/q"]));
    assert!(ran.errors.contains("a similar subcommand exists: 'send'"), "{ran:?}");
}

fn wrong_values_are_explained() {
    let too_long = "x".repeat(256);
    let wrong: [(&[&str], &str); 20] = [
        (&["stat", ""], "it is empty; a name is a slash and 1 to 255 bytes"),
        (&["stat", "/"], "nothing follows the slash"),
        (&["stat", "a/b"], "there is a second slash at byte 2"),
        (&["stat", ".."], "`/.` and `/..` are no names"),
        (&["stat", &too_long], "256 bytes follow the slash, at most 255 may"),
        (&["receive", "/q", "--timeout", "-0.5"], "a time is not negative"),
        (&["receive", "/q", "--timeout", "NaN"], "a time is a number of seconds, such as 2 or 0.25"),
        (&["receive", "/q", "--timeout", "2s"], "a time is a number of seconds, such as 2 or 0.25"),
        (&["receive", "/q", "--timeout", "inf"], "a time is below 2^64 seconds"),
        (&["send", "/q", "--timeout", "1e20"], "a time is below 2^64 seconds"),
        (&["receive", "/q", "--count", "0"], "it is a whole number of at least 1"),
        (&["receive", "/q", "--count", "-1"], "it is a whole number of at least 1"),
        (&["create", "/q", "--max-messages", "0"], "it is a whole number of at least 1"),
        (&["create", "/q", "--max-message-size", "8k"], "without a unit"),
        (&["create", "/q", "--mode", "1777"], "a mode is three octal digits"),
        (&["create", "/q", "--mode", "888"], "a mode is three octal digits"),
        (&["create", "/q", "--mode", ""], "a mode is three octal digits"),
        (&["create", "/q", "--mode", "u=rw"], "a mode is three octal digits"),
        (&["send", "/q", "--priority", "32768"], "a priority is a whole number from 0 to 32767"),
        (&["send", "/q", "--priority", "-1"], "a priority is a whole number from 0 to 32767"),
    ];
    for (arguments, explanation) in wrong {
        let ran = run_with(&[&["mq"], arguments].concat(), b"");
        assert_eq!((ran.code, ran.output.len()), (Some(2), 0), "{arguments:?}: {ran:?}");
        assert!(ran.errors.contains(explanation), "{arguments:?}: {ran:?}");
    }
}

fn a_queue_that_is_not_there_is_named() {
    let name = FreeName::new();
    for command in ["send", "receive", "stat", "unlink"] {
        let doing = if command == "unlink" { "unlinking" } else { "opening" };
        let error = format!("{}: {doing} the queue: there is no object of this name (ENOENT)", name.0);
        assert_eq!(run(&mut tool(&["mq", command, name.0.trim_start_matches('/')])).failed(1, &error), b"");
    }
}
