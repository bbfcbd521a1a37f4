//! What becomes of a shared queue and a lock when a peer ends, is replaced, is stopped, or cuts the memory.

use std::io::{Read, Write};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use rawipc::fd::AsFd;
use rawipc::{Errno, ErrorKind, Name, Priority, SharedQueue};
use rustix::fs::ftruncate;

use crate::harness::kernel::in_child;
use crate::harness::{Peer, Role, role};
use crate::shared_queue::support::{name_of, small, small_queue};
use crate::shm::support::text;
use crate::sync::support::{Arena, BOUND, go_on, holder};

crate::tests!(
    every_end_gives_back_what_was_in_hand,
    what_the_dead_had_in_hand_is_noticed_by_who_opens_or_finds_it_empty_or_full,
    a_waiter_gets_what_a_dying_receiver_had_in_hand,
    a_stopped_owner_of_a_mutex_is_not_dead,
    ;
    alone:
    a_queue_cut_short_ends_the_process,
    an_anonymous_queue_cannot_be_cut,
);

pub const ROLES: &[Role] = &[("shared_queue_holder", hold)];

/// Takes a message and room in hand, says so, and ends in some way when it is told to.
fn hold(arguments: &[String]) {
    let [name, way] = arguments else { panic!("a name and a way to end") };
    let queue = SharedQueue::options().read(true).write(true).open(Name::new(name.as_str()).expect("a name"));
    let queue = queue.expect("the queue is there");
    let hands = (queue.receive_in_place().expect("there is a message"), queue.try_reserve());
    std::io::stdout().write_all(&[1]).expect("the test listens");
    std::io::stdout().flush().expect("the test listens");
    let _ = std::io::stdin().read(&mut [0]);
    match way.as_str() {
        "exit" => std::process::exit(0),
        "exec" => {
            use std::os::unix::process::CommandExt;
            let error = std::process::Command::new("sleep").arg("100").exec();
            panic!("{error}");
        }
        _ => std::mem::forget(hands),
    }
}

/// A process with the first message in hand, and room if there is any.
fn holder_of(queue: &SharedQueue, way: &str) -> Peer {
    let mut command = role("shared_queue_holder", &[text(name_of(queue)), way]);
    let mut peer = Peer::start_reporting(command.stdin(Stdio::piped()));
    let mut ready = [0];
    peer.stdout.as_mut().expect("it reports").read_exact(&mut ready).expect("it has them in hand");
    peer
}

fn receive(queue: &SharedQueue) -> rawipc::Result<Vec<u8>> {
    queue.try_receive(&mut [0; 64]).map(|message| message.payload().to_vec())
}

/// After a moment, since `exec` and `exit` do not wait for anybody to look.
fn every_end_gives_back_what_was_in_hand() {
    for way in ["exit", "exec", "kill"] {
        let queue = small().max_messages(2).create_unique(rawipc::name!("/rawipc-test-")).unwrap();
        queue.send(b"in hand", Priority::MIN).unwrap();
        let mut peer = holder_of(&queue, way);
        assert_eq!(receive(&queue).unwrap_err().kind(), ErrorKind::WouldBlock, "{way}");
        assert_eq!(queue.try_send(b"x", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock, "{way}");
        let killed = match way {
            "kill" => Some(peer.kill_now()),
            _ => {
                go_on(&mut peer);
                None
            }
        };
        let message = queue.receive_timeout(&mut [0; 64], BOUND).map(|message| message.payload().to_vec());
        assert_eq!(message.as_deref(), Ok(&b"in hand"[..]), "{way}");
        (0..2).for_each(|_| queue.try_send(b"x", Priority::MIN).unwrap());
        drop(killed);
    }
}

fn what_the_dead_had_in_hand_is_noticed_by_who_opens_or_finds_it_empty_or_full() {
    let left = |messages: &[&[u8]]| {
        let queue = small().max_messages(3).create_unique(rawipc::name!("/rawipc-test-")).unwrap();
        messages.iter().for_each(|message| queue.send(message, Priority::MIN).unwrap());
        drop(holder_of(&queue, "kill").kill_now());
        queue
    };
    let all: [&[u8]; 3] = [b"a", b"b", b"c"];
    // Who opens it finds it in its old place.
    let queue = left(&all);
    drop(queue.try_clone().unwrap());
    assert_eq!([(); 3].map(|()| receive(&queue).unwrap()), all);
    // Who finds it full, which it still is.
    let queue = left(&all);
    assert_eq!(queue.len(), Ok(2));
    assert_eq!(queue.try_send(b"x", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!([(); 3].map(|()| receive(&queue).unwrap()), all);
    // Who finds it empty; others did not know of it before.
    let queue = left(&all);
    assert_eq!([(); 3].map(|()| receive(&queue).unwrap()), [b"b", b"c", b"a"]);
}

fn a_waiter_gets_what_a_dying_receiver_had_in_hand() {
    let queue = small_queue();
    queue.send(b"in hand", Priority::MIN).unwrap();
    let peer = holder_of(&queue, "kill");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| queue.receive(&mut [0; 64]).map(|message| message.payload().to_vec()));
        let start = Instant::now();
        drop(peer.kill_now());
        assert_eq!(waiter.join().unwrap().as_deref(), Ok(&b"in hand"[..]));
        assert!(start.elapsed() < BOUND);
    });
}

fn signal(peer: &Peer, signal: i32) {
    // SAFETY: the peer is a child that has not been waited for.
    assert_eq!(unsafe { libc::kill(peer.pid(), signal) }, 0);
}

fn a_stopped_owner_of_a_mutex_is_not_dead() {
    let arena = Arena::new();
    let mut peer = holder(&arena, "return");
    signal(&peer, libc::SIGSTOP);
    // Longer than a dead one has.
    let error = arena.mutex.lock_timeout(Duration::from_millis(150)).unwrap_err();
    assert_eq!(
        (error.kind(), arena.mutex.try_lock().unwrap_err().kind()),
        (ErrorKind::TimedOut, ErrorKind::WouldBlock)
    );
    signal(&peer, libc::SIGCONT);
    go_on(&mut peer);
    assert!(!arena.mutex.lock().unwrap().owner_died());
}

fn a_queue_cut_short_ends_the_process() {
    extern "C" fn end(_: i32) {
        // SAFETY: ends the process, as may be done in a handler.
        unsafe { libc::_exit(0) };
    }
    let queue = small_queue();
    SharedQueue::unlink(name_of(&queue)).unwrap();
    in_child(|| {
        ftruncate(queue.as_fd(), 0).unwrap();
        // SAFETY: the handler does nothing that may not be done in one.
        unsafe { libc::signal(libc::SIGBUS, end as extern "C" fn(i32) as libc::sighandler_t) };
        let _ = queue.try_send(b"x", Priority::MIN);
        panic!("the memory is still there");
    });
    // Nor is it there for this process, which must not look.
    std::mem::forget(queue);
}

fn an_anonymous_queue_cannot_be_cut() {
    let queue = small().create_anonymous().unwrap();
    for size in [0, 1 << 20] {
        assert_eq!(ftruncate(queue.as_fd(), size), Err(Errno::PERM));
    }
    queue.send(b"x", Priority::MIN).unwrap();
}
