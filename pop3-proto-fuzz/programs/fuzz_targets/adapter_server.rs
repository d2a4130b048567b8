#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| pop3_proto_fuzz_programs::adapter_server::run(data));

#[cfg(not(fuzzing))]
fn main() {
    pop3_proto_fuzz::replay_arguments(pop3_proto_fuzz_programs::adapter_server::run);
}
