//! All tests that use the kit from outside, in one program, because each program is linked for seconds.

mod between;
mod clients;
mod deviations;
mod loopback;
mod proof;
mod report;
