#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod error;
mod serve;
mod server;
mod stream;
#[cfg(feature = "rustls")]
mod tls;
mod trace;
mod wire;

pub use client::Connection;
pub use error::Error;
pub use pop3_proto;
#[cfg(feature = "rustls")]
pub use rustls;
pub use serve::{Shutdown, serve};
pub use server::Session;
pub use stream::{NoTimeouts, Stream, Timed};
#[cfg(feature = "rustls")]
pub use tls::{ClientTls, ServerTls};
