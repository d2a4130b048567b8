//! This crate at the works.

mod bodies;
mod lines;

pub(crate) use bodies::*;
pub(crate) use lines::*;
