//! Tests any POP3 server or client from outside, and reports which requirements of the RFCs it meets.
//!
//! `DESIGN.md` shows where each thing is, and how to add a check, a twist, a report or a scenario.

pub mod backup;
pub mod check;
pub mod checks;
pub mod cli;
pub mod client;
pub mod corpus;
pub mod engine;
pub mod lab;
pub mod ledger;
pub mod observable;
pub mod pool;
pub mod prove;
pub mod report;
pub mod run;
