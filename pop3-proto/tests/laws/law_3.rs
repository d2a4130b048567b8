//! Caller's memory only: over a whole session neither machine allocates.

use super::sessions::{USER, number, pass};
use crate::harness::allocations;
use pop3_proto::client::{self, Client, Event};
use pop3_proto::server::{Ask, Config, Server, Slot, Step, Why};
use pop3_proto::{Command, Inbox, Input, MIN_SINK, Out, Text, TlsPolicy, UniqueId};

static CONFIG: Config<'_> = Config::new(TlsPolicy::Cleartext);
const MESSAGE: &[u8] = b"Subject: x\n\n.one\ntwo\n";

/// The server's half: reads, asks, answers, until it needs the other side. Says why the session is over once it is.
fn serve<'m>(
    server: &mut Server<&'m mut [Slot<UniqueId<'static>>]>,
    maildrop: &mut Option<&'m mut [Slot<UniqueId<'static>>]>,
    at: &mut usize,
    input: &mut Input<'_>,
    sink: &mut Out<'_>,
) -> Option<Why> {
    loop {
        match server.poll(input, sink).unwrap() {
            Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::literal("ready"), sink).unwrap(),
            Step::Ask(Ask::User(user, _)) => server.accept_name(user).unwrap(),
            Step::Ask(Ask::Login(login, _)) => {
                server.accept(login, maildrop.take().unwrap()).unwrap();
            }
            Step::Ask(Ask::Fetch(fetch)) => {
                *at = 0;
                server.send_body_of(fetch, pop3_proto::octets(MESSAGE)).unwrap();
            }
            Step::Ask(Ask::Commit(commit)) => server.removed(commit).unwrap(),
            Step::Ask(ask) => panic!("{ask:?}"),
            Step::NeedBody if *at == MESSAGE.len() => _ = server.finish_body().unwrap(),
            Step::NeedBody => *at += server.write_body(&MESSAGE[*at..], sink).unwrap(),
            Step::NeedInput | Step::NeedSpace(_) => return None,
            Step::Waiting => panic!("nothing is left open"),
            Step::Closed(why) => return Some(why),
        }
    }
}

/// What is pending in one sink arrives in the other side's inbox, as far as there is room.
fn carry<const N: usize>(sink: &mut Out<'_>, inbox: &mut Inbox<[u8; N]>) -> bool {
    let spare = inbox.spare();
    let count = spare.len().min(sink.pending().len());
    spare[..count].copy_from_slice(&sink.pending()[..count]);
    inbox.filled(count);
    sink.sent(count);
    count > 0
}

fn session(commands: &[Command<'_>], slots: &mut [Slot<UniqueId<'static>>]) -> (Option<Why>, usize) {
    let (mut client_memory, mut server_memory) = ([0; MIN_SINK], [0; MIN_SINK]);
    let (mut up, mut down) = (Out::new(&mut client_memory), Out::new(&mut server_memory));
    let (mut client_inbox, mut server_inbox) = (Inbox::new([0; 1024]), Inbox::new([0; 512]));
    let mut client = Client::new(client::Config::new(TlsPolicy::Cleartext).assume_pipelining());
    let mut server = Server::new(&CONFIG, 1);
    let (mut maildrop, mut at, mut why) = (Some(slots), 0, None);
    let (mut next, mut events) = (commands.iter().peekable(), 0);
    loop {
        while client_inbox.with(|input| client.poll(input)).unwrap().is_some_and(|event| {
            events += 1;
            !matches!(event, Event::Closed(_))
        }) {}
        while next.peek().is_some_and(|command| client.send(command, &mut up).is_ok()) {
            next.next();
        }
        if why.is_none() {
            why = server_inbox.with(|input| serve(&mut server, &mut maildrop, &mut at, input, &mut down));
        }
        if !carry(&mut up, &mut server_inbox) & !carry(&mut down, &mut client_inbox) {
            return (why, events);
        }
    }
}

#[test]
fn law_3_a_whole_session_allocates_nothing() {
    let slot = |id| Slot::new(pop3_proto::octets(MESSAGE), UniqueId::new(id).unwrap());
    let mut slots = [slot(b"a"), slot(b"b"), slot(b"c")];
    let commands = [
        Command::Capa,
        USER,
        pass("tanstaaf"),
        Command::Stat,
        Command::List(None),
        Command::Uidl(None),
        Command::Retr(number(1)),
        Command::Top { message: number(2), lines: 1 },
        Command::Dele(number(1)),
        Command::Dele(number(9)),
        Command::Quit,
    ];
    let mut ended = (None, 0);
    let count = allocations(|| ended = session(&commands, &mut slots));
    assert_eq!(ended.0, Some(Why::Quit));
    assert!(ended.1 > 30, "{ended:?}");
    assert_eq!(count, 0);
    assert!(slots[0].is_marked());
    // The counter does count.
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

#[test]
fn law_3_a_machine_is_no_larger_than_256_octets() {
    assert!(size_of::<Client>() <= 256);
    assert!(size_of::<Server<core::convert::Infallible>>() <= 256);
    // With a maildrop that is a slice or a `Vec` it grows by that handle alone.
    assert!(size_of::<Server<&mut [Slot<UniqueId<'static>>]>>() <= 256 + 16);
    assert!(size_of::<Server<Vec<Slot<UniqueId<'static>>>>>() <= 256 + 24);
}
