//! `limits`, and what `mq create` says when a user's queues cost too much.

use rawipc::inspect::QueueSizes;
use rawipc::{MessageQueue, name};
use rustix::mount::{MountFlags, mount};
use rustix::process::Resource;

use super::sandbox::{without_mounting, without_privilege};
use super::{FreeName, assert_json, run, tool};
use crate::harness::kernel::{fail_calls, private_ipc_and_mounts, set_limit, set_sysctl};
use crate::harness::{Ending, Lacking, small};

crate::tests!(
    ;
    alone: limits_shows_what_holds_here,
    what_the_users_queues_cost_is_told,
    queues_that_cannot_be_opened_are_not_counted,
    a_queue_too_costly_is_told_with_what_is_left,
    what_cannot_be_seen_is_said,
    limits_without_proc_shows_the_rest,
);

/// What one small queue counts.
fn cost() -> u64 {
    QueueSizes { max_messages: 8, max_message_size: 64 }.cost()
}

fn queues(count: usize, mode: u32) -> Vec<MessageQueue> {
    let create = |_| small().exact_mode(mode).create_unique(name!("/rawipc-test-")).unwrap();
    (0..count).map(create).collect()
}

fn limits_shows_what_holds_here() -> Ending {
    private_ipc_and_mounts()?;
    let settings = [("msg_max", 20), ("msg_default", 7), ("msgsize_max", 3000), ("msgsize_default", 500)];
    for (setting, value) in settings.into_iter().chain([("queues_max", 30)]) {
        set_sysctl(setting, value)?;
    }
    set_limit(Resource::Msgqueue, 100_000);
    let page = rustix::param::page_size();
    run(&mut tool(&["limits"])).done(format!(
        "max messages:         20\ndefault messages:     7\nmax message size:     3000\ndefault message size: 500\n\
         max queues:           30\nqueue bytes:          100000\n\
         queue bytes used:     at least 0 (queues of this user: 0)\nqueue bytes left:     at most 100000\n\
         page size:            {page}\nmessage queues:       yes\nnotification:         yes\n\
         notification sockets: yes\nqueue listing:        yes\n/dev/shm:             yes\nshared memory:        yes\n\
         anonymous memory:     yes\nshared values:        yes\nsemaphores:           yes\n\
         named semaphores:     yes\nrobust mutexes:       yes\nshared queues:        yes\n"
    ));
    let json = format!(
        "{{\"max_messages\":20,\"default_messages\":7,\"max_message_size\":3000,\"default_message_size\":500,\
         \"max_queues\":30,\"queue_bytes\":100000,\"queue_bytes_used\":0,\"queue_bytes_left\":100000,\
         \"queues_of_user\":0,\"page_size\":{page},\"message_queues\":true,\"notification\":true,\
         \"notification_sockets\":true,\"queue_listing\":true,\"dev_shm\":true,\"shared_memory\":true,\
         \"anonymous_memory\":true,\
         \"shared_values\":true,\"semaphores\":true,\"named_semaphores\":true,\"robust_mutexes\":true,\
         \"shared_queues\":true}}\n"
    );
    assert_json(json.as_bytes());
    run(&mut tool(&["limits", "--json"])).done(json);
    Ok(())
}

fn what_the_users_queues_cost_is_told() -> Ending {
    private_ipc_and_mounts()?;
    set_limit(Resource::Msgqueue, 100_000);
    let _queues = queues(3, 0o600);
    let (used, left) = (3 * cost(), 100_000 - 3 * cost());
    let text = String::from_utf8(run(&mut tool(&["limits"])).output).unwrap();
    let expected = format!(
        "queue bytes used:     at least {used} (queues of this user: 3)\nqueue bytes left:     at most {left}\n"
    );
    assert!(text.contains(&expected), "{text}");
    let json = String::from_utf8(run(&mut tool(&["limits", "--json"])).output).unwrap();
    let expected = format!("\"queue_bytes_used\":{used},\"queue_bytes_left\":{left},\"queues_of_user\":3,");
    assert!(json.contains(&expected), "{json}");
    Ok(())
}

fn queues_that_cannot_be_opened_are_not_counted() -> Ending {
    private_ipc_and_mounts()?;
    let (_closed, _sending, _receiving) = (queues(1, 0o000), queues(1, 0o200), queues(1, 0o400));
    let ran = run(without_privilege(&mut tool(&["limits"])));
    let text = String::from_utf8(ran.output).unwrap();
    let expected = format!("at least {} (queues of this user: 2)\n", 2 * cost());
    assert!(ran.code == Some(0) && text.contains(&expected), "{text}");
    Ok(())
}

fn a_queue_too_costly_is_told_with_what_is_left() -> Ending {
    private_ipc_and_mounts()?;
    let _queues = queues(2, 0o600);
    let limit = 2 * cost() + 100;
    set_limit(Resource::Msgqueue, limit);
    let name = FreeName(String::from("/rawipc-test-too-costly"));
    let ran = run(&mut tool(&["mq", "create", &name.0, "--max-messages", "1", "--max-message-size", "64"]));
    let lines: Vec<&str> = ran.errors.lines().collect();
    assert_eq!((ran.code, lines.len()), (Some(1), 2), "{lines:?}");
    assert!(lines[0].contains("1 messages of 64 bytes need") && lines[0].ends_with("(EMFILE)"), "{lines:?}");
    let used = 2 * cost();
    let account = format!("the user's 2 queues that can be seen cost at least {used} bytes, at most 100 are left");
    assert_eq!(lines[1], format!("rawipc: {}: {account}", name.0));
    // Where nothing can be seen, nothing is claimed.
    let mut command = tool(&["mq", "create", &name.0, "--max-messages", "1", "--max-message-size", "64"]);
    let ran = run(without_mounting(&mut command));
    assert_eq!((ran.code, ran.errors.lines().next()), (Some(1), Some(lines[0])), "{ran:?}");
    Ok(())
}

fn what_cannot_be_seen_is_said() -> Ending {
    hide_queues()?;
    let ran = run(without_mounting(&mut tool(&["limits"])));
    let text = String::from_utf8(ran.output).unwrap();
    assert!(text.starts_with("max messages: ") && !text.contains("used") && !text.contains("left"), "{text}");
    assert!(text.contains("queue listing:        no\n/dev/shm:             yes\n"), "{text}");
    assert!(ran.errors.starts_with("rawipc: queues: listing: no mqueue file system is mounted on"), "{}", ran.errors);
    assert_eq!((ran.code, ran.errors.lines().count()), (Some(1), 1));
    let ran = run(without_mounting(&mut tool(&["limits", "--json"])));
    let json = String::from_utf8(ran.output).unwrap();
    assert_json(json.as_bytes());
    assert!(json.contains(r#""queue_bytes_used":null,"queue_bytes_left":null,"queues_of_user":null,"#), "{json}");
    assert_eq!(ran.code, Some(1));
    Ok(())
}

fn limits_without_proc_shows_the_rest() -> Ending {
    private_ipc_and_mounts()?;
    set_limit(Resource::Msgqueue, 100_000);
    let page = rustix::param::page_size();
    cover("/proc")?;
    // Before Linux 6.4 the size of pages is not told elsewhere.
    fail_calls(&[libc::SYS_prctl], rawipc::Errno::INVAL)?;
    let ran = run(&mut tool(&["limits"]));
    let text = String::from_utf8(ran.output).unwrap();
    assert!(text.starts_with("queue bytes:          100000\nqueue bytes used:     at least 0 "), "{text}");
    assert!(text.contains(&format!("page size:            {page}\n")), "{text}");
    let error = "limits: reading the limits: /proc/sys/fs/mqueue cannot be read; mount /proc (and to create a queue \
                 without it, give both of its sizes) (ENOENT)";
    assert_eq!((ran.code, ran.errors), (Some(1), format!("rawipc: {error}\n")));
    Ok(())
}

/// Namespaces in which no mqueue file system is mounted.
pub(super) fn hide_queues() -> Ending {
    private_ipc_and_mounts()?;
    if std::path::Path::new("/dev/mqueue").exists() { cover("/dev/mqueue") } else { Ok(()) }
}

/// Puts an empty file system there.
pub(super) fn cover(path: &str) -> Ending {
    mount("none", path, "tmpfs", MountFlags::empty(), None)
        .map_err(|errno| Lacking(format!("the right to mount ({errno})")))
}
