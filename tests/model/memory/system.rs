//! Doing operations to real memory.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rawipc::shm::ReadOnlyMapping;
use rawipc::{Mapping, Name, Result, SharedMemory, retry_on_interrupt};

use super::operation::{Action, Opening, Operation};
use super::{Answer, Digest, MemoryModel, NAMES, View};
use crate::model::{Outcome, System};

/// One process's handles. The names are removed at the end, if they are still there.
pub struct MemorySystem {
    names: [String; NAMES],
    handles: Vec<Handle>,
    unlinks: bool,
}

struct Handle {
    memory: SharedMemory,
    mapping: Option<Mapped>,
}

enum Mapped {
    Writable(Mapping),
    ReadOnly(ReadOnlyMapping),
}

impl MemorySystem {
    /// With names that begin so and are nobody else's; whether it removes them at the end.
    pub fn new(prefix: &str, unlinks: bool) -> Self {
        let names = std::array::from_fn(|number| format!("{prefix}-{number}"));
        Self { names, handles: Vec::new(), unlinks }
    }

    fn name(&self, number: usize) -> &Name {
        Name::new(self.names[number].as_str()).expect("a prefix is a valid name")
    }

    fn perform(&mut self, operation: &Operation) -> Result<Answer> {
        let place = operation.handle.checked_rem(self.handles.len()).unwrap_or(0);
        let new = match operation.action {
            Action::Open { name, opening } => opening.options().open(self.name(name))?,
            Action::Anonymous { size, sparse } => SharedMemory::anonymous(size).sparse(sparse).create()?,
            Action::Duplicate => self.handles[place].memory.try_clone()?,
            Action::Unlink { name } => return SharedMemory::unlink(self.name(name)).map(|()| Answer::Done),
            Action::Close => return self.handles.remove(place).memory.close().map(|()| Answer::Done),
            _ => return self.handles[place].perform(operation),
        };
        self.handles.push(Handle { memory: new, mapping: None });
        Ok(Answer::Done)
    }
}

impl Opening {
    fn options(&self) -> rawipc::shm::SharedMemoryOptions {
        SharedMemory::options()
            .read(self.read)
            .write(self.write)
            .create(self.create)
            .create_new(self.create_new)
            .truncate(self.truncate)
            .sparse(self.sparse)
            .unlink_on_drop(self.unlink_on_drop)
            .size(self.size)
    }
}

impl Handle {
    fn perform(&mut self, operation: &Operation) -> Result<Answer> {
        match operation.action {
            Action::Resize(size) => self.memory.resize(size)?,
            Action::Seal => self.memory.seal_size()?,
            Action::Read { offset, length } => {
                let mut bytes = vec![0; length];
                self.memory.read_at(offset, &mut bytes)?;
                return Ok(Answer::Bytes(bytes));
            }
            Action::Write { offset, length } => self.memory.write_at(offset, &vec![operation.number; length])?,
            Action::Map { offset, length, read_only } => {
                self.mapping = None;
                let options = self.memory.map_options().offset(offset);
                let options = length.map_or(options, |length| options.length(length));
                self.mapping = Some(if read_only {
                    Mapped::ReadOnly(options.map_read_only()?)
                } else {
                    Mapped::Writable(options.map()?)
                });
            }
            Action::Unmap => self.mapping = None,
            _ => return self.mapping.as_mut().expect("it is mapped").perform(&self.memory, operation),
        }
        Ok(Answer::Done)
    }
}

impl Mapped {
    fn perform(&mut self, memory: &SharedMemory, operation: &Operation) -> Result<Answer> {
        match (self, operation.action) {
            (Self::Writable(mapping), Action::Remap(length)) => mapping.remap(memory, length)?,
            (mapping, Action::ReadMapping { offset, length }) => {
                let mut bytes = vec![0; length];
                match mapping {
                    Self::Writable(mapping) => mapping.read_at(offset, &mut bytes)?,
                    Self::ReadOnly(mapping) => mapping.read_at(offset, &mut bytes)?,
                }
                return Ok(Answer::Bytes(bytes));
            }
            (Self::Writable(mapping), Action::WriteMapping { offset, length }) => {
                mapping.write_at(offset, &vec![operation.number; length])?;
            }
            (Self::Writable(mapping), Action::Add { offset }) => {
                let old = mapping.get::<AtomicU32>(offset)?.fetch_add(operation.number.into(), Relaxed);
                return Ok(Answer::Bytes(old.to_ne_bytes().to_vec()));
            }
            _ => unreachable!("not done to such a mapping"),
        }
        Ok(Answer::Done)
    }

    fn view(&self) -> (usize, bool) {
        match self {
            Self::Writable(mapping) => (mapping.len(), true),
            Self::ReadOnly(mapping) => (mapping.len(), false),
        }
    }
}

impl System<MemoryModel> for MemorySystem {
    fn apply(&mut self, operation: &Operation) -> Outcome<Answer> {
        retry_on_interrupt!(self.perform(operation)).map_err(|error| error.kind())
    }

    fn view(&self) -> Vec<View> {
        let view = |handle: &Handle| -> Result<View> {
            let mut content = vec![0; handle.memory.size()? as usize];
            handle.memory.read_at(0, &mut content)?;
            Ok(View {
                size: content.len() as u64,
                is_sealed: handle.memory.is_size_sealed(),
                content: Digest::of(&content),
                mapping: handle.mapping.as_ref().map(Mapped::view),
            })
        };
        self.handles.iter().map(|handle| view(handle).expect("open memory can be looked at")).collect()
    }
}

impl Drop for MemorySystem {
    fn drop(&mut self) {
        self.handles.clear();
        for number in 0..if self.unlinks { NAMES } else { 0 } {
            // Mostly it is gone already.
            let _ = SharedMemory::unlink(self.name(number));
        }
    }
}
