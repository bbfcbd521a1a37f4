//! `sem create|post|wait|value|stat|repair|unlink`.

use std::fs::{self, Permissions};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Instant;

use rawipc::semaphore::abi::Abi;
use rawipc::{ErrorKind, Name, NamedSemaphore};

use super::sandbox::{with_umask, without_privilege};
use super::{assert_json, eventually, run, tool};
use crate::harness::Peer;

crate::tests!(
    create_makes_the_semaphore_that_was_asked_for,
    create_refuses_a_name_that_is_taken,
    each_layout_can_be_made_and_found,
    sem_create_beside_another_library_names_it,
    post_adds_tokens_or_none,
    wait_takes_a_token,
    waiting_for_a_token_is_bounded,
    a_waiting_process_gets_the_token,
    a_signal_ends_a_wait_and_leaves_nothing_behind,
    repair_forgets_waiters,
    unlink_tries_every_name,
    unlink_leaves_shared_memory_alone,
    the_right_to_use_it_is_needed,
);

/// A semaphore's name; what bears it at the end is removed.
pub(super) struct SemaphoreName(pub(super) String);

impl SemaphoreName {
    pub(super) fn free() -> Self {
        let semaphore = NamedSemaphore::options().unlink_on_drop(true).create_unique(rawipc::name!("/rawipc-test-"));
        Self(String::from_utf8(semaphore.unwrap().name().as_bytes().to_vec()).unwrap())
    }

    /// The name of a new semaphore of this value.
    pub(super) fn of_new(value: u32) -> Self {
        let name = Self::free();
        NamedSemaphore::options().create_new(true).initial_value(value).open(name.name()).unwrap();
        name
    }

    fn name(&self) -> &Name {
        Name::new(self.0.as_str()).unwrap()
    }

    pub(super) fn open(&self) -> rawipc::Result<NamedSemaphore> {
        NamedSemaphore::options().open(self.name())
    }

    pub(super) fn value(&self) -> u32 {
        self.open().unwrap().value()
    }

    fn files(&self) -> [String; 2] {
        [format!("/dev/shm/sem.{}", &self.0[1..]), format!("/dev/shm/{}", &self.0[1..])]
    }
}

impl Drop for SemaphoreName {
    fn drop(&mut self) {
        for file in self.files() {
            // Mostly one of them is there, or none.
            let _ = fs::remove_file(file);
        }
    }
}

fn create_makes_the_semaphore_that_was_asked_for() {
    let name = SemaphoreName::free();
    let mut command = tool(&["sem", "create", name.0.trim_start_matches('/'), "--value", "7", "--mode", "642"]);
    run(with_umask(&mut command, 0o077)).done("");
    assert_eq!((name.value(), name.open().unwrap().abi()), (7, Abi::of_machine()));
    assert_eq!(fs::metadata(&name.files()[0]).unwrap().mode() & 0o7777, 0o642, "whatever the umask");
    run(&mut tool(&["sem", "value", &name.0])).done("7\n");
    let text = format!("name: {}\nlayout: {}\nvalue: 7\nrecorded as waiting: 0\n", name.0, Abi::NATIVE);
    run(&mut tool(&["sem", "stat", name.0.trim_start_matches('/')])).done(text);
    let json = format!("{{\"name\":\"{}\",\"layout\":\"{}\",\"value\":7,\"waiters\":0}}\n", name.0, Abi::NATIVE);
    assert_json(json.as_bytes());
    run(&mut tool(&["sem", "stat", &name.0, "--json"])).done(json);

    let name = SemaphoreName::free();
    run(&mut tool(&["sem", "create", &name.0])).done("");
    assert_eq!((name.value(), fs::metadata(&name.files()[0]).unwrap().mode() & 0o7777), (0, 0o600));
}

fn create_refuses_a_name_that_is_taken() {
    let name = SemaphoreName::of_new(3);
    let ran = run(&mut tool(&["sem", "create", &name.0, "--value", "9"]));
    ran.failed(1, &format!("{}: creating the semaphore: an object of this name already exists (EEXIST)", name.0));
    assert_eq!(name.value(), 3);
}

fn each_layout_can_be_made_and_found() {
    for (word, abi) in [("gnu", Abi::GNU), ("gnu64", Abi::Gnu64), ("gnu32", Abi::Gnu32), ("musl", Abi::Musl)] {
        let name = SemaphoreName::free();
        run(&mut tool(&["sem", "create", &name.0, "--abi", word, "--value", "2"])).done("");
        let options = NamedSemaphore::options().abi(abi);
        assert_eq!(options.open(name.name()).unwrap().abi(), abi);
        let [gnu, musl] = name.files().map(|file| fs::exists(file).unwrap());
        assert_eq!([gnu, musl], [abi != Abi::Musl, abi == Abi::Musl]);
        let of_it = |arguments: &[&str]| run(tool(&["sem"]).args(arguments).args(["--abi", word]));
        of_it(&["post", &name.0]).done("");
        of_it(&["wait", &name.0, "--timeout", "0"]).done("");
        of_it(&["value", &name.0]).done("2\n");
        run(&mut tool(&["sem", "run", &name.0, "--abi", word, "--", "true"])).done("");
        let text = format!("name: {}\nlayout: {abi}\nvalue: 2\nrecorded as waiting: 0\n", name.0);
        of_it(&["stat", &name.0]).done(text);
        of_it(&["unlink", &name.0]).done("");
        assert_eq!(options.open(name.name()).unwrap_err().kind(), ErrorKind::NotFound);
    }
}

fn sem_create_beside_another_library_names_it() {
    let name = SemaphoreName::free();
    run(&mut tool(&["sem", "create", &name.0, "--abi", "musl", "--value", "2"])).done("");
    let has_it = "musl has a semaphore of this name, /dev/shm/NAME; ask for its layout with `abi`, or remove it";
    let ran = run(&mut tool(&["sem", "create", &name.0]));
    ran.failed(1, &format!("{}: creating the semaphore: {has_it} (EEXIST)", name.0));
    for command in [&["post"][..], &["wait"], &["value"], &["repair", "--yes"]] {
        let ran = run(tool(&["sem"]).args(command).arg(&name.0));
        assert!(ran.code == Some(1) && ran.errors.contains(has_it), "{ran:?}");
    }
    assert!(!fs::exists(&name.files()[0]).unwrap());
    run(&mut tool(&["sem", "value", &name.0, "--abi", "musl"])).done("2\n");
    // Memory that could be one is left alone, and said to be there.
    let memory = SemaphoreName::free();
    fs::write(&memory.files()[1], [0; 32]).unwrap();
    for command in ["post", "value", "unlink"] {
        let ran = run(&mut tool(&["sem", command, &memory.0]));
        assert!(ran.code == Some(1) && ran.errors.contains("may be a semaphore of musl's"), "{ran:?}");
    }
    run(&mut tool(&["sem", "create", &memory.0, "--value", "1"])).done("");
    run(&mut tool(&["sem", "unlink", &memory.0])).done("");
    assert_eq!(fs::read(&memory.files()[1]).unwrap(), [0; 32]);
}

fn post_adds_tokens_or_none() {
    let name = SemaphoreName::of_new(0);
    run(&mut tool(&["sem", "post", &name.0])).done("");
    run(&mut tool(&["sem", "post", name.0.trim_start_matches('/'), "--count", "4"])).done("");
    assert_eq!(name.value(), 5);
    let ran = run(&mut tool(&["sem", "post", &name.0, "--count", "2147483647"]));
    ran.failed(1, &format!("{}: posting the semaphore: a number is too large (EOVERFLOW)", name.0));
    assert_eq!(name.value(), 5);
}

fn wait_takes_a_token() {
    let name = SemaphoreName::of_new(3);
    for options in [&[][..], &["--timeout", "0"], &["--timeout", "60"]] {
        run(tool(&["sem", "wait", &name.0]).args(options)).done("");
    }
    assert_eq!(name.value(), 0);
}

fn waiting_for_a_token_is_bounded() {
    let name = SemaphoreName::of_new(0);
    // The second one is longer than the time between two looks for signals.
    for timeout in [0.05, 0.25] {
        let start = Instant::now();
        for command in [&["wait"][..], &["run"]] {
            let more: &[&str] = if command == ["run"] { &["--", "echo", "never"] } else { &[] };
            let ran = run(tool(&["sem"]).args(command).args([&name.0, "--timeout", &timeout.to_string()]).args(more));
            let error = format!("{}: waiting for the semaphore: timed out (ETIMEDOUT)", name.0);
            assert_eq!(ran.failed(3, &error), b"");
        }
        assert!(start.elapsed().as_secs_f64() >= 2.0 * timeout);
    }
    let error = format!("{}: waiting for the semaphore: no token is available (EAGAIN)", name.0);
    run(&mut tool(&["sem", "wait", &name.0, "--timeout", "0"])).failed(3, &error);
    assert_eq!((name.value(), name.open().unwrap().waiters()), (0, 0));
}

fn a_waiting_process_gets_the_token() {
    for options in [&["--timeout", "60"][..], &[]] {
        let name = SemaphoreName::of_new(0);
        let waiter = Peer::start(tool(&["sem", "wait", &name.0]).args(options));
        eventually(|| name.open().unwrap().waiters() == 1);
        run(&mut tool(&["sem", "post", &name.0])).done("");
        waiter.succeed();
        assert_eq!((name.value(), name.open().unwrap().waiters()), (0, 0));
    }
}

fn a_signal_ends_a_wait_and_leaves_nothing_behind() {
    let name = SemaphoreName::of_new(0);
    for (signal, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143), (libc::SIGHUP, 129), (libc::SIGQUIT, 131)] {
        for more in [&["wait", &name.0][..], &["run", &name.0, "--", "echo", "never"]] {
            let mut waiter = Peer::start(tool(&["sem"]).args(more));
            eventually(|| name.open().unwrap().waiters() == 1);
            send_signal(&waiter, signal);
            assert_eq!(waiter.wait().unwrap().code(), Some(code));
            let mut output = String::new();
            waiter.stdout.take().unwrap().read_to_string(&mut output).unwrap();
            assert_eq!(output, "");
            let semaphore = name.open().unwrap();
            assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
        }
    }
}

pub(super) fn send_signal(peer: &Peer, signal: i32) {
    // SAFETY: no pointers. The child is ours and not reaped yet, so the number is its own.
    assert_eq!(unsafe { libc::kill(peer.pid(), signal) }, 0);
}

/// A waiter that was killed is made by its trace: in 64-bit glibc's layout the second word counts waiters.
fn repair_forgets_waiters() {
    let name = SemaphoreName::free();
    run(&mut tool(&["sem", "create", &name.0, "--abi", "gnu64", "--value", "2"])).done("");
    for (waiters, word) in [(3_u32, "waiters"), (1, "waiter"), (0, "waiters")] {
        let mut image = fs::read(&name.files()[0]).unwrap();
        image[4..8].copy_from_slice(&waiters.to_ne_bytes());
        fs::write(&name.files()[0], image).unwrap();
        assert_eq!(name.open().unwrap().waiters(), waiters);
        let ran = run(&mut tool(&["sem", "repair", &name.0]));
        assert!(ran.code == Some(2) && ran.errors.contains("--yes"), "{ran:?}");
        assert_eq!(name.open().unwrap().waiters(), waiters, "not without --yes");
        let text = format!("{}: {waiters} recorded {word} forgotten\n", name.0);
        run(&mut tool(&["sem", "repair", &name.0, "--yes"])).done(text);
        assert_eq!((name.value(), name.open().unwrap().waiters()), (2, 0));
    }
}

fn unlink_tries_every_name() {
    let [first, missing, last] = [SemaphoreName::of_new(0), SemaphoreName::free(), SemaphoreName::of_new(0)];
    let open = first.open().unwrap();
    let ran = run(&mut tool(&["sem", "unlink", first.0.trim_start_matches('/'), &missing.0, &last.0]));
    ran.failed(1, &format!("{}: unlinking the semaphore: no object has this name (ENOENT)", missing.0));
    for name in [&first, &last] {
        assert_eq!(name.open().unwrap_err().kind(), ErrorKind::NotFound);
    }
    open.post().expect("those who have it open go on using it");

    // One of each library: each is removed alone.
    let both = SemaphoreName::of_new(1);
    run(&mut tool(&["sem", "create", &both.0, "--abi", "musl"])).done("");
    run(&mut tool(&["sem", "unlink", &both.0, "--abi", "musl"])).done("");
    assert_eq!((both.value(), fs::exists(&both.files()[1]).unwrap()), (1, false));
}

fn unlink_leaves_shared_memory_alone() {
    let name = SemaphoreName::free();
    fs::write(&name.files()[1], "precious").unwrap();
    for options in [&[][..], &["--abi", "musl"], &["--abi", "gnu"]] {
        let ran = run(tool(&["sem", "unlink", &name.0]).args(options));
        assert_eq!((ran.code, ran.errors.lines().count()), (Some(1), 1), "{ran:?}");
        assert_eq!(fs::read_to_string(&name.files()[1]).unwrap(), "precious");
    }
    // What is called like one of glibc's goes, whatever is in it.
    fs::write(&name.files()[0], "broken").unwrap();
    run(&mut tool(&["sem", "unlink", &name.0])).done("");
    assert_eq!(name.files().map(|file| fs::exists(file).unwrap()), [false, true]);
}

fn the_right_to_use_it_is_needed() {
    let name = SemaphoreName::of_new(1);
    fs::set_permissions(&name.files()[0], Permissions::from_mode(0o400)).unwrap();
    for command in ["post", "wait", "value", "stat"] {
        let ran = run(without_privilege(&mut tool(&["sem", command, &name.0])));
        ran.failed(1, &format!("{}: opening the semaphore: not permitted for this user (EACCES)", name.0));
    }
    // Its name may be removed by its owner all the same.
    run(without_privilege(&mut tool(&["sem", "unlink", &name.0]))).done("");
    assert!(!fs::exists(&name.files()[0]).unwrap());
}
