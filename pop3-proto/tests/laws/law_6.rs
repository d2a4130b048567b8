//! Three kinds of failure: any input from a peer is a response, a refusal or a permanent fatal error, and never a
//! panic.

use super::reach::{LOGIN, cleartext, client, hear, logged_in, say, server};
use super::sessions::{USER, number, pass};
use pop3_proto::client::{Client, Event, SendError};
use pop3_proto::server::{CloseReason, ServerConfig};
use pop3_proto::{
    Base64, Command, ConnectionError, Input, Limit, Limits, Mechanism, Profile, SendBuf, Timer, TlsPolicy,
};
use pop3_proto_kit::{App, Cuts, Host, Memory};
use std::time::Duration;

/// Returns every line of one byte and of two, without a line end in them.
fn lines() -> impl Iterator<Item = Vec<u8>> {
    let octets = || (0..=u8::MAX).filter(|octet| *octet != b'\n');
    octets()
        .map(|octet| vec![octet])
        .chain(octets().flat_map(move |one| octets().map(move |two| vec![one, two])))
}

/// Returns the output of a server that reads 250 bad lines in the state after `before`, line by line.
fn serve(
    before: &[u8],
    lines: &[Vec<u8>],
    after: &[u8],
) -> (Vec<String>, Result<CloseReason, ConnectionError>) {
    let limits = Limits::DEFAULT.with_bad_commands(255, 255).with_failed_logins(255);
    let config =
        ServerConfig::new(TlsPolicy::Cleartext).with_limits(limits).with_sasl_cleartext(&[Mechanism::PLAIN]);
    let wire = [before, &lines.concat(), after].concat();
    let (_, output, over, _) =
        Host::alone(config, &App::new(), &wire, Cuts::Whole, Memory::growing(16 * 1024));
    let text = String::from_utf8(output).unwrap();
    (text.split_terminator("\r\n").skip(1).map(str::to_owned).collect(), over)
}

fn crlf(mut line: Vec<u8>) -> Vec<u8> {
    line.extend_from_slice(b"\r\n");
    line
}

#[test]
fn law_6_a_server_refuses_every_short_line_and_continues() {
    let all: Vec<Vec<u8>> = lines().map(crlf).collect();
    for (before, after, answers) in [
        (&b""[..], &b"USER mrose\r\nQUIT\r\n"[..], 0),
        (b"USER mrose\r\n", b"USER mrose\r\nQUIT\r\n", 1),
        (b"USER mrose\r\nPASS tanstaaf\r\n", b"NOOP\r\nQUIT\r\n", 2),
    ] {
        for lines in all.chunks(250) {
            let (said, over) = serve(before, lines, after);
            assert_eq!(over, Ok(CloseReason::Quit));
            assert_eq!(said.len(), answers + lines.len() + 2);
            let (refused, last) = said[answers..].split_at(lines.len());
            assert!(refused.iter().all(|line| line.starts_with("-ERR ")), "{refused:?}");
            assert!(last.iter().all(|line| line.starts_with("+OK ")), "{last:?}");
        }
    }
}

/// Inside AUTH any line is a response, and a bad one ends the exchange.
#[test]
fn law_6_a_server_refuses_every_short_response_and_continues() {
    let all: Vec<Vec<u8>> = lines().map(|line| [b"AUTH PLAIN\r\n", &crlf(line)[..]].concat()).collect();
    for lines in all.chunks(250) {
        let (said, over) = serve(b"", lines, b"USER mrose\r\nQUIT\r\n");
        assert_eq!(over, Ok(CloseReason::Quit));
        // A challenge and a refusal each. `CR` alone is an empty line with an extra CR, which is not base64 either.
        assert_eq!(said.len(), 2 * lines.len() + 2);
        for pair in said[..2 * lines.len()].chunks(2) {
            assert!(pair[0] == "+ " && pair[1].starts_with("-ERR "), "{pair:?}");
        }
    }
}

#[test]
fn law_6_a_server_lives_through_lines_of_line_ends() {
    for one in 0..=u8::MAX {
        let lines = [vec![b'\n', one, b'\n'], vec![one, b'\n', b'\r', b'\n'], vec![b'\r', b'\r', one, b'\n']];
        for before in [&b""[..], b"USER mrose\r\nPASS tanstaaf\r\n", b"AUTH PLAIN\r\n"] {
            let (said, over) = serve(before, &lines, b"*\r\nQUIT\r\n");
            assert_eq!((over, said.last().map(String::as_str)), (Ok(CloseReason::Quit), Some("+OK bye")));
        }
    }
}

/// Every short row of every listing is one event, whatever it contains, and the session continues.
#[test]
fn law_6_a_client_makes_an_event_of_every_short_row() {
    let rows: Vec<Vec<u8>> = lines().map(crlf).filter(|row| row != b".\r\n").collect();
    let wire = [b"+OK\r\n", &rows.concat()[..], b".\r\n"].concat();
    for command in [Command::List(None), Command::Uidl(None), Command::Capa, Command::Lang(None)] {
        let mut client = logged_in(cleartext());
        client.send(&command, &mut SendBuf::new(vec![])).unwrap();
        let (mut input, mut events) = (Input::more(&wire), 0);
        while let Some(event) = client.poll(&mut input).unwrap() {
            events += 1;
            if let Event::End(ticket, count) = event {
                assert_eq!((ticket.verb, count), (command.verb(), rows.len() as u64));
            }
        }
        assert_eq!(events, rows.len() + 2, "{command:?}");
        assert!(matches!(say(&mut client, &Command::Quit, b"+OK\r\n"), Some(Event::Closed(_))));
    }
}

/// A short line instead of a status line, and short texts after a status: events, or a permanent fatal error.
#[test]
fn law_6_a_client_lives_through_every_short_status_line() {
    let waiting: [fn() -> Client; 4] = [
        || Client::new(cleartext(), 1),
        || sent(logged_in(cleartext()), &Command::Stat),
        || sent(logged_in(cleartext()), &Command::Uidl(Some(number(1)))),
        || {
            let auth = Command::Auth { mechanism: Mechanism::PLAIN, initial: None };
            sent(client(cleartext(), b"+OK\r\n", &[]), &auth)
        },
    ];
    for (place, waiting) in waiting.iter().enumerate() {
        for start in [&b""[..], b"+OK", b"-ERR", b"+OK ", b"-ERR ["] {
            for (count, line) in lines().step_by(if start.is_empty() { 1 } else { 31 }).enumerate() {
                let mut client = waiting();
                let wire = [start, &line, b"\r\n"].concat();
                let is_challenge = place == 3 && start.is_empty() && line[0] == b'+';
                match client.poll(&mut Input::more(&wire)) {
                    Ok(event) => {
                        assert!(event.is_some(), "{wire:?}");
                        assert!(!start.is_empty() || is_challenge, "{wire:?}");
                    }
                    Err(fatal) => {
                        assert_eq!(fatal, ConnectionError::NotPop3, "{wire:?}");
                        if count % 97 == 0 {
                            stays(&mut client, fatal);
                        }
                    }
                }
            }
        }
    }
}

fn sent(mut client: Client, command: &Command<'_>) -> Client {
    client.send(command, &mut SendBuf::new(vec![])).unwrap();
    client
}

/// A message of every short word, at the start of a line and after a dot.
#[test]
fn law_6_a_client_takes_every_byte_of_a_message() {
    for line in lines() {
        let message = [&line[..], b"\r\n.", &line, b"x\r\n"].concat();
        let wire = [b"+OK\r\n.", &message[..], b".\r\n"].concat();
        let mut client = sent(logged_in(cleartext()), &Command::Retr(number(1)));
        let (mut input, mut body) = (Input::more(&wire), Vec::new());
        while let Some(event) = client.poll(&mut input).unwrap() {
            match event {
                Event::Body(_, data) => body.extend_from_slice(data),
                Event::End(_, octets) => assert_eq!(octets, body.len() as u64),
                _ => {}
            }
        }
        let expected = [&line[..], b"\r\n", &line, b"x\r\n"].concat();
        assert_eq!(body, expected);
        assert!(client.is_idle());
    }
}

/// A refusal of any command is an event, and the client can send the next command.
#[test]
fn law_6_a_refusal_is_an_event_and_the_session_continues() {
    let one = number(1);
    let early = [USER, Command::Capa, Command::Stls, Command::Utf8, Command::AuthList, Command::Lang(None)];
    let late = [
        Command::Stat,
        Command::List(None),
        Command::List(Some(one)),
        Command::Retr(one),
        Command::Dele(one),
        Command::Noop,
        Command::Rset,
        Command::Top { message: one, lines: 0 },
        Command::Uidl(None),
        Command::Capa,
    ];
    for (said, commands) in [(&[][..], &early[..]), (&LOGIN, &late)] {
        let mut client = client(cleartext(), b"+OK\r\n", said);
        for command in commands {
            let Some(Event::Refused(ticket, status)) = say(&mut client, command, b"-ERR [SYS/TEMP] no\r\n")
            else {
                panic!("{command:?}")
            };
            assert_eq!((ticket.verb, status.text().as_bytes()), (command.verb(), &b"no"[..]));
        }
        assert!(matches!(say(&mut client, &Command::Quit, b"+OK\r\n"), Some(Event::Closed(_))));
    }
    let mut client = client(cleartext(), b"+OK\r\n", &LOGIN[..1]);
    assert!(matches!(say(&mut client, &pass("x"), b"-ERR\r\n"), Some(Event::Refused(..))));
    assert!(matches!(say(&mut client, &USER, b"+OK\r\n"), Some(Event::Ok(..))));
}

/// After a fatal error every later call returns that error, and reads no input.
fn stays(client: &mut Client, fatal: ConnectionError) {
    for _ in 0..2 {
        let mut input = Input::more(b"+OK\r\n");
        assert_eq!(client.poll(&mut input).unwrap_err(), fatal);
        assert_eq!(input.remaining(), 5);
        assert_eq!(client.poll(&mut Input::last(b"")).unwrap_err(), fatal);
        assert!(!client.needs_input(b"", false), "waiting for input would never end");
        assert_eq!(client.tick(Duration::MAX), Err(fatal));
        let mut sink = SendBuf::new(vec![]);
        assert_eq!(client.send(&Command::Quit, &mut sink), Err(SendError::Over));
        assert!(sink.pending().is_empty());
    }
}

#[test]
fn law_6_each_fatal_error_of_a_client_stays() {
    let small = cleartext().with_limits(Limits::DEFAULT.with_status_line(64));
    let greeted = || client(cleartext(), b"+OK\r\n", &[]);
    let rows: Vec<(Client, Vec<u8>, bool, ConnectionError)> = vec![
        (Client::new(small, 1), vec![b'+'; 64], false, ConnectionError::OverLimit(Limit::StatusLine)),
        (Client::new(cleartext(), 1), b"+OK".to_vec(), true, ConnectionError::UnexpectedEof),
        (greeted(), vec![], true, ConnectionError::UnexpectedEof),
        (Client::new(cleartext(), 1), b"220 smtp\r\n".to_vec(), false, ConnectionError::NotPop3),
        (greeted(), b"+OK\r\n".to_vec(), false, ConnectionError::Unsolicited),
        (sent(greeted(), &USER), b"+OK\n".to_vec(), false, ConnectionError::BareLf),
        (sent(greeted(), &Command::Stls), b"+OK\r\n?".to_vec(), false, ConnectionError::PlaintextAfterStls),
        (
            Client::new(cleartext().with_profile(Profile::Strict), 1),
            b"+ok\r\n".to_vec(),
            false,
            ConnectionError::Strict(pop3_proto::Quirk::StatusCase),
        ),
    ];
    for (mut client, wire, last, fatal) in rows {
        let mut input = if last { Input::last(&wire) } else { Input::more(&wire) };
        assert_eq!(client.poll(&mut input).unwrap_err(), fatal);
        stays(&mut client, fatal);
    }
    let mut late = Client::new(cleartext(), 1);
    late.tick(Duration::ZERO).unwrap();
    let fatal = late.tick(Duration::from_secs(60)).unwrap_err();
    assert_eq!(fatal, ConnectionError::TimedOut(Timer::Greeting));
    stays(&mut late, fatal);
}

#[test]
fn law_6_a_fatal_error_of_a_server_stays() {
    let mut server = server(1);
    let _ = super::reach::ask!(&mut server, b"STLS\r\n", StartTls(_));
    for _ in 0..3 {
        let (mut input, mut sink) = (Input::more(b"QUIT\r\n"), SendBuf::new(vec![]));
        assert_eq!(server.poll(&mut input, &mut sink).unwrap_err(), ConnectionError::PlaintextAfterStls);
        assert_eq!((input.remaining(), sink.pending()), (6, &b""[..]));
        assert_eq!(server.tick(Duration::from_millis(5)), Err(ConnectionError::PlaintextAfterStls));
    }
}

/// A malformed challenge is an event too.
#[test]
fn law_6_an_odd_challenge_is_an_event() {
    let auth = Command::Auth { mechanism: Mechanism::PLAIN, initial: Some(Base64::EMPTY) };
    let mut client = client(cleartext(), b"+OK\r\n", &[]);
    let Some(Event::MalformedChallenge(step, b"Username:")) = say(&mut client, &auth, b"+ Username:\r\n")
    else {
        panic!()
    };
    client.cancel(step, &mut SendBuf::new(vec![])).unwrap();
    assert!(matches!(hear(&mut client, b"-ERR\r\n"), Some(Event::Refused(..))));
}
