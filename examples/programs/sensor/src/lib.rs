//! What goes through the queue of readings: the one thing that the sensor and its readers have to agree on.

#![no_std]

use zerocopy::{FromBytes, Immutable, IntoBytes};

/// What was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
pub struct Reading {
    /// Which sensor.
    pub sensor: u32,
    /// Counts the readings of this sensor, from 0; a gap is readings that were lost since the queue was full.
    pub number: u32,
    /// The temperature.
    pub millikelvin: u32,
}
