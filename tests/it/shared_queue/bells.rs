//! The kernel queues behind doorbells: who takes which, what is left of killed processes, who can ring and who cannot.

use std::mem::{MaybeUninit, forget};

use rawipc::error::Limit;
use rawipc::inspect::Listing;
use rawipc::mqueue::MessageQueueOptions;
use rawipc::shared_queue::Doorbell;
use rawipc::{Errno, ErrorKind, MessageQueue, Name, Priority, SharedQueue, name};
use rustix::thread::{UnshareFlags, unshare_unsafe};

use crate::harness::kernel::{
    ALICE, fail_calls, in_child, in_child_of, private_ipc_and_mounts, require_users, set_sysctl,
};
use crate::harness::{Ending, Lacking};
use crate::shared_queue::support::{bell_at, bell_name, bell_of, is_rung, small, small_queue};

crate::tests!(
    ;
    alone:
    doorbell_stays_armed_if_a_sender_cannot_ring,
    doorbell_of_another_namespace_is_told_apart,
    doorbells_of_killed_programs_leave_one_bell,
    doorbell_takes_a_left_bell_in_a_full_namespace,
    doorbell_takes_only_bells_of_its_own_kind,
    doorbell_takes_no_bell_of_another_user,
    doorbell_removes_no_bell_of_another_namespace,
    doorbell_limit_is_128_living_ones,
    doorbell_bell_is_rung_but_not_silenced_by_others,
);

/// This process's own namespace once more, in which it has no queues. The process has one already.
fn leave_namespace() {
    // SAFETY: this process has one thread, which keeps nothing of the namespace by reference.
    unsafe { unshare_unsafe(UnshareFlags::NEWIPC) }.expect("the user namespace of before allows it");
}

fn open(name: &[u8]) -> rawipc::Result<MessageQueue> {
    MessageQueue::options().read(true).write(true).nonblocking(true).open(Name::new(name).unwrap())
}

fn bell(messages: usize) -> MessageQueueOptions {
    MessageQueue::options().read(true).write(true).create_new(true).max_messages(messages).max_message_size(1)
}

/// How many bells there are.
fn bells() -> usize {
    let mut buffer = [MaybeUninit::uninit(); Listing::BUFFER_SIZE];
    let mut listing = Listing::queues(&mut buffer).expect("the namespace is ours");
    let mut count = 0;
    while let Some(entry) = listing.next() {
        count += usize::from(entry.unwrap().name().as_bytes().starts_with(b"/rawipc-bell-"));
    }
    count
}

/// A doorbell as a killed process leaves it, in a child.
fn leave_armed(queue: &SharedQueue) {
    let mut doorbell = queue.doorbell().unwrap();
    let _ = doorbell.arm().unwrap();
    forget(doorbell);
}

fn assert_rings(queue: &SharedQueue, doorbell: &mut Doorbell<&SharedQueue>) {
    queue.send(b"ring", Priority::MIN).unwrap();
    assert!(is_rung(doorbell));
    assert!(!doorbell.arm().unwrap().is_armed());
    while queue.try_receive(&mut [0; 64]).is_ok() {}
    assert!(doorbell.arm().unwrap().is_armed());
}

fn doorbell_stays_armed_if_a_sender_cannot_ring() -> Ending {
    private_ipc_and_mounts()?;
    let queue = small_queue();
    let consumer = queue.try_clone().unwrap();
    let mut doorbell = consumer.doorbell().unwrap();
    assert!(doorbell.arm().unwrap().is_armed());
    let refused = [Errno::NOENT, Errno::ACCESS, Errno::MFILE, Errno::NFILE, Errno::NOMEM, Errno::PERM, Errno::NOSYS];
    let calls = [libc::SYS_mq_open, libc::SYS_fcntl, libc::SYS_mq_timedsend, libc::SYS_newfstatat, libc::SYS_fstat];
    let one = refused.map(|errno| (libc::SYS_mq_open, errno)).into_iter();
    for (call, errno) in one.chain(calls.map(|call| (call, Errno::PERM))) {
        in_child(|| {
            // A child takes part by calls of its own.
            assert!(queue.try_receive(&mut [0; 64]).is_err());
            fail_calls(&[call], errno).expect("a child may have fewer calls");
            queue.send(b"silent", Priority::MIN).unwrap();
        });
        // What `fstat` is depends on the architecture.
        assert!(!is_rung(&doorbell) || [libc::SYS_newfstatat, libc::SYS_fstat].contains(&call), "{call}");
        assert_rings(&queue, &mut doorbell);
    }
    in_child(|| {
        leave_namespace();
        queue.send(b"silent", Priority::MIN).unwrap();
        queue.send(b"silent", Priority::MIN).unwrap();
        // Its own it can ring, and only that.
        while queue.try_receive(&mut [0; 64]).is_ok() {}
        let own = queue.try_clone().unwrap();
        let mut own = own.doorbell().unwrap();
        assert!(own.arm().unwrap().is_armed());
        queue.send(b"heard here", Priority::MIN).unwrap();
        assert!(is_rung(&own));
    });
    assert!(!is_rung(&doorbell));
    assert_rings(&queue, &mut doorbell);
    Ok(())
}

/// In each, the same number is another bell.
fn doorbell_of_another_namespace_is_told_apart() -> Ending {
    private_ipc_and_mounts()?;
    let queue = small_queue();
    let (here, there) = (queue.try_clone().unwrap(), queue.try_clone().unwrap());
    let mut here = here.doorbell().unwrap();
    leave_namespace();
    let mut there = there.doorbell().unwrap();
    assert!(here.arm().unwrap().is_armed() && there.arm().unwrap().is_armed());
    assert_eq!((bell_at(&queue, 0), bell_at(&queue, 1)), (bell_name(0), bell_name(0)));
    // This sender is where the second one is.
    queue.send(b"there", Priority::MIN).unwrap();
    assert_eq!((is_rung(&here), is_rung(&there)), (false, true));
    queue.try_receive(&mut [0; 64]).unwrap();
    // The first one is armed still, and does not keep the second one from being rung.
    assert!(there.arm().unwrap().is_armed());
    assert_rings(&queue, &mut there);
    Ok(())
}

fn doorbells_of_killed_programs_leave_one_bell() -> Ending {
    private_ipc_and_mounts()?;
    let kept = small_queue();
    let mut doorbell = kept.doorbell().unwrap();
    assert!(doorbell.arm().unwrap().is_armed());
    for _ in 0..300 {
        in_child(|| {
            let queue = small().unlink_on_drop(false).create_unique(name!("/rawipc-test-")).unwrap();
            SharedQueue::unlink(queue.name().unwrap()).unwrap();
            leave_armed(&queue);
            forget(queue);
        });
    }
    assert_eq!(bells(), 2);
    drop(
        MessageQueue::options()
            .read(true)
            .max_messages(1)
            .max_message_size(8)
            .create(true)
            .unlink_on_drop(true)
            .open(name!("/rawipc-test-other"))
            .unwrap(),
    );
    // What the living one has is its own still.
    assert_rings(&kept, &mut doorbell);
    let second = small_queue();
    drop(second.doorbell().unwrap());
    assert_eq!(bells(), 1);
    drop(doorbell);
    assert_eq!(bells(), 0);
    Ok(())
}

fn doorbell_takes_a_left_bell_in_a_full_namespace() -> Ending {
    private_ipc_and_mounts()?;
    set_sysctl("queues_max", 4)?;
    let queue = small_queue();
    let doorbells = [(); 3].map(|()| queue.doorbell().unwrap());
    in_child(|| leave_armed(&queue));
    let full = || queue.doorbell().map(drop).unwrap_err().kind();
    let [first, second, third] = doorbells;
    drop(second);
    let other = bell(1).unlink_on_drop(true).open(name!("/rawipc-test-other")).unwrap();
    // The second number is free, but there can be no more queues; the fourth is that of the dead one.
    let mut doorbell = queue.doorbell().unwrap();
    assert!(open(&bell_name(1)).is_err() && open(&bell_name(3)).is_ok());
    assert_eq!(full(), ErrorKind::LimitExceeded(Limit::Queues));
    assert!(doorbell.arm().unwrap().is_armed());
    assert_rings(&queue, &mut doorbell);
    drop((first, third, other));
    drop(doorbell);
    assert_eq!(bells(), 0);
    Ok(())
}

fn doorbell_takes_only_bells_of_its_own_kind() -> Ending {
    private_ipc_and_mounts()?;
    // One that is made for two messages, one that is a bell and rings, and one whose name goes.
    let wide = bell(2).open(Name::new(&bell_name(0)[..]).unwrap()).unwrap();
    let left = bell(1).open(Name::new(&bell_name(1)[..]).unwrap()).unwrap();
    left.send(b"", Priority::MIN).unwrap();
    let queue = small_queue();
    let mut doorbell = queue.doorbell().unwrap();
    assert!(!is_rung(&doorbell), "that was another one's ring");
    assert!(doorbell.arm().unwrap().is_armed());
    assert_eq!((bell_of(&queue), wide.len(), left.len()), (bell_name(1), Ok(0), Ok(0)));
    // A stranger removes its name, and makes another queue of that name.
    MessageQueue::unlink(Name::new(&bell_name(1)[..]).unwrap()).unwrap();
    let strange = bell(3).open(Name::new(&bell_name(1)[..]).unwrap()).unwrap();
    queue.send(b"silent", Priority::MIN).unwrap();
    assert!(!is_rung(&doorbell) && strange.is_empty().unwrap());
    assert!(!doorbell.arm().unwrap().is_armed());
    queue.try_receive(&mut [0; 64]).unwrap();
    assert!(doorbell.arm().unwrap().is_armed());
    assert_eq!(bell_of(&queue), bell_name(2));
    assert_rings(&queue, &mut doorbell);
    drop(doorbell);
    assert_eq!(bells(), 2, "the strangers' queues stay");
    Ok(())
}

fn doorbell_takes_no_bell_of_another_user() -> Ending {
    require_users()?;
    // Without a user namespace, which would know only one user.
    let lacking = |errno| Lacking(format!("a private IPC namespace ({errno})"));
    // SAFETY: this process has one thread and shares nothing by reference.
    unsafe { unshare_unsafe(UnshareFlags::NEWIPC) }.map_err(lacking)?;
    in_child_of(ALICE, || forget(bell(1).exact_mode(0o666).open(Name::new(&bell_name(0)[..]).unwrap()).unwrap()))?;
    let queue = small().exact_mode(0o666).create_unique(name!("/rawipc-test-")).unwrap();
    let mut doorbell = queue.doorbell().unwrap();
    assert!(doorbell.arm().unwrap().is_armed());
    assert_eq!(bell_of(&queue), bell_name(1));
    // She has the right to ring it.
    in_child_of(ALICE, || queue.send(b"ring", Priority::MIN).unwrap())?;
    assert!(is_rung(&doorbell));
    assert!(!doorbell.arm().unwrap().is_armed());
    queue.try_receive(&mut [0; 64]).unwrap();
    assert!(doorbell.arm().unwrap().is_armed());
    // She cannot take it, which is another user's, nor ring it once its mode forbids it; others can.
    rustix::fs::fchmod(open(&bell_name(1)).unwrap(), rustix::fs::Mode::from_raw_mode(0o600)).unwrap();
    in_child_of(ALICE, || {
        queue.send(b"silent", Priority::MIN).unwrap();
        drop(queue.try_clone().unwrap().doorbell().unwrap());
    })?;
    assert!(!is_rung(&doorbell));
    assert_rings(&queue, &mut doorbell);
    Ok(())
}

fn doorbell_removes_no_bell_of_another_namespace() -> Ending {
    private_ipc_and_mounts()?;
    let (queue, other) = (small_queue(), small_queue());
    let first = queue.doorbell().unwrap();
    leave_namespace();
    let mut second = other.doorbell().unwrap();
    assert!(second.arm().unwrap().is_armed());
    assert_eq!(bell_of(&other), bell_name(0));
    drop(first);
    assert_eq!(bells(), 1);
    assert_rings(&other, &mut second);
    Ok(())
}

fn doorbell_limit_is_128_living_ones() -> Ending {
    private_ipc_and_mounts()?;
    let queue = small_queue();
    in_child(|| (0..100).for_each(|_| leave_armed(&queue)));
    assert_eq!(bells(), 100);
    let mut doorbells: Vec<_> = (0..128).map(|_| queue.doorbell().unwrap()).collect();
    assert_eq!(bells(), 128);
    let error = queue.doorbell().map(drop).unwrap_err();
    assert_eq!((error.kind(), error.errno()), (ErrorKind::LimitExceeded(Limit::Doorbells), Errno::USERS));
    let sentence = "preparing the doorbell: all 128 doorbells of the queue are in use; drop one";
    assert!(error.to_string().starts_with(sentence), "{error}");
    doorbells.iter_mut().for_each(|doorbell| assert!(doorbell.arm().unwrap().is_armed()));
    queue.send(b"ring", Priority::MIN).unwrap();
    assert!(doorbells.iter().all(is_rung));
    doorbells.pop();
    drop(queue.doorbell().unwrap());
    drop(doorbells);
    assert_eq!(bells(), 0);
    Ok(())
}

fn doorbell_bell_is_rung_but_not_silenced_by_others() -> Ending {
    private_ipc_and_mounts()?;
    let modes = [0o660, 0o600, 0o644].map(|mode| {
        let queue = small().exact_mode(mode).create_unique(name!("/rawipc-test-")).unwrap();
        // The second and the third take the first one's bell.
        in_child(|| leave_armed(&queue));
        open(&bell_name(0)).unwrap().mode().unwrap()
    });
    assert_eq!((modes, bells()), ([0o620, 0o600, 0o600], 1));
    Ok(())
}
