//! `list`, of objects in namespaces of its own.

use std::fs::{self, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use rawipc::mqueue::Notify;
use rawipc::semaphore::abi::Abi;
use rawipc::{MessageQueue, Name, NamedSemaphore, Priority, SharedQueue, name};

use super::limits::{cover, hide_queues};
use super::sandbox::{without_mounting, without_privilege};
use super::{Ran, assert_json, run, tool};
use crate::harness::kernel::private_ipc_and_mounts;
use crate::harness::{Ending, small};

crate::tests!(
    ;
    alone: an_empty_system_has_headings_only,
    each_sort_is_listed_with_its_content,
    a_possible_semaphore_is_listed_once,
    hostile_names_are_escaped,
    what_may_not_be_opened_is_listed_without_content,
    queues_that_cannot_be_seen_do_not_hide_the_rest,
    without_dev_shm_the_queues_are_listed,
);

const HEADINGS: &str = "KIND  MODE  OWNER  MODIFIED  NAME  CONTENT\n";

/// Namespaces in which there is nothing yet.
fn empty_system() -> Ending {
    private_ipc_and_mounts()?;
    cover("/dev/shm")
}

fn queue(name: &Name) -> MessageQueue {
    small().create_new(true).exact_mode(0o620).open(name).unwrap()
}

fn semaphore(name: &Name, abi: Abi, value: u32) {
    let options = NamedSemaphore::options().create_new(true).exact_mode(0o640).abi(abi);
    options.initial_value(value).open(name).unwrap();
}

fn memory(name: &str, size: usize) {
    let path = Path::new("/dev/shm").join(name);
    fs::write(&path, vec![b'x'; size]).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
}

/// The lines of a successful listing, each blank that aligns made a single one and the times left out.
#[track_caller]
fn rows(ran: Ran) -> Vec<String> {
    assert_eq!((ran.code, ran.errors.as_str()), (Some(0), ""));
    let text = String::from_utf8(ran.output).unwrap();
    assert!(text.starts_with("KIND "), "{text}");
    text.lines().skip(1).map(without_time).collect()
}

fn without_time(line: &str) -> String {
    let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
    let is_time = |cell: &str| cell.len() == 20 && cell.ends_with('Z') && cell.as_bytes()[10] == b'T';
    assert_eq!(cells.clone().filter(|cell| is_time(cell)).count(), 1, "{line}");
    cells.filter(|cell| !is_time(cell)).collect::<Vec<_>>().join("|")
}

fn an_empty_system_has_headings_only() -> Ending {
    empty_system()?;
    run(&mut tool(&["list"])).done(HEADINGS);
    run(&mut tool(&["list", "--json"])).done("[]\n");
    Ok(())
}

fn each_sort_is_listed_with_its_content() -> Ending {
    empty_system()?;
    let (idle, busy) = (queue(name!("/idle")), queue(name!("/busy")));
    busy.send(b"12345", Priority::MIN).unwrap();
    busy.send(b"678", Priority::MIN).unwrap();
    idle.notify(Notify::Signal { number: 40, value: 0 }).unwrap();
    semaphore(name!("/slots"), Abi::Gnu64, 3);
    semaphore(name!("/narrow"), Abi::Gnu32, 4);
    memory("state", 100);
    let shared = SharedQueue::options().read(true).create_anonymous().unwrap();
    let doorbell = shared.doorbell().unwrap();
    // In the order of names within each kind, in columns.
    let (process, empty) = (std::process::id(), "0 of 8 messages of at most 64 bytes, 0 bytes queued");
    let listed = rows(run(&mut tool(&["list"])));
    assert_eq!(
        listed,
        [
            "bell|0622|0|/rawipc-bell-00000|0 of 1 messages of at most 1 bytes, 0 bytes queued".to_owned(),
            "queue|0620|0|/busy|2 of 8 messages of at most 64 bytes, 8 bytes queued".to_owned(),
            format!("queue|0620|0|/idle|{empty}; process {process} gets signal 40"),
            "semaphore|0640|0|/narrow|layout gnu32, value 4, 0 recorded as waiting".to_owned(),
            "semaphore|0640|0|/slots|layout gnu64, value 3, 0 recorded as waiting".to_owned(),
            "shared memory|0644|0|/state|100 bytes".to_owned(),
        ]
    );
    let table = String::from_utf8(run(&mut tool(&["list"])).output).unwrap();
    let columns: Vec<_> = table.lines().map(|line| line.find(" 0  ").or(line.find("OWNER")).unwrap_or(0)).collect();
    assert!(columns.iter().skip(1).all(|column| column + 1 == columns[0]), "{table}");

    let json = String::from_utf8(run(&mut tool(&["list", "--json"])).output).unwrap();
    assert_json(json.as_bytes());
    for part in [
        r#"{"kind":"queue","name":"/busy","mode":"0620","user":0,"modified":""#,
        r#""max_messages":8,"max_message_size":64,"messages":2,"bytes":8,"notification":null}"#,
        &format!(r#""bytes":0,"notification":{{"process":{process},"delivery":"signal","signal":40}}}}"#),
        r#","layout":"gnu64","value":3,"waiters":0}"#,
        r#","size":100}"#,
    ] {
        assert!(json.contains(part), "{part} is not in {json}");
    }
    assert_eq!(json.matches("\"kind\":").count(), 6);
    // The time is that of the file.
    let modified = fs::metadata("/dev/shm/state").unwrap().mtime();
    let listed = json.lines().find(|line| line.contains("/state")).unwrap();
    let time = listed.split("\"modified\":\"").nth(1).unwrap().split('"').next().unwrap();
    assert_eq!(seconds_of(time), modified, "{time}");
    drop(doorbell);
    busy.close().unwrap();
    idle.close().unwrap();
    Ok(())
}

/// As `date` understands it.
fn seconds_of(time: &str) -> i64 {
    let output = std::process::Command::new("date").args(["-u", "+%s", "-d", time]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn a_possible_semaphore_is_listed_once() -> Ending {
    empty_system()?;
    semaphore(name!("/musl"), Abi::Musl, 2);
    memory("sem.broken", 32);
    memory("32-bytes", 32);
    let error = "not known: opening the semaphore: the file of this name does not hold a semaphore of a known layout \
                 (EINVAL)";
    assert_eq!(
        rows(run(&mut tool(&["list"]))),
        [
            format!("semaphore|0644|0|/broken|{error}").as_str(),
            "semaphore?|0640|0|/musl|layout musl, value 2, 0 recorded as waiting",
            "shared memory|0644|0|/32-bytes|32 bytes",
        ]
    );
    Ok(())
}

fn hostile_names_are_escaped() -> Ending {
    const NAMES: [&[u8]; 5] = [b"\x1b[2J\x07", b"a\nqueue  0600", b"\"quoted\\", b"\xff\xc3\xbc", b" "];
    empty_system()?;
    let mut queues = Vec::new();
    for name in NAMES {
        let bytes = [b"/", name].concat();
        queues.push(queue(Name::new(&*bytes).unwrap()));
        fs::write(Path::new("/dev/shm").join(std::ffi::OsStr::from_bytes(name)), b"").unwrap();
    }
    let ran = run(&mut tool(&["list"]));
    assert!(ran.output.iter().all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\n'), "{ran:?}");
    let text = String::from_utf8(ran.output).unwrap();
    assert_eq!(text.lines().count(), 1 + 2 * NAMES.len(), "{text}");
    for name in NAMES {
        assert_eq!(text.matches(&format!("  /{}", name.escape_ascii())).count(), 2, "{text}");
    }
    let json = run(&mut tool(&["list", "--json"])).output;
    assert_json(&json);
    let json = String::from_utf8(json).unwrap();
    for name in [r#""/\u001b[2J\u0007""#, r#""/a\u000aqueue  0600""#, r#""/\"quoted\\""#, "\"/�ü\"", r#""/ ""#] {
        assert_eq!(json.matches(&format!("\"name\":{name},")).count(), 2, "{name} is not in {json}");
    }
    drop(queues);
    Ok(())
}

fn what_may_not_be_opened_is_listed_without_content() -> Ending {
    empty_system()?;
    let closed = small().create_new(true).exact_mode(0o000).open(name!("/closed")).unwrap();
    let sending = small().create_new(true).exact_mode(0o200).open(name!("/sending")).unwrap();
    semaphore(name!("/locked"), Abi::Gnu64, 1);
    fs::set_permissions("/dev/shm/sem.locked", Permissions::from_mode(0o400)).unwrap();
    let denied = "not permitted for this user (EACCES)";
    let listed = rows(run(without_privilege(&mut tool(&["list"]))));
    assert_eq!(
        listed,
        [
            format!("queue|0000|0|/closed|not known: listing: {denied}"),
            "queue|0200|0|/sending|0 of 8 messages of at most 64 bytes".to_owned(),
            format!("semaphore|0400|0|/locked|not known: opening the semaphore: {denied}"),
        ]
    );
    let json = run(without_privilege(&mut tool(&["list", "--json"]))).output;
    assert_json(&json);
    let json = String::from_utf8(json).unwrap();
    assert!(json.contains(&format!("\"error\":\"listing: {denied}\"}}")), "{json}");
    drop((closed, sending));
    Ok(())
}

fn queues_that_cannot_be_seen_do_not_hide_the_rest() -> Ending {
    hide_queues()?;
    cover("/dev/shm")?;
    memory("state", 7);
    let _queue = queue(name!("/unseen"));
    for options in [&[][..], &["--json"]] {
        let ran = run(without_mounting(tool(&["list"]).args(options)));
        let text = String::from_utf8_lossy(&ran.output);
        assert!(text.contains("/state") && !text.contains("/unseen"), "{text}");
        let error = "rawipc: queues: listing: no mqueue file system is mounted on /dev/mqueue, and mounting one \
                     unseen takes CAP_SYS_ADMIN; mount it with `mount -t mqueue none /dev/mqueue` (ENOENT)\n";
        assert_eq!((ran.code, ran.errors.as_str()), (Some(1), error));
    }
    Ok(())
}

fn without_dev_shm_the_queues_are_listed() -> Ending {
    private_ipc_and_mounts()?;
    cover("/dev")?;
    let _queue = queue(name!("/seen"));
    let ran =
        run(std::process::Command::new(env!("CARGO_BIN_EXE_rawipc")).arg("list").stdin(std::process::Stdio::piped()));
    let error = "semaphores and shared memory: listing: there is no directory /dev/shm; mount a tmpfs on it (ENOENT)";
    assert!(String::from_utf8(ran.failed(1, error)).unwrap().contains("  /seen  "));
    Ok(())
}
