//! The smallest process possible, to compare the others with: it waits for the end of its input.

#![no_std]
#![no_main]

freestanding::entry!(main);
freestanding::never_panics!();

fn main(_: freestanding::Strings, _: freestanding::Strings) -> i32 {
    freestanding::read(0)
}
