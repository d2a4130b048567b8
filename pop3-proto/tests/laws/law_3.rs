//! Caller's memory only: over a whole session neither machine allocates.

use super::sessions::{USER, number, pass};
use crate::counting::allocations;
use pop3_proto::client::{self, Client, Event};
use pop3_proto::server::{Ask, CloseReason, MessageInfo, Server, ServerConfig, Step};
use pop3_proto::{Command, Input, MIN_SEND_BUF, RecvBuf, SendBuf, Text, TlsPolicy, UniqueId};

static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext);
const MESSAGE: &[u8] = b"Subject: x\n\n.one\ntwo\n";

/// Runs the server until it needs the other side. Returns why the session is over once it is.
fn serve<'m>(
    server: &mut Server<&'m mut [MessageInfo<UniqueId<'static>>]>,
    maildrop: &mut Option<&'m mut [MessageInfo<UniqueId<'static>>]>,
    at: &mut usize,
    input: &mut Input<'_>,
    sink: &mut SendBuf<&mut [u8]>,
) -> Option<CloseReason> {
    loop {
        match server.poll(input, sink).unwrap() {
            Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::from_static("ready"), sink).unwrap(),
            Step::Ask(Ask::User(user, _)) => server.accept_name(user).unwrap(),
            Step::Ask(Ask::Login(login, _)) => {
                server.accept(login, maildrop.take().unwrap()).unwrap();
            }
            Step::Ask(Ask::Fetch(fetch)) => {
                *at = 0;
                server.send_body_of(fetch, pop3_proto::OctetCount::of(MESSAGE)).unwrap();
            }
            Step::Ask(Ask::Commit(commit)) => server.removed(commit).unwrap(),
            Step::Ask(ask) => panic!("{ask:?}"),
            Step::NeedBody if *at == MESSAGE.len() => _ = server.finish_body().unwrap(),
            Step::NeedBody => *at += server.write_body(&MESSAGE[*at..], sink).unwrap(),
            Step::NeedInput | Step::NeedSpace(_) => return None,
            Step::Waiting => panic!("no question is open"),
            Step::Closed(why) => return Some(why),
        }
    }
}

/// Moves the pending bytes of one sink to the other side's `recv`, as far as there is room.
fn carry<const N: usize>(sink: &mut SendBuf<&mut [u8]>, recv: &mut RecvBuf<[u8; N]>) -> bool {
    let spare = recv.spare_mut();
    let count = spare.len().min(sink.pending().len());
    spare[..count].copy_from_slice(&sink.pending()[..count]);
    if count > 0 {
        recv.received(count);
        sink.sent(count);
    }
    count > 0
}

fn session(
    commands: &[Command<'_>],
    infos: &mut [MessageInfo<UniqueId<'static>>],
) -> (Option<CloseReason>, usize) {
    let (mut client_memory, mut server_memory) = ([0; MIN_SEND_BUF], [0; MIN_SEND_BUF]);
    let (mut up, mut down) = (SendBuf::new(&mut client_memory[..]), SendBuf::new(&mut server_memory[..]));
    let (mut client_recv, mut server_recv) = (RecvBuf::new([0; 1024]), RecvBuf::new([0; 512]));
    let mut client = Client::new(client::ClientConfig::new(TlsPolicy::Cleartext).assume_pipelining(), 1);
    let mut server = Server::new(&CONFIG, 1);
    let (mut maildrop, mut at, mut why) = (Some(infos), 0, None);
    let (mut next, mut events) = (commands.iter().peekable(), 0);
    loop {
        while client_recv.with(|input| client.poll(input)).unwrap().is_some_and(|event| {
            events += 1;
            !matches!(event, Event::Closed(_))
        }) {}
        while next.peek().is_some_and(|command| client.send(command, &mut up).is_ok()) {
            next.next();
        }
        if why.is_none() {
            why = server_recv.with(|input| serve(&mut server, &mut maildrop, &mut at, input, &mut down));
        }
        if !carry(&mut up, &mut server_recv) & !carry(&mut down, &mut client_recv) {
            return (why, events);
        }
    }
}

#[test]
fn law_3_a_whole_session_allocates_nothing() {
    let info = |id| MessageInfo::new(pop3_proto::OctetCount::of(MESSAGE), UniqueId::new(id).unwrap());
    let mut infos = [info(b"a"), info(b"b"), info(b"c")];
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
    let count = allocations(|| ended = session(&commands, &mut infos));
    assert_eq!(ended.0, Some(CloseReason::Quit));
    assert!(ended.1 > 30, "{ended:?}");
    assert_eq!(count, 0);
    assert!(infos[0].is_marked());
    // The counter really counts.
    assert_eq!(allocations(|| drop(std::hint::black_box(Box::new(1)))), 1);
}

type Half = Server<core::convert::Infallible>;

const _: () = assert!(size_of::<Client>() <= 224 && size_of::<Half>() <= 256);
// Returns both sides of a session, with shared configurations.
const _: () = assert!(size_of::<Client<&client::ClientConfig>>() + size_of::<Half>() <= 352);

#[test]
fn law_3_a_machine_takes_at_most_256_bytes() {
    assert!(size_of::<Client>() <= 256);
    assert!(size_of::<Half>() <= 256);
    // A maildrop that is a slice or a `Vec` adds only the size of its handle.
    assert!(size_of::<Server<&mut [MessageInfo<UniqueId<'static>>]>>() <= 256 + 16);
    assert!(size_of::<Server<Vec<MessageInfo<UniqueId<'static>>>>>() <= 256 + 24);
}

/// A configuration that is created at run time serves any number of clients, by reference or in an `Arc`, without a
/// leak.
#[test]
fn law_3_clients_share_a_configuration_of_run_time() {
    /// A program stores it together with other values.
    struct Settings {
        client: client::ClientConfig,
    }
    impl client::AsConfig for Settings {
        fn as_config(&self) -> &client::ClientConfig {
            &self.client
        }
    }
    fn greeted<C: client::AsConfig>(config: C) -> Client<C> {
        let mut client = Client::with_config(config, 7);
        assert!(client.poll(&mut Input::more(b"+OK ready\r\n")).unwrap().is_some());
        client
    }
    let limits = pop3_proto::Limits::DEFAULT.with_sasl_line(600 + u16::from(std::env::args().count() > 99));
    let config = client::ClientConfig::new(TlsPolicy::Implicit).with_limits(limits);
    let shared = std::sync::Arc::new(Settings { client: config });
    let (one, two) = (greeted(&config), greeted(shared.clone()));
    let three = greeted(&*shared);
    assert!(one.is_tls() && two.is_tls() && three.is_tls() && greeted(config).is_tls());
    assert_eq!([one.min_recv_buf(), two.min_recv_buf(), three.min_recv_buf()], [config.min_recv_buf(); 3]);
    drop(two);
    assert_eq!(std::sync::Arc::strong_count(&shared), 1);
}
