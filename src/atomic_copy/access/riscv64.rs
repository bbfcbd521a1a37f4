//! RISC-V, 64-bit.

accesses! {
    address: reg,
    byte: reg as u32,
    load_byte: "lbu {value}, 0({place})",
    store_byte: "sb {value}, 0({place})",
    load_word: "ld {value}, 0({place})",
    store_word: "sd {value}, 0({place})",
}
