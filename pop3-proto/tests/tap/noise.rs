//! Any bytes on a wire: no panic, no endless loop (the driver counts), and the same events for every cut.

use super::{Turn, Watch};
use pop3_proto::tap::{Seen, Side, Tap};
use pop3_proto::{Limits, TlsPolicy};
use proptest::prelude::*;

const HTTP: &str = "GET / HTTP/1.1\r\nHost: pop.example\r\n\r\n";
const IMAP: &str = "* OK IMAP4rev1\r\na1 OK LOGIN\r\n* 3 EXISTS\r\n";
const TLS: &str = "\u{16}\u{3}\u{1}\0\n\0\u{1}\r\n\0.\r\n+\r";
const SMTP: &str = "220 mail.example ESMTP\r\n250-PIPELINING\r\n250 OK\r\n";

#[test]
fn other_protocols_are_recognized() {
    for server in [HTTP, IMAP, TLS, SMTP, "\r\n", "\0\n", "+\r\n", ".\r\n", "+OKAY\r\n"] {
        for client in [HTTP, IMAP, TLS, SMTP, "\n\n\n"] {
            let mut watch = Watch::from_start();
            watch.server(server);
            assert_eq!(watch.notes(), ["OutOfStep(NotPop3)"], "{server:?}");
            for _ in 0..3 {
                watch.client(client);
                let notes = watch.notes();
                assert_eq!(notes.iter().filter(|note| *note == "InStep").count(), 1, "{notes:?}");
                watch.server(server);
                assert_eq!(watch.notes(), ["OutOfStep(NotPop3)"], "{server:?}");
            }
            // The session is valid POP3 again.
            watch.client("\r\n");
            watch.server("-ERR\r\n");
            watch.notes();
            watch.client("STAT\r\n");
            watch.server("+OK 1 2\r\n");
            assert!(watch.notes().last().unwrap().contains("DropListing"));
        }
    }
}

/// Returns all events of a run, in pieces of this size, with gaps where a turn has no bytes.
fn told(turns: &[Turn], piece: usize, late: bool) -> Vec<String> {
    let limits =
        Limits::DEFAULT.with_sasl_line(64).with_status_line(64).with_listing_line(64).with_command_line(64);
    let mut watch = Watch::new(if late { Tap::joined_late(limits) } else { Tap::new(limits) });
    watch.sees_tls = late;
    for (side, octets) in turns {
        if octets.is_empty() {
            watch.tap.gap(*side);
        }
        let cuts: Vec<usize> = (0..octets.len()).step_by(piece).collect();
        watch.feed(*side, octets, &cuts);
    }
    watch.end().notes
}

/// Words of the protocol, torn lines, and bytes of any kind.
fn octets() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        4 => prop::sample::select(vec![
            "+OK\r\n", "+OK 1 2\r\n", "-ERR\r\n", "+ \r\n", "+ AAAA\r\n", ".\r\n", "..\r\n", "1 2\r\n", "\r\n", "\n", "\r", ".", "+OK\n",
            "NOOP\r\n", "LIST\r\n", "LIST 1\r\n", "RETR 1\r\n", "CAPA\r\n", "AUTH\r\n", "AUTH PLAIN\r\n", "AUTH PLAIN AAAA\r\n", "*\r\n",
            "AAAA\r\n", "PASS x\r\n", "QUIT\r\n", "NOOP\n", "UIDL\r\n", "STAT\r\n", "XTND\r\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
            ".\n", "\n.\r\n", "PROXY TCP4 192.0.2.1 192.0.2.2 5 110\r\n", "\u{16}",
        ]).prop_map(|word: &str| word.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..20),
        1 => Just(b"STLS\r\n".to_vec()),
    ];
    prop::collection::vec(word, 0..8).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn law_5_any_dialogue_gives_the_same_events_under_every_cut(
        turns in prop::collection::vec((prop::bool::ANY, octets()), 0..20),
        late: bool,
    ) {
        let side = |client| if client { Side::Client } else { Side::Server };
        let turns: Vec<Turn> = turns.into_iter().map(|(client, octets)| (side(client), octets)).collect();
        let whole = told(&turns, usize::MAX, late);
        for piece in [1, 2, 7] {
            prop_assert_eq!(&told(&turns, piece, late), &whole, "in pieces of {}", piece);
        }
    }
}

/// The client machine and a tap on the same bytes agree on the server's responses.
#[test]
fn a_client_and_a_tap_read_the_same() {
    use pop3_proto::client::{ClientConfig, Event};
    use pop3_proto::{Client, Command, Input, MessageNumber, SendBuf};
    let (one, mut send) = (MessageNumber::new(1).unwrap(), SendBuf::new(vec![]));
    let answers = [
        (Command::List(None), "+OK\r\n1 2\r\n..\r\nodd\r\n.\r\n"),
        (Command::List(Some(one)), "+OK 2 2\r\n"),
        (Command::Uidl(None), "+OK\r\n1 a b\r\n2 c\r\n.\r\n"),
        (Command::Uidl(Some(one)), "+OK a\r\n"),
        (Command::Stat, "+OK none\r\n"),
        (Command::Retr(one), "+OK\r\n.\n.\r\r\n..\r\n.\r\n"),
        (Command::Top { message: one, lines: 0 }, "-ERR [SYS/TEMP] no\r\n"),
        (Command::Capa, "+OK\r\nSASL\r\n\x7f\r\n.\r\n"),
        (Command::Noop, "+ok\r\n"),
    ];
    let mut client = Client::new(ClientConfig::new(TlsPolicy::Cleartext), 1);
    let mut tap = Tap::new(Limits::DEFAULT);
    let both = |client: &mut Client, tap: &mut Tap, octets: &str| {
        let (mut one, mut two) = (Input::more(octets.as_bytes()), Input::more(octets.as_bytes()));
        while let Some(event) = client.poll(&mut one).unwrap() {
            let mut seen = tap.server(&mut two);
            if let Some(Seen::Ambiguous(..)) = seen {
                seen = tap.server(&mut two); // a remark of the tap alone
            }
            assert_eq!(format!("Some(Answer({event:?}))"), format!("{seen:?}"));
            assert!(!matches!(event, Event::Closed(_)));
        }
        assert!(tap.server(&mut two).is_none());
        assert_eq!((one.remaining(), two.remaining()), (0, 0));
    };
    both(&mut client, &mut tap, "+OK <1.2@example>\r\n");
    let login = [
        (Command::User("mrose".try_into().unwrap()), "+OK\r\n"),
        (Command::Pass("x".try_into().unwrap()), "+OK\r\n"),
    ];
    for (command, answer) in login.into_iter().chain(answers) {
        client.send(&command, &mut send).unwrap();
        let mut input = Input::more(send.pending());
        while tap.client(&mut input).is_some() {}
        send.clear();
        both(&mut client, &mut tap, answer);
    }
}
