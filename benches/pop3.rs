//! The hot paths, beside what the machine can do at best. Each row proves its answer before it is timed.
//!
//! Only ratios to a row of the same run say something: `cargo bench -p pop3-proto-benches`.

use divan::counter::{BytesCount, ItemsCount};
use divan::{Bencher, black_box};
use pop3_proto::client::Event;
use pop3_proto::server::{Announce, Ask, Config, Slot, Step};
use pop3_proto::{
    Command, Decoded, Inbox, Input, Limits, Out, Server, Stuff, StuffMode, Text, TlsPolicy, UniqueId, octets,
};
use pop3_proto_benches::{READ, commands, logged_in, message, number, retrieved, scan_listing};

fn main() {
    divan::main();
}

const LINES: usize = 10_000;
const MIB: usize = 1 << 20;

/// Times what gives the answer that is expected.
fn proven<T: PartialEq + std::fmt::Debug>(
    bencher: Bencher<'_, '_>,
    expected: T,
    octets: usize,
    items: usize,
    work: impl Fn() -> T + Sync,
) {
    assert_eq!(work(), expected);
    bencher.counter(BytesCount::new(octets)).counter(ItemsCount::new(items)).bench(work);
}

/// Framed, parsed, and told apart.
#[divan::bench]
fn command_decode(bencher: Bencher<'_, '_>) {
    let input = commands(LINES);
    proven(bencher, LINES, input.len(), LINES, || {
        let (mut rest, mut found) = (black_box(input.as_slice()), 0);
        while let Decoded::Complete { consumed, value } = Command::decode(rest, &Limits::DEFAULT) {
            black_box(value);
            rest = rest.get(consumed..).unwrap_or_default();
            found += 1;
        }
        found
    });
}

#[divan::bench]
fn command_decode_limit_memchr(bencher: Bencher<'_, '_>) {
    let input = commands(LINES);
    proven(bencher, LINES, input.len(), LINES, || lines(black_box(&input)));
}

/// Rows as events of the client, 16 KiB a read.
#[divan::bench]
fn list_events(bencher: Bencher<'_, '_>) {
    let input = scan_listing(LINES);
    let rows: u64 = (1..=LINES as u64).map(|n| n * 7919 % 100_000).sum();
    proven(bencher, (LINES as u64, rows), input.len(), LINES, || {
        let mut client = logged_in();
        client.send(&Command::List(None), &mut Out::new(&mut [0; 512])).expect("sent");
        let (mut at, mut end, mut sum) = (0, 0, 0);
        loop {
            end = READ.saturating_add(end).min(input.len());
            let mut unread = Input::more(&black_box(&input)[at..end]);
            while let Some(event) = client.poll(&mut unread).expect("an answer") {
                match event {
                    Event::ScanListing(_, listing) => sum += listing.octets,
                    Event::End(_, rows) => return (rows, sum),
                    _ => {}
                }
            }
            at = end - unread.remaining();
        }
    });
}

#[divan::bench]
fn list_limit_memchr(bencher: Bencher<'_, '_>) {
    let input = scan_listing(LINES);
    proven(bencher, LINES + 2, input.len(), LINES, || lines(black_box(&input)));
}

/// A message as events of the client, 16 KiB a read.
#[divan::bench]
fn body_receive(bencher: Bencher<'_, '_>) {
    let message = message(MIB);
    let input = retrieved(&message);
    proven(bencher, message.len() as u64, message.len(), 1, || {
        let mut client = logged_in();
        client.send(&Command::Retr(number(1)), &mut Out::new(&mut [0; 512])).expect("sent");
        let mut delivered = 0;
        for read in black_box(&input).chunks(READ) {
            let mut unread = Input::more(read);
            while let Some(event) = client.poll(&mut unread).expect("an answer") {
                match event {
                    Event::Body(_, octets) => delivered += black_box(octets).len() as u64,
                    Event::End(_, octets) => assert_eq!(octets, delivered),
                    _ => {}
                }
            }
        }
        delivered
    });
}

#[divan::bench]
fn body_receive_limit_memmem(bencher: Bencher<'_, '_>) {
    let input = retrieved(&message(MIB));
    let finder = memchr::memmem::Finder::new("\r\n.");
    let dots = finder.find_iter(&input).count();
    proven(bencher, dots, input.len(), 1, || finder.find_iter(black_box(&input)).count());
}

/// A message byte-stuffed as slices, for vectored writes.
#[divan::bench]
fn body_send_slices(bencher: Bencher<'_, '_>) {
    let message = message(MIB);
    let expected = retrieved(&message).len() - "+OK message follows\r\n".len();
    proven(bencher, (expected, octets(&message)), message.len(), 1, || {
        let (mut stuff, mut rest, mut sent) =
            (Stuff::new(StuffMode::Convert), black_box(message.as_slice()), 0);
        while let Ok(Some(slice)) = stuff.next(&mut rest) {
            sent += black_box(slice).len();
        }
        (sent + stuff.finish().len(), stuff.octets())
    });
}

#[divan::bench]
fn body_limit_memcpy(bencher: Bencher<'_, '_>) {
    let message = message(MIB);
    let mut copy = vec![0; message.len()];
    copy.copy_from_slice(&message);
    assert_eq!(copy, message);
    bencher.counter(BytesCount::new(message.len())).bench_local(|| {
        copy.copy_from_slice(black_box(&message));
        black_box(&copy);
    });
}

static CONFIG: Config = Config::new(TlsPolicy::Cleartext);

/// Login, 64 RETR one after the other, QUIT: client and server, with their bytes copied from one to the other.
#[divan::bench(args = [1024, 64 * 1024])]
fn retr_both_machines(bencher: Bencher<'_, '_>, size: usize) {
    let message = message(size);
    let expected = message.len() as u64 * 64;
    proven(bencher, expected, message.len() * 64, 64, || both(black_box(&message), 64));
}

/// The octets that the client was told of.
fn both(message: &[u8], count: u32) -> u64 {
    let mut slots = [Slot::new(octets(message), UniqueId::new(b"a").expect("an id"))];
    let mut maildrop = Some(slots.as_mut_slice());
    let mut server: Server<&mut [Slot<UniqueId<'_>>]> = Server::new(&CONFIG, 1);
    let mut client = pop3_proto::Client::new(TlsPolicy::Cleartext);
    let (mut to_server, mut to_client) = (Inbox::new([0; 1024]), Inbox::new([0; READ]));
    let (mut client_buffer, mut server_buffer) = ([0; 512], [0; READ]);
    let (mut client_out, mut server_out) = (Out::new(&mut client_buffer), Out::new(&mut server_buffer));
    let login: [&[u8]; 2] = [b"USER mrose", b"PASS secret"];
    let commands = login.map(|line| Command::parse(line).expect("a command"));
    let retrieve = std::iter::repeat_n(Command::Retr(number(1)), count as usize);
    let mut commands = commands.into_iter().chain(retrieve).chain([Command::Quit]);
    let (mut delivered, mut sent) = (0, 0);
    loop {
        match to_server.with(|input| server.poll(input, &mut server_out)).expect("a sound client") {
            Step::NeedInput | Step::NeedSpace(_) | Step::Waiting | Step::Closed(_) => {}
            Step::NeedBody => match server.write_body(&message[sent..], &mut server_out) {
                Ok(taken) => {
                    sent += taken;
                    if sent == message.len() {
                        server.finish_body().expect("a body is open");
                    }
                }
                Err(unfit) => panic!("{unfit:?}"),
            },
            Step::Ask(ask) => {
                match ask {
                    Ask::Greet(token) => {
                        server.greet(token, Text::literal("ready"), &mut server_out).expect("room");
                    }
                    Ask::User(token, _) => server.accept_name(token).expect("asked"),
                    Ask::Login(token, _) => {
                        let maildrop = maildrop.take().expect("one login");
                        assert!(server.accept(token, maildrop, Announce::default()).is_ok());
                    }
                    Ask::Fetch(token) => {
                        sent = 0;
                        server.send_body(token, octets(message)).expect("asked");
                    }
                    Ask::Commit(token) => server.committed(token, true).expect("asked"),
                    other => panic!("{other:?}"),
                }
                continue;
            }
        }
        server_out.sent(pass(server_out.pending(), &mut to_client));
        while let Some(event) = to_client.with(|input| client.poll(input)).expect("a sound server") {
            match event {
                Event::Body(_, octets) => delivered += octets.len() as u64,
                Event::Closed(_) => return delivered,
                Event::Greeting(_) | Event::Ok(..) | Event::End(..) => {
                    let command = commands.next().expect("QUIT is last");
                    client.send(&command, &mut client_out).expect("sent");
                }
                _ => {}
            }
        }
        client_out.sent(pass(client_out.pending(), &mut to_server));
    }
}

/// Copies what fits, as a pair of sockets would.
fn pass<B: AsRef<[u8]> + AsMut<[u8]>>(pending: &[u8], inbox: &mut Inbox<B>) -> usize {
    let spare = inbox.spare();
    let count = pending.len().min(spare.len());
    spare[..count].copy_from_slice(&pending[..count]);
    inbox.filled(count);
    count
}

fn lines(input: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', input).map(black_box).count()
}
