//! The target of this file's name: see `src/fuzzing.rs` of the crate.
#![no_main]
libfuzzer_sys::fuzz_target!(|bytes| fieldstone::fuzzing::run(env!("CARGO_BIN_NAME"), bytes));
