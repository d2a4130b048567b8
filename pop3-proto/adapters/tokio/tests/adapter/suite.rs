//! The suite that every adapter passes.

use crate::driver::Tokio;
use pop3_adapter_suite as suite;

#[test]
fn any_schedule() {
    suite::any_schedule::<Tokio>();
}

#[test]
fn every_drop() {
    suite::every_drop::<Tokio>();
}

#[test]
fn every_error() {
    suite::every_error::<Tokio>();
}

#[test]
fn every_end() {
    suite::every_end::<Tokio>();
}

#[test]
fn every_silence() {
    suite::every_silence::<Tokio>();
}

#[test]
fn law_8_every_injection() {
    suite::every_injection::<Tokio>();
}
