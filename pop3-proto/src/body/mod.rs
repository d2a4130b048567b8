//! Bodies of multi-line responses (RFC 1939 section 3) as slices of the caller's bytes. [`Unstuff`] receives, [`Stuff`]
//! sends, [`OctetCount`] counts the size before sending, and `TopFilter` finds the end of TOP.
//!
//! Their results do not depend on how the bytes are split into buffers.

mod convert;
mod count;
mod scan;
mod stuff;
#[cfg(test)]
mod tests;
mod top;
mod unstuff;

pub use count::OctetCount;
pub use stuff::{BareLf, Stuff, StuffMode};
pub(crate) use top::TopFilter;
pub use unstuff::{Piece, Unstuff};

const CR: u8 = b'\r';
const LF: u8 = b'\n';
const DOT: u8 = b'.';
