//! The kernel's queues through rawipc against the model: random operations on one handle, on several, in several
//! processes.

use proptest::arbitrary::any;
use proptest::collection::vec;
use proptest::prop_oneof;
use proptest::sample::select;
use proptest::strategy::Strategy;
use rawipc::inspect::QueueSizes;
use rawipc::{MessageQueue, SharedQueue};
use rustix::process::Resource;

use crate::harness::kernel::{private_ipc, set_limit, set_sysctl};
use crate::harness::property::holds;
use crate::harness::queues::{FreeName, text};
use crate::harness::{Ending, Role};
use crate::model::queue::{InPlace, Limits, Long, Queue, QueueModel, QueueSystem};
use crate::model::{self, Disagreement};

use super::processes;

crate::tests!(
    one_handle_does_what_the_model_does,
    several_handles_do_what_the_model_does,
    several_processes_do_what_the_model_does,
    one_handle_of_a_shared_queue_does_what_the_model_does,
    several_handles_of_shared_queues_do_what_the_model_does,
    several_processes_with_shared_queues_do_what_the_model_does,
    several_handles_of_shared_queues_used_in_place_do_what_the_model_does,
    several_processes_with_shared_queues_used_in_place_do_what_the_model_does,
    several_handles_of_shared_queues_of_long_messages_do_what_the_model_does,
    several_processes_with_shared_queues_of_long_messages_do_what_the_model_does;
    alone:
    creating_under_limits_does_what_the_model_does,
);

pub const ROLES: &[Role] = &[
    ("model-queues", |arguments| {
        processes::obey::<QueueModel>(QueueSystem::<MessageQueue>::new(&arguments[0], false));
    }),
    ("model-shared-queues", |arguments| {
        processes::obey::<QueueModel>(QueueSystem::<SharedQueue>::new(&arguments[0], false));
    }),
    ("model-shared-queues-in-place", |arguments| {
        processes::obey::<QueueModel>(QueueSystem::<InPlace>::new(&arguments[0], false));
    }),
    ("model-shared-queues-long", |arguments| {
        processes::obey::<QueueModel>(QueueSystem::<Long>::new(&arguments[0], false));
    }),
];

/// Opens for both directions, and creates: what many sequences need first.
const OPEN: [u8; 4] = [0, 0, 0, 2];

fn compare<Q: Queue>(limits: Limits, operations: &[[u8; 4]]) -> Result<(), Disagreement> {
    let prefix = FreeName::new();
    let mut model = QueueModel::new(Q::ABILITIES, limits, &[std::process::id()]);
    let mut system = QueueSystem::<Q>::new(text(&prefix), true);
    model::compare(&mut model, &mut system, &model::operations(operations.as_flattened()))
}

fn one_handle<Q: Queue>() {
    // Sends, receives, switches of the flag, and registrations.
    let kinds = select(vec![4_u8, 5, 6, 13, 14, 15, 25, 26, 27, 28, 29]);
    let operation = (kinds, any::<u8>(), any::<u8>()).prop_map(|(kind, first, second)| [kind, 0, first, second]);
    holds(200, &vec(operation, 0..60), |operations| {
        compare::<Q>(Limits::OF_THE_KERNEL, &[&[OPEN], &operations[..]].concat())
    });
}

fn several_handles<Q: Queue>() {
    holds(600, &vec(any::<[u8; 4]>(), 0..100), |operations| {
        compare::<Q>(Limits::OF_THE_KERNEL, &[&[OPEN], &operations[..]].concat())
    });
}

/// The processes play the role.
fn several_processes<Q: Queue>(role: &str) {
    // Two of three are sends and receives that wait, on queues that all have open.
    let waiting = (select(vec![4_u8, 13]), any::<u8>(), 8_u8.., 0_u8..4);
    let waiting = waiting.prop_map(|(kind, who, first, second)| [kind, who, first, second << 3]);
    let operation = prop_oneof![2 => waiting, 1 => any::<[u8; 4]>()];
    let opens = (0..processes::PROCESSES as u8).map(|process| [0, process << 3, 0, 0]).collect::<Vec<_>>();
    holds(25, &vec(operation, 20..100), |operations| {
        let operations = [&opens, &operations[..]].concat();
        let prefix = FreeName::new();
        let new = |pids: &[u32]| QueueModel::new(Q::ABILITIES, Limits::OF_THE_KERNEL, pids);
        let _unlinks = QueueSystem::<Q>::new(text(&prefix), true);
        processes::compare(new, role, text(&prefix), &operations)
    });
}

fn one_handle_does_what_the_model_does() {
    one_handle::<MessageQueue>();
}

fn several_handles_do_what_the_model_does() {
    several_handles::<MessageQueue>();
}

fn several_processes_do_what_the_model_does() {
    several_processes::<MessageQueue>("model-queues");
}

fn one_handle_of_a_shared_queue_does_what_the_model_does() {
    one_handle::<SharedQueue>();
}

fn several_handles_of_shared_queues_do_what_the_model_does() {
    several_handles::<SharedQueue>();
}

fn several_processes_with_shared_queues_do_what_the_model_does() {
    several_processes::<SharedQueue>("model-shared-queues");
}

fn several_handles_of_shared_queues_used_in_place_do_what_the_model_does() {
    several_handles::<InPlace>();
}

fn several_processes_with_shared_queues_used_in_place_do_what_the_model_does() {
    several_processes::<InPlace>("model-shared-queues-in-place");
}

fn several_handles_of_shared_queues_of_long_messages_do_what_the_model_does() {
    several_handles::<Long>();
}

fn several_processes_with_shared_queues_of_long_messages_do_what_the_model_does() {
    several_processes::<Long>("model-shared-queues-long");
}

/// Those of a process without privileges, low enough to be reached.
fn creating_under_limits_does_what_the_model_does() -> Ending {
    private_ipc()?;
    let bytes = 3 * QueueSizes { max_messages: 2, max_message_size: 8 }.cost();
    let limits = Limits { max_messages: 2, max_message_size: 128, queues: 4, bytes };
    set_sysctl("msg_max", limits.max_messages as u64)?;
    set_sysctl("msgsize_max", limits.max_message_size as u64)?;
    set_sysctl("queues_max", limits.queues as u64)?;
    set_limit(Resource::Msgqueue, bytes);
    // Mostly opening, closing and unlinking.
    let operation = (select(vec![0_u8, 1, 2, 22, 23, 24]), any::<[u8; 3]>());
    let operation = operation.prop_map(|(kind, [who, first, second])| [kind, who, first, second]);
    holds(300, &vec(operation, 0..60), |operations| compare::<MessageQueue>(limits, &operations));
    Ok(())
}
