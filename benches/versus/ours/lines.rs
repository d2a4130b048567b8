//! Lines: listings, status lines and commands. They are used by field, kept as values, and copied.

use crate::measure::Run;
use crate::samples::Sample;
use pop3_proto::client::{Event, ListedUniqueId};
use pop3_proto::{Command, Decoded, Limits, Response, ScanListing, Verb};
use pop3_proto_benches::{CHUNK, client};
use std::hint::black_box;

/// Reads a listing: `keep` gets its rows, and `said` their sum.
#[inline(always)]
fn rows<'s, K: Default + 's>(
    sample: &'s Sample,
    command: Command<'static>,
    begin: impl Fn(&mut K) + 's,
    keep: impl Fn(&mut K, Event<'s>) + 's,
    said: impl Fn(&K) -> u64 + 's,
) -> Run<'s> {
    let (mut client, mut kept) = (client::logged_in(), K::default());
    Box::new(move || {
        begin(&mut kept);
        let mut rows = 0;
        client::send(&mut client, &command);
        client::read(&mut client, &sample.bytes, CHUNK, |_, event| match event {
            Event::End(_, count) => rows = count,
            event => keep(&mut kept, event),
        });
        (rows, said(&kept))
    })
}

/// As [`rows`], through a connection.
#[inline(always)]
fn connected_rows<'s>(
    sample: &'s Sample,
    command: fn() -> Command<'static>,
    size: impl Fn(&Event<'_>) -> Option<u64> + 's,
) -> Run<'s> {
    let mut pop3 = client::connected();
    Box::new(move || {
        let (mut rows, mut sum) = (0, 0);
        client::send_connected(&mut pop3, command());
        client::read_connected(&mut pop3, &sample.bytes, |event| match event {
            Event::End(_, count) => rows = count,
            event => sum += size(&event).unwrap_or(0),
        });
        (rows, sum)
    })
}

fn length(id: &ListedUniqueId<'_>) -> u64 {
    id.as_bytes().len() as u64
}

pub(crate) fn uidl_fields(sample: &Sample) -> Run<'_> {
    let keep = |sum: &mut u64, event: Event<'_>| {
        if let Event::UniqueId(_, id) = event {
            *sum += length(&id);
        }
    };
    rows(sample, Command::Uidl(None), |sum| *sum = 0, keep, |sum| *sum)
}

pub(crate) fn uidl_values(sample: &Sample) -> Run<'_> {
    let keep = |sum: &mut u64, event: Event<'_>| {
        if let Event::UniqueId(_, id) = event {
            *sum += length(black_box(&id));
        }
    };
    rows(sample, Command::Uidl(None), |sum| *sum = 0, keep, |sum| *sum)
}

fn uidl_vec<'s>(sample: &'s Sample, begin: impl Fn(&mut Vec<ListedUniqueId<'s>>) + 's) -> Run<'s> {
    let keep = |ids: &mut Vec<ListedUniqueId<'s>>, event: Event<'s>| {
        if let Event::UniqueId(_, id) = event {
            ids.push(id);
        }
    };
    rows(sample, Command::Uidl(None), begin, keep, |ids| black_box(ids).iter().map(length).sum())
}

pub(crate) fn uidl_vec_with_room(sample: &Sample) -> Run<'_> {
    uidl_vec(sample, Vec::clear)
}

pub(crate) fn uidl_new_vec(sample: &Sample) -> Run<'_> {
    uidl_vec(sample, |ids| *ids = Vec::new())
}

pub(crate) fn uidl_copied(sample: &Sample) -> Run<'_> {
    let keep = |ids: &mut Vec<Vec<u8>>, event: Event<'_>| {
        if let Event::UniqueId(_, id) = event {
            ids.push(id.as_bytes().to_vec());
        }
    };
    let said = |ids: &Vec<Vec<u8>>| black_box(ids).iter().map(|id| id.len() as u64).sum();
    rows(sample, Command::Uidl(None), |ids| *ids = Vec::new(), keep, said)
}

pub(crate) fn uidl_connected(sample: &Sample) -> Run<'_> {
    connected_rows(
        sample,
        || Command::Uidl(None),
        |event| match event {
            Event::UniqueId(_, id) => Some(length(black_box(id))),
            _ => None,
        },
    )
}

pub(crate) fn list_fields(sample: &Sample) -> Run<'_> {
    list_in_reads::<CHUNK>(sample)
}

pub(crate) fn list_in_reads<const READ: usize>(sample: &Sample) -> Run<'_> {
    let mut client = client::logged_in();
    Box::new(move || {
        let (mut rows, mut sum) = (0, 0);
        client::send(&mut client, &Command::List(None));
        client::read(&mut client, &sample.bytes, READ, |_, event| match event {
            Event::ScanListing(_, listing) => sum += listing.octets,
            Event::End(_, count) => rows = count,
            _ => {}
        });
        (rows, sum)
    })
}

pub(crate) fn list_values(sample: &Sample) -> Run<'_> {
    let keep = |sum: &mut u64, event: Event<'_>| {
        if let Event::ScanListing(_, listing) = event {
            *sum += black_box(&listing).octets;
        }
    };
    rows(sample, Command::List(None), |sum| *sum = 0, keep, |sum| *sum)
}

fn list_vec<'s>(sample: &'s Sample, begin: impl Fn(&mut Vec<ScanListing>) + 's) -> Run<'s> {
    let keep = |listings: &mut Vec<ScanListing>, event: Event<'_>| {
        if let Event::ScanListing(_, listing) = event {
            listings.push(listing);
        }
    };
    let said = |listings: &Vec<ScanListing>| black_box(listings).iter().map(|listing| listing.octets).sum();
    rows(sample, Command::List(None), begin, keep, said)
}

pub(crate) fn list_vec_with_room(sample: &Sample) -> Run<'_> {
    list_vec(sample, Vec::clear)
}

pub(crate) fn list_new_vec(sample: &Sample) -> Run<'_> {
    list_vec(sample, |listings| *listings = Vec::new())
}

pub(crate) fn list_connected(sample: &Sample) -> Run<'_> {
    connected_rows(
        sample,
        || Command::List(None),
        |event| match event {
            Event::ScanListing(_, listing) => Some(black_box(listing).octets),
            _ => None,
        },
    )
}

/// Decodes line after line: `keep` gets the values.
#[inline(always)]
fn lines<'s, T: 's, E: 's, K: Default + 's>(
    sample: &'s Sample,
    decode: impl Fn(&'s [u8]) -> Decoded<T, E> + 's,
    keep: impl Fn(&mut K, T) + 's,
) -> Run<'s> {
    Box::new(move || {
        let (mut input, mut found, mut kept) = (sample.bytes.as_slice(), 0, K::default());
        while let Decoded::Complete { consumed, value } = decode(input) {
            keep(&mut kept, value);
            input = input.get(consumed..).unwrap_or_default();
            found += 1;
        }
        black_box(&kept);
        (found, 0)
    })
}

/// Reads status line after status line, in the loop itself, as most programs call `decode` in one place.
#[inline(always)]
fn responses<'s, K: Default + 's>(sample: &'s Sample, keep: impl Fn(&mut K, Response<'s>) + 's) -> Run<'s> {
    Box::new(move || {
        let (mut input, mut found, mut kept) = (sample.bytes.as_slice(), 0, K::default());
        while let Decoded::Complete { consumed, value } =
            Response::decode(input, Some(Verb::Dele), &Limits::DEFAULT)
        {
            keep(&mut kept, value);
            input = input.get(consumed..).unwrap_or_default();
            found += 1;
        }
        black_box(&kept);
        (found, 0)
    })
}

fn text<'t>(response: &Response<'t>) -> &'t [u8] {
    match response {
        Response::Ok(status) | Response::Err(status) => status.text().as_bytes(),
        Response::Continue(text) => text.as_bytes(),
    }
}

pub(crate) fn response_fields(sample: &Sample) -> Run<'_> {
    responses(sample, |sum: &mut usize, response| *sum += text(&response).len())
}

pub(crate) fn response_values(sample: &Sample) -> Run<'_> {
    responses(sample, |(), response| _ = black_box(&response))
}

pub(crate) fn response_new_vec(sample: &Sample) -> Run<'_> {
    responses(sample, Vec::push)
}

pub(crate) fn response_copied(sample: &Sample) -> Run<'_> {
    responses(sample, |(), response| {
        _ = black_box((matches!(response, Response::Ok(_)), text(&response).to_vec()));
    })
}

pub(super) fn command(input: &[u8]) -> Decoded<Command<'_>, pop3_proto::CommandError> {
    Command::decode(input, &Limits::DEFAULT)
}

pub(crate) fn command_fields(sample: &Sample) -> Run<'_> {
    lines(sample, command, |sum: &mut u32, command| match command {
        Command::Retr(message) | Command::Dele(message) | Command::Top { message, .. } => {
            *sum ^= message.get();
        }
        _ => *sum += 1,
    })
}

pub(crate) fn command_values(sample: &Sample) -> Run<'_> {
    lines(sample, command, |(), command| _ = black_box(&command))
}

pub(crate) fn command_new_vec(sample: &Sample) -> Run<'_> {
    lines(sample, command, Vec::push)
}

pub(crate) fn command_copied(sample: &Sample) -> Run<'_> {
    lines(sample, command, |(), command| match command {
        Command::User(name) => _ = black_box(name.as_bytes().to_vec()),
        command => _ = black_box(&command),
    })
}
