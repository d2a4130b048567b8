//! The feature `defmt`: what a microcontroller logs.

use pop3_proto::{ConnectionError, Mechanism, Secret, Text, UniqueId};
use std::cell::RefCell;

thread_local! {
    /// The bytes that the test on this thread has logged.
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[defmt::global_logger]
struct Logger;

// A logger needs `unsafe`; the library itself forbids it.
#[allow(unsafe_code)]
// SAFETY: each thread has its own log, so no message interrupts another.
unsafe impl defmt::Logger for Logger {
    fn acquire() {}

    unsafe fn flush() {}

    unsafe fn release() {}

    unsafe fn write(bytes: &[u8]) {
        LOG.with_borrow_mut(|log| log.extend_from_slice(bytes));
    }
}

defmt::timestamp!("");

/// Returns what is sent to the host for this value.
fn logged(value: impl defmt::Format) -> String {
    defmt::println!("{}", value);
    LOG.take().escape_ascii().to_string()
}

#[test]
fn values_and_errors_can_be_logged_with_defmt() {
    assert!(logged(Text::from_static("mrose")).contains("mrose"));
    assert!(logged(Mechanism::PLAIN).contains("PLAIN"));
    assert!(logged(UniqueId::new(b"a-1").unwrap()).contains("a-1"));
    let error = logged(ConnectionError::UnexpectedEof);
    assert!(error.contains("UnexpectedEof"), "{error}");
}

#[test]
fn law_9_no_secret_is_logged_with_defmt() {
    let secret = logged(Secret::new(b"tanstaaf").unwrap());
    assert!(secret.contains("Secret(..)") && !secret.contains("tanstaaf"), "{secret}");
}
