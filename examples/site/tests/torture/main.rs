//! Nodes under torture, and what each of their rules prevents.
//!
//! The torture kills and pauses nodes, and breaks their connections, for `SITE_TORTURE_SECONDS` (20) each, and uses the seed `SITE_TORTURE_SEED` if
//! there is one. Afterwards the judge compares what the nodes were told with the history of the database and with the bodies. A seed
//! decides what nodes and network do, but not when.

#[path = "../kit/mod.rs"]
mod kit;

mod history;
mod judge;
mod log;
mod naive;
mod node;
mod poolers;
mod run;
mod session;
