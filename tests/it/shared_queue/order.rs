//! The order of delivery in a deep queue, whatever comes: messages in order, messages that overtake, messages put back.

use std::collections::BTreeSet;

use rawipc::{Priority, SharedQueue};

use crate::harness::random::Random;
use crate::shared_queue::support::small;

crate::tests!(
    messages_in_order_go_round_and_round,
    urgent_messages_overtake_what_is_there,
    a_random_run_in_a_deep_queue_keeps_the_order,
);

/// Not a power of two, so that nothing hides where a ring ends.
const DEPTH: usize = 300;

fn deep() -> SharedQueue {
    small().max_messages(DEPTH).max_message_size(16).create_anonymous().unwrap()
}

fn send(queue: &SharedQueue, number: u64, priority: u16) {
    queue.try_send(&number.to_ne_bytes(), Priority::new(priority.into()).unwrap()).unwrap();
}

fn receive(queue: &SharedQueue) -> (u64, u16) {
    let mut buffer = [0; 16];
    let message = queue.try_receive(&mut buffer).unwrap();
    (u64::from_ne_bytes(message.payload().try_into().unwrap()), message.priority().get())
}

fn messages_in_order_go_round_and_round() {
    let queue = deep();
    let (mut sent, mut received) = (0, 0);
    for count in [1, 299, 300, 7, 300, 150, 2, 300] {
        while sent - received < count {
            send(&queue, sent, 3);
            sent += 1;
        }
        for _ in 0..count.div_ceil(2) {
            assert_eq!(receive(&queue), (received, 3));
            received += 1;
        }
    }
}

fn urgent_messages_overtake_what_is_there() {
    let queue = deep();
    // Each goes before all others: backwards round the ring.
    for priority in 0..DEPTH as u16 {
        send(&queue, priority.into(), priority);
    }
    for priority in (0..DEPTH as u16).rev() {
        assert_eq!(receive(&queue), (priority.into(), priority));
    }
    // The second of the urgent ones goes between the first and the rest.
    (0..298).for_each(|number| send(&queue, number, 0));
    (298..300).for_each(|number| send(&queue, number, 9));
    let order: Vec<u64> = (0..DEPTH).map(|_| receive(&queue).0).collect();
    assert_eq!(order, [298, 299].into_iter().chain(0..298).collect::<Vec<u64>>());
}

fn a_random_run_in_a_deep_queue_keeps_the_order() {
    let (queue, mut random) = (deep(), Random::new());
    // What is there: the lowest number of the highest priority is delivered first.
    let mut there = BTreeSet::new();
    let mut number = 0;
    for _ in 0..200 {
        let (goal, priorities) = (random.below(DEPTH + 1), 1 + random.below(4));
        while there.len() != goal {
            // Mostly towards the goal.
            let grows = (there.len() < goal) == (random.below(4) > 0);
            if (grows || there.is_empty()) && there.len() < DEPTH {
                let priority = random.below(priorities) as u16;
                send(&queue, number, priority);
                there.insert((u16::MAX - priority, number));
                number += 1;
                continue;
            }
            if random.below(8) == 0 {
                queue.try_receive_in_place().unwrap().put_back().unwrap();
            }
            let (priority, first) = there.pop_first().unwrap();
            assert_eq!(receive(&queue), (first, u16::MAX - priority));
        }
        assert_eq!(queue.len().unwrap(), there.len());
    }
}
