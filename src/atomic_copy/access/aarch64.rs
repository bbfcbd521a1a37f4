//! 64-bit ARM.

accesses! {
    address: reg,
    byte: reg as u32,
    load_byte: "ldrb {value:w}, [{place}]",
    store_byte: "strb {value:w}, [{place}]",
    load_word: "ldr {value}, [{place}]",
    store_word: "str {value}, [{place}]",
}
