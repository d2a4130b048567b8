//! The memory of a session: the bytes received, and the bytes that wait to be sent.

mod recv_buf;
mod send_buf;
mod storage;

pub use recv_buf::RecvBuf;
pub(crate) use recv_buf::{Place, Reading};
pub use send_buf::SendBuf;
pub use storage::{BufferTooSmall, Storage};
