//! Help, and wrong usage.

use super::{FreeName, run, run_with, tool};

crate::tests!(
    help_teaches_each_command,
    wrong_usage_is_exit_code_2,
    wrong_values_are_explained,
    names_may_begin_with_a_dash,
    a_queue_that_is_not_there_is_named,
    a_semaphore_that_is_not_there_is_named,
);

/// Each command, and the tool itself.
pub(super) const COMMANDS: &[&[&str]] = &[
    &["mq", "create"],
    &["mq", "send"],
    &["mq", "receive"],
    &["mq", "stat"],
    &["mq", "watch"],
    &["mq", "unlink"],
    &["sem", "create"],
    &["sem", "post"],
    &["sem", "wait"],
    &["sem", "value"],
    &["sem", "stat"],
    &["sem", "repair"],
    &["sem", "unlink"],
    &["sem", "run"],
    &["shm", "create"],
    &["shm", "read"],
    &["shm", "write"],
    &["shm", "stat"],
    &["shm", "unlink"],
    &["list"],
    &["limits"],
    &["demo"],
    #[cfg(feature = "completions")]
    &["completions"],
    #[cfg(feature = "completions")]
    &["man"],
    &[],
];

fn help_teaches_each_command() {
    for command in COMMANDS {
        let ran = run(tool(command).arg("--help"));
        let help = String::from_utf8(ran.output).unwrap();
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""));
        assert!(help.contains(&["Usage: rawipc", &command.join(" ")].join(" ").trim_end().to_owned()), "{help}");
        let example = help.split("Example").nth(1).expect("an example");
        assert!(example.contains(&format!("rawipc {}", command.join(" "))), "{help}");
    }
    for sort in ["mq", "sem", "shm"] {
        let help = String::from_utf8(run(&mut tool(&[sort, "--help"])).output).unwrap();
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let commands = commands.map_while(|line| line.strip_prefix("  ")?.split(' ').next());
        assert!(commands.clone().count() > 4, "{help}");
        commands.for_each(|command| assert!(COMMANDS.contains(&&[sort, command][..]), "{command} is not tested"));
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
        &["mq", "receive", "/q", "--json", "--raw"],
        &["mq", "watch"],
        &["mq", "watch", "/q", "true"],
        &["mq", "watch", "/q", "--json", "--", "true"],
        &["sem"],
        &["sem", "post"],
        &["sem", "run", "/s"],
        &["sem", "run", "/s", "true"],
        &["sem", "run", "/s", "--"],
        &["sem", "unlink"],
        &["sem", "repair", "/s"],
        &["list", "/q"],
        &["limits", "--jsn"],
    ] {
        let ran = run_with(arguments, b"never sent\n");
        assert_eq!((ran.code, ran.output.len()), (Some(2), 0), "{arguments:?}: {ran:?}");
        assert!(ran.errors.contains("Usage: rawipc"), "{arguments:?}: {ran:?}");
    }
    for arguments in [&[][..], &["mq"], &["sem"], &["shm"]] {
        let help = run(tool(arguments).arg("--help")).output;
        assert_eq!(run(&mut tool(arguments)).errors.as_bytes(), help);
    }
    let ran = run(&mut tool(&["mq", "sedn", "/q"]));
    assert!(ran.errors.contains("a similar subcommand exists: 'send'"), "{ran:?}");
}

fn wrong_values_are_explained() {
    let too_long = "x".repeat(256);
    let wrong: [(&[&str], &str); 23] = [
        (&["stat", ""], "it is empty; a name is a slash and 1 to 255 bytes"),
        (&["stat", "/"], "nothing follows the slash"),
        (&["stat", "a/b"], "there is a second slash at byte 2"),
        (&["stat", ".."], "`/.` and `/..` are not valid names"),
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
        (&["watch", "/q", "--count", "0"], "it is a whole number of at least 1"),
        (&["watch", "/q", "--timeout", "-1"], "a time is not negative"),
        (&["watch", ""], "it is empty; a name is a slash and 1 to 255 bytes"),
    ];
    let wrong_semaphores: [(&[&str], &str); 8] = [
        (&["create", "/s", "--value", "-1"], "a semaphore's value is a whole number from 0 to 2147483647"),
        (&["create", "/s", "--value", "2147483648"], "a semaphore's value is a whole number from 0 to 2147483647"),
        (&["create", "/s", "--abi", "glibc"], "it is one of gnu (that of this machine's width), gnu64, gnu32, musl"),
        (&["create", "/s", "--mode", "8"], "a mode is three octal digits"),
        (&["post", "/s", "--count", "0"], "it is a whole number from 1 to 2147483647"),
        (&["wait", "/s", "--timeout", "soon"], "a time is a number of seconds, such as 2 or 0.25"),
        (&["run", "/s", "--timeout", "-1", "--", "true"], "a time is not negative"),
        (&["unlink", "/s", "a/b"], "there is a second slash at byte 2"),
    ];
    let wrong = wrong.into_iter().map(|(arguments, explanation)| ("mq", arguments, explanation));
    let more = wrong_semaphores.into_iter().map(|(arguments, explanation)| ("sem", arguments, explanation));
    for (sort, arguments, explanation) in wrong.chain(more) {
        let ran = run_with(&[&[sort], arguments].concat(), b"");
        assert_eq!((ran.code, ran.output.len()), (Some(2), 0), "{arguments:?}: {ran:?}");
        assert!(ran.errors.contains(explanation), "{arguments:?}: {ran:?}");
    }
}

fn names_may_begin_with_a_dash() {
    for arguments in [&["mq", "stat", "/-rawipc-test"][..], &["mq", "stat", "--json", "--", "-rawipc-test"]] {
        let error = "/-rawipc-test: opening the queue: no object has this name (ENOENT)";
        run(&mut tool(arguments)).failed(1, error);
    }
    let ran = run(&mut tool(&["mq", "stat", "-rawipc-test"]));
    assert!(ran.code == Some(2) && ran.errors.contains("use '-- -r"), "{ran:?}");
}

fn a_queue_that_is_not_there_is_named() {
    let name = FreeName::new();
    for command in ["send", "receive", "stat", "watch", "unlink"] {
        let doing = if command == "unlink" { "unlinking" } else { "opening" };
        let error = format!("{}: {doing} the queue: no object has this name (ENOENT)", name.0);
        assert_eq!(run(&mut tool(&["mq", command, name.0.trim_start_matches('/')])).failed(1, &error), b"");
    }
}

fn a_semaphore_that_is_not_there_is_named() {
    let name = FreeName::new();
    for command in ["post", "wait", "value", "stat", "repair", "unlink", "run"] {
        let doing = if command == "unlink" { "unlinking" } else { "opening" };
        let more: &[&str] = match command {
            "repair" => &["--yes"],
            "run" => &["--", "true"],
            _ => &[],
        };
        let error = format!("{}: {doing} the semaphore: no object has this name (ENOENT)", name.0);
        let name = name.0.trim_start_matches('/');
        assert_eq!(run(tool(&["sem", command, name]).args(more)).failed(1, &error), b"");
    }
}
