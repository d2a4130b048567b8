//! The counted functions. Each is counted by its name, so none may be inlined into its caller.

use pop3_proto::client::Event;
use pop3_proto::server::MessageInfo;
use pop3_proto::{Client, Command, Decoded, Input, Limits, SendBuf, Stuff, StuffMode, UniqueId};
use pop3_proto_instructions::Pair;
use std::hint::black_box;

/// How many bytes to read at once.
pub(crate) const READ: usize = 16 * 1024;

/// Returns how many commands there are.
#[inline(never)]
pub(crate) fn command_decode(mut input: &[u8]) -> usize {
    let mut found = 0;
    while let Decoded::Complete { consumed, value } = Command::decode(input, &Limits::DEFAULT) {
        black_box(value);
        input = &input[consumed..];
        found += 1;
    }
    found
}

/// Returns the number of rows, and the sum of their sizes.
#[inline(never)]
pub(crate) fn list(client: &mut Client, input: &[u8]) -> (u64, u64) {
    let (mut rows, mut sum) = (0, 0);
    read(client, input, |event| match event {
        Event::ScanListing(_, listing) => sum += black_box(listing).octets,
        Event::End(_, count) => rows = count,
        _ => {}
    });
    (rows, sum)
}

/// Returns the number of rows, and the total length of the unique-ids.
#[inline(never)]
pub(crate) fn uidl(client: &mut Client, input: &[u8]) -> (u64, u64) {
    let (mut rows, mut sum) = (0, 0);
    read(client, input, |event| match event {
        Event::UniqueId(_, listing) => sum += black_box(listing).as_bytes().len() as u64,
        Event::End(_, count) => rows = count,
        _ => {}
    });
    (rows, sum)
}

/// Returns the octets of the message.
#[inline(never)]
pub(crate) fn body_receive(client: &mut Client, input: &[u8]) -> u64 {
    let (mut delivered, mut counted) = (0, 0);
    read(client, input, |event| match event {
        Event::Body(_, octets) => delivered += black_box(octets).len() as u64,
        Event::End(_, octets) => counted = octets,
        _ => {}
    });
    assert_eq!(delivered, counted);
    delivered
}

/// Returns how many bytes of a text are sent as slices of it, and how many as copies.
#[inline(never)]
pub(crate) fn body_send(text: &[u8], buffer: &mut [u8]) -> (usize, usize) {
    let (mut lent, mut copied) = (0, 0);
    let (mut stuff, mut left) = (Stuff::new(StuffMode::Convert), text);
    while let Ok(Some(slice)) = stuff.next(&mut left) {
        lent += black_box(slice).len();
    }
    lent += stuff.finish().len();

    let (mut stuff, mut left, mut out) = (Stuff::new(StuffMode::Convert), text, SendBuf::new(buffer));
    while !left.is_empty() {
        let taken = stuff.copy(left, &mut out).expect("bare LF is converted");
        left = &left[taken..];
        copied += black_box(out.pending()).len();
        out.clear();
    }
    copied += stuff.finish().len();
    (lent, copied)
}

/// Returns the octets of all messages. A client that keeps 16 commands in flight fetches and marks each
/// message, and then sends QUIT.
#[inline(never)]
pub(crate) fn retr_dele(message: &str, slots: &mut [MessageInfo<UniqueId<'static>>]) -> u64 {
    Pair::new(message.as_bytes(), slots).run(&mut [0; 512], &mut [0; READ])
}

/// Passes the input to the client in reads, as a driver does.
#[inline(always)]
fn read(client: &mut Client, input: &[u8], mut hear: impl FnMut(Event<'_>)) {
    let (mut start, mut end) = (0, 0);
    while end < input.len() {
        end = (end + READ).min(input.len());
        let mut unread = Input::more(&input[start..end]);
        while let Some(event) = client.poll(&mut unread).expect("a sound server") {
            hear(event);
        }
        start = end - unread.remaining();
    }
}
