//! Sizes of queues against the limits: what passes the check is what the limits say, and a cost never wraps.

use arbitrary::{Arbitrary, Unstructured};
use rawipc::ErrorKind;
use rawipc::error::Limit;
use rawipc::inspect::{Limits, QueueSizes};

/// Takes the bytes as sizes.
pub fn limits(data: &[u8]) {
    let Ok((max_messages, max_message_size)) = Arbitrary::arbitrary(&mut Unstructured::new(data)) else { return };
    let limits = Limits::current().expect("the settings can be read");
    let sizes = QueueSizes { max_messages, max_message_size };
    match limits.check(sizes) {
        Ok(cost) => {
            assert!(max_messages > 0 && max_message_size > 0, "{sizes:?}");
            assert!(u128::from(cost) > max_messages as u128 * max_message_size as u128, "{sizes:?}");
            assert!(limits.queue_bytes.is_none_or(|most| cost <= most), "{sizes:?}");
        }
        Err(error) => {
            let explains = match error.kind() {
                ErrorKind::InvalidInput => max_messages == 0 || max_message_size == 0,
                ErrorKind::LimitExceeded(Limit::MaxMessages) => max_messages as u64 > limits.max_messages,
                ErrorKind::LimitExceeded(Limit::MaxMessageSize) => max_message_size as u64 > limits.max_message_size,
                ErrorKind::LimitExceeded(Limit::QueueBytes) => limits.queue_bytes.is_some(),
                _ => false,
            };
            assert!(explains, "{sizes:?}: {error}");
        }
    }
}
