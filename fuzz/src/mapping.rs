//! Reaching into mapped memory anywhere, as anything: inside it is what it must be, outside it is refused.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64};

use arbitrary::{Arbitrary, Result, Unstructured};
use rawipc::{ErrorKind, Mapping, Semaphore, Shareable, SharedMemory, shareable};

shareable! {
    struct Record {
        number: AtomicU64,
        letters: [AtomicU8; 3],
        flag: AtomicU8,
        more: [AtomicU16; 2],
    }
}

/// Not a multiple of anything.
const SIZE: usize = 211;

#[derive(Arbitrary, Debug)]
enum Access {
    Read { offset: Place, length: u8 },
    Write { offset: Place, length: u8, byte: u8 },
    Get { offset: Place, sort: u8 },
    Slice { offset: Place, count: Place, sort: u8 },
}

/// Near the start, or anywhere at all.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Place {
    Near(u8),
    Anywhere(usize),
}

impl Place {
    fn get(self) -> usize {
        match self {
            Self::Near(place) => place.into(),
            Self::Anywhere(place) => place,
        }
    }
}

/// Takes the bytes as accesses to one mapping.
pub fn mapping(data: &[u8]) {
    let memory = SharedMemory::anonymous(SIZE as u64).create().expect("there is memory");
    let (mapping, mut bytes) = (memory.map().expect("it is not empty"), [0; SIZE]);
    let mut source = Unstructured::new(data);
    while let Ok(access) = access(&mut source) {
        apply(&access, &mapping, &mut bytes);
    }
    let mut now = [0; SIZE];
    memory.read_at(0, &mut now).expect("it is that long");
    assert_eq!(now, bytes);
}

fn access(source: &mut Unstructured<'_>) -> Result<Access> {
    if source.is_empty() { Err(arbitrary::Error::NotEnoughData) } else { Access::arbitrary(source) }
}

fn apply(access: &Access, mapping: &Mapping, bytes: &mut [u8; SIZE]) {
    let range = |offset: usize, length: usize| Some(offset..offset.checked_add(length)?);
    match *access {
        Access::Read { offset, length } => {
            let mut read = vec![0xa5; length.into()];
            let result = mapping.read_at(offset.get(), &mut read);
            let expected = range(offset.get(), length.into()).and_then(|range| bytes.get(range));
            assert_eq!(result.is_ok(), expected.is_some(), "{access:?}");
            assert!(expected.is_none_or(|expected| expected == read), "{access:?}");
            assert!(expected.is_some() || read.iter().all(|byte| *byte == 0xa5), "{access:?}");
        }
        Access::Write { offset, length, byte } => {
            let result = mapping.write_at(offset.get(), &vec![byte; length.into()]);
            let place = range(offset.get(), length.into()).and_then(|range| bytes.get_mut(range));
            assert_eq!(result.is_ok(), place.is_some(), "{access:?}");
            place.into_iter().for_each(|place| place.fill(byte));
        }
        Access::Get { offset, sort } => lend(mapping, offset.get(), None, sort),
        Access::Slice { offset, count, sort } => lend(mapping, offset.get(), Some(count.get()), sort),
    }
}

fn lend(mapping: &Mapping, offset: usize, count: Option<usize>, sort: u8) {
    match sort % 7 {
        0 => lend_as::<AtomicU8>(mapping, offset, count),
        1 => lend_as::<AtomicU16>(mapping, offset, count),
        2 => lend_as::<AtomicU32>(mapping, offset, count),
        3 => lend_as::<AtomicU64>(mapping, offset, count),
        4 => lend_as::<[AtomicU32; 7]>(mapping, offset, count),
        5 => lend_as::<Semaphore>(mapping, offset, count),
        _ => lend_as::<Record>(mapping, offset, count),
    }
}

fn lend_as<T: Shareable>(mapping: &Mapping, offset: usize, count: Option<usize>) {
    let length = count.unwrap_or(1).checked_mul(size_of::<T>());
    let lies_inside = length.and_then(|length| offset.checked_add(length)).is_some_and(|end| end <= SIZE);
    let fits = lies_inside && offset.is_multiple_of(align_of::<T>());
    let lent = match count {
        None => mapping.get::<T>(offset).map(|value| (std::ptr::from_ref(value), 1)),
        Some(count) => mapping.slice::<T>(offset, count).map(|values| (values.as_ptr(), values.len())),
    };
    match lent {
        Ok((place, length)) => {
            assert!(fits, "{offset} {count:?} of {}", size_of::<T>());
            assert_eq!((place.addr() - mapping.as_ptr().addr(), length), (offset, count.unwrap_or(1)));
        }
        Err(error) => {
            assert!(!fits, "{offset} {count:?} of {}: {error}", size_of::<T>());
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert!(!error.to_string().is_empty());
        }
    }
}
