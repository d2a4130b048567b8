//! The suite that every adapter passes.

use crate::driver::Blocking;
use pop3_adapter_suite as suite;

#[test]
fn any_schedule() {
    suite::any_schedule::<Blocking>();
}

#[test]
fn every_error() {
    suite::every_error::<Blocking>();
}

#[test]
fn every_end() {
    suite::every_end::<Blocking>();
}

#[test]
fn every_silence() {
    suite::every_silence::<Blocking>();
}

#[test]
fn spurious_wake_ups_at_every_call() {
    suite::every_drop::<Blocking>();
}

#[test]
fn law_8_every_injection() {
    suite::every_injection::<Blocking>();
}
