//! Small state spaces, explored completely.
//!
//! `pair`: a client and a server under every schedule of short sessions, breadth first. `table`: every state of a
//! client against every command and every kind of answer. `model`: both machines compared with a naive model of the
//! RFC's states.

mod invariants;
mod log;
mod model;
mod pair;
mod table;
mod world;
