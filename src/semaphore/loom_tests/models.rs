//! The models, for any layout, and their tests for each.

use std::format;
use std::sync::Arc;
use std::vec::Vec;

use rustix::io::Errno;

use super::{Layout, Library, Ours, Side, Spinning, assert_at_rest, explore, spawn};
use crate::futex::Scope;
use crate::futex::exploration::{FOUR_THREADS, Guarded, Search, THREE_THREADS, TWO_THREADS, join, limit};
use crate::futex::model::{bury, end_limited_sleeps};
use crate::semaphore::protocol::VALUE_MAX;

/// Each thread takes the only token, changes what it guards, and gives it back. The last of them is the main thread.
pub(super) fn mutex<L: Layout, const N: usize>(search: Search, sides: [Side; N]) {
    explore::<L>(format!("mutex {sides:?}"), search, move || {
        let words = Arc::new(L::with_value(1));
        let number = Guarded::new();
        let mut turns = sides
            .map(|side| {
                let number = number.clone();
                move |words: &L| {
                    assert_eq!(side.wait(words, None), Ok(()));
                    number.increment();
                    assert_eq!(side.post(words), Ok(()));
                }
            })
            .into_iter();
        let last = turns.next().expect("somebody takes part");
        let threads: Vec<_> = turns.map(|turn| spawn(&words, turn)).collect();
        last(&words);
        join(threads);
        assert_at_rest(&*words, 1);
        assert_eq!(number.get() as usize, N);
    });
}

/// Two waiters; the main thread posts two tokens, one by one, after having written what each of them reads.
fn two_posts_of_one<L: Layout>(search: Search, waiters: [Side; 2], poster: Side) {
    explore::<L>(format!("waiters {waiters:?}, posts {poster:?} twice"), search, move || {
        let words = Arc::new(L::with_value(0));
        let number = Guarded::new();
        let threads = waiters.map(|side| {
            let number = number.clone();
            spawn(&words, move |words| {
                assert_eq!(side.wait(words, None), Ok(()));
                assert_eq!(number.get(), 1);
            })
        });
        number.increment();
        assert_eq!(poster.post(&*words), Ok(()));
        assert_eq!(poster.post(&*words), Ok(()));
        join(threads);
        assert_at_rest(&*words, 0);
    });
}

/// Two waiters; two threads post one token each.
fn posts_of_two<L: Layout>(search: Search, waiters: [Side; 2], posters: [Side; 2]) {
    explore::<L>(format!("waiters {waiters:?}, posts {posters:?}"), search, move || {
        let words = Arc::new(L::with_value(0));
        let threads = waiters.map(|side| spawn(&words, move |words| assert_eq!(side.wait(words, None), Ok(()))));
        let poster = spawn(&words, move |words| assert_eq!(posters[0].post(words), Ok(())));
        assert_eq!(posters[1].post(&*words), Ok(()));
        join(threads);
        join([poster]);
        assert_at_rest(&*words, 0);
    });
}

/// Two waiters; the main thread posts two tokens at once.
fn post_of_many<L: Layout>(search: Search, waiters: [Side; 2]) {
    explore::<L>(format!("waiters {waiters:?}, a post of two"), search, move || {
        let words = Arc::new(L::with_value(0));
        let number = Guarded::new();
        let threads = waiters.map(|side| {
            let number = number.clone();
            spawn(&words, move |words| {
                assert_eq!(side.wait(words, None), Ok(()));
                assert_eq!(number.get(), 1);
            })
        });
        number.increment();
        assert_eq!(words.post_many(2, Scope::Shared), Ok(()));
        join(threads);
        assert_at_rest(&*words, 0);
    });
}

/// A limited wait ends while a token is posted: it has the token or it is still there.
fn time_out<L: Layout>(search: Search, waiter: Side, poster: Side, error: Errno) {
    explore::<L>(format!("limited wait {waiter:?}, {error:?}, post {poster:?}"), search, move || {
        let words = Arc::new(L::with_value(0));
        let limited = spawn(&words, move |words| waiter.wait(words, limit()));
        let time = spawn(&words, move |words| end_limited_sleeps(words.words()[0], error));
        assert_eq!(poster.post(&*words), Ok(()));
        let left = match limited.join().expect("no thread panics") {
            Ok(()) => 0,
            Err(Errno::INTR | Errno::TIMEDOUT) => 1,
            Err(errno) => panic!("{errno:?}"),
        };
        join([time]);
        assert_at_rest(&*words, left);
    });
}

/// A limited wait ends while another, unlimited one sleeps and a token is posted: if the first did not take the token,
/// the second is woken and does.
fn time_out_beside_a_waiter<L: Layout>(search: Search, waiters: [Side; 2], poster: Side, error: Errno) {
    explore::<L>(format!("limited and unlimited wait {waiters:?}, {error:?}, post {poster:?}"), search, move || {
        let words = Arc::new(L::with_value(0));
        let limited = spawn(&words, move |words| waiters[0].wait(words, limit()));
        let unlimited = spawn(&words, move |words| waiters[1].wait(words, None));
        let time = spawn(&words, move |words| end_limited_sleeps(words.words()[0], error));
        assert_eq!(poster.post(&*words), Ok(()));
        if limited.join().expect("no thread panics").is_ok() {
            assert_eq!(poster.post(&*words), Ok(()));
        }
        assert_eq!(join([unlimited]), [Ok(())]);
        join([time]);
        assert_at_rest(&*words, 0);
    });
}

/// Two threads post at or just below the maximum: what is refused is not added.
fn overflow<L: Layout>(search: Search, value: u32, posters: [Side; 2]) {
    explore::<L>(format!("maximum - {}, posts {posters:?}", VALUE_MAX - value), search, move || {
        let words = Arc::new(L::with_value(value));
        let other = spawn(&words, move |words| posters[0].post(words));
        let results = [posters[1].post(&*words), other.join().expect("no thread panics")];
        let added = results.iter().filter(|result| result.is_ok()).count() as u32;
        assert!(results.iter().all(|result| matches!(result, Ok(()) | Err(Errno::OVERFLOW))));
        assert_eq!(added, VALUE_MAX - value);
        assert_at_rest(&*words, value + added);
    });
}

/// The same while a token is taken, which there is always one for.
fn overflow_beside_a_wait<L: Layout>(search: Search, value: u32, posters: [Side; 2], waiter: Side) {
    let model = format!("maximum - {}, posts {posters:?}, wait {waiter:?}", VALUE_MAX - value);
    explore::<L>(model, search, move || {
        let words = Arc::new(L::with_value(value));
        let threads = posters.map(|side| spawn(&words, move |words| side.post(words)));
        assert_eq!(waiter.wait(&*words, None), Ok(()));
        let results = join(threads);
        let added = results.iter().filter(|result| result.is_ok()).count() as u32;
        assert!(results.iter().all(|result| matches!(result, Ok(()) | Err(Errno::OVERFLOW))));
        assert!(added >= VALUE_MAX - value);
        assert_at_rest(&*words, value + added - 1);
    });
}

/// A thread is stopped in the middle of a post, or before it, while another posts so many that the maximum is reached.
fn overflow_by_many<L: Layout>(search: Search, poster: Side) {
    const MANY: u32 = VALUE_MAX / 2 + 2;
    const VALUE: u32 = VALUE_MAX - MANY;
    explore::<L>(format!("a post {poster:?} and one of {MANY}"), search, move || {
        let words = Arc::new(L::with_value(VALUE));
        let other = spawn(&words, move |words| poster.post(words));
        let many = words.post_many(MANY, Scope::Shared);
        let one = other.join().expect("no thread panics");
        let added = match (one, many) {
            (Ok(()), Err(Errno::OVERFLOW)) => 1,
            (Err(Errno::OVERFLOW), Ok(())) => MANY,
            results => panic!("{results:?}"),
        };
        assert_at_rest(&*words, VALUE + added);
    });
}

/// Whoever has taken the only token takes the memory away, while the post may still be waking.
fn destruction<L: Layout>(search: Search, waiter: Side, poster: Side) {
    explore::<L>(format!("wait {waiter:?} and destroy, post {poster:?}"), search, move || {
        let words = Arc::new(L::with_value(0));
        let thread = spawn(&words, move |words| {
            assert_eq!(waiter.wait(words, None), Ok(()));
            words.words().into_iter().for_each(bury);
        });
        assert_eq!(poster.post(&*words), Ok(()));
        join([thread]);
    });
}

/// The models' tests for each layout.
macro_rules! tests {
    ($($layout:ident),*) => {$(
        mod $layout {
            use super::*;
            use crate::semaphore::protocol::$layout::Words;

            #[test]
            fn mutual_exclusion_of_two() {
                for sides in [[Ours, Ours], [Ours, Spinning], [Ours, Library], [Library, Ours]] {
                    mutex::<Words, 2>(TWO_THREADS, sides);
                }
            }

            #[test]
            fn mutual_exclusion_of_three() {
                for sides in [[Ours, Ours, Ours], [Ours, Library, Ours], [Library, Ours, Library]] {
                    mutex::<Words, 3>(THREE_THREADS, sides);
                }
            }

            #[test]
            fn two_waiters_and_two_posts() {
                for waiters in [[Ours, Ours], [Ours, Library]] {
                    for poster in [Ours, Library] {
                        two_posts_of_one::<Words>(THREE_THREADS, waiters, poster);
                    }
                    for posters in [[Ours, Ours], [Ours, Library]] {
                        posts_of_two::<Words>(FOUR_THREADS, waiters, posters);
                    }
                    post_of_many::<Words>(THREE_THREADS, waiters);
                }
            }

            #[test]
            fn time_out_against_post() {
                for error in [Errno::TIMEDOUT, Errno::INTR] {
                    for (waiter, poster) in [(Ours, Ours), (Ours, Library), (Library, Ours)] {
                        time_out::<Words>(THREE_THREADS, waiter, poster, error);
                    }
                }
            }

            #[test]
            fn time_out_beside_another_waiter() {
                for error in [Errno::TIMEDOUT, Errno::INTR] {
                    for waiters in [[Ours, Ours], [Ours, Library], [Library, Ours]] {
                        time_out_beside_a_waiter::<Words>(FOUR_THREADS, waiters, Ours, error);
                    }
                    time_out_beside_a_waiter::<Words>(FOUR_THREADS, [Ours, Ours], Library, error);
                }
            }

            #[test]
            fn posts_at_the_maximum() {
                for value in [VALUE_MAX, VALUE_MAX - 1] {
                    for posters in [[Ours, Ours], [Ours, Library]] {
                        overflow::<Words>(TWO_THREADS, value, posters);
                        for waiter in [Ours, Library] {
                            overflow_beside_a_wait::<Words>(THREE_THREADS, value, posters, waiter);
                        }
                    }
                }
            }

            #[test]
            fn a_post_against_one_up_to_the_maximum() {
                for poster in [Ours, Library] {
                    overflow_by_many::<Words>(TWO_THREADS, poster);
                }
            }

            #[test]
            fn destruction_after_the_wait() {
                for (waiter, poster) in [(Ours, Ours), (Ours, Library), (Library, Ours)] {
                    destruction::<Words>(TWO_THREADS, waiter, poster);
                }
            }
        }
    )*};
}

tests!(gnu64, gnu32, musl);
