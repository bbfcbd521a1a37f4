//! 32-bit x86.

accesses! {
    address: reg,
    byte: reg_byte as u8,
    load_byte: "movzx {value}, byte ptr [{place}]",
    store_byte: "mov byte ptr [{place}], {value}",
    load_word: "mov {value}, dword ptr [{place}]",
    store_word: "mov dword ptr [{place}], {value}",
}
