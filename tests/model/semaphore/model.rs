//! The model: what each operation does.

use std::mem;

use rawipc::ErrorKind;
use rawipc::semaphore::abi::Abi;

use super::operation::{Action, Operation, Wait};
use super::{HANDLES, MOST, NAMES, View};
use crate::model::{Expected, Model};

/// All semaphores, and the processes that use them.
#[derive(Debug)]
pub struct SemaphoreModel {
    semaphores: Vec<SemaphoreState>,
    /// The file that glibc gives a name, and the one that musl gives it.
    names: [[Option<usize>; 2]; NAMES],
    processes: Vec<ProcessState>,
    released: Vec<(usize, Expected<()>)>,
}

#[derive(Debug)]
struct SemaphoreState {
    abi: Abi,
    value: u32,
    /// The process that waits. There is one at most, since nothing is said of an order.
    waiter: Option<usize>,
    dead_waiters: u32,
}

#[derive(Debug)]
struct ProcessState {
    handles: Vec<Handle>,
    blocked: bool,
}

#[derive(Clone, Copy, Debug)]
struct Handle {
    semaphore: usize,
    /// The name, and which of its files, that goes with it.
    removes: Option<(usize, usize)>,
}

/// Which of a name's two files a library's semaphores are.
fn library(abi: Abi) -> usize {
    usize::from(abi == Abi::Musl)
}

impl SemaphoreModel {
    /// Nothing exists yet but the processes.
    pub fn new(processes: usize) -> Self {
        let process = || ProcessState { handles: Vec::new(), blocked: false };
        Self {
            semaphores: Vec::new(),
            names: [[None; 2]; NAMES],
            processes: (0..processes).map(|_| process()).collect(),
            released: Vec::new(),
        }
    }

    fn open(&mut self, process: usize, operation: &Operation) -> Expected<()> {
        let Action::Open { name, abi, create, create_new, value, unlink_on_drop } = operation.action else {
            unreachable!("it opens");
        };
        if value > MOST {
            return Expected::errors(vec![ErrorKind::InvalidInput]);
        }
        let library = library(abi.unwrap_or(Abi::of_machine()));
        let there = self.names[name][library];
        // Who names no layout creates none beside the other library's.
        let is_beside = abi.is_none() && self.names[name][1 - library].is_some();
        let (semaphore, removes) = match there {
            Some(found) if !create_new => {
                if abi.is_some_and(|abi| abi != self.semaphores[found].abi) {
                    return Expected::errors(vec![ErrorKind::Malformed]);
                }
                (found, None)
            }
            _ if create_new && there.is_some() => return Expected::errors(vec![ErrorKind::AlreadyExists]),
            _ if !create && !create_new => return Expected::errors(vec![ErrorKind::NotFound]),
            _ if is_beside => return Expected::errors(vec![ErrorKind::AlreadyExists]),
            _ => {
                let abi = abi.unwrap_or(Abi::of_machine());
                self.semaphores.push(SemaphoreState { abi, value, waiter: None, dead_waiters: 0 });
                self.names[name][library] = Some(self.semaphores.len() - 1);
                (self.semaphores.len() - 1, unlink_on_drop.then_some((name, library)))
            }
        };
        self.processes[process].handles.push(Handle { semaphore, removes });
        Expected::answer(())
    }

    fn post(&mut self, semaphore: usize, tokens: u32) -> Expected<()> {
        let state = &mut self.semaphores[semaphore];
        if tokens > MOST - state.value {
            return Expected::errors(vec![ErrorKind::Overflow]);
        }
        state.value += tokens;
        if let Some(waiter) = state.waiter.take_if(|_| tokens > 0) {
            state.value -= 1;
            self.processes[waiter].blocked = false;
            self.released.push((waiter, Expected::answer(())));
        }
        Expected::answer(())
    }

    fn wait(&mut self, process: usize, semaphore: usize, wait: Wait, gives_back: bool) -> Expected<()> {
        let state = &mut self.semaphores[semaphore];
        match wait {
            _ if state.value > 0 => {
                state.value -= u32::from(!gives_back);
                Expected::answer(())
            }
            Wait::Forever => {
                state.waiter = Some(process);
                self.processes[process].blocked = true;
                Expected::Blocks
            }
            Wait::Try => Expected::errors(vec![ErrorKind::WouldBlock]),
            _ => Expected::errors(vec![ErrorKind::TimedOut]),
        }
    }

    fn close(&mut self, process: usize, handle: usize) {
        let handle = self.processes[process].handles.remove(handle);
        if let Some((name, library)) = handle.removes {
            self.names[name][library].take_if(|semaphore| *semaphore == handle.semaphore);
        }
    }

    fn die(&mut self, process: usize) {
        for state in &mut self.semaphores {
            // It stays recorded as one that waits.
            if state.waiter.take_if(|waiter| *waiter == process).is_some() {
                state.dead_waiters += 1;
            }
        }
        self.processes[process] = ProcessState { handles: Vec::new(), blocked: false };
    }

    /// The semaphore that the operation is done to; nothing if the process has none.
    fn semaphore(&self, process: usize, operation: &Operation) -> Option<&SemaphoreState> {
        let handles = &self.processes[process].handles;
        let handle = handles.get(operation.handle.checked_rem(handles.len())?)?;
        self.semaphores.get(handle.semaphore)
    }

    fn would_block(&self, process: usize, operation: &Operation) -> bool {
        let waits = match operation.action {
            Action::Wait(wait) => wait == Wait::Forever,
            Action::Borrow | Action::Keep => true,
            _ => false,
        };
        waits && self.semaphore(process, operation).is_some_and(|semaphore| semaphore.value == 0)
    }
}

impl Model for SemaphoreModel {
    type Operation = Operation;
    type Answer = ();
    type View = Vec<View>;

    fn can_do(&self, process: usize, operation: &Operation) -> bool {
        let handles = self.processes[process].handles.len();
        let is_waited_for = self.semaphore(process, operation).is_some_and(|semaphore| semaphore.waiter.is_some());
        let can_do = match operation.action {
            Action::Open { .. } => handles < HANDLES,
            Action::Unlink { .. } => true,
            Action::Die => self.processes.len() > 1,
            // It would take a living one's token for a moment, and only perhaps.
            Action::Wait(_) | Action::Borrow | Action::Keep | Action::ResetWaiters => handles > 0 && !is_waited_for,
            Action::Post | Action::PostMany(_) | Action::Close => handles > 0,
        };
        let others_can_go_on =
            (0..self.processes.len()).any(|other| other != process && !self.processes[other].blocked);
        let may_wait =
            others_can_go_on && !matches!(operation.action, Action::Borrow) || !self.would_block(process, operation);
        let is_killed = matches!(operation.action, Action::Die);
        can_do && may_wait && (is_killed || !self.processes[process].blocked)
    }

    fn apply(&mut self, process: usize, operation: &Operation) -> Expected<()> {
        let handles = &self.processes[process].handles;
        let handle = operation.handle.checked_rem(handles.len()).unwrap_or(0);
        let semaphore = handles.get(handle).map_or(0, |handle| handle.semaphore);
        match operation.action {
            Action::Open { .. } => return self.open(process, operation),
            Action::Post => return self.post(semaphore, 1),
            Action::PostMany(tokens) => return self.post(semaphore, tokens),
            Action::Wait(wait) => return self.wait(process, semaphore, wait, false),
            Action::Borrow => return self.wait(process, semaphore, Wait::Forever, true),
            Action::Keep => return self.wait(process, semaphore, Wait::Forever, false),
            Action::Unlink { name, abi } => {
                if self.names[name][library(abi)].take().is_none() {
                    return Expected::errors(vec![ErrorKind::NotFound]);
                }
            }
            Action::Close => self.close(process, handle),
            Action::ResetWaiters => self.semaphores[semaphore].dead_waiters = 0,
            Action::Die => self.die(process),
        }
        Expected::answer(())
    }

    fn released(&mut self) -> Vec<(usize, Expected<()>)> {
        mem::take(&mut self.released)
    }

    fn view(&self, process: usize) -> Vec<View> {
        let view = |handle: &Handle| {
            let SemaphoreState { abi, value, waiter, dead_waiters } = &self.semaphores[handle.semaphore];
            View { abi: *abi, value: *value, waiters: dead_waiters + u32::from(waiter.is_some()) }
        };
        self.processes[process].handles.iter().map(view).collect()
    }

    fn be_born(&mut self, _process: usize, _pid: u32) {}
}
