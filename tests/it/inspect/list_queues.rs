//! The list of queues: through the mount that nobody sees, through `/dev/mqueue`, or not at all.

use std::fs;
use std::mem::MaybeUninit;

use rawipc::error::Operation;
use rawipc::inspect::{Listing, ObjectKind};
use rawipc::mqueue::{Delivery, Notified, Notify, Registration};
use rawipc::time::{Clock, Time};
use rawipc::{Errno, ErrorKind, MessageQueue, Name, NotificationSocket, Priority};
use rustix::fs::{Gid, Uid, fchmod, fchown};
use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::harness::kernel::{in_child, private_ipc_and_mounts, set_sysctl};
use crate::harness::queues::assert_error;
use crate::harness::{Ending, Lacking, Peer, Role, allocator, exists, role, small};
use crate::inspect::list_support::{Listed, drop_capabilities, mounts, private_dev, queues};
use crate::notify::support::{SIGNAL, own, send};

// Each of these has an IPC namespace and mounts of its own.
crate::tests!(
    ;
    alone: queues_are_found_with_their_modes_and_times,
    owners_are_shown,
    nothing_is_left_mounted,
    an_empty_namespace_has_an_empty_list,
    without_rights_and_mount_the_error_says_how_to_mount,
    without_rights_the_mounted_one_is_used,
    something_else_on_dev_mqueue_is_not_listed,
    names_that_come_and_go_are_no_errors,
    hostile_names_are_escaped,
    too_small_a_buffer_is_an_error_and_ends_the_walk,
    any_sufficient_buffer_will_do,
    the_status_of_an_entry_is_the_queues,
    the_status_of_an_entry_takes_ones_own_registration_away,
    the_status_of_an_entry_can_be_refused
);

pub const ROLES: &[Role] = &[("coming_and_going", coming_and_going)];

fn queue(name: impl AsRef<[u8]>) -> MessageQueue {
    let name = Name::new(name.as_ref()).unwrap();
    small().create_new(true).open(name).unwrap()
}

fn names(listed: &[Listed]) -> Vec<&[u8]> {
    listed.iter().map(|entry| &entry.name[..]).collect()
}

fn queues_are_found_with_their_modes_and_times() -> Ending {
    private_ipc_and_mounts()?;
    let before = Time::now(Clock::Realtime);
    let modes = [("/c", 0o600), ("/a", 0o666), ("/b", 0o000), ("/.hidden", 0o222)];
    let made = modes.map(|(name, mode)| (queue(name), mode));
    for (queue, mode) in &made {
        fchmod(queue, rustix::fs::Mode::from_raw_mode(*mode)).unwrap();
        send(queue, b"what the kernel calls the size says nothing of this");
    }
    let mut expected: Vec<_> = modes.map(|(name, mode)| Listed::new(name, ObjectKind::Queue, 0, mode)).to_vec();
    expected.sort();
    assert_eq!(queues().unwrap(), expected);
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut listing = Listing::queues(&mut buffer).unwrap();
    while let Some(entry) = listing.next() {
        let entry = entry.unwrap();
        for time in [entry.accessed, entry.modified, entry.changed] {
            // The kernel's stamps are as coarse as its tick.
            assert!(time.seconds() >= before.seconds() - 1 && time <= Time::now(Clock::Realtime), "{time:?}");
        }
    }
    Ok(())
}

fn owners_are_shown() -> Ending {
    if !rustix::process::geteuid().is_root() {
        return Err(Lacking("the right to give a queue away".into()));
    }
    // Without a user namespace, which would know only one user.
    let lacking = |errno| Lacking(format!("private namespaces ({errno})"));
    // SAFETY: this process has one thread and shares nothing by reference.
    unsafe { unshare_unsafe(UnshareFlags::NEWIPC | UnshareFlags::NEWNS) }.map_err(lacking)?;
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).map_err(lacking)?;
    let owners = [("/one", 12_345, 54_321), ("/two", 0, 0), ("/three", 1, u32::MAX - 1)];
    let _queues = owners.map(|(name, user, group)| {
        let queue = queue(name);
        fchown(&queue, Some(Uid::from_raw(user)), Some(Gid::from_raw(group))).unwrap();
        queue
    });
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut listing = Listing::queues(&mut buffer).unwrap();
    let mut seen = 0;
    while let Some(entry) = listing.next() {
        let entry = entry.unwrap();
        let name = entry.name().to_string();
        let (_, user, group) = owners.into_iter().find(|(owner, ..)| *owner == name).unwrap();
        assert_eq!((entry.user, entry.group), (user, group), "{name}");
        seen += 1;
    }
    assert_eq!(seen, owners.len());
    Ok(())
}

fn nothing_is_left_mounted() -> Ending {
    private_ipc_and_mounts()?;
    let _queue = queue("/one");
    let before = mounts();
    for _ in 0..10 {
        let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
        let mut listing = Listing::queues(&mut buffer).unwrap();
        assert!(listing.next().is_some());
        assert_eq!(mounts(), before, "while it is used");
    }
    assert_eq!(mounts(), before);
    let descriptors = fs::read_dir("/proc/self/fd").unwrap().count();
    queues().unwrap();
    assert_eq!(fs::read_dir("/proc/self/fd").unwrap().count(), descriptors);
    Ok(())
}

fn an_empty_namespace_has_an_empty_list() -> Ending {
    private_ipc_and_mounts()?;
    assert_eq!(queues().unwrap(), []);
    drop(queue("/gone"));
    assert_eq!(queues().unwrap(), []);
    Ok(())
}

fn assert_no_mount() {
    let error = queues().unwrap_err();
    let part = "mount it with `mount -t mqueue none /dev/mqueue`";
    assert_eq!((error.kind(), error.operation()), (ErrorKind::Unsupported, Operation::List));
    assert!(error.to_string().contains(part) && error.to_string().contains("CAP_SYS_ADMIN"), "{error}");
}

fn without_rights_and_mount_the_error_says_how_to_mount() -> Ending {
    private_dev(false)?;
    drop_capabilities();
    assert_no_mount();
    Ok(())
}

fn without_rights_the_mounted_one_is_used() -> Ending {
    private_dev(true)?;
    let _queues = ["/x", "/y"].map(queue);
    let privileged = queues().unwrap();
    drop_capabilities();
    assert_eq!(queues().unwrap(), privileged);
    assert_eq!(names(&privileged), [b"/x", b"/y"]);
    Ok(())
}

fn something_else_on_dev_mqueue_is_not_listed() -> Ending {
    private_dev(false)?;
    drop_capabilities();
    fs::create_dir("/dev/mqueue").unwrap();
    fs::write("/dev/mqueue/no-queue", "").unwrap();
    assert_no_mount();
    Ok(())
}

const STAYING: usize = 20;

/// Makes and removes queues until it is killed, five hundred names in turn.
fn coming_and_going(_: &[String]) {
    loop {
        for start in (0..500).step_by(50) {
            let _fifty: Vec<_> = (start..start + 50).map(|number| queue(format!("/going-{number}"))).collect();
        }
    }
}

fn names_that_come_and_go_are_no_errors() -> Ending {
    private_ipc_and_mounts()?;
    set_sysctl("queues_max", 1000)?;
    let staying: Vec<_> = (10..10 + STAYING).map(|number| format!("/staying-{number}")).collect();
    let _queues: Vec<_> = staying.iter().map(queue).collect();
    let restless = Peer::start(&mut role("coming_and_going", &[]));
    let mut going = std::collections::BTreeSet::new();
    let start = std::time::Instant::now();
    while going.len() < 500 {
        assert!(start.elapsed() < crate::harness::waiting::PATIENCE, "only {} have been seen", going.len());
        let listed = queues().unwrap();
        let (staying_seen, going_seen): (Vec<_>, Vec<_>) =
            listed.into_iter().partition(|entry| entry.name.starts_with(b"/staying-"));
        assert!(staying_seen.iter().map(|entry| &entry.name[..]).eq(staying.iter().map(String::as_bytes)));
        assert!(going_seen.iter().all(|entry| entry.name.starts_with(b"/going-") && entry.mode == 0o600));
        going.extend(going_seen.into_iter().map(|entry| entry.name));
    }
    restless.kill_now();
    Ok(())
}

fn hostile_names_are_escaped() -> Ending {
    private_ipc_and_mounts()?;
    let longest = [b"/".as_slice(), &[0xff; 255]].concat();
    let hostile: [(&[u8], &str); 6] = [
        (b"/\x1b[2J", r"/\x1b[2J"),
        (b"/a\nb", r"/a\nb"),
        (b"/\\\"'", r#"/\\\"\'"#),
        ("/ü".as_bytes(), r"/\xc3\xbc"),
        (b"/\x7f\x80 \r\t", r"/\x7f\x80 \r\t"),
        (&longest, &format!("/{}", r"\xff".repeat(255))),
    ];
    let _queues = hostile.map(|(name, _)| queue(name));
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut listing = Listing::queues(&mut buffer).unwrap();
    let mut seen = 0;
    while let Some(entry) = listing.next() {
        let name = entry.unwrap().name();
        let (_, escaped) = hostile.iter().find(|(bytes, _)| *bytes == name.as_bytes()).expect("it was created");
        assert_eq!(name.to_string(), *escaped);
        assert!(name.to_string().bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        // The name is what it can be opened by.
        assert!(exists(name));
        seen += 1;
    }
    assert_eq!(seen, hostile.len());
    Ok(())
}

fn too_small_a_buffer_is_an_error_and_ends_the_walk() -> Ending {
    private_ipc_and_mounts()?;
    let _queue = queue(format!("/{}", "x".repeat(255)));
    for size in [0, 1, 8, 16, 23, 64] {
        let mut buffer = vec![MaybeUninit::uninit(); size];
        let mut listing = Listing::queues(&mut buffer).unwrap();
        let error = std::iter::from_fn(|| listing.next().map(|entry| entry.map(drop))).find_map(Result::err);
        let part = "listing: the buffer is too small for an entry; give it `Listing::BUFFER_SIZE` (EINVAL)";
        assert_error(error.expect("it is too small"), ErrorKind::InvalidInput, Errno::INVAL, Operation::List, part);
        assert!(listing.next().is_none(), "it would go on for ever");
    }
    Ok(())
}

fn any_sufficient_buffer_will_do() -> Ending {
    private_ipc_and_mounts()?;
    let longest = format!("/{}", "x".repeat(255));
    let _queues = ["/1", "/2", "/3", longest.as_str()].map(queue);
    // The largest entry has 280 bytes; the start of a buffer is not always aligned to 8.
    for size in [288, 300, 1000, 100_000] {
        let mut buffer = vec![MaybeUninit::uninit(); size];
        let count = allocator::without_allocation(|| {
            let mut listing = Listing::queues(&mut buffer).unwrap();
            std::iter::from_fn(|| listing.next().map(|entry| entry.map(drop).unwrap())).count()
        });
        assert_eq!(count, 4, "{size}");
    }
    Ok(())
}

/// What an entry says of the queue of this name.
fn status_of(name: &str) -> rawipc::Result<rawipc::mqueue::Status> {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut listing = Listing::queues(&mut buffer).unwrap();
    while let Some(entry) = listing.next() {
        let entry = entry.unwrap();
        if entry.name().as_bytes() == name.as_bytes() {
            return entry.queue_status();
        }
    }
    panic!("{name} is not listed")
}

fn the_status_of_an_entry_is_the_queues() -> Ending {
    private_ipc_and_mounts()?;
    let queue = queue("/status");
    send(&queue, b"seven b");
    assert_eq!(status_of("/status").unwrap(), queue.status().unwrap());
    queue.notify(Notify::Signal { number: SIGNAL, value: 0 }).unwrap();
    let this = Some(std::process::id());
    // Another process looks, so the registration stays.
    in_child(|| {
        let status = status_of("/status").unwrap();
        assert_eq!(status.bytes, 7);
        assert_eq!(status.registration, Some(Registration { process: this, delivery: Delivery::Signal(SIGNAL) }));
    });
    assert_eq!(queue.status().unwrap().registration, own(Delivery::Signal(SIGNAL)));
    Ok(())
}

fn the_status_of_an_entry_takes_ones_own_registration_away() -> Ending {
    private_ipc_and_mounts()?;
    let queue = queue("/status");
    let mut socket = NotificationSocket::new(&queue).unwrap();
    socket.arm().unwrap();
    // The list alone does not.
    queues().unwrap();
    assert_eq!(queue.status().unwrap().registration, own(Delivery::Socket));
    assert_eq!(status_of("/status").unwrap().registration, own(Delivery::Socket));
    assert_eq!(queue.status().unwrap().registration, None, "as documented: it has closed a descriptor of the queue");
    assert_eq!(socket.try_wait(), Ok(Notified::Removed));
    Ok(())
}

fn the_status_of_an_entry_can_be_refused() -> Ending {
    private_dev(true)?;
    let secret = queue("/secret");
    secret.send(b"message", Priority::MIN).unwrap();
    fchmod(&secret, rustix::fs::Mode::from_raw_mode(0o200)).unwrap();
    drop_capabilities();
    let error = status_of("/secret").unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::PermissionDenied, Errno::ACCESS));
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut listing = Listing::queues(&mut buffer).unwrap();
    let entry = listing.next().unwrap().unwrap();
    MessageQueue::unlink(entry.name()).unwrap();
    assert_eq!(entry.queue_status().unwrap_err().kind(), ErrorKind::NotFound);
    Ok(())
}
