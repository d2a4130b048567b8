//! The drivers over `embedded-io`.

use crate::{
    Account, CLIENT, CLIENT_INBOX, Error, Fetched, Mailbox, Post, SERVER_INBOX, Store, Walk, Wants, progress,
};
use core::time::Duration;
use embedded_io::{Read, Write};
use pop3_proto::client::Event;
use pop3_proto::server::{CloseReason, MessageInfo};
use pop3_proto::{Client, ConnectionError, MIN_SEND_BUF, RecvBuf, SendBuf, Timer, UniqueId};

/// Fetches all messages, and deletes those that are safe in `store`. `now` is a clock that never goes back.
///
/// # Errors
/// Whatever came before the failure is in `store`, and nothing but what is safe there may be gone from the server.
pub fn fetch<S: Read + Write>(
    stream: &mut S,
    mut now: impl FnMut() -> Duration,
    account: Account<'_>,
    store: &mut impl Store,
) -> Result<Fetched, Error<S::Error>> {
    let mut client = Client::new(CLIENT, 1);
    let mut recv = RecvBuf::new([0; CLIENT_INBOX]);
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut walk = Walk::new(account, store);
    loop {
        // An event borrows the receive buffer, never the client: so the client can send while the event is looked at.
        while let Some(event) = recv.with(|input| client.poll(input))? {
            if let Event::Closed(closed) = event {
                return walk.finish(closed.deletions).map_err(Error::Refused);
            }
            if let Some(command) = walk.next(&event) {
                client.send(&command, &mut out)?;
            }
        }
        client.tick(now())?; // says so when the server has been silent for too long
        if out.pending().is_empty() {
            // Never empty: the receive buffer is larger than what the machine leaves unread. So 0 is the end of the stream.
            match progress(stream.read(recv.spare_mut()))? {
                Some(0) => recv.received_eof(),
                Some(count) => recv.received(count),
                None => {}
            }
        } else if let Some(count) = progress(stream.write(out.pending()))? {
            out.sent(count);
            if out.pending().is_empty() {
                progress(stream.flush().map(|()| 0))?;
            }
        }
    }
}

/// Serves one session over the messages that `slots` lists, on the connection with the number `id`.
///
/// # Errors
/// Nothing was removed, unless the stream failed behind the client's QUIT.
pub fn serve<S: Read + Write>(
    stream: &mut S,
    mut now: impl FnMut() -> Duration,
    id: u64,
    slots: &mut [MessageInfo<UniqueId<'_>>],
    mailbox: &mut impl Mailbox,
) -> Result<CloseReason, Error<S::Error>> {
    let mut post = Post::new(id, slots, mailbox);
    let mut recv = RecvBuf::new([0; SERVER_INBOX]);
    let mut buffer = [0; 2 * MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    loop {
        let wants = recv.with(|input| post.run(input, &mut out))?;
        post.server.tick(now())?; // says so when the client has been silent, or has taken nothing, for too long
        if !out.pending().is_empty() {
            match progress(stream.write(out.pending()))? {
                Some(count) => out.sent(count),
                // The machine is done and has no timer for the rest.
                None if matches!(wants, Wants::Nothing(_)) => {
                    return Err(ConnectionError::TimedOut(Timer::Output).into());
                }
                None => {}
            }
            continue;
        }
        progress(stream.flush().map(|()| 0))?;
        if let Wants::Nothing(why) = wants {
            return Ok(why);
        }
        match progress(stream.read(recv.spare_mut()))? {
            Some(0) => recv.received_eof(),
            Some(count) => recv.received(count),
            None => {}
        }
    }
}
