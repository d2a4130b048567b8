//! A machine with its two buffers, as one value: what is left for a driver is to read, to write and to wait.

mod buffers;
mod client;
mod server;

pub use buffers::{BufferTooSmall, RecvBuf, SendBuf, Storage};
pub use client::{ClientConnection, Sender};
pub use server::{Responder, ServerConnection, ServerEvent};
