//! Messages written and read where they lie.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

use rawipc::{Deadline, ErrorKind, Priority, Receiver, Sender, SharedQueue};

use crate::harness::kernel::in_child;
use crate::harness::waiting::PATIENCE;
use crate::shared_queue::support::{is_rung, small, small_queue};

crate::tests!(
    a_message_is_written_and_read_where_it_lies,
    what_is_dropped_is_not_sent,
    shared_queue_in_flight_takes_room_until_complete,
    shared_queue_in_flight_dropped_is_delivered_again,
    shared_queue_in_flight_survives_a_panic,
    shared_queue_in_flight_dropped_rings_a_doorbell,
    what_is_put_back_is_in_its_old_place,
    nothing_outside_of_a_block_can_be_reached,
    ends_have_every_way_that_fits_their_direction,
    debug_shows_the_queue_and_what_is_in_hand,
    ;
    alone:
    what_a_parent_has_in_hand_is_not_its_childs,
);

fn a_message_is_written_and_read_where_it_lies() {
    let queue = small_queue();
    let mut reservation = queue.reserve().unwrap();
    assert_eq!((reservation.capacity(), reservation.bytes().as_ptr() as usize % 32), (64, 0));
    reservation.write_at(60, b"tail").unwrap();
    reservation.write_at(0, b"head").unwrap();
    reservation.bytes()[4].store(b'!', Relaxed);
    reservation.publish(5, Priority::from(4)).unwrap();
    let borrowed = queue.receive_in_place().unwrap();
    assert_eq!((borrowed.len(), borrowed.is_empty(), borrowed.priority()), (5, false, Priority::from(4)));
    let mut bytes = [0; 3];
    borrowed.read_at(2, &mut bytes).unwrap();
    assert_eq!(&bytes, b"ad!");
    assert_eq!(borrowed.bytes().iter().map(|byte| byte.load(Relaxed)).collect::<Vec<_>>(), b"head!");
    borrowed.complete();
    queue.reserve_timeout(PATIENCE).unwrap().publish(0, Priority::MIN).unwrap();
    assert_eq!(queue.try_receive(&mut [0; 64]).unwrap().payload(), b"");
    queue.try_send(b"sent", Priority::MIN).unwrap();
    let in_flight = queue.receive_in_place_timeout(Duration::ZERO).unwrap();
    assert_eq!(in_flight.bytes().len(), 4);
    in_flight.complete();
    assert!(queue.is_empty().unwrap());
}

fn what_is_dropped_is_not_sent() {
    let queue = small_queue();
    let reservations: Vec<_> = (0..8).map(|_| queue.try_reserve().unwrap()).collect();
    assert_eq!(queue.try_reserve().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(queue.try_send(b"x", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(queue.reserve_timeout(Duration::from_millis(1)).unwrap_err().kind(), ErrorKind::TimedOut);
    assert_eq!(queue.try_receive(&mut [0; 64]).unwrap_err().kind(), ErrorKind::WouldBlock);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| queue.send(b"waits", Priority::MIN));
        drop(reservations);
        waiter.join().unwrap().unwrap();
    });
    assert_eq!(queue.try_receive(&mut [0; 64]).unwrap().payload(), b"waits");
    let error = queue.reserve().unwrap().publish(65, Priority::MIN).unwrap_err().error;
    assert_eq!((error.kind(), queue.is_empty()), (ErrorKind::MessageTooLong, Ok(true)));
    (0..8).for_each(|_| queue.try_send(b"x", Priority::MIN).unwrap());
}

fn shared_queue_in_flight_takes_room_until_complete() {
    let queue = small().max_messages(1).create_anonymous().unwrap();
    queue.send(b"one", Priority::MIN).unwrap();
    let borrowed = queue.receive_in_place().unwrap();
    assert_eq!(queue.len().unwrap(), 0);
    assert_eq!(queue.try_receive_in_place().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(queue.try_send(b"two", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    thread::scope(|scope| {
        let waiter = scope.spawn(|| queue.send(b"two", Priority::MIN));
        borrowed.complete();
        waiter.join().unwrap().unwrap();
    });
    assert_eq!(queue.receive_in_place().unwrap().len(), 3);
}

fn what_is_put_back_is_in_its_old_place() {
    let queue = small_queue();
    for message in [b"a", b"b", b"c"] {
        queue.send(message, Priority::from(1)).unwrap();
    }
    let first = queue.receive_in_place().unwrap();
    let second = queue.receive_in_place().unwrap();
    second.put_back().unwrap();
    first.put_back().unwrap();
    queue.send(b"d", Priority::from(2)).unwrap();
    let order: Vec<u8> = (0..4).map(|_| queue.try_receive(&mut [0; 64]).unwrap().payload()[0]).collect();
    assert_eq!(order, b"dabc");
}

fn nothing_outside_of_a_block_can_be_reached() {
    let queue = small_queue();
    let mut reservation = queue.reserve().unwrap();
    for (offset, length) in [(64, 1), (0, 65), (usize::MAX, 2), (63, 2)] {
        let error = reservation.write_at(offset, &vec![0; length]).unwrap_err();
        assert_eq!((error.kind(), error.bounds().map(|bounds| bounds.bound)), (ErrorKind::InvalidInput, Some(64)));
    }
    reservation.write_at(64, b"").unwrap();
    reservation.publish(10, Priority::MIN).unwrap();
    let borrowed = queue.receive_in_place().unwrap();
    for (offset, length) in [(10, 1), (0, 11), (usize::MAX, 2)] {
        let error = borrowed.read_at(offset, &mut vec![0; length]).unwrap_err();
        assert_eq!((error.kind(), error.bounds().map(|bounds| bounds.bound)), (ErrorKind::InvalidInput, Some(10)));
    }
}

fn what_a_parent_has_in_hand_is_not_its_childs() {
    let queue = small().max_messages(2).create_anonymous().unwrap();
    queue.send(b"kept", Priority::MIN).unwrap();
    let mut hands = Some((queue.reserve().unwrap(), queue.receive_in_place().unwrap()));
    in_child(|| {
        let (reservation, borrowed) = hands.take().unwrap();
        assert_eq!(borrowed.put_back().unwrap_err().error.kind(), ErrorKind::PermissionDenied);
        assert_eq!(reservation.publish(1, Priority::MIN).unwrap_err().error.kind(), ErrorKind::PermissionDenied);
        // Nor has it freed them.
        assert_eq!(queue.try_send(b"x", Priority::MIN).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
    let (reservation, borrowed) = hands.take().unwrap();
    borrowed.put_back().unwrap();
    reservation.publish(0, Priority::MAX).unwrap();
    assert_eq!((0..2).map(|_| receive_length(&queue)).collect::<Vec<_>>(), [0, 4]);
    // A child that dies with something in hand gives it back.
    queue.send(b"left", Priority::MIN).unwrap();
    in_child(|| {
        std::mem::forget(queue.receive_in_place().unwrap());
        std::mem::forget(queue.reserve().unwrap());
    });
    assert_eq!(receive_length(&queue), 4);
    (0..2).for_each(|_| queue.try_send(b"x", Priority::MIN).unwrap());
}

fn receive_length(queue: &SharedQueue) -> usize {
    let in_flight = queue.try_receive_in_place().unwrap();
    let length = in_flight.len();
    in_flight.complete();
    length
}

fn shared_queue_in_flight_dropped_is_delivered_again() {
    let queue = small_queue();
    let other = queue.try_clone().unwrap();
    for message in [b"a", b"b"] {
        queue.send(message, Priority::MIN).unwrap();
    }
    drop(queue.receive_in_place().unwrap());
    assert_eq!((queue.len(), queue.receive_in_place().unwrap().bytes()[0].load(Relaxed)), (Ok(2), b'a'));
    // A waiting receiver gets it at once.
    let first = queue.receive_in_place().unwrap();
    other.try_receive(&mut [0; 64]).unwrap();
    thread::scope(|scope| {
        let waiter =
            scope.spawn(|| other.receive_timeout(&mut [0; 64], PATIENCE).map(|message| message.payload().to_vec()));
        drop(first);
        assert_eq!(waiter.join().unwrap().unwrap(), b"a");
    });
    assert!(queue.is_empty().unwrap());
}

fn shared_queue_in_flight_survives_a_panic() {
    let queue = small_queue();
    queue.send(b"job", Priority::MIN).unwrap();
    let result = std::panic::catch_unwind(|| {
        let _job = queue.receive_in_place().unwrap();
        std::panic::resume_unwind(Box::new("the job cannot be done"));
    });
    assert!(result.is_err());
    assert_eq!(queue.try_receive(&mut [0; 64]).unwrap().payload(), b"job");
}

fn shared_queue_in_flight_dropped_rings_a_doorbell() {
    let queue = small_queue();
    let other = queue.try_clone().unwrap();
    let mut doorbell = other.doorbell().unwrap();
    queue.send(b"job", Priority::MIN).unwrap();
    let in_flight = queue.receive_in_place().unwrap();
    assert!(doorbell.arm().unwrap().is_armed());
    drop(in_flight);
    assert!(is_rung(&doorbell));
}

fn ends_have_every_way_that_fits_their_direction() {
    let queue = small_queue();
    let (sender, receiver) = (Sender::try_from(queue.try_clone().unwrap()), Receiver::try_from(queue));
    let (sender, receiver) = (sender.unwrap(), receiver.unwrap());
    let mut doorbell = receiver.doorbell().unwrap();
    assert!(doorbell.arm().unwrap().is_armed());
    let soon = Deadline::after(PATIENCE);
    let ways = [
        (sender.reserve(), 1),
        (sender.try_reserve(), 2),
        (sender.reserve_timeout(PATIENCE), 3),
        (sender.reserve_deadline(soon), 4),
    ];
    for (reservation, length) in ways {
        reservation.unwrap().publish(length, Priority::MIN).unwrap();
    }
    assert!(!doorbell.arm().unwrap().is_armed());
    let ways = [
        receiver.receive_in_place(),
        receiver.try_receive_in_place(),
        receiver.receive_in_place_timeout(PATIENCE),
        receiver.receive_in_place_deadline(soon),
    ];
    assert_eq!(ways.map(|in_flight| in_flight.unwrap().len()), [1, 2, 3, 4]);
}

fn debug_shows_the_queue_and_what_is_in_hand() {
    let queue = small_queue();
    let shown = format!("{queue:?}");
    for part in ["SharedQueue { name: Some(", "max_messages: 8", "max_message_size: 64"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    let reservation = queue.reserve().unwrap();
    assert_eq!(format!("{reservation:?}"), "Reservation { capacity: 64, .. }");
    reservation.publish(3, Priority::MIN).unwrap();
    let shown = format!("{:?}", queue.receive_in_place().unwrap());
    assert!(shown.starts_with("InFlight { length: 3, priority: ") && shown.ends_with(", .. }"), "{shown}");
    assert!(format!("{:?}", queue.doorbell().unwrap()).starts_with("Doorbell { poll: "));
}
