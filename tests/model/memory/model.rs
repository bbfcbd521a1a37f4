//! The model: what each operation does.

use rawipc::ErrorKind;

use super::object::{Handle, Mapped, Object, PAGE};
use super::operation::{Action, Opening, Operation};
use super::{Answer, Digest, HANDLES, NAMES, View};
use crate::model::{Expected, Model};

/// All objects, and the handles of the processes.
#[derive(Debug)]
pub struct MemoryModel {
    objects: Vec<Object>,
    names: [Option<usize>; NAMES],
    processes: Vec<Vec<Handle>>,
}

type Outcome = Result<Answer, ErrorKind>;

/// The bounds of an object or of a mapping are broken.
const OUTSIDE: Outcome = Err(ErrorKind::InvalidInput);

impl MemoryModel {
    /// Nothing exists yet but the processes.
    pub fn new(processes: usize) -> Self {
        Self { objects: Vec::new(), names: [None; NAMES], processes: (0..processes).map(|_| Vec::new()).collect() }
    }

    fn add(&mut self, process: usize, object: usize, write: bool) -> &mut Handle {
        let handle = Handle { object, write, removes: None, mapping: None, trusts_size: false };
        self.processes[process].push(handle);
        self.processes[process].last_mut().expect("it was pushed")
    }

    fn create(&mut self, size: u64, may_be_sealed: bool) -> usize {
        self.objects.push(Object { bytes: vec![0; size as usize], may_be_sealed, is_sealed: false });
        self.objects.len() - 1
    }

    fn open(&mut self, process: usize, name: usize, opening: &Opening) -> Outcome {
        let creates = opening.create || opening.create_new;
        if !opening.write && (creates || opening.truncate || !opening.read) {
            return Err(ErrorKind::InvalidInput);
        }
        let is_possible = opening.size <= i64::MAX as u64;
        match self.names[name] {
            // What cannot be created is refused before the name is looked at.
            Some(_) if opening.create_new && !is_possible => Err(ErrorKind::InvalidInput),
            Some(_) if opening.create_new => Err(ErrorKind::AlreadyExists),
            Some(object) => {
                if opening.truncate {
                    if !is_possible {
                        return Err(ErrorKind::InvalidInput);
                    }
                    self.objects[object].bytes = vec![0; opening.size as usize];
                }
                self.add(process, object, opening.write);
                Ok(Answer::Done)
            }
            None if !creates => Err(ErrorKind::NotFound),
            None if !is_possible => Err(ErrorKind::InvalidInput),
            None => {
                let object = self.create(opening.size, false);
                self.names[name] = Some(object);
                let removes = opening.unlink_on_drop.then_some(name);
                let handle = self.add(process, object, true);
                (handle.removes, handle.trusts_size) = (removes, opening.size > 0);
                Ok(Answer::Done)
            }
        }
    }

    fn close(&mut self, process: usize, handle: usize) {
        let handle = self.processes[process].remove(handle);
        if let Some(name) = handle.removes {
            self.names[name].take_if(|object| *object == handle.object);
        }
    }

    fn map(&mut self, handle: (usize, usize), offset: u64, length: Option<usize>, read_only: bool) -> Outcome {
        let handle = &mut self.processes[handle.0][handle.1];
        handle.mapping = None;
        handle.trusts_size = false;
        let there = (self.objects[handle.object].bytes.len() as u64).saturating_sub(offset);
        let length = length.map_or(there, |length| length as u64);
        if length == 0 || length > there || !offset.is_multiple_of(PAGE) {
            return OUTSIDE;
        }
        if !handle.write && !read_only {
            return Err(ErrorKind::PermissionDenied);
        }
        handle.mapping = Some(Mapped { offset, length: length as usize, write: !read_only });
        Ok(Answer::Done)
    }

    /// What the operation does to an object by a handle.
    fn touch(&mut self, handle: (usize, usize), operation: &Operation) -> Outcome {
        let handle = &mut self.processes[handle.0][handle.1];
        let object = &mut self.objects[handle.object];
        let bytes = match operation.action {
            Action::Resize(_) if !handle.write => return Err(ErrorKind::BadDescriptor),
            Action::Resize(size) => {
                handle.trusts_size = false;
                return object.resize(size).map(|()| Answer::Done);
            }
            Action::Seal if !object.may_be_sealed || object.is_sealed => return Err(ErrorKind::PermissionDenied),
            Action::Seal => {
                object.is_sealed = true;
                return Ok(Answer::Done);
            }
            Action::Read { offset, length } | Action::Write { offset, length } => object.range(offset, length),
            Action::ReadMapping { offset, length } | Action::WriteMapping { offset, length } => {
                let place = handle.mapping.expect("it can be done").place(offset, length);
                place.and_then(|place| object.range(place, length))
            }
            Action::Add { offset } => {
                let place = handle.mapping.expect("it can be done").place(offset, 4);
                let place = place.filter(|_| offset.is_multiple_of(4));
                place.and_then(|place| object.range(place, 4))
            }
            Action::Remap(length) => {
                let mapping = handle.mapping.as_mut().expect("it can be done");
                if length == 0 || length as u64 > (object.bytes.len() as u64).saturating_sub(mapping.offset) {
                    return OUTSIDE;
                }
                mapping.length = length;
                return Ok(Answer::Done);
            }
            _ => unreachable!("not done to an object"),
        };
        let Some(bytes) = bytes else { return OUTSIDE };
        match operation.action {
            Action::Read { .. } | Action::ReadMapping { .. } => return Ok(Answer::Bytes(bytes.to_vec())),
            Action::Write { .. } if !handle.write && !bytes.is_empty() => return Err(ErrorKind::BadDescriptor),
            Action::Add { .. } => {
                let old = u32::from_ne_bytes(bytes.try_into().expect("four of them"));
                bytes.copy_from_slice(&old.wrapping_add(operation.number.into()).to_ne_bytes());
                return Ok(Answer::Bytes(old.to_ne_bytes().to_vec()));
            }
            _ => bytes.fill(operation.number),
        }
        Ok(Answer::Done)
    }

    fn perform(&mut self, process: usize, operation: &Operation) -> Outcome {
        let place = operation.handle.checked_rem(self.processes[process].len()).unwrap_or(0);
        match operation.action {
            Action::Open { name, opening } => return self.open(process, name, &opening),
            Action::Anonymous { size, .. } => {
                let object = self.create(size, true);
                self.add(process, object, true).trusts_size = size > 0;
            }
            Action::Close => self.close(process, place),
            Action::Unlink { name } => {
                return self.names[name].take().map(|_| Answer::Done).ok_or(ErrorKind::NotFound);
            }
            Action::Duplicate => {
                let (object, write) = (self.processes[process][place].object, self.processes[process][place].write);
                self.add(process, object, write);
            }
            Action::Map { offset, length, read_only } => return self.map((process, place), offset, length, read_only),
            Action::Unmap => self.processes[process][place].mapping = None,
            Action::Die => self.processes[process].clear(),
            _ => return self.touch((process, place), operation),
        }
        Ok(Answer::Done)
    }

    /// Whether others would touch what is gone, which is documented to kill them: they rely on the size that it had.
    fn pulls_the_rug(&self, object: usize) -> bool {
        let mut handles = self.processes.iter().flatten().filter(|handle| handle.object == object);
        handles.any(|handle| handle.trusts_size)
    }

    /// Whether what is mapped is still there as far as the operation goes.
    fn lies_in_object(&self, handle: &Handle, operation: &Operation) -> bool {
        let Some(mapping) = handle.mapping else { return false };
        let (offset, length) = match operation.action {
            Action::ReadMapping { offset, length } => (offset, length),
            Action::WriteMapping { offset, length } => (offset, length),
            Action::Add { offset } => (offset, 4),
            _ => return true,
        };
        let is_write = !matches!(operation.action, Action::ReadMapping { .. });
        let size = self.objects[handle.object].bytes.len() as u64;
        (mapping.write || !is_write) && mapping.place(offset, length).is_none_or(|place| place + length as u64 <= size)
    }
}

impl Model for MemoryModel {
    type Operation = Operation;
    type Answer = Answer;
    type View = Vec<View>;

    fn can_do(&self, process: usize, operation: &Operation) -> bool {
        let handles = &self.processes[process];
        let handle = operation.handle.checked_rem(handles.len()).map(|place| &handles[place]);
        match operation.action {
            Action::Open { name, opening } => {
                let relied_on = self.names[name].is_some_and(|object| self.pulls_the_rug(object));
                handles.len() < HANDLES && !(opening.truncate && relied_on)
            }
            Action::Anonymous { .. } => handles.len() < HANDLES,
            Action::Unlink { .. } => true,
            Action::Die => self.processes.len() > 1,
            Action::Duplicate => handle.is_some() && handles.len() < HANDLES,
            Action::Resize(_) => handle.is_some_and(|handle| !self.pulls_the_rug(handle.object)),
            Action::Remap(_) => handle.is_some_and(|handle| handle.mapping.is_some_and(|mapping| mapping.write)),
            Action::ReadMapping { .. } | Action::WriteMapping { .. } | Action::Add { .. } => {
                handle.is_some_and(|handle| self.lies_in_object(handle, operation))
            }
            _ => handle.is_some(),
        }
    }

    fn apply(&mut self, process: usize, operation: &Operation) -> Expected<Answer> {
        Expected::OneOf(match self.perform(process, operation) {
            // A memfd and a file say it in another way.
            Err(ErrorKind::BadDescriptor) => vec![Err(ErrorKind::BadDescriptor), OUTSIDE],
            Err(ErrorKind::PermissionDenied) if matches!(operation.action, Action::Seal) => {
                vec![Err(ErrorKind::PermissionDenied), OUTSIDE]
            }
            outcome => vec![outcome],
        })
    }

    fn released(&mut self) -> Vec<(usize, Expected<Answer>)> {
        Vec::new()
    }

    fn view(&self, process: usize) -> Vec<View> {
        let view = |handle: &Handle| {
            let object = &self.objects[handle.object];
            View {
                size: object.bytes.len() as u64,
                is_sealed: object.is_sealed,
                content: Digest::of(&object.bytes),
                mapping: handle.mapping.map(|mapping| (mapping.length, mapping.write)),
            }
        };
        self.processes[process].iter().map(view).collect()
    }

    fn be_born(&mut self, _process: usize, _pid: u32) {}
}
