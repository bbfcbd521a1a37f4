//! 32-bit ARM, in ARM and Thumb state.

accesses! {
    address: reg,
    byte: reg as u32,
    load_byte: "ldrb {value}, [{place}]",
    store_byte: "strb {value}, [{place}]",
    load_word: "ldr {value}, [{place}]",
    store_word: "str {value}, [{place}]",
}
