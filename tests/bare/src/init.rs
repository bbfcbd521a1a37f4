//! The first process of a kernel: prepares the machine, runs programs, turns the machine off.

use core::ffi::{CStr, c_char};
use core::ptr;

use rustix::fs::{Mode, OFlags, mkdir, open};
use rustix::io::read;
use rustix::mount::{MountFlags, mount};
use rustix::process::WaitOptions;
use rustix::process::waitpid;
use rustix::system::{RebootCommand, reboot};

use crate::console::say;
use crate::raw;

/// What is to be run: a command line a line, words separated by blanks. `<FILE` is its standard input.
const PROGRAMS: &CStr = c"/programs";

/// The longest list of programs, and the most words of a line.
const LENGTH: usize = 4096;
const WORDS: usize = 16;

/// Directories and what is mounted there.
const MOUNTS: [(&CStr, &CStr); 4] =
    [(c"/proc", c"proc"), (c"/dev", c"devtmpfs"), (c"/dev/shm", c"tmpfs"), (c"/dev/mqueue", c"mqueue")];

/// Runs all programs. Each line of output that is not theirs begins with `init: `.
pub fn run() -> ! {
    let release = rustix::system::uname();
    for (place, kind) in MOUNTS {
        let _ = mkdir(place, Mode::from_raw_mode(0o755));
        if let Err(errno) = mount(c"none", place, kind, MountFlags::empty(), None) {
            say!("init: {place:?} cannot be mounted: {errno}");
        }
    }
    say!("init: kernel {:?} {:?}", release.release(), release.version());
    let mut text = [0; LENGTH];
    let programs = open(PROGRAMS, OFlags::RDONLY, Mode::empty());
    let length = programs.and_then(|file| read(file, &mut text)).unwrap_or(0);
    for line in text[..length].split_mut(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        say!("init: run {}", core::str::from_utf8(line).unwrap_or_default());
        match raw::fork() {
            None => become_program(line),
            Some(process) => {
                let status = waitpid(Some(process), WaitOptions::empty()).ok().flatten().map(|(_, status)| status);
                match status.and_then(|status| status.exit_status()) {
                    Some(code) => say!("init: exit {code}"),
                    None => say!("init: ended by a signal"),
                }
            }
        }
    }
    say!("init: done");
    let error = reboot(RebootCommand::PowerOff);
    say!("init: the machine cannot be turned off: {error:?}");
    freestanding::exit(1)
}

/// Becomes the program of a command line. The words' blanks become the NULs that end them.
fn become_program(line: &mut [u8]) -> ! {
    let mut words = [ptr::null::<c_char>(); WORDS];
    let mut text = [0; LENGTH];
    text[..line.len()].copy_from_slice(line);
    let mut count = 0;
    for byte in &mut text[..line.len()] {
        if *byte == b' ' {
            *byte = 0;
        }
    }
    for word in text[..=line.len()].split_inclusive(|byte| *byte == 0).take(WORDS - 1) {
        let Ok(word) = CStr::from_bytes_with_nul(word) else { break };
        match word.to_bytes().strip_prefix(b"<") {
            Some(path) => read_from(path),
            None => {
                words[count] = word.as_ptr();
                count += 1;
            }
        }
    }
    let errno = raw::execute(&words);
    say!("init: it cannot be run: {errno}");
    freestanding::exit(127)
}

/// Has a file as standard input.
fn read_from(path: &[u8]) {
    let file = open(path, OFlags::RDONLY, Mode::empty());
    if let Err(errno) = file.and_then(rustix::stdio::dup2_stdin) {
        say!("init: it cannot be read from: {errno}");
        freestanding::exit(127)
    }
}
