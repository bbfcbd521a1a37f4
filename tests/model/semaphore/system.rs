//! Doing operations to real semaphores.

use std::time::Duration;

use rawipc::semaphore::abi::Abi;
use rawipc::time::Time;
use rawipc::{Deadline, Name, NamedSemaphore, Result, retry_on_interrupt};

use super::operation::{Action, Operation, Wait};
use super::{NAMES, SemaphoreModel, View};
use crate::model::{Outcome, SHORT, System};

/// One process's handles. The names are removed at the end, if they are still there.
pub struct SemaphoreSystem {
    names: [String; NAMES],
    handles: Vec<NamedSemaphore>,
    unlinks: bool,
}

impl SemaphoreSystem {
    /// With names that begin so and are nobody else's; whether it removes them at the end.
    pub fn new(prefix: &str, unlinks: bool) -> Self {
        let names = std::array::from_fn(|number| format!("{prefix}-{number}"));
        Self { names, handles: Vec::new(), unlinks }
    }

    fn name(&self, number: usize) -> &Name {
        Name::new(self.names[number].as_str()).expect("a prefix is a valid name")
    }

    fn perform(&mut self, operation: &Operation) -> Result<()> {
        let place = operation.handle.checked_rem(self.handles.len()).unwrap_or(0);
        match operation.action {
            Action::Open { name, abi, create, create_new, value, unlink_on_drop } => {
                let options = NamedSemaphore::options().create(create).create_new(create_new).initial_value(value);
                let options = options.unlink_on_drop(unlink_on_drop);
                let options = abi.map_or(options, |abi| options.abi(abi));
                self.handles.push(options.open(self.name(name))?);
                Ok(())
            }
            Action::Unlink { name, abi } => NamedSemaphore::options().abi(abi).unlink(self.name(name)),
            Action::Close => self.handles.remove(place).close(),
            Action::Post => self.handles[place].post(),
            Action::PostMany(tokens) => self.handles[place].post_many(tokens),
            Action::Wait(wait) => wait_on(&self.handles[place], wait),
            Action::Borrow => self.handles[place].acquire().map(drop),
            Action::Keep => self.handles[place].acquire().map(|permit| permit.forget()),
            Action::ResetWaiters => {
                self.handles[place].reset_waiters();
                Ok(())
            }
            Action::Die => unreachable!("others do that"),
        }
    }
}

fn wait_on(semaphore: &NamedSemaphore, wait: Wait) -> Result<()> {
    match wait {
        Wait::Forever => semaphore.wait(),
        Wait::Try => semaphore.try_wait(),
        Wait::Zero => semaphore.wait_timeout(Duration::ZERO),
        Wait::PassedMonotonic => semaphore.wait_deadline(Deadline::Monotonic(Time::ZERO)),
        Wait::PassedRealtime => semaphore.wait_deadline(Deadline::Realtime(Time::ZERO)),
        Wait::Short => semaphore.wait_timeout(SHORT),
        Wait::ShortRealtime => semaphore.wait_deadline(Deadline::realtime_after(SHORT)),
    }
}

impl System<SemaphoreModel> for SemaphoreSystem {
    fn apply(&mut self, operation: &Operation) -> Outcome<()> {
        retry_on_interrupt!(self.perform(operation)).map_err(|error| error.kind())
    }

    fn view(&self) -> Vec<View> {
        let view =
            |handle: &NamedSemaphore| View { abi: handle.abi(), value: handle.value(), waiters: handle.waiters() };
        self.handles.iter().map(view).collect()
    }
}

impl Drop for SemaphoreSystem {
    fn drop(&mut self) {
        self.handles.clear();
        for number in 0..if self.unlinks { NAMES } else { 0 } {
            for abi in [Abi::Gnu64, Abi::Musl] {
                // Mostly it is gone already.
                let _ = NamedSemaphore::options().abi(abi).unlink(self.name(number));
            }
        }
    }
}
