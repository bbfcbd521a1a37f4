//! s390x. Register 0 in an address stands for no register, so an address has a class of its own.

accesses! {
    address: reg_addr,
    byte: reg as u32,
    load_byte: "llgc {value}, 0({place})",
    store_byte: "stc {value}, 0({place})",
    load_word: "lg {value}, 0({place})",
    store_word: "stg {value}, 0({place})",
}
