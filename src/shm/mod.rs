//! Memory that processes share.

mod mapping;

pub(crate) use mapping::Mapping;
