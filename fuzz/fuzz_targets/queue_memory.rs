#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rawipc_fuzz::queue_memory(data));
