//! TLS is a wall: an octet in clear behind STLS is fatal on either side, whenever it shows, and nothing of it is taken for a word inside TLS.

use super::sasl_kit::{Desk, Host};
use pop3_proto::client::{Event, SendError};
use pop3_proto::server::{Ask, ServerConfig, StartTls, Step};
use pop3_proto::{AnswerError, Command, ConnectionError, Input, SendBuf, State, TlsPolicy};
use std::time::Duration;

/// What a client, or somebody for it, may put behind STLS: whole and partial commands, bare line ends, a TLS record.
const BEHIND_STLS: [&[u8]; 9] = [
    b"QUIT\r\n",
    b"CAPA\r\nQUIT\r\n",
    b"USER mrose\r\nPASS secret\r\n",
    b"USER mr",
    b"Q",
    b"\r\n",
    b"\n",
    b"\0",
    b"\x16\x03\x01",
];

/// What a server, or somebody for it, may put behind the answer to STLS.
const BEHIND_OK: [&[u8]; 9] = [
    b"+OK injected\r\n",
    b"+OK\r\nSASL PLAIN\r\n.\r\n",
    b"-ERR\r\n",
    b"+OK not whole",
    b"+",
    b"\r\n",
    b"\n",
    b"\0",
    b"\x16\x03\x03",
];

fn host() -> Host {
    Host::new(ServerConfig::new(TlsPolicy::Opportunistic))
}

fn desk(config: TlsPolicy) -> Desk {
    let mut desk = Desk::greeted(config);
    desk.say(&Command::Stls).unwrap();
    desk
}

/// Feeds the reads to a server as a driver does, which keeps what was not read; the question for TLS, if it came, and how it ended.
fn serve(host: &mut Host, reads: &[&[u8]]) -> (Option<StartTls>, Result<(), ConnectionError>) {
    let (mut unread, mut start) = (Vec::new(), None);
    for read in reads {
        unread.extend_from_slice(read);
        let mut input = Input::more(&unread);
        loop {
            match host.server.poll(&mut input, &mut host.out) {
                Ok(Step::NeedInput | Step::Waiting) => break,
                Ok(Step::Ask(Ask::StartTls(token))) => start = Some(token),
                Ok(step) => panic!("{step:?}"),
                Err(fatal) => return (start, Err(fatal)),
            }
        }
        let kept = input.remaining();
        unread.drain(..unread.len() - kept);
    }
    (start, Ok(()))
}

/// Feeds the reads to a client as a driver does.
fn read(
    desk: &mut Desk,
    reads: &[&[u8]],
) -> (Option<pop3_proto::client::StartTls>, Result<(), ConnectionError>) {
    let (mut unread, mut start) = (Vec::new(), None);
    for read in reads {
        unread.extend_from_slice(read);
        let mut input = Input::more(&unread);
        loop {
            match desk.client.poll(&mut input) {
                Ok(None) => break,
                Ok(Some(Event::StartTls(token))) => start = Some(token),
                Ok(Some(event)) => panic!("{event:?}"),
                Err(fatal) => return (start, Err(fatal)),
            }
        }
        let kept = input.remaining();
        unread.drain(..unread.len() - kept);
    }
    (start, Ok(()))
}

/// A server that is done for: it says so each time, takes no token and is not in TLS.
fn assert_over(host: &mut Host, start: Option<StartTls>) {
    if let Some(start) = start {
        let unanswered = host.server.tls_started(start, Input::more(b"")).unwrap_err();
        assert_eq!(unanswered.why, AnswerError::Stale);
    }
    assert!(!host.server.is_tls());
    assert_eq!(host.server.tick(Duration::ZERO), Err(ConnectionError::PlaintextAfterStls));
    let polled = host.server.poll(&mut Input::more(b"QUIT\r\n"), &mut host.out);
    assert!(matches!(polled, Err(ConnectionError::PlaintextAfterStls)));
    assert_eq!(host.said(), "");
}

fn assert_desk_over(desk: &mut Desk, start: Option<pop3_proto::client::StartTls>) {
    if let Some(start) = start {
        let unanswered = desk.client.tls_started(start, Input::more(b"")).unwrap_err();
        assert_eq!(unanswered.why, AnswerError::Stale);
    }
    assert!(!desk.client.is_tls());
    assert_eq!(desk.client.tick(Duration::ZERO), Err(ConnectionError::PlaintextAfterStls));
    assert_eq!(desk.say(&Command::Capa), Err(SendError::Over));
    assert!(matches!(desk.hear(b""), Err(ConnectionError::PlaintextAfterStls)));
}

/// Also 2595.4.e and the row of CVE-2011-0411: same read, later read, the cut at every octet. Nothing behind STLS is answered or asked
/// about, and STLS itself is answered only where it came alone.
#[test]
fn r2595_sec_a_octets_behind_stls_are_fatal_at_every_cut() {
    for behind in BEHIND_STLS {
        let wire = [b"STLS\r\n", behind].concat();
        for cut in 0..=wire.len() {
            let (first, second) = wire.split_at(cut);
            let mut host = host();
            let (start, end) = serve(&mut host, &[first, second]);
            assert_eq!(
                end,
                Err(ConnectionError::PlaintextAfterStls),
                "{:?} cut at {cut}",
                behind.escape_ascii()
            );
            assert_eq!(start.is_some(), cut == 6, "the question came only where STLS came alone");
            assert_eq!(host.said(), if cut == 6 { "+OK begin TLS\r\n" } else { "" });
            assert_over(&mut host, start);
        }
    }
}

/// No queue and no half-read line is there to carry them across.
#[test]
fn sec_command_injection_octets_behind_stls_are_fatal_one_by_one() {
    for behind in BEHIND_STLS {
        let wire = [b"stls\n", behind].concat();
        let reads: Vec<&[u8]> = wire.chunks(1).collect();
        let mut host = host();
        let (start, end) = serve(&mut host, &reads);
        assert_eq!(end, Err(ConnectionError::PlaintextAfterStls));
        assert_eq!(host.said(), "+OK begin TLS\r\n");
        assert_over(&mut host, start);
    }
}

/// The answer to STLS still lies in the sink, or was sent: no difference.
#[test]
fn law_8_octets_before_the_answer_to_stls_is_flushed_are_fatal() {
    for flushed in [false, true] {
        let mut host = host();
        let Step::Ask(Ask::StartTls(start)) = host.hear(b"STLS\r\n") else { panic!() };
        if flushed {
            host.said();
        }
        assert!(matches!(host.hear(b""), Step::Waiting));
        let polled = host.server.poll(&mut Input::more(b"N"), &mut host.out);
        assert!(matches!(polled, Err(ConnectionError::PlaintextAfterStls)));
        host.said();
        assert_over(&mut host, Some(start));
    }
}

/// No room for the answer to STLS: what comes meanwhile is fatal all the same.
#[test]
fn law_8_a_full_sink_opens_no_gap() {
    let mut host = host();
    host.out = SendBuf::with_limit(vec![], 0);
    pop3_proto::Sink::put(&mut host.out, &[&[b'x'; 100]]).unwrap();
    let mut input = Input::more(b"STLS\r\nQUIT\r\n");
    assert!(matches!(host.server.poll(&mut input, &mut host.out), Ok(Step::NeedSpace(_))));
    host.said();
    assert!(matches!(host.server.poll(&mut input, &mut host.out), Err(ConnectionError::PlaintextAfterStls)));
    assert_over(&mut host, None);
}

/// Also ROB.44: the machines hold no octets, so that the host shows its own.
#[test]
fn law_8_a_server_is_shown_what_its_driver_still_holds() {
    for behind in BEHIND_STLS {
        for kept in 1..=behind.len() {
            for last in [false, true] {
                let mut host = host();
                let Step::Ask(Ask::StartTls(start)) = host.hear(b"STLS\r\n") else { panic!() };
                host.said();
                let unread = &behind[..kept];
                let unread = if last { Input::last(unread) } else { Input::more(unread) };
                assert!(host.server.tls_started(start, unread).is_ok());
                assert_over(&mut host, None);
            }
        }
    }
}

/// The twin of all above: STLS alone, then a command inside TLS.
#[test]
fn law_8_a_clean_start_goes_on_inside_tls() {
    for cut in 0..=6 {
        let (first, second) = b"STLS\r\n".split_at(cut);
        let mut host = host();
        let (start, end) = serve(&mut host, &[first, second]);
        assert_eq!(end, Ok(()));
        assert_eq!(host.said(), "+OK begin TLS\r\n");
        host.server.tls_started(start.unwrap(), Input::more(b"")).unwrap();
        assert!(host.server.is_tls());
        assert!(host.answers(b"CAPA\r\n").starts_with("+OK"));
    }
}

/// Also 2595.4.e: answers injected behind the `+OK` to STLS, the cut at every octet.
#[test]
fn r2595_sec_b_octets_behind_the_ok_are_fatal_at_every_cut() {
    for policy in [TlsPolicy::Required, TlsPolicy::Opportunistic, TlsPolicy::Cleartext] {
        for behind in BEHIND_OK {
            let wire = [b"+OK begin\r\n", behind].concat();
            for cut in 0..=wire.len() {
                let (first, second) = wire.split_at(cut);
                let mut desk = desk(policy);
                let (start, end) = read(&mut desk, &[first, second]);
                assert_eq!(
                    end,
                    Err(ConnectionError::PlaintextAfterStls),
                    "{:?} cut at {cut}",
                    behind.escape_ascii()
                );
                assert_eq!(start.is_some(), cut == 11, "the event came only where the answer came alone");
                assert_desk_over(&mut desk, start);
            }
        }
    }
}

/// In a session whose lines end in LF too.
#[test]
fn sec_response_injection_octets_behind_the_ok_are_fatal_one_by_one() {
    for behind in BEHIND_OK {
        let mut desk = Desk::new(TlsPolicy::Required);
        desk.hear(b"+OK\n").unwrap();
        desk.say(&Command::Stls).unwrap();
        let wire = [b"+OK\n", behind].concat();
        let reads: Vec<&[u8]> = wire.chunks(1).collect();
        let (start, end) = read(&mut desk, &reads);
        assert_eq!(end, Err(ConnectionError::PlaintextAfterStls));
        assert_desk_over(&mut desk, start);
    }
}

#[test]
fn rob_44_a_client_is_shown_what_its_driver_still_holds() {
    for behind in BEHIND_OK {
        for kept in 1..=behind.len() {
            for last in [false, true] {
                let mut desk = desk(TlsPolicy::Required);
                let Event::StartTls(start) = desk.hear_one(b"+OK\r\n") else { panic!() };
                let unread = &behind[..kept];
                let unread = if last { Input::last(unread) } else { Input::more(unread) };
                assert!(desk.client.tls_started(start, unread).is_ok());
                assert_desk_over(&mut desk, None);
            }
        }
    }
}

/// `needs_input` and `poll` agree on it: an adapter that asks first polls, and hears of it.
#[test]
fn law_8_a_client_asks_for_no_input_when_it_holds_some_in_clear() {
    let mut desk = desk(TlsPolicy::Required);
    let Event::StartTls(_start) = desk.hear_one(b"+OK\r\n") else { panic!() };
    assert!(desk.client.needs_input(b"", false));
    assert!(!desk.client.needs_input(b"+", false));
    assert!(matches!(desk.hear(b"+"), Err(ConnectionError::PlaintextAfterStls)));
}

/// The other order: a refused STLS leaves no wall, and what follows is judged as ever.
#[test]
fn law_8_behind_a_refused_stls_octets_are_only_unsolicited() {
    let mut desk = desk(TlsPolicy::Required);
    let end = desk.hear(b"-ERR no\r\n+OK\r\n").unwrap_err();
    assert_eq!(end, ConnectionError::Unsolicited);
    let mut host = Host::new(ServerConfig::new(TlsPolicy::Cleartext));
    let answers = host.answers(b"STLS\r\nCAPA\r\n");
    assert!(answers.starts_with("-ERR unknown command\r\n+OK"), "{answers}");
}

/// The stream ends during the handshake.
#[test]
fn law_8_an_end_in_the_handshake_is_no_start_of_tls() {
    let mut desk = desk(TlsPolicy::Required);
    let Event::StartTls(start) = desk.hear_one(b"+OK\r\n") else { panic!() };
    let polled = desk.client.poll(&mut Input::last(b""));
    assert!(matches!(polled, Err(ConnectionError::UnexpectedEof)));
    assert_eq!(desk.client.tls_started(start, Input::more(b"")).unwrap_err().why, AnswerError::Stale);

    let mut host = host();
    let Step::Ask(Ask::StartTls(start)) = host.hear(b"STLS\r\n") else { panic!() };
    host.server.close(); // what a driver does when the handshake fails
    assert_eq!(host.server.tls_started(start, Input::more(b"")).unwrap_err().why, AnswerError::Stale);
    assert_eq!(host.server.state(), State::Closed);
}

/// One connection's token is no good on another.
#[test]
fn law_7_a_server_takes_no_token_of_another_connection() {
    let mut host = host();
    let Step::Ask(Ask::StartTls(start)) = host.hear(b"STLS\r\n") else { panic!() };
    let mut other =
        pop3_proto::Server::<super::sasl_kit::Maildrop, _>::new(ServerConfig::new(TlsPolicy::Required), 2);
    let unanswered = other.tls_started(start, Input::more(b"")).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::OtherConnection);
    host.server.tls_started(unanswered.token, Input::more(b"")).unwrap();
}
