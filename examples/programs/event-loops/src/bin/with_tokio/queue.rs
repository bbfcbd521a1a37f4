//! A queue's ends for tasks of tokio: values of one type, and no thread blocks.
//!
//! Copy this file into your program: it is all there is to it.
//!
//! - **Backpressure**: [`AsyncSender::send`] waits while the queue is full. Nothing is kept in this process.
//! - **Cancellation**: a future that is dropped while it waits has sent and taken nothing. All waiting is for the
//!   descriptor to be ready; the message then moves in one call that does not wait, and its result is returned at once.
//! - Several tasks may use one end. When it becomes ready they all try, and those who come too late wait again.

use std::io;

use rawipc::{ErrorKind, MessageQueue, Priority, Receiver, Sender, TypedReceiver, TypedSender};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use zerocopy::{FromBytes, Immutable, IntoBytes};

/// The sending end.
pub struct AsyncSender<T: IntoBytes + Immutable>(AsyncFd<TypedSender<T>>);

/// The receiving end.
pub struct AsyncReceiver<T: FromBytes>(AsyncFd<TypedReceiver<T>>);

impl<T: IntoBytes + Immutable> AsyncSender<T> {
    /// Of a queue that is open for sending and whose messages can hold a `T`; within a tokio runtime.
    pub fn new(queue: MessageQueue) -> io::Result<Self> {
        queue.set_nonblocking(true)?;
        let sender = TypedSender::new(Sender::try_from(queue)?)?;
        // SAFETY: the sender owns its descriptor, which stays the same and open until the `AsyncFd` is dropped.
        Ok(Self(unsafe { AsyncFd::register_with_interest(sender, Interest::WRITABLE) }?))
    }

    /// Sends a value, waiting while the queue is full.
    pub async fn send(&self, value: &T, priority: Priority) -> io::Result<()> {
        loop {
            let mut ready = self.0.writable().await?;
            match ready.get_inner().try_send(value, priority) {
                // Another sender took the room. What has come since then is not forgotten by this.
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready.clear_ready(),
                result => return Ok(result?),
            }
        }
    }
}

impl<T: FromBytes> AsyncReceiver<T> {
    /// Of a queue that is open for receiving and whose messages are as long as a `T`; within a tokio runtime.
    pub fn new(queue: MessageQueue) -> io::Result<Self> {
        queue.set_nonblocking(true)?;
        let receiver = TypedReceiver::new(Receiver::try_from(queue)?)?;
        // SAFETY: the receiver owns its descriptor, which stays the same and open until the `AsyncFd` is dropped.
        Ok(Self(unsafe { AsyncFd::register_with_interest(receiver, Interest::READABLE) }?))
    }

    /// Receives the oldest value of the highest priority, waiting while the queue is empty.
    pub async fn receive(&self) -> io::Result<(T, Priority)> {
        loop {
            let mut ready = self.0.readable().await?;
            match ready.get_inner().try_receive() {
                // Another receiver took it.
                Err(error) if error.kind() == ErrorKind::WouldBlock => ready.clear_ready(),
                result => return Ok(result?),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rawipc::name;
    use tokio::time::timeout;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);
    const LONG: Duration = Duration::from_secs(30);

    fn ends() -> (AsyncSender<u32>, AsyncReceiver<u32>, MessageQueue) {
        let queue = MessageQueue::options().read(true).write(true).max_messages(2).max_message_size(4);
        let queue = queue.unlink_on_drop(true).create_unique(name!("/rawipc-test-tokio-")).unwrap();
        let clone = || queue.try_clone().unwrap();
        (AsyncSender::new(clone()).unwrap(), AsyncReceiver::new(clone()).unwrap(), queue)
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_full_queue_holds_the_sender_back() {
        let (sender, receiver, queue) = ends();
        sender.send(&1, Priority::MIN).await.unwrap();
        sender.send(&2, Priority::MIN).await.unwrap();
        let third = sender.send(&3, Priority::MAX);
        tokio::pin!(third);
        assert!(timeout(SHORT, &mut third).await.is_err(), "there is no room");
        assert_eq!(receiver.receive().await.unwrap().0, 1);
        timeout(LONG, third).await.unwrap().unwrap();
        assert_eq!(receiver.receive().await.unwrap(), (3, Priority::MAX));
        assert_eq!(queue.len().unwrap(), 1);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn what_is_cancelled_has_sent_and_taken_nothing() {
        let (sender, receiver, queue) = ends();
        for number in 0..50 {
            assert!(timeout(Duration::from_micros(100), receiver.receive()).await.is_err());
            sender.send(&number, Priority::MIN).await.unwrap();
            sender.send(&number, Priority::MIN).await.unwrap();
            assert!(timeout(Duration::from_micros(100), sender.send(&999, Priority::MAX)).await.is_err());
            assert_eq!(queue.len().unwrap(), 2);
            for _ in 0..2 {
                assert_eq!(receiver.receive().await.unwrap().0, number);
            }
        }
        assert!(queue.is_empty().unwrap());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn each_value_goes_to_one_of_several_tasks() {
        const VALUES: u32 = 1000;
        let (sender, receiver, queue) = ends();
        let receiver = std::rc::Rc::new(receiver);
        let local = tokio::task::LocalSet::new();
        let tasks: Vec<_> = (0..3)
            .map(|_| {
                let receiver = std::rc::Rc::clone(&receiver);
                local.spawn_local(async move {
                    let mut values = Vec::new();
                    loop {
                        match receiver.receive().await.unwrap().0 {
                            u32::MAX => return values,
                            value => values.push(value),
                        }
                    }
                })
            })
            .collect();
        let mut all = local
            .run_until(async {
                for value in (0..VALUES).chain([u32::MAX; 3]) {
                    timeout(LONG, sender.send(&value, Priority::MIN)).await.unwrap().unwrap();
                }
                let mut all = Vec::new();
                for task in tasks {
                    all.extend(timeout(LONG, task).await.unwrap().unwrap());
                }
                all
            })
            .await;
        all.sort_unstable();
        assert!(all.into_iter().eq(0..VALUES));
        assert!(queue.is_empty().unwrap());
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_wrong_queue_is_refused() {
        let queue = MessageQueue::options().read(true).max_messages(1).max_message_size(5).unlink_on_drop(true);
        let queue = queue.create_unique(name!("/rawipc-test-tokio-")).unwrap();
        assert!(AsyncReceiver::<u32>::new(queue.try_clone().unwrap()).is_err(), "its messages are longer");
        assert!(AsyncSender::<u32>::new(queue).is_err(), "it is open for receiving only");
    }
}
