//! Whose semaphores a static program uses: those of the C library that the machine has, which is made up here by the
//! files that show it.

use std::fs;
use std::path::Path;
use std::process::Command;

use rawipc::semaphore::abi::Abi;
use rawipc::{Errno, ErrorKind, NamedSemaphore};
use rustix::mount::{MountPropagationFlags, mount_change};

use crate::documents::migration::build;
use crate::harness::kernel::private_ipc_and_mounts;
use crate::harness::{Ending, Lacking};
use crate::semaphore::peers::Library;
use crate::semaphore::static_programs::program;
use crate::semaphore::support::FreeName;
use crate::shm::support::mount_tmpfs;

crate::tests!(
    named_semaphore_of_a_static_program_is_glibcs,
    named_semaphore_default_costs_two_calls_once,
    named_semaphore_default_is_what_a_build_decides;
    alone: named_semaphore_default_follows_the_machine,
    named_semaphore_is_shared_on_a_machine_of_musl,
    named_semaphore_is_not_created_beside_glibcs,
);

const GLIBC: &str = "/lib64/ld-linux-x86-64.so.2";
const GLIBC_32: &str = "/lib/ld-linux.so.2";
const MUSL: &str = "/lib/ld-musl-x86_64.so.1";
const CACHE: &str = "/etc/ld.so.cache";

/// What the static program says of itself: its exit code.
fn code(program: &Path, arguments: &[&str]) -> i32 {
    let status = Command::new(program).args(arguments).status().expect("it starts");
    status.code().unwrap_or_else(|| panic!("{arguments:?}: {status}"))
}

/// Hides the C libraries of this machine from this process, and puts these files in place of them. What is linked
/// dynamically cannot be started then.
fn machine_with(files: &[&str]) -> Ending {
    for place in ["/lib", "/lib64", "/lib32", "/etc"] {
        // On a machine with links from `/lib64` into `/usr`, this is the directory there.
        if Path::new(place).exists() {
            mount_tmpfs(place, None)?;
        }
    }
    for file in files {
        fs::create_dir_all(Path::new(file).parent().expect("it has a directory")).expect("it is writable");
        fs::write(file, "").expect("the directory is this process's own");
    }
    Ok(())
}

fn private_mounts() -> Ending {
    private_ipc_and_mounts()?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount_change("/", private).map_err(|errno| Lacking(format!("mounts of its own ({errno})")))
}

fn named_semaphore_default_follows_the_machine() -> Ending {
    let program = program("machine")?;
    private_mounts()?;
    for (files, expected) in [
        (&[GLIBC, CACHE][..], 64),
        (&[GLIBC], 64),
        (&[GLIBC, MUSL, CACHE], 64),
        (&[GLIBC, MUSL], 1),
        (&[MUSL], 1),
        (&[GLIBC_32], 32),
        // The program is compiled for musl.
        (&[], 1),
    ] {
        machine_with(files)?;
        assert_eq!(code(&program, &["abi"]), expected, "{files:?}");
    }
    Ok(())
}

/// On this machine as it is.
fn named_semaphore_of_a_static_program_is_glibcs() -> Ending {
    let program = program("machine")?;
    if code(&program, &["abi"]) != 64 {
        return Err(Lacking("glibc as its C library".into()));
    }
    for library in [Library::Glibc, Library::PosixIpc, Library::Multiprocessing] {
        let name = FreeName::new();
        assert_eq!(code(&program, &["create", name.as_str()]), 0);
        assert_eq!(library.run(&["value", name.as_str()])?.trim(), "2");
        library.run(&["wait", name.as_str()])?;
        library.run(&["wait", name.as_str()])?;
        assert_eq!(code(&program, &["take", name.as_str()]), libc::EAGAIN);
        assert_eq!(code(&program, &["post", name.as_str()]), 0);
        library.run(&["wait", name.as_str()])?;
        assert_eq!(code(&program, &["unlink", name.as_str()]), 0);
        // And the reverse.
        library.run(&["create", name.as_str(), "1"])?;
        assert_eq!(code(&program, &["create", name.as_str()]), libc::EEXIST);
        assert_eq!(code(&program, &["take", name.as_str()]), 0);
        assert_eq!(NamedSemaphore::options().open(&name).unwrap().value(), 0);
        assert_eq!(code(&program, &["unlink", name.as_str()]), 0);
    }
    Ok(())
}

/// The names of the calls that the static program makes.
fn calls(program: &Path, arguments: &[&str]) -> Result<Vec<String>, Lacking> {
    let mut strace = Command::new("strace");
    let output = strace.args(["-qq", "-e", "signal=none"]).arg(program).args(arguments).output();
    let output = output.map_err(|error| Lacking(format!("strace ({error})")))?;
    let calls = String::from_utf8(output.stderr).expect("strace writes ASCII");
    let names = calls.lines().filter_map(|line| line.split_once('(')).map(|(name, _)| name.to_owned());
    // Its own beginning and end.
    let own = ["execve", "exit", "exit_group", "munmap", "close"];
    let names: Vec<String> = names.filter(|name| !own.contains(&name.as_str())).collect();
    if names.is_empty() { Err(Lacking("the right to trace".into())) } else { Ok(names) }
}

fn named_semaphore_default_costs_two_calls_once() -> Ending {
    let program = program("machine")?;
    if code(&program, &["abi"]) != 64 {
        return Err(Lacking("glibc as its C library".into()));
    }
    let name = FreeName::new();
    let mut created = calls(&program, &["create", name.as_str()])?;
    // Where a link by descriptor is not allowed, another way takes one call more.
    created.dedup_by(|one, other| one == other && one == "linkat");
    // The look into the other library's place, then the creation.
    assert_eq!(created, ["access", "access", "open", "open", "prlimit64", "write", "mmap", "fstat", "linkat"]);
    assert_eq!(calls(&program, &["post", name.as_str()])?, ["access", "access", "open", "read", "mmap", "fstat"]);
    assert_eq!(calls(&program, &["unlink", name.as_str()])?, ["access", "access", "unlinkat"]);
    Ok(())
}

/// Whatever the machine has, and whatever library the program is linked with.
fn named_semaphore_default_is_what_a_build_decides() -> Ending {
    const PROGRAM: &str = "
        fn main() {
            let name = rawipc::Name::new(std::env::args().nth(1).unwrap().leak().as_bytes()).unwrap();
            rawipc::NamedSemaphore::options().create_new(true).open(name).unwrap();
            print!(\"{}\", rawipc::semaphore::abi::Abi::of_machine());
        }";
    for (library, abi) in [("gnu", Abi::GNU), ("musl", Abi::Musl)] {
        let flags = format!("--cfg rawipc_semaphores=\"{library}\"");
        let programs = build("", &flags, &[("decided".into(), PROGRAM.into())])?;
        let name = FreeName::new();
        let output = Command::new(&programs[0]).arg(name.as_str()).output().expect("it starts");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.stdout, abi.to_string().as_bytes());
        assert!(name.file(abi).exists());
    }
    Ok(())
}

fn named_semaphore_is_shared_on_a_machine_of_musl() -> Ending {
    let program = program("machine")?;
    let name = FreeName::new();
    // It is compiled before the compiler cannot be started any more.
    Library::Musl.run(&["create", name.as_str(), "1"])?;
    fs::remove_file(name.file(Abi::Musl)).expect("it was created");
    private_mounts()?;
    machine_with(&[MUSL])?;
    assert_eq!(code(&program, &["create", name.as_str()]), 0);
    assert!(!name.file(Abi::GNU).exists());
    assert_eq!(Library::Musl.run(&["value", name.as_str()])?.trim(), "2");
    Library::Musl.run(&["wait", name.as_str()])?;
    Library::Musl.run(&["wait", name.as_str()])?;
    assert_eq!(code(&program, &["take", name.as_str()]), libc::EAGAIN);
    assert_eq!(code(&program, &["unlink", name.as_str()]), 0);
    Library::Musl.run(&["create", name.as_str(), "1"])?;
    assert_eq!(code(&program, &["take", name.as_str()]), 0);
    assert_eq!(code(&program, &["post", name.as_str()]), 0);
    Library::Musl.run(&["wait", name.as_str()])?;
    Ok(())
}

fn named_semaphore_is_not_created_beside_glibcs() -> Ending {
    let program = program("machine")?;
    private_mounts()?;
    machine_with(&[MUSL])?;
    for abi in [Abi::Gnu64, Abi::Gnu32] {
        let name = FreeName::new();
        let options = NamedSemaphore::options().abi(abi).create_new(true).unlink_on_drop(true);
        let semaphore = options.open(&name).unwrap();
        assert_eq!(code(&program, &["create", name.as_str()]), libc::EEXIST);
        assert_eq!(code(&program, &["open", name.as_str()]), libc::ENOENT);
        assert!(!name.file(Abi::Musl).exists());
        drop(semaphore);
        assert_eq!(code(&program, &["create", name.as_str()]), 0);
        // This program is of glibc's, whatever lies in the directory.
        let error = NamedSemaphore::options().create(true).open(&name).unwrap_err();
        assert_eq!((error.kind(), error.errno()), (ErrorKind::AlreadyExists, Errno::EXIST));
        assert!(error.to_string().contains("musl has a semaphore of this name"), "{error}");
        assert_eq!(code(&program, &["unlink", name.as_str()]), 0);
    }
    Ok(())
}
