//! Answers of any length through the smallest sink, and sinks that are too small.

use super::*;
use pop3_proto::server::{Language, Utf8};
use pop3_proto::{BufferFull, MIN_SEND_BUF, Mechanism, OtherCapability};

const AMOUNTS: [usize; 7] = [1, 2, 3, 7, 100, 511, 512];

/// Returns the answers through a sink of `room` bytes that sends `drain` at a time.
fn through(config: ServerConfig<'static>, room: usize, drain: usize, lines: &str) -> String {
    super::through(Host::new(config, &["abc"; 300]), usize::MAX, room, drain, false).login().say(lines)
}

#[test]
fn rob_24_listings_are_the_same_through_every_sink() {
    for line in [
        "LIST\r\n",
        "UIDL\r\n",
        "DELE 2\r\nDELE 300\r\nLIST\r\nUIDL\r\nLIST 3\r\n",
        "LIST\r\n.\r\nSTAT\r\nUIDL\r\n",
    ] {
        let whole = through(PATIENT, 1 << 20, usize::MAX, line);
        assert!(whole.len() > 1000);
        for drain in AMOUNTS {
            assert_eq!(through(PATIENT, MIN_SEND_BUF, drain, line), whole, "{drain}");
            assert_eq!(through(PATIENT, MIN_SEND_BUF + drain, drain, line), whole, "{drain}");
        }
    }
}

#[test]
fn rob_24_capa_with_all_that_there_is_is_the_same_through_every_sink() {
    static NAMES: &[Mechanism<'static>] = &[Mechanism::PLAIN; 90];
    static LANGUAGES: &[Language<'_>] = &[Language::ENGLISH; 90];
    let long = "y".repeat(400);
    let other = |tag: &'static str| {
        let arguments = Text::new(Box::leak(long.clone().into_boxed_str()).as_bytes()).unwrap();
        OtherCapability::new(Text::from_static(tag), arguments).unwrap()
    };
    let others: &'static [_] = Box::leak(vec![other("X-A"), other("X-B"), other("X-C")].into_boxed_slice());
    let config = PATIENT
        .with_limits(Limits::DEFAULT.with_sasl_line(MIN_SEND_BUF as u16))
        .with_sasl_cleartext(NAMES)
        .with_languages(LANGUAGES)
        .with_utf8(Utf8::MessagesAndUsers)
        .with_implementation(Text::from_static("words"))
        .with_capabilities(others);
    let whole = through(config, 1 << 20, usize::MAX, "CAPA\r\nLANG\r\n");
    assert!(whole.len() > 2000 && whole.lines().all(|line| line.len() <= 510));
    for drain in AMOUNTS {
        assert_eq!(through(config, MIN_SEND_BUF, drain, "CAPA\r\nLANG\r\n"), whole, "{drain}");
    }
}

/// The sink holds half a listing while marks cannot change, so the next command waits.
#[test]
fn r1939_3_c_no_command_is_read_while_an_answer_is_pending() {
    let mut server = machine(CLEAR, infos(&["abc"; 300]), LOGIN);
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut input = Input::more(b"LIST\r\nDELE 300\r\nLIST 300\r\n");
    let mut all = String::new();
    let mut last = input.remaining();
    while let Step::NeedSpace(_) = server.poll(&mut input, &mut out).unwrap() {
        if input.remaining() < last {
            last = input.remaining();
        }
        let before = server.maildrop().unwrap()[299].is_marked();
        assert_eq!(before, last == 10 || last == 0);
        all += &pending(&mut out);
    }
    all += &pending(&mut out);
    assert!(all.ends_with("300 5\r\n.\r\n+OK marked for deletion\r\n-ERR no such message\r\n"), "{all}");
}

#[test]
fn r2449_6_6_b_pipelined_commands_are_answered_in_order() {
    let lines =
        "STAT\r\nRETR 1\r\nLIST 9\r\nBAD\r\nTOP 2 0\r\nLIST 2\r\nDELE 2\r\nLIST 2\r\nNOOP\r\nQUIT\r\n";
    let expected = "+OK 300 1500\r\n+OK 5 octets\r\nabc\r\n.\r\n+OK 9 5\r\n-ERR unknown command\r\n\
                    +OK top of message follows\r\nabc\r\n\r\n.\r\n+OK 2 5\r\n+OK marked for deletion\r\n\
                    -ERR no such message\r\n+OK no operation\r\n+OK bye\r\n";
    for drain in AMOUNTS {
        assert_eq!(through(CLEAR, MIN_SEND_BUF, drain, lines), expected);
    }
}

#[test]
fn a_sink_that_is_too_small_is_distinguished_from_a_full_one() {
    for capacity in [0, 1, 100, MIN_SEND_BUF - 1] {
        let mut server = machine(CLEAR, three(), LOGIN);
        let mut buffer = vec![0; capacity];
        let mut input = Input::more(b"NOOP\r\n");
        let step = server.poll(&mut input, &mut SendBuf::new(&mut buffer[..]));
        let Ok(Step::NeedSpace(full)) = step else { panic!("{step:?}") };
        assert_eq!(full, BufferFull { needed: MIN_SEND_BUF, capacity });
        assert!(full.never_fits());
        assert_eq!(input.remaining(), 6);
        let mut buffer = [0; MIN_SEND_BUF];
        let mut out = SendBuf::new(&mut buffer[..]);
        out.put(&[b"x"]).unwrap();
        let step = server.poll(&mut input, &mut out);
        assert!(matches!(step, Ok(Step::NeedSpace(full)) if !full.never_fits()), "{step:?}");
        out.sent(1);
        assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::NeedSpace(full)) if !full.never_fits()));
        assert_eq!(pending(&mut out), "+OK no operation\r\n");
    }
}

#[test]
fn an_answer_that_never_fits_is_an_error() {
    let mut server: Server<Infos, ServerConfig<'_>> = Server::new(CLEAR, 1);
    let mut small = [0; 8];
    let mut out = SendBuf::new(&mut small[..]);
    let greet = ask!(server, &mut Input::more(b""), &mut out, Greet);
    server.refuse(greet, Refusal::Temporary).unwrap();
    let step = server.poll(&mut Input::more(b""), &mut out);
    assert!(matches!(step, Ok(Step::NeedSpace(full)) if full.never_fits()), "{step:?}");
    assert_eq!(pending(&mut out), "");
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    assert!(matches!(server.poll(&mut Input::more(b""), &mut out), Ok(Step::Closed(CloseReason::Refused))));
    assert_eq!(pending(&mut out), "-ERR [SYS/TEMP] temporary failure, try again later\r\n");
}
