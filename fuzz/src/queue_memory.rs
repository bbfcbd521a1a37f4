//! A shared queue whose memory holds anything: errors or messages, and calls that come back.

use core::time::Duration;

use rawipc::{ErrorKind, MessageBuffer, Priority, SharedMemory, SharedQueue, WaitTuning};

/// Where the words begin that change.
const CONTROL: usize = 64;
const SIZE: usize = 64;

/// Takes the bytes as what lies behind the header of a queue of four messages, and uses that queue.
pub fn queue_memory(data: &[u8]) {
    let options = SharedQueue::options().read(true).write(true).max_messages(4).max_message_size(SIZE);
    let mut queue = options.create_anonymous().expect("there is memory");
    queue.set_tuning(WaitTuning { spin: 0, recheck_interval: Some(Duration::from_millis(1)) });
    let memory = SharedMemory::try_from(rustix::io::dup(&queue).expect("a descriptor")).expect("it is memory");
    let room = memory.size().expect("a size") as usize - CONTROL;
    memory.write_at(CONTROL as u64, &data[..data.len().min(room)]).expect("it fits");
    let mut buffer = MessageBuffer::<SIZE>::new();
    for number in 0..6 {
        let results = [
            queue.try_send(&[number; SIZE], Priority::from(number)).map(|()| 0),
            queue.try_receive(&mut buffer).map(|message| message.payload().len()),
            queue.try_receive_in_place().and_then(|message| Ok(message.put_back()?)).map(|()| 0),
            queue.try_reserve().and_then(|message| Ok(message.publish(1, Priority::MIN)?)).map(|()| 0),
        ];
        for result in results {
            match result {
                Ok(length) => assert!(length <= SIZE),
                Err(error) => {
                    // The fuzzer's clock is a signal, and a lock that seems to be taken is waited for.
                    let expected = [ErrorKind::Malformed, ErrorKind::WouldBlock, ErrorKind::Interrupted];
                    assert!(expected.contains(&error.kind()), "{error}");
                }
            }
        }
    }
    assert!(queue.len().is_ok_and(|length| length <= 4));
}
