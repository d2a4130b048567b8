#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]
#![warn(missing_docs)]
#![cfg_attr(docsrs, feature(doc_cfg))]

mod client;
mod error;
mod serve;
mod server;
#[cfg(feature = "rustls")]
mod tls;
mod trace;
mod wire;

pub use client::Connection;
pub use error::Error;
pub use pop3_proto;
pub use serve::{Shutdown, serve};
pub use server::Session;
#[cfg(feature = "rustls")]
pub use tls::{ClientTls, ServerTls};
#[cfg(feature = "rustls")]
pub use tokio_rustls;
