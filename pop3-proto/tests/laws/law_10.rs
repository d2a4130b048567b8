//! Linear and bounded: the machines search each byte once, every limit has a name, and pending output stops input.

use super::reach::{LOGIN, ask, cleartext, client, hear, logged_in, say};
use super::sessions::number;
use pop3_proto::client::{Client, Event};
use pop3_proto::server::{Ask, CloseReason, Entry, Maildrop, Refusal, Server, ServerConfig, Step};
use pop3_proto::{
    Base64, Command, ConnectionError, Input, Limit, Limits, MIN_SEND_BUF, Mechanism, MessageNumber, SendBuf,
    Sink, Text, TlsPolicy, UniqueId,
};
use pop3_proto_kit::{App, Cuts, Host, Infos, Memory};

/// A machine that searched bytes for a line end does not search them again. The test sees this because the machine
/// misses a line end that is inserted there later, which no real stream does.
///
/// Also ROB.22.
#[test]
fn law_10_searched_bytes_are_not_searched_again() {
    let mut greeted = Client::new(cleartext(), 1);
    assert!(greeted.needs_input(b"+OK read", false));
    assert!(greeted.needs_input(b"+OK \nead", false), "the question searched from the start again");
    assert!(greeted.poll(&mut Input::more(b"+OK rea")).unwrap().is_none());
    assert!(greeted.poll(&mut Input::more(b"+OK \neady")).unwrap().is_none(), "so did the client");
    assert!(greeted.poll(&mut Input::more(b"+OK \neady\n")).unwrap().is_some());

    let mut rows = logged_in(cleartext());
    say(&mut rows, &Command::List(None), b"+OK\r\n");
    assert!(rows.poll(&mut Input::more(b"1 234567")).unwrap().is_none());
    assert!(rows.needs_input(b"1 2\r\n567", false));

    let mut server = super::reach::server(1);
    let mut sink = SendBuf::new(vec![]);
    let _ = super::reach::until(&mut server, &mut Input::more(b"CAPA tog"), &mut sink, needs_input);
    let mut input = Input::more(b"CAPA\r\ngether");
    assert!(
        needs_input(&server.poll(&mut input, &mut sink).unwrap()),
        "the server searched from the start again"
    );
    assert_eq!(input.remaining(), 12);
}

fn needs_input(step: &Step<'_>) -> bool {
    matches!(step, Step::NeedInput)
}

fn auth() -> Command<'static> {
    Command::Auth { mechanism: Mechanism::PLAIN, initial: None }
}

/// Returns a line of this total length.
fn line(start: &str, octets: usize) -> Vec<u8> {
    let mut line = start.as_bytes().to_vec();
    line.resize(octets - 2, b'A');
    line.extend_from_slice(b"\r\n");
    line
}

/// Tests each line limit of a client: at it, one past it, and without a line end.
#[test]
fn law_10_a_client_names_the_limit_of_the_line() {
    let limits = Limits::DEFAULT.with_status_line(70).with_listing_line(80).with_sasl_line(90);
    let config = cleartext().with_limits(limits);
    let rows: [(&dyn Fn() -> Client, &str, usize, Limit); 4] = [
        (&|| Client::new(config, 1), "+OK ", 70, Limit::StatusLine),
        (&|| sent(logged_in(config), &Command::Stat), "-ERR ", 70, Limit::StatusLine),
        (
            &|| {
                let mut client = sent(logged_in(config), &Command::Capa);
                hear(&mut client, b"+OK\r\n");
                client
            },
            "X-",
            80,
            Limit::ListingLine,
        ),
        // 84 bytes of base64
        (&|| sent(client(config, b"+OK\r\n", &[]), &auth()), "+ ", 88, Limit::SaslLine),
    ];
    for (client, start, octets, limit) in rows {
        let most = if limit == Limit::SaslLine { 90 } else { octets };
        assert!(client().poll(&mut Input::more(&line(start, octets))).unwrap().is_some(), "{limit}");
        let over = line(start, most + 1);
        for wire in [&over[..], &over[..most]] {
            let mut client = client();
            assert!(client.needs_input(&wire[..most - 1], false), "{limit}");
            assert_eq!(client.poll(&mut Input::more(wire)).unwrap_err(), ConnectionError::OverLimit(limit));
        }
    }
    // The limit of command lines is the largest here.
    assert_eq!(Client::new(config, 1).min_recv_buf(), 255);
    assert_eq!(Client::new(cleartext(), 1).min_recv_buf(), 12_288);
}

fn sent(mut client: Client, command: &Command<'_>) -> Client {
    client.send(command, &mut SendBuf::new(vec![])).unwrap();
    client
}

#[test]
fn law_10_a_client_names_the_limit_of_rounds_rows_and_octets() {
    let config = cleartext()
        .with_limits(Limits::DEFAULT.with_sasl_rounds(2).with_listing_rows(2).with_body_octets(10));
    let mut exchange = sent(client(config, b"+OK\r\n", &[]), &auth());
    for _ in 0..2 {
        let Some(Event::Challenge(step, _)) = hear(&mut exchange, b"+ \r\n") else { panic!() };
        exchange.respond(step, Base64::EMPTY, &mut SendBuf::new(vec![])).unwrap();
    }
    let third = exchange.poll(&mut Input::more(b"+ \r\n")).unwrap_err();
    assert_eq!(third, ConnectionError::OverLimit(Limit::SaslRounds));

    let mut listing = client(config, b"+OK\r\n", &LOGIN);
    assert!(matches!(
        say(&mut listing, &Command::List(None), b"+OK\r\n1 1\r\n2 1\r\n.\r\n"),
        Some(Event::End(_, 2))
    ));
    say(&mut listing, &Command::Uidl(None), b"+OK\r\n1 a\r\n2 b\r\n");
    let third = listing.poll(&mut Input::more(b"3 c\r\n")).unwrap_err();
    assert_eq!(third, ConnectionError::OverLimit(Limit::ListingRows));

    let mut reading = client(config, b"+OK\r\n", &LOGIN);
    let at = say(&mut reading, &Command::Retr(number(1)), b"+OK\r\n12345678\r\n.\r\n");
    assert!(matches!(at, Some(Event::End(_, 10))));
    say(&mut reading, &Command::Retr(number(1)), b"+OK\r\n");
    let mut input = Input::more(b"123456789\r\n.\r\n");
    // The bytes within the limit are delivered, however the input was cut.
    assert!(matches!(reading.poll(&mut input), Ok(Some(Event::Body(_, b"123456789\r")))));
    assert_eq!(reading.poll(&mut input).unwrap_err(), ConnectionError::OverLimit(Limit::BodyOctets));
}

/// Returns the responses of a server with these limits to this input, line by line, after the greeting.
fn says(config: ServerConfig<'static>, wire: &[u8]) -> (Vec<String>, Result<CloseReason, ConnectionError>) {
    let (_, output, over, _) =
        Host::alone(config, &App::new(), wire, Cuts::Each(9), Memory::fixed(MIN_SEND_BUF));
    let text = String::from_utf8(output).unwrap();
    (text.split_terminator("\r\n").skip(1).map(str::to_owned).collect(), over)
}

#[test]
fn law_10_a_server_refuses_a_line_over_its_limit_once_and_continues() {
    let limits = Limits::DEFAULT.with_command_line(70).with_sasl_line(90);
    let config =
        ServerConfig::new(TlsPolicy::Cleartext).with_limits(limits).with_sasl_cleartext(&[Mechanism::PLAIN]);
    let long = "-ERR line too long";
    for (octets, expected) in [(70, "+OK send PASS"), (71, long), (5000, long)] {
        let (said, over) = says(config, &[&line("USER ", octets)[..], b"QUIT\r\n"].concat());
        assert_eq!(
            (&said[..], over),
            (&[expected.to_owned(), "+OK bye".to_owned()][..], Ok(CloseReason::Quit)),
            "{octets}"
        );
    }
    // A response, and an AUTH line with one in it, may be as long as a SASL line.
    for (octets, expected) in [(90, "-ERR [AUTH] login failed"), (91, long), (5000, long)] {
        let response = [b"AUTH PLAIN\r\n", &line("", octets)[..], b"QUIT\r\n"].concat();
        let (said, _) = says(config, &response);
        assert_eq!(said[1..], [expected, "+OK bye"], "{octets}");
    }
    // `AUTH PLAIN ` has 11 bytes, and 76 of base64 leave room for one.
    for (octets, expected) in [(89, "-ERR [AUTH] login failed"), (91, long)] {
        let (said, _) = says(config, &[&line("AUTH PLAIN ", octets)[..], b"QUIT\r\n"].concat());
        assert_eq!(said, [expected, "+OK bye"], "{octets}");
    }
    // An over-long line is dropped while it arrives, and the server stores none of it.
    let mut server: Server<Infos, ServerConfig<'_>> = Server::new(config, 1);
    let Ask::Greet(greet) = ask!(&mut server, b"", Greet(_)) else { unreachable!() };
    server.greet(greet, Text::EMPTY, &mut SendBuf::new(vec![])).unwrap();
    let mut input = Input::more(&[b'x'; 5000]);
    assert!(needs_input(&server.poll(&mut input, &mut SendBuf::new(vec![])).unwrap()));
    assert_eq!(input.remaining(), 0);
}

#[test]
fn law_10_a_server_closes_after_the_limit_of_bad_commands() {
    let config = ServerConfig::new(TlsPolicy::Cleartext).with_limits(Limits::DEFAULT.with_bad_commands(3, 5));
    let login = b"USER mrose\r\nPASS tanstaaf\r\n";
    let last = "-ERR too many bad commands";
    let (said, over) = says(config, &b"BAD\r\n".repeat(9));
    assert_eq!((said.len(), said[2].as_str(), over), (3, last, Ok(CloseReason::BadCommands)));
    let (said, over) = says(config, &[&b"BAD\r\n".repeat(2)[..], login, b"QUIT\r\n"].concat());
    assert_eq!((said.len(), over), (5, Ok(CloseReason::Quit)));
    // Bad commands before login also count after it.
    let (said, over) = says(config, &[&b"BAD\r\n".repeat(2)[..], login, &b"BAD\r\n".repeat(9)].concat());
    assert_eq!((said.len(), said[6].as_str(), over), (7, last, Ok(CloseReason::BadCommands)));
}

#[test]
fn law_10_a_server_closes_after_the_limit_of_failed_logins() {
    let config = ServerConfig::new(TlsPolicy::Cleartext)
        .with_limits(Limits::DEFAULT.with_failed_logins(2).with_bad_commands(99, 99));
    let wrong = b"USER mrose\r\nPASS wrong\r\n";
    let (said, over) = says(config, &wrong.repeat(3));
    assert_eq!((said.len(), over), (4, Ok(CloseReason::FailedLogins)));
    let (said, over) = says(config, &[&wrong[..], b"USER mrose\r\nPASS tanstaaf\r\nQUIT\r\n"].concat());
    assert_eq!((said.len(), over), (5, Ok(CloseReason::Quit)));
}

/// Messages that need no memory.
struct Million;

impl Maildrop for Million {
    fn count(&self) -> u32 {
        1_000_000
    }

    fn entry(&self, _: MessageNumber) -> Result<Entry<'_>, Refusal> {
        let id = UniqueId::new(b"id").map_err(|_| Refusal::Permanent)?;
        Ok(Entry { octets: 1000, id, marked: false })
    }

    fn mark(&mut self, _: MessageNumber) -> Result<(), Refusal> {
        Ok(())
    }

    fn unmark_all(&mut self) {}
}

/// 4 KiB of LIST ask for gigabytes. The server reads only a few bytes of input, and the send buffer stays within its
/// limit.
#[test]
fn law_10_pending_output_stops_input() {
    let mut server = Server::new(ServerConfig::new(TlsPolicy::Cleartext), 1);
    let wire = [b"USER a\r\nPASS b\r\n", &b"LIST\r\n".repeat(4096 / 6)[..]].concat();
    let (mut input, mut sink, mut blocked, mut written) = (Input::more(&wire), SendBuf::new(vec![]), 0, 0);
    while blocked < 2000 {
        match server.poll(&mut input, &mut sink).unwrap() {
            Step::Ask(Ask::Greet(greet)) => server.greet(greet, Text::EMPTY, &mut sink).unwrap(),
            Step::Ask(Ask::User(user, _)) => server.accept_name(user).unwrap(),
            Step::Ask(Ask::Login(login, _)) => server.accept(login, Million).unwrap(),
            Step::NeedSpace(_) => {
                blocked += 1;
                let pending = sink.pending().len();
                assert!(pending <= SendBuf::<Vec<u8>>::LIMIT && sink.room() < MIN_SEND_BUF, "{pending}");
                // The client reads very little.
                written += 100;
                sink.sent(100);
            }
            step => panic!("{step:?}"),
        }
    }
    // One LIST is being answered, and no other was read.
    assert_eq!(input.remaining(), wire.len() - "USER a\r\nPASS b\r\nLIST\r\n".len());
    assert!(written < 12 * 1_000_000);
}

#[test]
fn law_10_numbers_of_a_peer_reserve_nothing() {
    let mut client = logged_in(cleartext());
    let count = crate::counting::allocations(|| {
        client.send(&Command::List(None), &mut SendBuf::new([0; 16])).unwrap();
        let mut input = Input::more(b"+OK 4294967295 messages\r\n4294967295 18446744073709551615\r\n.\r\n");
        while input.remaining() > 0 {
            assert!(client.poll(&mut input).unwrap().is_some());
        }
    });
    assert_eq!(count, 0);
    assert!(matches!(say(&mut client, &Command::Noop, b"+OK\r\n"), Some(Event::Ok(..))));
}
