//! Taking part, in every interleaving: an owner that others see is a participant to them, and what the dead did is seen
//! by those who learn of the death, however they do.

use std::sync::Arc;

use loom::thread::JoinHandle;
use rustix::io::{Errno, Result};

use super::{Acquired, Liveness, Lock, PeerId, free_lock, patience};
use crate::futex::exploration::{Guarded, Search, TWO_THREADS, explore, join};
use crate::futex::primitive::AtomicU32;
use crate::futex::primitive::Ordering::{AcqRel, Acquire, Release};
use crate::sync::mutex::{MAGIC, claim};
use crate::sync::peers::{once, table};

/// An object with a lock and a few slots, and the kernel's locks on their bytes.
struct Object {
    magic: AtomicU32,
    lock: Lock,
    table: [AtomicU32; 2],
    /// How many slots there are.
    slots: usize,
    bytes: [AtomicU32; 2],
    /// A page of the process that all threads are in which ask for their number there.
    number: AtomicU32,
}

/// For models of three threads that do little.
const SEARCH: Search = Search { last: Some(4), stale: Some(4) };

/// One that looks, lives and is in no slot.
const ONLOOKER: PeerId = PeerId::new(100, 1);

impl Object {
    fn new(slots: usize) -> Arc<Self> {
        let zero = || AtomicU32::new(0);
        Arc::new(Self {
            magic: zero(),
            lock: free_lock(),
            table: [zero(), zero()],
            slots,
            bytes: [zero(), zero()],
            number: zero(),
        })
    }

    fn table(&self) -> &[AtomicU32] {
        self.table.get(..self.slots).expect("there are as many")
    }

    /// As a process that begins to take part; `None` if all slots are the living's.
    fn register(&self) -> Option<PeerId> {
        let lock = |slot: usize| Ok(self.bytes[slot].compare_exchange(0, 1, AcqRel, AcqRel).is_ok());
        let slot = table::take_slot(self.table(), lock).expect("the kernel answers");
        slot.map(|slot| slot.publish())
    }

    /// As a process that is killed: the kernel gives up its slot's byte.
    fn die(&self, owner: PeerId) {
        self.bytes[owner.slot().expect("a slot")].swap(0, Release);
    }

    /// A try of one who looks after the owner.
    fn look(&self) -> Result<Acquired> {
        self.lock.try_lock(ONLOOKER, &self)
    }
}

impl Liveness for &Object {
    fn is_dead(&self, owner: PeerId) -> Result<bool> {
        if owner == ONLOOKER {
            return Ok(false);
        }
        table::is_dead(self.table(), owner, |slot| Ok(self.bytes[slot].fetch_add(0, AcqRel) == 1))
    }
}

fn spawn<T: 'static>(object: &Arc<Object>, action: impl FnOnce(&Object) -> T + 'static) -> JoinHandle<T> {
    let object = object.clone();
    loom::thread::spawn(move || action(&object))
}

/// How a new participant takes a lock of which `before` has made something.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    before: fn(&Object),
    take: fn(&Object, PeerId) -> bool,
}

const WAYS: [Way; 4] = [
    Way { name: "a free lock", before: |_| {}, take: |object, me| object.lock.try_lock_uncontended(me) },
    Way {
        name: "a free lock, after a wait",
        before: |_| {},
        take: |object, me| object.lock.lock(me, &object, &mut patience()) == Ok(Acquired::Clean),
    },
    Way {
        name: "a dead owner's lock",
        before: |object| {
            let dead = object.register().expect("a slot");
            assert!(object.lock.try_lock_uncontended(dead));
            object.die(dead);
        },
        take: |object, me| object.lock.try_lock(me, &object) == Ok(Acquired::OwnerDied),
    },
    Way {
        name: "a lock that was given up",
        before: |object| object.lock.unlock_not_recoverable(),
        take: |object, me| object.lock.recover_abandoned(me),
    },
];

/// A process begins to take part and takes the lock. To another one that looks at the owner it is no dead one.
#[test]
fn robust_lock_owner_is_seen_as_participant() {
    for way in WAYS {
        explore(&std::format!("a new participant takes {}", way.name), TWO_THREADS, move || {
            let object = Object::new(2);
            (way.before)(&object);
            let newcomer = spawn(&object, move |object| {
                let me = object.register().expect("a slot");
                (way.take)(object, me)
            });
            let looked = object.look();
            if looked == Ok(Acquired::Clean) {
                object.lock.unlock();
            }
            let taken = join([newcomer])[0];
            assert!(!(taken && looked == Ok(Acquired::OwnerDied)), "two have the lock");
        });
    }
}

/// An owner dies, and another process takes its slot. Whoever learns of the death by that sees what the dead one did;
/// so does one who finds the slot's generation overwritten by a peer and shown again.
#[test]
fn robust_lock_slot_taken_again_tells_of_death() {
    for is_overwritten in [false, true] {
        explore("a dead owner's slot is taken", SEARCH, move || {
            let (object, number) = (Object::new(1), Guarded::new());
            let owner = object.register().expect("a slot");
            assert!(object.lock.try_lock_uncontended(owner));
            let dead = {
                let number = number.clone();
                spawn(&object, move |object| {
                    number.set(5);
                    object.die(owner);
                })
            };
            let next = spawn(&object, move |object| {
                if let Some(me) = object.register()
                    && is_overwritten
                {
                    object.table[0].store(0, Release);
                    table::show(object.table(), me);
                }
            });
            match object.look() {
                Ok(Acquired::OwnerDied) => assert_eq!(number.get(), 5),
                looked => assert_eq!(looked, Err(Errno::AGAIN)),
            }
            join([dead, next]);
        });
    }
}

/// An owner leaves and still has the lock: it counts as dead, and what it did is seen.
#[test]
fn robust_lock_owner_that_left_counts_as_dead() {
    explore("an owner leaves", TWO_THREADS, || {
        let (object, number) = (Object::new(1), Guarded::new());
        let owner = object.register().expect("a slot");
        assert!(object.lock.try_lock_uncontended(owner));
        let leaver = {
            let number = number.clone();
            spawn(&object, move |object| {
                number.set(5);
                table::leave(object.table(), owner);
            })
        };
        match object.look() {
            Ok(Acquired::OwnerDied) => assert_eq!(number.get(), 5),
            looked => assert_eq!(looked, Err(Errno::AGAIN)),
        }
        join([leaver]);
    });
}

/// An owner gives the lock up and another one takes it back: that one sees what the first did.
#[test]
fn robust_lock_given_up_is_taken_back_in_order() {
    explore("giving up and taking back", TWO_THREADS, || {
        let (object, number) = (Object::new(1), Guarded::new());
        assert!(object.lock.try_lock_uncontended(ONLOOKER));
        let heir = {
            let number = number.clone();
            spawn(&object, move |object| {
                let me = object.register().expect("a slot");
                if object.lock.recover_abandoned(me) {
                    assert_eq!(number.get(), 5);
                }
            })
        };
        number.set(5);
        object.lock.unlock_not_recoverable();
        join([heir]);
    });
}

/// One thread makes its process a participant, another one takes the lock as that: nobody finds it dead.
#[test]
fn robust_lock_thread_uses_number_of_another() {
    explore("threads of a participant", SEARCH, || {
        let object = Object::new(1);
        let acquire = |object: &Object| {
            once::acquire(&object.number, || object.register().map(PeerId::bits).ok_or(Errno::USERS)).expect("a slot")
        };
        let first = spawn(&object, move |object| _ = acquire(object));
        let second = spawn(&object, move |object| {
            let number = once::peer_id(&object.number).unwrap_or_else(|| acquire(object));
            object.lock.try_lock_uncontended(PeerId::of_word(number))
        });
        let looked = object.look();
        join([first]);
        assert!(!(join([second])[0] && looked == Ok(Acquired::OwnerDied)), "two have the lock");
    });
}

/// Two begin to use memory of zeros as a mutex, and one takes it at once: to both it is one.
#[test]
fn robust_mutex_claimed_by_two_is_one_to_both() {
    let claim: fn(&Object) -> bool = |object| claim(&object.magic, &object.lock, object.table());
    // The exchange alone, too, of one that has looked before: of the loads of a word loom remembers the last, and would
    // not let anything happen between the other one's.
    let exchange: fn(&Object) -> bool = |object| object.magic.compare_exchange(0, MAGIC, Release, Acquire) != Err(0);
    for begin in [claim, exchange] {
        explore("two claims", TWO_THREADS, move || {
            let object = Object::new(1);
            let user = spawn(&object, move |object| {
                assert!(begin(object));
                assert!(object.lock.try_lock_uncontended(object.register().expect("a slot")));
            });
            assert!(claim(&object), "what another one has claimed is a mutex");
            join([user]);
        });
    }
}
