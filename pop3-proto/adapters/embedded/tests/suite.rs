//! The suite that every adapter passes, blocking and async.

use crate::driver::{Async, Blocking};
use pop3_adapter_suite as suite;

macro_rules! passes {
    ($($test:ident)+) => {$(
        #[test]
        fn $test() {
            suite::$test::<Blocking>();
            suite::$test::<Async>();
        }
    )+};
}

passes! { any_schedule every_drop every_error every_end every_silence every_injection }
