//! x86-64.

accesses! {
    address: reg,
    byte: reg_byte as u8,
    load_byte: "movzx {value:e}, byte ptr [{place}]",
    store_byte: "mov byte ptr [{place}], {value}",
    load_word: "mov {value}, qword ptr [{place}]",
    store_word: "mov qword ptr [{place}], {value}",
}
