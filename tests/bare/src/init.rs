//! The first process of a kernel: prepares the machine, runs programs, turns the machine off.

use core::ffi::CStr;
use core::fmt::Write;
use core::ptr;

use rustix::fs::{Mode, OFlags, mkdir, open};
use rustix::io::read;
use rustix::mount::{MountFlags, mount};
use rustix::process::{WaitOptions, waitpid};
use rustix::system::{RebootCommand, reboot, uname};

use crate::console::{Text, say};
use crate::raw;

/// What is to be run: a program a line, each of its words ended by a NUL. A word `<FILE` names its standard input.
const PROGRAMS: &CStr = c"/programs";

/// The most bytes of the list of programs, and the most words of a line.
const LENGTH: usize = 4096;
const WORDS: usize = 16;

/// Directories and what is mounted there.
const MOUNTS: [(&CStr, &CStr); 4] =
    [(c"/proc", c"proc"), (c"/dev", c"devtmpfs"), (c"/dev/shm", c"tmpfs"), (c"/dev/mqueue", c"mqueue")];

/// Runs all programs. Each line of output that is not theirs begins with `init: `.
pub fn run() -> ! {
    say!("init: kernel {:?}", uname().release());
    for (place, kind) in MOUNTS {
        let _ = mkdir(place, Mode::from_raw_mode(0o755));
        if let Err(errno) = mount(c"none", place, kind, MountFlags::empty(), None) {
            say!("init: {place:?} cannot be mounted: {errno}");
        }
    }
    let mut text = [0; LENGTH];
    let length = open(PROGRAMS, OFlags::RDONLY, Mode::empty()).and_then(|file| read(file, &mut text)).unwrap_or(0);
    for line in text[..length].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let words = line.split_inclusive(|byte| *byte == 0).filter_map(|word| CStr::from_bytes_with_nul(word).ok());
        run_program(words);
    }
    say!("init: done");
    let result = reboot(RebootCommand::PowerOff);
    say!("init: the machine cannot be turned off: {result:?}");
    freestanding::exit(1)
}

/// Runs a program and says how it ended.
fn run_program<'text>(words: impl Iterator<Item = &'text CStr> + Clone) {
    let mut command = Text::new();
    for word in words.clone() {
        let _ = write!(command, " {}", word.to_str().unwrap_or("?"));
    }
    say!("init: run{}", core::str::from_utf8(command.as_bytes()).unwrap_or_default());
    let Some(process) = raw::fork() else { become_program(words) };
    let status = waitpid(Some(process), WaitOptions::empty()).ok().flatten().map(|(_, status)| status);
    match status.and_then(|status| status.exit_status()) {
        Some(code) => say!("init: exit {code}"),
        None => say!("init: ended by a signal"),
    }
}

fn become_program<'text>(words: impl Iterator<Item = &'text CStr>) -> ! {
    let mut arguments = [ptr::null(); WORDS];
    // The last one stays null.
    let mut room = arguments[..WORDS - 1].iter_mut();
    for word in words {
        if let Some(path) = word.to_bytes().strip_prefix(b"<") {
            read_from(path);
        } else if let Some(argument) = room.next() {
            *argument = word.as_ptr();
        }
    }
    let errno = raw::execute(&arguments);
    say!("init: it cannot be run: {errno}");
    freestanding::exit(127)
}

/// Has a file as standard input.
fn read_from(path: &[u8]) {
    if let Err(errno) = open(path, OFlags::RDONLY, Mode::empty()).and_then(rustix::stdio::dup2_stdin) {
        say!("init: it cannot be read from: {errno}");
        freestanding::exit(127)
    }
}
