//! Reads POP3 from captures: packets in, records and messages out.
//!
//! [`Inspector`] takes packets; [`capture::read`] takes them from a file. The program `inspect` joins the two.
//!
//! ```
//! use inspect::{Format, Inspector, Options, capture, make};
//!
//! let file = make::sample().pcap();
//! let mut log = Vec::new();
//! let mut inspector = Inspector::new(Options::default(), &mut log, Format::Json, None);
//! capture::read(&file[..], 1 << 20, |link, time, bytes| inspector.packet(link, time, bytes))?;
//! assert!(inspector.finish()?.messages > 0);
//! assert!(String::from_utf8(log)?.contains(r#""command":"RETR""#));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod capture;
mod flow;
mod inspector;
pub mod make;
mod message;
mod options;
mod output;
mod packet;
pub mod record;
mod secrets;
mod session;
mod store;
mod stream;
mod text;
mod time;

pub use inspector::Inspector;
pub use options::Options;
pub use output::{Format, Totals};
pub use packet::{Link, Packet, Segment};
pub use store::{Store, StoreLimits};
pub use time::Time;
