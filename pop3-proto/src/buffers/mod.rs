//! The memory of a session: what was received, and what waits to be sent.

mod recv_buf;
mod send_buf;
mod storage;

pub use recv_buf::RecvBuf;
pub(crate) use recv_buf::{Place, Reading};
pub use send_buf::SendBuf;
pub use storage::{BufferTooSmall, Storage};
