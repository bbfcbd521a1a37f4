//! `shm create`, `shm read`, `shm write`, `shm stat`, `shm unlink`.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use rawipc::{SharedMemory, name};
use rustix::io::ioctl_fionread;

use super::output::pseudo_terminal;
use super::sandbox::{with_memory, with_umask, without_privilege};
use super::{eventually, run, run_with, tool};
use crate::harness::Peer;
use crate::shm_support::{FreeName, Untouched, content, memory, name_of, pattern, reserved, sized, text};

crate::tests!(
    create_makes_the_object_that_was_asked_for,
    create_refuses_a_name_that_is_taken,
    create_refuses_a_size_that_cannot_be,
    read_writes_the_bytes_as_they_are,
    read_refuses_what_is_not_there,
    read_shows_a_hexdump_on_a_terminal,
    a_file_goes_in_and_comes_out_byte_for_byte,
    write_changes_what_was_asked_for_and_nothing_else,
    write_never_lengthens_the_object,
    an_input_without_end_is_not_kept_in_memory,
    progress_is_shown_on_a_terminal,
    stat_shows_the_object,
    unlink_tries_every_name,
    rights_are_needed,
    help_teaches_each_command,
    wrong_usage_is_exit_code_2,
);

fn create_makes_the_object_that_was_asked_for() {
    for (arguments, mode, space) in
        [(&["--mode", "0642"][..], 0o642, 8192), (&[], 0o600, 8192), (&["--sparse", "--mode", "666"], 0o666, 0)]
    {
        let free = FreeName::new();
        let mut command = tool(&["shm", "create", free.as_str().trim_start_matches('/'), "--size", "5000"]);
        run(with_umask(command.args(arguments), 0o077)).done("");
        let memory = SharedMemory::options().read(true).open(&free).unwrap();
        assert_eq!((memory.size().unwrap(), memory.mode().unwrap()), (5000, mode), "whatever the umask");
        assert_eq!((content(&memory), reserved(&free)), (vec![0; 5000], space));
    }
    let free = FreeName::new();
    run(&mut tool(&["shm", "create", free.as_str(), "--size", "0"])).done("");
    assert_eq!(fs::read(free.file()).unwrap(), b"");
}

fn create_refuses_a_name_that_is_taken() {
    let watched = Untouched::new();
    let name = text(watched.name());
    let error = format!("{name}: creating the shared memory: an object of this name already exists (EEXIST)");
    run(&mut tool(&["shm", "create", name, "--size", "1", "--mode", "666"])).failed(1, &error);
    watched.assert_untouched();
}

fn create_refuses_a_size_that_cannot_be() {
    let free = FreeName::new();
    let mut command = tool(&["shm", "create", free.as_str(), "--size", "18446744073709551615"]);
    let part = "creating the shared memory: no object has more than 9223372036854775807 bytes (EINVAL)";
    run(&mut command).failed(1, &format!("{}: {part}", free.as_str()));
    assert!(!free.is_taken());
}

fn read_writes_the_bytes_as_they_are() {
    let memory = memory(200_000);
    memory.write_at(0, &pattern(200_000)).unwrap();
    let name = text(name_of(&memory)).trim_start_matches('/');
    for (arguments, range) in [
        (&[][..], 0..200_000),
        (&["--offset", "199999"], 199_999..200_000),
        (&["--length", "3"], 0..3),
        (&["--offset", "100", "--length", "65537"], 100..65_637),
        (&["--offset", "200000"], 0..0),
        (&["--length", "0"], 0..0),
    ] {
        run(tool(&["shm", "read", name]).args(arguments)).done(&pattern(200_000)[range]);
    }
}

fn read_refuses_what_is_not_there() {
    let watched = Untouched::new();
    let name = text(watched.name());
    for (arguments, error) in [
        (&["--length", "5001"][..], "there are 5000 bytes from offset 0 on, and 5001 were asked for"),
        (&["--offset", "4999", "--length", "2"], "there are 1 bytes from offset 4999 on, and 2 were asked for"),
        (&["--offset", "5001"], "the object has 5000 bytes, none from offset 5001 on"),
        (&["--offset", "18446744073709551615"], "the object has 5000 bytes, none from offset 18446744073709551615 on"),
    ] {
        let output = run(tool(&["shm", "read", name]).args(arguments)).failed(1, &format!("{name}: {error}"));
        assert_eq!(output, b"");
    }
    watched.assert_untouched();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ran = run(tool(&["shm", "read", name]).stdout(full));
    ran.failed(1, "standard output: No space left on device (os error 28); nothing was read");
}

/// What a command writes to a terminal.
fn on_terminal(arguments: &[&str]) -> String {
    let [mut ours, its] = pseudo_terminal();
    let mut command = tool(arguments);
    let peer = Peer::start(command.stdout(its));
    drop(command); // It holds the other end of `ours`.
    let mut shown = Vec::new();
    // A terminal that nobody has open any more is an error; what had been written to it comes before.
    let _ = ours.read_to_end(&mut shown);
    peer.succeed();
    String::from_utf8(shown).unwrap().replace("\r\n", "\n")
}

/// The lines are those of `hexdump -C`.
fn read_shows_a_hexdump_on_a_terminal() {
    let memory = memory(150);
    memory.write_at(0, b"hello, world\n\0\x7f\xff~ !").unwrap();
    memory.write_at(130, b"the end").unwrap();
    let name = text(name_of(&memory));
    let expected = "\
00000000  68 65 6c 6c 6f 2c 20 77  6f 72 6c 64 0a 00 7f ff  |hello, world....|
00000010  7e 20 21 00 00 00 00 00  00 00 00 00 00 00 00 00  |~ !.............|
00000020  00 00 00 00 00 00 00 00  00 00 00 00 00 00 00 00  |................|
*
00000080  00 00 74 68 65 20 65 6e  64 00 00 00 00 00 00 00  |..the end.......|
00000090  00 00 00 00 00 00                                 |......|
00000096
";
    assert_eq!(on_terminal(&["shm", "read", name]), expected);
    let expected = "00000082  74 68 65 20 65 6e 64                              |the end|\n00000089\n";
    assert_eq!(on_terminal(&["shm", "read", name, "--offset", "130", "--length", "7"]), expected);
    assert_eq!(on_terminal(&["shm", "read", name, "--length", "0"]), "");
    let large = sized(1 << 20).create_unique(name!("/rawipc-test-shm-")).unwrap();
    let dump = on_terminal(&["shm", "read", text(name_of(&large))]);
    assert_eq!(dump.lines().skip(1).collect::<Vec<_>>(), ["*", "00100000"]);
}

fn a_file_goes_in_and_comes_out_byte_for_byte() {
    let program = fs::read(env!("CARGO_BIN_EXE_rawipc")).unwrap();
    let free = FreeName::new();
    let size = program.len().to_string();
    run(&mut tool(&["shm", "create", free.as_str(), "--size", &size])).done("");
    let input = File::open(env!("CARGO_BIN_EXE_rawipc")).unwrap();
    run(tool(&["shm", "write", free.as_str()]).stdin(input)).done("");
    let output = run(&mut tool(&["shm", "read", free.as_str()]));
    assert!(output.code == Some(0) && output.output == program, "the bytes differ");
    run(&mut tool(&["shm", "unlink", free.as_str()])).done("");
    assert!(!free.is_taken());
}

fn write_changes_what_was_asked_for_and_nothing_else() {
    let memory = memory(5000);
    let name = text(name_of(&memory)).trim_start_matches('/');
    let mut model = pattern(5000);
    memory.write_at(0, &model).unwrap();
    for (offset, bytes) in
        [(0, &b"start"[..]), (4997, b"end"), (77, b""), (5000, b""), (100, b"\0\n\xff"), (200, &[9; 3000])]
    {
        run_with(&["shm", "write", name, "--offset", &offset.to_string()], bytes).done("");
        model[offset..offset + bytes.len()].copy_from_slice(bytes);
        assert_eq!(content(&memory), model);
    }
}

fn write_never_lengthens_the_object() {
    let memory = memory(100);
    let name = text(name_of(&memory));
    for (offset, length, room, before) in [
        ("0", 101, 100, "100 bytes were written before"),
        ("90", 1000, 10, "10 bytes were written before"),
        ("99", 2, 1, "1 byte was written before"),
        ("100", 1, 0, "nothing was written"),
        ("18446744073709551615", 3, 0, "nothing was written"),
    ] {
        memory.write_at(0, &[0; 100]).unwrap();
        let ran = run_with(&["shm", "write", name, "--offset", offset], &vec![7; length]);
        let numbers = format!("the input has {length} bytes, the object has room for {room} from offset {offset} on");
        ran.failed(1, &format!("{name}: {numbers}; {before}"));
        assert_eq!(content(&memory), [vec![0; 100 - room], vec![7; room]].concat());
    }
}

fn an_input_without_end_is_not_kept_in_memory() {
    let memory = memory(100_000);
    let name = text(name_of(&memory));
    let mut command = tool(&["shm", "write", name]);
    let ran = run(with_memory(command.stdin(File::open("/dev/zero").unwrap()), 64 << 20));
    let error = "the input has more than 1148576 bytes, the object has room for 100000 from offset 0 on";
    ran.failed(1, &format!("{name}: {error}; 100000 bytes were written before"));
    let ran = run(tool(&["shm", "write", name]).stdin(File::open("/").unwrap()));
    ran.failed(1, "standard input: Is a directory (os error 21); nothing was written");
}

fn progress_is_shown_on_a_terminal() {
    let memory = memory(100);
    let [mut ours, its] = pseudo_terminal();
    let mut command = tool(&["shm", "write", text(name_of(&memory))]);
    let mut writer = Peer::start(command.stdin(Stdio::piped()).stderr(its));
    drop(command); // It holds the other end of `ours`.
    let mut input = writer.stdin.take().unwrap();
    input.write_all(b"first").unwrap();
    eventually(|| ioctl_fionread(&input).unwrap() == 0);
    // It is under way now. Nothing is shown of short transfers, and this one is long: its one piece ends when the input
    // does.
    let start = Instant::now();
    eventually(|| start.elapsed() > Duration::from_millis(600));
    input.write_all(b"second").unwrap();
    drop(input);
    writer.succeed();
    let mut shown = Vec::new();
    let _ = ours.read_to_end(&mut shown);
    assert_eq!(String::from_utf8(shown).unwrap(), "\r\x1b[K11 bytes written\r\x1b[K");
    assert_eq!(&content(&memory)[..11], b"firstsecond");
}

fn stat_shows_the_object() {
    let memory = sized(12_345).exact_mode(0o640).create_unique(name!("/rawipc-test-shm-")).unwrap();
    let name = text(name_of(&memory));
    let expected = format!("name: {name}\nsize: 12345\nmode: 0640\n");
    run(&mut tool(&["shm", "stat", name])).done(&expected);
    run(&mut tool(&["shm", "stat", name.trim_start_matches('/')])).done(&expected);
    let expected = format!("{{\"name\":\"{name}\",\"size\":12345,\"mode\":\"0640\"}}\n");
    run(&mut tool(&["shm", "stat", name, "--json"])).done(&expected);
}

fn unlink_tries_every_name() {
    let [first, missing, last] = [FreeName::new(), FreeName::new(), FreeName::new()];
    let open = [&first, &last].map(|name| sized(5).unlink_on_drop(false).create_new(true).open(name).unwrap());
    let ran = run(&mut tool(&["shm", "unlink", first.as_str(), missing.as_str(), last.as_str()]));
    let error = "unlinking the shared memory: no object has this name (ENOENT)";
    ran.failed(1, &format!("{}: {error}", missing.as_str()));
    assert!(!first.is_taken() && !last.is_taken());
    open[0].write_at(0, b"still").expect("those who have it open go on using it");
    let both = run(&mut tool(&["shm", "unlink", first.as_str(), last.as_str()]));
    let lines: Vec<&str> = both.errors.lines().collect();
    assert_eq!((both.code, lines.len()), (Some(1), 2), "{lines:?}");
    assert!(lines[0].contains(first.as_str()) && lines[1].contains(last.as_str()), "{lines:?}");
}

fn rights_are_needed() {
    let memory = sized(10).exact_mode(0o400).create_unique(name!("/rawipc-test-shm-")).unwrap();
    let name = text(name_of(&memory));
    let error = format!("{name}: opening the shared memory: not permitted for this user (EACCES)");
    run(without_privilege(&mut tool(&["shm", "write", name]))).failed(1, &error);
    run(without_privilege(&mut tool(&["shm", "read", name]))).done([0; 10]);
    run(without_privilege(&mut tool(&["shm", "stat", name]))).done(format!("name: {name}\nsize: 10\nmode: 0400\n"));
    for command in ["read", "write", "stat"] {
        let error = "/rawipc-no: opening the shared memory: no object has this name (ENOENT)";
        assert_eq!(run(&mut tool(&["shm", command, "rawipc-no"])).failed(1, error), b"");
    }
}

fn help_teaches_each_command() {
    for command in ["create", "read", "write", "stat", "unlink"] {
        let ran = run(&mut tool(&["shm", command, "--help"]));
        let help = String::from_utf8(ran.output).unwrap();
        assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""));
        assert!(help.contains(&format!("Usage: rawipc shm {command}")), "{help}");
        let example = help.split("Example").nth(1).expect("an example");
        assert!(example.contains(&format!("rawipc shm {command}")), "{help}");
    }
}

fn wrong_usage_is_exit_code_2() {
    for (arguments, explanation) in [
        (&["create", "m"][..], "--size <BYTES>"),
        (&["create", "m", "--size", "-1"], "it is a whole number of bytes, without a unit"),
        (&["create", "m", "--size", "4k"], "it is a whole number of bytes, without a unit"),
        (&["create", "m", "--size", "1", "--mode", "1777"], "a mode is three octal digits"),
        (&["read", "m", "--offset", "-1"], "it is a whole number of bytes, without a unit"),
        (&["read", "m", "--length", ""], "it is a whole number of bytes, without a unit"),
        (&["write", "m", "bytes"], "unexpected argument"),
        (&["stat", "a/b"], "there is a second slash at byte 2"),
        (&["unlink"], "<NAME>..."),
        (&["raed", "m"], "a similar subcommand exists: 'read'"),
    ] {
        let ran = run_with(&[&["shm"], arguments].concat(), b"");
        assert_eq!((ran.code, ran.output.len()), (Some(2), 0), "{arguments:?}: {ran:?}");
        assert!(ran.errors.contains(explanation), "{arguments:?}: {ran:?}");
    }
}
