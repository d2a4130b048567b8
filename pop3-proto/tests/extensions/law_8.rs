//! The STLS boundary: an unencrypted byte after STLS is fatal on both sides, whenever it is received, and is never
//! read as part of the session inside TLS.

use pop3_proto::client::SendError;
use pop3_proto::server::{Ask, Server, ServerConfig, Step};
use pop3_proto::{AnswerError, ConnectionError, Input, SendBuf, Sink, State, TlsPolicy};
use pop3_proto_kit::{Guest, Host, Infos, client, infos, machine};
use std::time::Duration;

/// Bytes that a client, or an attacker, may send after STLS: whole and partial commands, bare line ends, a TLS
/// record.
const AFTER_STLS: [&[u8]; 9] = [
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

/// Bytes that a server, or an attacker, may send after the answer to STLS.
const AFTER_OK: [&[u8]; 9] = [
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

const FATAL: ConnectionError = ConnectionError::PlaintextAfterStls;
const CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Opportunistic);

/// Returns a host after its greeting; the test does the handshake.
fn host() -> Host {
    let mut host = Host::three(CONFIG);
    host.holds_tls = true;
    host.say("");
    host
}

fn guest(policy: TlsPolicy) -> Guest {
    let mut guest = Guest::greeted(policy);
    guest.say("STLS").unwrap();
    guest
}

/// Returns the machine that asks about STLS, and its token.
fn asked() -> (Server<Infos, ServerConfig<'static>>, pop3_proto::server::StartTls) {
    let mut server = machine(CONFIG, infos(&["abc"]), "");
    match server.poll(&mut Input::more(b"STLS\r\n"), &mut SendBuf::new(vec![])) {
        Ok(Step::Ask(Ask::StartTls(start))) => (server, start),
        step => panic!("{step:?}"),
    }
}

/// Returns the answers of a server to these reads.
fn serve(host: &mut Host, reads: &[&[u8]]) -> String {
    let said = reads.iter().flat_map(|read| host.exchange(read, false)).collect();
    String::from_utf8(said).unwrap()
}

/// Asserts that the session is over: the server reports the same error each time, accepts no token and is not in TLS.
fn assert_over(host: &mut Host, what: &str) {
    assert_eq!(host.end, Some(Err(FATAL)), "{what}");
    if host.awaits_tls() {
        assert_eq!(host.tls_started(), Err(AnswerError::Stale));
    }
    assert!(!host.server().is_tls());
    assert_eq!(host.pop3.tick(Duration::ZERO), Err(FATAL));
    assert_eq!(host.say("QUIT\r\n"), "");
}

fn assert_guest_over(guest: &mut Guest) {
    if let Some(start) = guest.start.take() {
        assert_eq!(guest.pop3.tls_started(start), Err(AnswerError::Stale));
    }
    assert!(!guest.client().is_tls());
    assert_eq!(guest.pop3.tick(Duration::ZERO), Err(FATAL));
    assert_eq!(guest.send("CAPA"), Err(SendError::Over));
    assert_eq!(guest.hear(""), ["fatal PlaintextAfterStls"]);
}

/// Also 2595.4.e and the row of CVE-2011-0411: same read, later read, and a cut at every byte. The server answers or
/// asks nothing after STLS, and it answers STLS itself only if STLS was received alone.
#[test]
fn r2595_sec_a_bytes_after_stls_are_fatal_at_every_cut() {
    for after in AFTER_STLS {
        let wire = [b"STLS\r\n", after].concat();
        for cut in 0..=wire.len() {
            let (first, second) = wire.split_at(cut);
            let mut host = host();
            let said = serve(&mut host, &[first, second]);
            assert_eq!(host.awaits_tls(), cut == 6, "the server asks only if STLS was received alone");
            assert_eq!(said, if cut == 6 { "+OK begin TLS\r\n" } else { "" });
            assert_over(&mut host, &format!("{} cut at {cut}", after.escape_ascii()));
            assert_eq!(host.asked.len(), if cut == 6 { 2 } else { 1 });
        }
    }
}

/// The machine has no queue and no partial line that could carry them across.
#[test]
fn sec_command_injection_bytes_after_stls_are_fatal_one_at_a_time() {
    for after in AFTER_STLS {
        let wire = [b"stls\n", after].concat();
        let mut host = host();
        let said = serve(&mut host, &wire.chunks(1).collect::<Vec<_>>());
        assert_eq!(said, "+OK begin TLS\r\n");
        assert_over(&mut host, &after.escape_ascii().to_string());
    }
}

/// It makes no difference whether the response to STLS is still in the buffer or was sent.
#[test]
fn law_8_bytes_before_the_answer_to_stls_is_flushed_are_fatal() {
    for flushed in [false, true] {
        let mut host = host();
        host.receive(b"STLS\r\n");
        host.run();
        assert!(host.awaits_tls() && host.pop3.wants_write());
        if flushed {
            host.sent(usize::MAX);
        }
        host.receive(b"N");
        host.run();
        host.sent(usize::MAX);
        assert_over(&mut host, "");
    }
}

/// The answer to STLS does not fit, and bytes received meanwhile are still fatal.
#[test]
fn law_8_a_full_sink_opens_no_gap() {
    let mut host = host();
    let room = host.pop3.send_buf().room();
    host.pop3.send_buf().put(&[&vec![b'x'; room]]).unwrap();
    host.receive(b"STLS\r\nQUIT\r\n");
    host.run();
    assert_eq!(host.end, None);
    host.sent(usize::MAX);
    host.run();
    assert_over(&mut host, "");
}

/// Also ROB.44: the machines hold no bytes, so the host passes its own.
#[test]
fn law_8_a_server_is_shown_what_its_driver_still_holds() {
    for after in AFTER_STLS {
        for kept in 1..=after.len() {
            let mut host = host();
            assert_eq!(host.say("STLS\r\n"), "+OK begin TLS\r\n");
            host.receive(&after[..kept]);
            assert_eq!(host.tls_started(), Ok(()));
            host.run();
            assert_over(&mut host, "");
            let (mut server, start) = asked();
            server.tls_started(start, Input::last(&after[..kept])).unwrap();
            let polled = server.poll(&mut Input::more(b""), &mut SendBuf::new(vec![]));
            assert_eq!(polled.unwrap_err(), FATAL);
        }
    }
}

/// The counterpart of all tests above: STLS alone, then a command inside TLS.
#[test]
fn law_8_a_clean_start_continues_inside_tls() {
    for cut in 0..=6 {
        let (first, second) = b"STLS\r\n".split_at(cut);
        let mut host = host();
        assert_eq!(serve(&mut host, &[first, second]), "+OK begin TLS\r\n");
        assert_eq!((host.end, host.tls_started()), (None, Ok(())));
        assert!(host.server().is_tls());
        assert!(host.say("CAPA\r\n").starts_with("+OK"));
    }
}

/// Also 2595.4.e: answers injected after the `+OK` to STLS, with the cut at every byte.
#[test]
fn r2595_sec_b_bytes_after_the_ok_are_fatal_at_every_cut() {
    for policy in [TlsPolicy::Required, TlsPolicy::Opportunistic, TlsPolicy::Cleartext] {
        for after in AFTER_OK {
            let wire = [b"+OK begin\r\n", after].concat();
            for cut in 0..=wire.len() {
                let (first, second) = wire.split_at(cut);
                let mut guest = guest(policy);
                guest.hear(first);
                let last = guest.hear(second);
                assert_eq!(last, ["fatal PlaintextAfterStls"], "{:?} cut at {cut}", after.escape_ascii());
                assert_eq!(
                    guest.start.is_some(),
                    cut == 11,
                    "the event is reported only if the answer was received alone"
                );
                assert_guest_over(&mut guest);
            }
        }
    }
}

/// Also in a session whose lines end in LF.
#[test]
fn sec_response_injection_bytes_after_the_ok_are_fatal_one_at_a_time() {
    for after in AFTER_OK {
        let mut guest = Guest::new(TlsPolicy::Required);
        guest.hear("+OK\n");
        guest.say("STLS").unwrap();
        for byte in [b"+OK\n", after].concat() {
            guest.hear([byte]);
        }
        assert_guest_over(&mut guest);
    }
}

#[test]
fn rob_44_a_client_is_shown_what_its_driver_still_holds() {
    for after in AFTER_OK {
        for kept in 1..=after.len() {
            for last in [false, true] {
                let mut guest = guest(TlsPolicy::Required);
                assert_eq!(guest.hear("+OK\r\n"), ["start TLS"]);
                guest.receive(&after[..kept]);
                if last {
                    guest.end();
                }
                guest.handshake();
                assert_guest_over(&mut guest);
            }
        }
    }
}

/// `needs_input` and `poll` agree about it, so an adapter that asks first will poll, and get the error.
#[test]
fn law_8_a_client_wants_no_input_while_it_holds_unread_cleartext() {
    let mut client = client(TlsPolicy::Required, &[("STLS", "+OK\r\n")]);
    assert!(client.needs_input(b"", false));
    assert!(!client.needs_input(b"+", false));
    assert_eq!(client.poll(&mut Input::more(b"+")).unwrap_err(), FATAL);
}

/// A refused STLS has no boundary, and the bytes after it are read as usual.
#[test]
fn law_8_after_a_refused_stls_bytes_are_only_unsolicited() {
    assert_eq!(
        guest(TlsPolicy::Required).hear("-ERR no\r\n+OK\r\n"),
        ["STLS refused no", "fatal Unsolicited"]
    );
    let answers = Host::three(ServerConfig::new(TlsPolicy::Cleartext)).say("STLS\r\nCAPA\r\n");
    assert!(answers.starts_with("+OK ready\r\n-ERR unknown command\r\n+OK"), "{answers}");
}

/// The stream ends during the handshake, or the driver closes because it failed.
#[test]
fn law_8_an_end_in_the_handshake_does_not_start_tls() {
    let mut guest = guest(TlsPolicy::Required);
    assert_eq!(guest.hear("+OK\r\n"), ["start TLS"]);
    assert_eq!(guest.last(""), ["fatal UnexpectedEof"]);
    let start = guest.start.take().unwrap();
    assert_eq!(guest.pop3.tls_started(start), Err(AnswerError::Stale));

    let mut host = host();
    host.say("STLS\r\n");
    host.pop3.close();
    assert_eq!(host.tls_started(), Err(AnswerError::Stale));
    assert_eq!(host.server().state(), State::Closed);
}

/// A token of one connection is not valid on another.
#[test]
fn law_7_a_server_takes_no_token_of_another_connection() {
    let (mut server, start) = asked();
    let mut other = Server::<Infos, _>::new(ServerConfig::new(TlsPolicy::Required), 2);
    let unanswered = other.tls_started(start, Input::more(b"")).unwrap_err();
    assert_eq!(unanswered.why, AnswerError::OtherConnection);
    server.tls_started(unanswered.token, Input::more(b"")).unwrap();
}
