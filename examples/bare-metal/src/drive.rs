//! A session of each side, over the streams of both crates.

use crate::{
    Account, CLIENT, CLIENT_RECV, CLIENT_SEND, Error, Fetched, Mailbox, Post, SERVER, SERVER_RECV,
    SERVER_SEND, Store, Walk,
};
use core::time::Duration;
use pop3_embedded::{Connection, Session};
use pop3_proto::client::Event;
use pop3_proto::server::{self, CloseReason, MessageInfo};
use pop3_proto::{ConnectionError, UniqueId};

macro_rules! drivers {
    ($(#[$doc:meta])* $module:ident, $io:ident $([$async:tt $await:tt])?, $next:ident, $send_message:ident) => {
        $(#[$doc])*
        pub mod $module {
            use super::*;
            use $io::{Read, Write};

            /// Fetches all messages, and deletes those that are safe in `store`. `now` is a clock that never goes back.
            ///
            /// # Errors
            /// Returns [`Error`] if the session failed. Messages that were received before are in `store`. Only messages that
            /// are safe there may be gone from the server.
            pub $($async)? fn fetch<S: Read + Write>(
                stream: S,
                now: impl FnMut() -> Duration,
                account: Account<'_>,
                store: &mut impl Store,
            ) -> Result<Fetched, Error<S::Error>> {
                let (mut recv, mut send) = ([0; CLIENT_RECV], [0; CLIENT_SEND]);
                let pop3 = Connection::new(CLIENT, 1, stream, now, &mut recv[..], &mut send[..]);
                let mut pop3 = pop3.map_err(pop3_embedded::Error::Buffer)?;
                let mut walk = Walk::new(account, store);
                while let Some((event, mut sender)) = pop3.$next()$(.$await)?? {
                    if let Event::Closed(closed) = event {
                        return walk.finish(closed.deletions).map_err(Error::Refused);
                    }
                    if let Some(command) = walk.next(&event) {
                        sender.send(command).map_err(pop3_embedded::Error::Send)?;
                    }
                }
                Err(Error::Session(ConnectionError::UnexpectedEof.into()))
            }

            /// Serves one session over the messages in `slots`, on the connection with the number `id`.
            ///
            /// # Errors
            /// Returns [`Error`] if the session failed. No message was removed, unless the stream failed after
            /// the client's QUIT.
            pub $($async)? fn serve<S: Read + Write>(
                stream: S,
                now: impl FnMut() -> Duration,
                id: u64,
                slots: &mut [MessageInfo<UniqueId<'_>>],
                mailbox: &mut impl Mailbox,
            ) -> Result<CloseReason, pop3_embedded::Error<S::Error>> {
                let (mut recv, mut send) = ([0; SERVER_RECV], [0; SERVER_SEND]);
                let mut pop3 = Session::new(&SERVER, id, stream, now, &mut recv[..], &mut send[..])?;
                let mut post = Post::new(slots, mailbox);
                while let Some((event, mut responder)) = pop3.$next()$(.$await)?? {
                    match event {
                        server::Event::Closed(why) => return Ok(why),
                        server::Event::Fetch(fetch) => match post.message(fetch.message()) {
                            Some(message) => _ = pop3.$send_message(fetch, message)$(.$await)??,
                            None => responder.close(), // the message is gone, and the client must see that it is incomplete
                        },
                        other => post.answer(other, &mut responder)?,
                    }
                }
                Ok(CloseReason::End)
            }
        }
    };
}

drivers!(/// Over `embedded-io`.
    blocking, embedded_io, next, send_message);
drivers!(/// Over `embedded-io-async`.
    nonblocking, embedded_io_async [async await], next_async, send_message_async);
