//! What the tests drive the machines with.
