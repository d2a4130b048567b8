//! The pair harness: a client machine with a list of steps, a server machine with an application, and two queues of bytes between them.
//!
//! [`Session`] is what is said; [`How`] is how the bytes are cut, how large the sinks are and where the connection breaks. Laws 4 and 5 are
//! that the second changes nothing of the first, so a test runs one session under many `How`s and compares [`Outcome`]s:
//!
//! ```ignore
//! let session = Session::new(&[Do::Send(Command::Quit)]);
//! assert_eq!(session.run(&How::whole()).down, session.run(&How::octets()).down);
//! ```
//!
//! One machine alone, against bytes that are given: [`Reading::play`] and [`ServerSide::alone`]. All drivers check on the way what holds at
//! every step of every session: `needs_input` and `poll` agree, no buffer of `min_recv_buf()` bytes fills up, a body slice lies in the input or
//! is the static CR, and a fatal error stays.

mod app;
mod client;
mod counting;
mod cuts;
mod pair;
mod pipe;
mod server;

pub(crate) use app::{App, Bodies, MailSlots};
pub(crate) use client::{ClientSide, Do, Reading, Seen};
pub(crate) use counting::{Counting, allocations};
pub(crate) use cuts::Cuts;
pub(crate) use pair::{How, Outcome, Session};
pub(crate) use pipe::{Pipe, Size};
pub(crate) use server::ServerSide;
