//! Whether a queue is within the limits: what `Limits::check` and `QueueSizes::cost` say against what the kernel does.

use rawipc::error::{Limit, Operation};
use rawipc::inspect::{Limits, QueueSizes};
use rawipc::{Error, ErrorKind, MessageQueue};
use rustix::process::{Resource, Rlimit, Uid, geteuid, getrlimit, setrlimit};
use rustix::thread::{UnshareFlags, set_thread_res_uid, unshare_unsafe};

use crate::harness::kernel::{private_ipc, set_limit, set_sysctl};
use crate::harness::random::Random;
use crate::harness::{Ending, Lacking};

// Each of these changes its user, limits and namespace.
crate::tests!(
    ;
    alone: the_kernel_refuses_at_exactly_the_cost,
    the_check_says_what_creating_says,
    the_check_says_what_creating_says_at_the_kernels_own_maxima,
    what_other_queues_cost_is_not_known
);

/// The most that a queue may be made for, by anybody.
const HARD_MESSAGES: usize = 65_536;
const HARD_SIZE: usize = 16 << 20;

/// Makes this process one of a user who has no queues, without capabilities, in a namespace with these settings.
fn private_user(settings: &[(&str, u64)]) -> Ending {
    let set_all = || settings.iter().try_for_each(|(setting, value)| set_sysctl(setting, *value));
    if !geteuid().is_root() {
        private_ipc()?;
        return set_all();
    }
    let lacking = |what: &str, errno| Lacking(format!("{what} ({errno})"));
    // SAFETY: this process has one thread and shares nothing by reference.
    unsafe { unshare_unsafe(UnshareFlags::NEWIPC) }.map_err(|errno| lacking("a private IPC namespace", errno))?;
    set_all()?;
    // Without CAP_SYS_RESOURCE the limit stays, and only smaller queues are compared.
    let _ = setrlimit(Resource::Msgqueue, Rlimit { current: None, maximum: None });
    let user = Uid::from_raw(1_000_000 + std::process::id());
    set_thread_res_uid(user, user, user).map_err(|errno| lacking("the right to become another user", errno))
}

fn sizes(max_messages: usize, max_message_size: usize) -> QueueSizes {
    QueueSizes { max_messages, max_message_size }
}

/// Creates such a queue, and removes it; its cost, if it can be had.
fn create(sizes: QueueSizes) -> Result<u64, Error> {
    let options = MessageQueue::options().read(true).unlink_on_drop(true);
    let options = options.max_messages(sizes.max_messages).max_message_size(sizes.max_message_size);
    options.create_unique(rawipc::name!("/rawipc-test-")).map(|_| sizes.cost())
}

/// Whether the kernel lets a user have such a queue under this limit.
fn allows(sizes: QueueSizes, limit: u64) -> bool {
    set_limit(Resource::Msgqueue, limit);
    match create(sizes) {
        Ok(_) => true,
        Err(error) if error.kind() == ErrorKind::LimitExceeded(Limit::QueueBytes) => false,
        Err(error) => panic!("{sizes:?}: {error}"),
    }
}

/// Finds the lowest limit by trying.
fn cost_by_experiment(sizes: QueueSizes, enough: u64) -> u64 {
    let (mut too_low, mut enough) = (0, enough);
    assert!(allows(sizes, enough), "{sizes:?} under {enough}");
    while enough - too_low > 1 {
        let middle = too_low + (enough - too_low) / 2;
        if allows(sizes, middle) { enough = middle } else { too_low = middle }
    }
    enough
}

fn the_kernel_refuses_at_exactly_the_cost() -> Ending {
    private_user(&[("msg_max", HARD_MESSAGES as u64), ("msgsize_max", HARD_SIZE as u64)])?;
    // Other queues of this user may count, if it is not one made up for this test.
    let share = if geteuid().as_raw() >= 1_000_000 { 1 } else { 4 };
    let enough = getrlimit(Resource::Msgqueue).maximum.map_or(1 << 41, |maximum| maximum / share);
    let mut random = Random::new();
    let grid_messages = [1, 2, 10, 1000, 32_767, 32_768, 32_769, 65_535, HARD_MESSAGES];
    let grid_sizes = [1, 7, 8, 96, 8192, 1 << 20, HARD_SIZE];
    let grid = grid_messages.into_iter().flat_map(|messages| grid_sizes.map(|size| sizes(messages, size)));
    let random = (0..100).map(|_| {
        // Within the limit, however low it is, and of all proportions.
        let messages = random.below((enough / 128).min(HARD_MESSAGES as u64) as usize) + 1;
        sizes(messages, random.below((enough as usize / messages - 96).min(HARD_SIZE)) + 1)
    });
    let mut compared = 0;
    for sizes in grid.chain(random).filter(|sizes| sizes.cost() <= enough) {
        assert_eq!(cost_by_experiment(sizes, enough), sizes.cost(), "{sizes:?}");
        compared += 1;
    }
    assert!(compared >= 40, "{compared}");
    Ok(())
}

/// Compares both under the limit that holds now.
fn assert_agree(sizes: QueueSizes) {
    let (checked, created) = (Limits::current().unwrap().check(sizes), create(sizes));
    let said = |result: Result<u64, Error>| result.map_err(|error| (error.kind(), error.errno(), error.bounds()));
    assert_eq!(said(checked), said(created), "{sizes:?}");
    match (checked, created) {
        (Err(checked), Err(created)) => {
            assert_eq!(checked.operation(), Operation::CheckLimits);
            // Only what was being done is another thing.
            let text = checked.to_string().replace("checking the sizes", "creating the queue");
            assert_eq!(text, created.to_string());
        }
        (checked, _) => assert_eq!(checked, Ok(sizes.cost())),
    }
}

fn around(numbers: &[usize]) -> Vec<usize> {
    numbers.iter().flat_map(|number| [number.saturating_sub(1), *number, number.saturating_add(1)]).collect()
}

fn agree_around(messages: &[usize], message_sizes: &[usize], limits: &[u64]) {
    let mut random = Random::new();
    for limit in limits {
        set_limit(Resource::Msgqueue, *limit);
        for messages in around(messages) {
            for size in around(message_sizes) {
                assert_agree(sizes(messages, size));
            }
        }
        for _ in 0..200 {
            let below = |random: &mut Random, limits: &[usize]| {
                random.below(limits.iter().find(|limit| **limit > 1).unwrap() * 5 / 4)
            };
            assert_agree(sizes(below(&mut random, messages), below(&mut random, message_sizes)));
        }
    }
}

fn the_check_says_what_creating_says() -> Ending {
    private_user(&[("msg_max", 20), ("msgsize_max", 1000)])?;
    let limits = [0, 1, 97, 5_000, 12_345, 21_920, 100_000];
    agree_around(&[1, 20, HARD_MESSAGES, usize::MAX - 1], &[1, 1000, HARD_SIZE, usize::MAX - 1], &limits);
    set_limit(Resource::Msgqueue, 21_919);
    let error = Limits::current().unwrap().check(sizes(20, 1000)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded(Limit::QueueBytes));
    let needed = 20 * (1000 + 12 * size_of::<usize>() as u64);
    assert_eq!(error.bounds(), Some(rawipc::error::Bounds { given: needed, bound: 21_919 }));
    Ok(())
}

fn the_check_says_what_creating_says_at_the_kernels_own_maxima() -> Ending {
    private_user(&[("msg_max", HARD_MESSAGES as u64), ("msgsize_max", HARD_SIZE as u64)])?;
    let maximum = getrlimit(Resource::Msgqueue).maximum;
    let limits = [10_000, 800_000, 5 << 30, 1 << 41];
    let limits = limits.into_iter().filter(|limit| maximum.is_none_or(|maximum| *limit <= maximum));
    agree_around(&[HARD_MESSAGES], &[HARD_SIZE], &limits.collect::<Vec<_>>());
    Ok(())
}

fn what_other_queues_cost_is_not_known() -> Ending {
    private_user(&[])?;
    let one = sizes(2, 100);
    set_limit(Resource::Msgqueue, one.cost() * 3 / 2);
    let first = MessageQueue::options().read(true).max_messages(2).max_message_size(100).unlink_on_drop(true);
    let _first = first.create_unique(rawipc::name!("/rawipc-test-")).unwrap();
    let limits = Limits::current().unwrap();
    assert_eq!(limits.check(one), Ok(one.cost()), "as documented");
    assert_eq!(create(one).unwrap_err().kind(), ErrorKind::LimitExceeded(Limit::QueueBytes));
    Ok(())
}
