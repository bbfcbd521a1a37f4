//! Processes killed while they wait, and just after they were woken.

use std::path::Path;
use std::sync::atomic::Ordering::SeqCst;
use std::thread;
use std::time::{Duration, Instant};

use rawipc::semaphore::abi::Abi;
use rawipc::{Name, NamedSemaphore, WaitTuning};

use crate::harness::random::Random;
use crate::harness::waiting::wait_until;
use crate::harness::{Ending, Lacking, Peer, Role, role};
use crate::semaphore::support::{
    ABIS, Arena, FreeName, Sleeper, assert_no_temporary, created, opened, sleeps_on_futex, text_of,
};

crate::tests!(
    a_killed_waiter_stays_recorded_until_reset,
    random_kills_leave_no_waiter_asleep_beside_a_token;
    alone: a_wake_up_that_died_with_its_waiter_is_made_up_for,
    without_looking_again_such_a_wake_up_is_missed,
    a_kill_while_creating_leaves_nothing_unfinished,
);

pub const ROLES: &[Role] = &[("semaphore_waiter", wait_for_ever), ("semaphore_creator", create_for_ever)];

/// How long those who look again sleep at most.
const RECHECK: Duration = Duration::from_millis(50);

/// Takes tokens and counts them in the arena.
fn wait_for_ever(arguments: &[String]) {
    let [name, arena, index, recheck] = arguments else { panic!("four arguments") };
    let recheck = Duration::from_millis(recheck.parse().expect("a number"));
    let recheck_interval = Some(recheck).filter(|recheck| !recheck.is_zero());
    let options = NamedSemaphore::options().tuning(WaitTuning { spin: 0, recheck_interval });
    let semaphore = opened(options, name);
    let arena = Arena::open(Path::new(arena));
    loop {
        semaphore.wait().expect("no handler is installed");
        arena.word(index.parse().expect("a number")).fetch_add(1, SeqCst);
    }
}

fn waiter(semaphore: &NamedSemaphore, arena: &Arena, index: usize, recheck: Duration) -> Peer {
    let numbers = [index.to_string(), recheck.as_millis().to_string()];
    Peer::start(&mut role("semaphore_waiter", &[text_of(semaphore), arena.path(), &numbers[0], &numbers[1]]))
}

fn is_asleep(peer: &Peer) -> bool {
    sleeps_on_futex(peer.id(), peer.pid())
}

/// Waits until so many waiters are recorded and this one sleeps.
#[track_caller]
fn wait_until_recorded(semaphore: &NamedSemaphore, waiters: u32, peer: &Peer) {
    wait_until("a waiter sleeps", || semaphore.waiters() >= waiters && is_asleep(peer));
}

/// No token lies beside those who look again.
#[track_caller]
fn wait_until_taken(semaphore: &NamedSemaphore) {
    wait_until("live waiters take every token", || semaphore.value() == 0);
}

fn a_killed_waiter_stays_recorded_until_reset() {
    for abi in ABIS {
        let (semaphore, arena) = (created(abi, 0), Arena::new());
        for killed in 1..=3 {
            let peer = waiter(&semaphore, &arena, 0, Duration::ZERO);
            wait_until_recorded(&semaphore, killed, &peer);
            peer.kill_now();
            assert_eq!((semaphore.value(), semaphore.waiters()), (0, killed));
        }
        assert_eq!(semaphore.diagnose().to_string(), format!("layout {abi}, value 0, 3 recorded as waiting"));
        // Only the effort of a post differs.
        semaphore.post().unwrap();
        semaphore.post_many(2).unwrap();
        assert_eq!(semaphore.value(), 3);
        (0..3).for_each(|_| semaphore.wait().unwrap());
        semaphore.reset_waiters();
        assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
        assert_works(&semaphore);
    }
}

/// Tokens go round and wake.
fn assert_works(semaphore: &NamedSemaphore) {
    assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    thread::scope(|scope| {
        let sleepers =
            [1, 2].map(|waiters| Sleeper::start(scope, move || semaphore.waiters() == waiters, || semaphore.wait()));
        semaphore.post().unwrap();
        semaphore.post().unwrap();
        sleepers.into_iter().for_each(|sleeper| sleeper.join().unwrap());
    });
    assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
}

const WAITERS: usize = 5;
const ROUNDS: u32 = 25;

/// Posts a few tokens and kills a few at once, so that some die asleep and some when they have been woken.
fn random_kills_leave_no_waiter_asleep_beside_a_token() {
    for abi in ABIS {
        let (semaphore, arena, mut random) = (created(abi, 0), Arena::new(), Random::new());
        let start = |index| waiter(&semaphore, &arena, index, RECHECK);
        let mut peers: Vec<Peer> = (0..WAITERS).map(start).collect();
        let (mut posted, mut kills) = (0, 0);
        for _ in 0..ROUNDS {
            wait_until("somebody waits", || peers.iter().any(is_asleep));
            let tokens = 1 + random.below(3) as u32;
            semaphore.post_many(tokens).unwrap();
            posted += u64::from(tokens);
            for _ in 0..1 + random.below(2) {
                let index = random.below(WAITERS);
                peers[index].kill().expect("the child is ours");
                kills += 1;
                peers[index] = start(index);
            }
            wait_until_taken(&semaphore);
        }
        wait_until("all wait", || peers.iter().all(is_asleep) && semaphore.waiters() >= WAITERS as u32);
        let taken: u64 = (0..WAITERS).map(|index| arena.word(index).load(SeqCst)).sum();
        assert!(taken <= posted && posted <= taken + kills, "{posted} posted, {taken} taken, {kills} killed");
        assert!(u64::from(semaphore.waiters()) <= WAITERS as u64 + kills, "{:?}, {kills} killed", semaphore.diagnose());
        peers.into_iter().for_each(|peer| drop(peer.kill_now()));
        semaphore.reset_waiters();
        assert_works(&semaphore);
    }
}

/// Runs on one processor from now on, on which others that are put there too do not run as long as this does.
fn share_a_processor(pid: i32) -> Ending {
    // SAFETY: all zeros are a set of no processors.
    let mut processors: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    // SAFETY: takes nothing.
    let current = unsafe { libc::sched_getcpu() };
    // SAFETY: the set has room for the number of any processor that there is.
    unsafe { libc::CPU_SET(usize::try_from(current).expect("a processor"), &mut processors) };
    for pid in [0, pid] {
        // SAFETY: the kernel only reads the set.
        let result = unsafe { libc::sched_setaffinity(pid, size_of_val(&processors), &processors) };
        if result != 0 {
            return Err(Lacking("the right to choose a processor".into()));
        }
    }
    set_policy(pid, libc::SCHED_IDLE);
    Ok(())
}

fn set_policy(pid: i32, policy: i32) {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: the kernel only reads the parameters. Going back may be refused, and then the process ends later.
    unsafe { libc::sched_setscheduler(pid, policy, &parameters) };
}

/// Lets two wait, and kills the first between being woken and taking the token. Whether it died so: the token is there,
/// and the other one has not been woken.
fn swallow_a_wake_up(
    semaphore: &NamedSemaphore,
    arena: &Arena,
    survivor_recheck: Duration,
) -> Result<Swallowed, Lacking> {
    assert_eq!((semaphore.value(), semaphore.waiters()), (0, 0));
    // The first one does not look again, or it would come to wait behind the other.
    let victim = waiter(semaphore, arena, 0, Duration::ZERO);
    wait_until_recorded(semaphore, 1, &victim);
    let survivor = waiter(semaphore, arena, 1, survivor_recheck);
    wait_until_recorded(semaphore, 2, &survivor);
    share_a_processor(victim.pid())?;
    let before = arena.word(0).load(SeqCst);
    semaphore.post().unwrap();
    // SAFETY: the child is ours and not waited for yet.
    unsafe { libc::kill(victim.pid(), libc::SIGKILL) };
    set_policy(victim.pid(), libc::SCHED_OTHER);
    drop(victim.kill_now());
    Ok(Swallowed { survivor, by_victim: arena.word(0).load(SeqCst) == before })
}

struct Swallowed {
    survivor: Peer,
    /// The victim has not counted a token.
    by_victim: bool,
}

const ATTEMPTS: usize = 12;

fn a_wake_up_that_died_with_its_waiter_is_made_up_for() -> Ending {
    for abi in ABIS {
        let mut made_up_for = 0;
        for _ in 0..ATTEMPTS {
            let (semaphore, arena) = (created(abi, 0), Arena::new());
            let swallowed = swallow_a_wake_up(&semaphore, &arena, RECHECK)?;
            wait_until_taken(&semaphore);
            if swallowed.by_victim {
                wait_until("the other has it", || arena.word(1).load(SeqCst) == 1);
                made_up_for += 1;
            }
            drop(swallowed.survivor.kill_now());
            semaphore.reset_waiters();
            assert_works(&semaphore);
            if made_up_for == 3 {
                break;
            }
        }
        assert!(made_up_for > 0, "{abi}: no wake-up was ever swallowed in {ATTEMPTS} attempts");
    }
    Ok(())
}

/// What the test above would find if waits did not look again; also that it really swallows wake-ups.
fn without_looking_again_such_a_wake_up_is_missed() -> Ending {
    for abi in ABIS {
        let is_missed = |_| -> Result<bool, Lacking> {
            let (semaphore, arena) = (created(abi, 0), Arena::new());
            let swallowed = swallow_a_wake_up(&semaphore, &arena, Duration::ZERO)?;
            // One that was woken does not sleep again before it has taken the token. So this is asked first.
            let mut missed = false;
            wait_until("the other has been passed by, or has it", || {
                missed = is_asleep(&swallowed.survivor) && semaphore.value() > 0;
                missed || semaphore.value() == 0
            });
            // The next post wakes it.
            semaphore.post().unwrap();
            wait_until("the other has one", || arena.word(1).load(SeqCst) >= 1);
            Ok(missed)
        };
        let mut missed = false;
        for attempt in 0..ATTEMPTS {
            missed = missed || is_missed(attempt)?;
        }
        assert!(missed, "{abi}: no wake-up was ever missed in {ATTEMPTS} attempts");
    }
    Ok(())
}

/// Creates and removes a semaphore over and over.
fn create_for_ever(arguments: &[String]) {
    let [name] = arguments else { panic!("a name") };
    let name = Name::new(name.as_str()).expect("a name");
    let options = NamedSemaphore::options().create_new(true).initial_value(3).unlink_on_drop(true);
    loop {
        drop(options.open(name).expect("nobody else has it"));
    }
}

fn a_kill_while_creating_leaves_nothing_unfinished() -> Ending {
    let mut random = Random::new();
    for _ in 0..30 {
        let name = FreeName::new();
        let peer = Peer::start(&mut role("semaphore_creator", &[name.as_str()]));
        wait_until("it has begun", || name.file(Abi::NATIVE).exists());
        let start = Instant::now();
        let life = Duration::from_micros(random.below(2_000) as u64);
        while start.elapsed() < life {}
        drop(peer.kill_now());
        match NamedSemaphore::options().open(&name) {
            Ok(semaphore) => assert_eq!((semaphore.value(), semaphore.waiters()), (3, 0)),
            Err(error) => assert_eq!(error.kind(), rawipc::ErrorKind::NotFound, "{error}"),
        }
        assert_no_temporary();
    }
    Ok(())
}
