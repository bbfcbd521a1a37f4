//! A shared value in every interleaving: what is whole is seen whole.

use std::sync::Arc;

use super::progress::Progress;
use crate::futex::exploration::{Guarded, TWO_THREADS, explore, join};

/// One makes the value while another one waits for it.
#[test]
fn shared_value_is_whole_to_those_who_wait() {
    explore("a shared value", TWO_THREADS, || {
        let (progress, value) = (Arc::new(Progress::new()), Guarded::new());
        let waiter = {
            let (progress, value) = (progress.clone(), value.clone());
            loom::thread::spawn(move || {
                while !progress.is_complete() {
                    assert!(progress.is_known());
                    progress.wait_a_little();
                }
                value.get()
            })
        };
        value.set(5);
        progress.complete();
        assert_eq!(join([waiter]), [5]);
    });
}
