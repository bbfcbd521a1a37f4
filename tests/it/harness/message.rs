//! Messages that say whose they are, and show whether they are whole.

/// Record, number, length and priority, sum; then bytes that follow from them.
pub const HEADER: usize = 16;

/// What a message says of itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Label {
    /// Whose it is.
    pub record: u32,
    pub number: u32,
    /// Of 16 bits.
    pub priority: u32,
}

impl Label {
    /// The message of this label that has so many bytes: [`HEADER`] to 65,535.
    pub fn message(self, length: usize) -> Vec<u8> {
        let Self { record, number, priority } = self;
        let mut message = [record, number, (length as u32) << 16 | priority, 0].map(u32::to_ne_bytes).concat();
        message.extend((HEADER..length).map(|place| (number as usize * 31 + place * 7) as u8));
        let sum = sum(&message);
        message[12..HEADER].copy_from_slice(&sum.to_ne_bytes());
        message
    }

    /// The label and the length of a message that is whole; what follows it does not matter.
    pub fn read(bytes: &[u8]) -> Option<(Self, usize)> {
        let word = |place: usize| Some(u32::from_ne_bytes(*bytes.get(4 * place..)?.first_chunk()?));
        let (record, number, sizes) = (word(0)?, word(1)?, word(2)?);
        let (label, length) = (Self { record, number, priority: sizes & 0xffff }, (sizes >> 16) as usize);
        let is_whole = length >= HEADER && bytes.get(..length)? == label.message(length);
        is_whole.then_some((label, length))
    }
}

/// Adler's idea: the order of the bytes counts too.
fn sum(bytes: &[u8]) -> u32 {
    let add = |(a, b): (u32, u32), byte: &u8| (a.wrapping_add((*byte).into()), b.wrapping_add(a));
    let (a, b) = bytes.iter().fold((1, 0), add);
    a.rotate_left(16) ^ b
}
