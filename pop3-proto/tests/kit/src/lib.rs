#![doc = include_str!("../README.md")]
// Tests print events and questions, not the drivers.
#![allow(missing_debug_implementations)]

mod app;
mod guest;
mod host;
mod machine;
mod memory;
mod pair;
mod reading;
mod wire;
pub mod words;

pub use app::{App, Bodies, Infos, Message, User, Whim, infos};
pub use guest::{Guest, Heard};
pub use host::Host;
pub use machine::{LOGIN, OPENING, client, machine};
pub use memory::Memory;
pub use pair::{Dialogue, How, Outcome, SMALL};
pub use reading::{Player, Read, Reading};
pub use wire::{Cuts, Line};
