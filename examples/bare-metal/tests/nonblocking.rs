//! Client against server over `embedded-io-async`, through a connection in memory.

mod kit;

use kit::{Kept, Memory, account, no_clock};
use pop3_proto::client::Deletions;
use pop3_proto::server::CloseReason;
use pop3_proto::{ConnectionError, Verb};
use pop3_proto_bare_metal::nonblocking::{fetch, serve};
use pop3_proto_bare_metal::pipe::{Pipe, join};
use pop3_proto_bare_metal::{Error, Fetched};
use std::convert::Infallible;

type Ends = (Result<Fetched, Error<Infallible>>, Result<CloseReason, pop3_embedded::Error<Infallible>>);

/// Runs one session over a connection of `N` bytes. Each end is dropped when its session is over, which the other
/// end sees.
fn session<const N: usize>(password: &str, store: &mut Kept, memory: &mut Memory) -> Ends {
    let (pipe, mut slots) = (Pipe::<N>::new(), memory.slots());
    let (mut near, mut far) = pipe.ends();
    join(async move { fetch(&mut near, no_clock, account(password), store).await }, async move {
        serve(&mut far, no_clock, 1, &mut slots, memory).await
    })
}

fn all_arrive<const N: usize>() {
    let (mut store, mut memory) = (Kept::default(), Memory::new());
    let sent = memory.sent();
    let (fetched, why) = session::<N>("tanstaaf", &mut store, &mut memory);
    assert_eq!(fetched, Ok(Fetched { messages: 5, deletions: Deletions::Committed }));
    assert_eq!(why, Ok(CloseReason::Quit));
    assert_eq!(store.complete, sent);
    assert!(store.partial.is_empty() && memory.messages.is_empty());
}

#[test]
fn every_message_arrives_whatever_the_connection_holds() {
    all_arrive::<1>();
    all_arrive::<7>();
    all_arrive::<512>();
    all_arrive::<100_000>();
}

#[test]
fn unsaved_messages_are_not_deleted() {
    let (mut store, mut memory) = (Kept { unsafe_here: true, ..Kept::default() }, Memory::new());
    let (fetched, why) = session::<64>("tanstaaf", &mut store, &mut memory);
    assert_eq!(fetched, Ok(Fetched { messages: 5, deletions: Deletions::NoneAsked }));
    assert_eq!((why, memory.messages.len()), (Ok(CloseReason::Quit), 5));
}

#[test]
fn messages_that_cannot_be_removed_are_reported() {
    let (mut store, mut memory) = (Kept::default(), Memory { stuck: true, ..Memory::new() });
    let (fetched, _) = session::<64>("tanstaaf", &mut store, &mut memory);
    assert_eq!(fetched, Ok(Fetched { messages: 5, deletions: Deletions::RefusedInPart }));
    assert_eq!(memory.messages.len(), 5);
}

#[test]
fn a_wrong_password_is_refused() {
    let (mut store, mut memory) = (Kept::default(), Memory::new());
    let (fetched, why) = session::<64>("guess", &mut store, &mut memory);
    assert_eq!((fetched, why), (Err(Error::Refused(Some(Verb::Pass))), Ok(CloseReason::Quit)));
    assert!(store.complete.is_empty());
}

#[test]
fn a_message_that_is_gone_ends_the_session_and_is_never_complete() {
    let (mut store, mut memory) = (Kept::default(), Memory::new());
    let (pipe, mut slots) = (Pipe::<64>::new(), memory.slots());
    memory.messages.remove(&2);
    let (mut near, mut far) = pipe.ends();
    let (fetched, why) =
        join(async { fetch(&mut near, no_clock, account("tanstaaf"), &mut store).await }, async move {
            serve(&mut far, no_clock, 1, &mut slots, &mut memory).await
        });
    assert_eq!(
        (fetched, why),
        (Err(Error::Session(ConnectionError::UnexpectedEof.into())), Ok(CloseReason::Aborted))
    );
    assert!(store.complete.keys().eq(&[1]));
}

/// Measures all memory of a session, including the buffers.
#[test]
fn a_session_takes_two_kilobytes() {
    let (mut store, mut memory) = (Kept::default(), Memory::new());
    let (pipe, mut slots) = (Pipe::<64>::new(), memory.slots());
    let (mut near, mut far) = pipe.ends();
    let client = size_of_val(&fetch(&mut near, no_clock, account("tanstaaf"), &mut store));
    let server = size_of_val(&serve(&mut far, no_clock, 1, &mut slots, &mut memory));
    println!("octets of a session: client {client}, server {server}");
    assert!(client <= 2560 && server <= 2560, "client {client}, server {server}");
}
