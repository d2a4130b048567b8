//! The output of values and errors, and the values that can be read back from settings.

use pop3_proto::client::{Deletions, Event, SendError, TlsRefusal};
use pop3_proto::login::{Login, LoginError};
use pop3_proto::script::{AsyncPeer, Script};
use pop3_proto::server::{Ask, Language, Server, Step, Unaccepted, Utf8};
use pop3_proto::{
    AnswerError, ApopTimestamp, BareLf, Base64, Capability, Client, ClientConfig, ClientConnection, Command,
    ConnectionError, Expire, Input, InvalidValue, LanguageTag, Limit, Limits, MIN_SEND_BUF, Mechanism,
    MessageNumber, OtherCapability, OwnedUniqueId, Piece, Profile, Quirks, ResponseCode, ResponseError,
    Secret, SendBuf, ServerConfig, ServerConnection, Sink, State, StatusText, StuffMode, Text, Timer, Timers,
    TlsPolicy, UniqueId,
};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// Returns the messages of an error and of its causes.
fn chain(error: &dyn Error) -> Vec<String> {
    let mut errors = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        errors.push(error.to_string());
        cause = error.source();
    }
    errors
}

#[test]
fn an_error_that_wraps_names_its_cause_and_does_not_repeat_it() {
    let mut server: Server<std::convert::Infallible, _> =
        Server::new(ServerConfig::new(TlsPolicy::Implicit), 1);
    let mut sink = SendBuf::new([0; MIN_SEND_BUF]);
    let Ok(Step::Ask(Ask::Greet(greet))) = server.poll(&mut Input::more(b""), &mut sink) else { panic!() };
    let refused = server.greet(greet, Text::EMPTY, &mut SendBuf::new([0; 3])).unwrap_err();
    let errors: [&dyn Error; 4] =
        [&refused, &refused.why, &SendError::Tls(TlsRefusal::CapaFirst), &SendError::NoUser];
    for (error, length) in errors.into_iter().zip([3, 2, 2, 1]) {
        let chain = chain(error);
        assert_eq!(chain.len(), length, "{chain:?}");
        for (above, below) in chain.iter().zip(&chain[1..]) {
            assert!(!above.contains(below.as_str()) && !below.contains(above.as_str()), "{chain:?}");
        }
    }
    assert!(format!("{refused:?}").starts_with("Unanswered {"));
    assert!(chain(&refused)[2].contains("never fit in a buffer of 3"));
    let _ = |unaccepted: Unaccepted<Vec<u8>>| unaccepted.source().is_some();
}

/// Returns the events of a client that has sent this command.
fn shown(command: &str, response: &[u8]) -> Vec<String> {
    let mut client = Client::new(TlsPolicy::Cleartext, 1);
    let mut sink = SendBuf::new(vec![]);
    for command in ["USER mrose", "PASS tanstaaf", command] {
        client.poll(&mut Input::more(b"+OK\r\n")).unwrap();
        client.send(&Command::parse(command.as_bytes()).unwrap(), &mut sink).unwrap();
    }
    let mut input = Input::more(response);
    let mut shown = vec![];
    while let Some(event) = client.poll(&mut input).unwrap() {
        shown.push(format!("{event:?}"));
    }
    shown
}

#[test]
fn debug_shows_bytes_as_text() {
    let events = shown("RETR 1", b"+OK\r\nSubject: hi\r\n.\r\n");
    assert!(
        events[1].starts_with("Body(Ticket {") && events[1].ends_with(r#", "Subject: hi\r\n")"#),
        "{events:?}"
    );
    let events = shown("LIST", b"+OK\r\n1 a lot\r\n.\r\n");
    assert!(events[1].starts_with("Malformed(") && events[1].ends_with(r#", "1 a lot")"#), "{events:?}");
    let events = shown("UIDL", b"+OK\r\n1 two words\r\n.\r\n");
    assert!(events[1].ends_with(r#", ListedUniqueId(1, "two words"))"#), "{events:?}");
    assert_eq!(format!("{:?}", Piece::Data(b"a\r\n")), r#"Data("a\r\n")"#);
    assert_eq!(format!("{:?}", Piece::End), "End");
    let script = Script::parse("C: QUIT").unwrap();
    let line = format!("{:?}", script.lines().next().unwrap());
    assert_eq!(line, r#"Line { number: 1, from: Client, octets: "QUIT\r\n" }"#);
}

#[test]
fn values_and_errors_print_what_they_contain() {
    let code = |word| ResponseCode::new(word).unwrap();
    let status = |code, text| StatusText::new(code, Text::from_static(text)).unwrap();
    assert_eq!(status(Some(ResponseCode::InUse), "busy").to_string(), "[IN-USE] busy");
    assert_eq!(status(Some(ResponseCode::InUse), "").to_string(), "[IN-USE]");
    assert_eq!(status(None, "busy").to_string(), "busy");
    let shown = format!("{:?}", status(Some(code(b"X-FULL")), "busy"));
    assert!(shown.starts_with("StatusText") && shown.contains("X-FULL") && shown.contains("busy"), "{shown}");

    assert_eq!(ResponseError.to_string(), "expected +OK or -ERR");
    assert!(BareLf.to_string().contains("LF"));
    assert_eq!(State::Transaction.to_string(), "TRANSACTION");
    assert_eq!(Deletions::Committed.to_string(), "the marked messages were removed");
    let full = SendBuf::new([0; 3]).put(&[b"four"]).unwrap_err();
    assert_eq!(chain(&SendError::BufferFull(full)).len(), 2);
    #[cfg(feature = "sasl")]
    assert_eq!(chain(&pop3_proto::sasl::SaslError::InvalidValue(InvalidValue::Empty)).len(), 2);
    assert_eq!(format!("{:?}", Input::last(b"abc")), "Input { remaining: 3, last: true }");

    assert_eq!(InvalidValue::Empty.to_string(), "the value is empty");
    assert_eq!((Limit::StatusLine.to_string(), Timer::Tls.to_string()), ("status_line".into(), "tls".into()));
    let error = ConnectionError::OverLimit(Limit::StatusLine);
    assert_eq!(error.to_string(), "peer exceeded the limit `status_line`");
    let error = LoginError::Send(SendError::NoUser);
    assert_eq!(chain(&error).len(), 2);
    assert_eq!(chain(&LoginError::Answer(AnswerError::Stale)).len(), 2);

    assert_eq!(format!("{:?}", ApopTimestamp::new(b"<1.2@x>").unwrap()), r#"ApopTimestamp("<1.2@x>")"#);
    assert_eq!(format!("{:?}", LanguageTag::new(b"de").unwrap()), r#"LanguageTag("de")"#);
    let id = OwnedUniqueId::from(UniqueId::new(b"a-1").unwrap());
    assert_eq!((format!("{id:?}"), id.to_string()), (r#"UniqueId("a-1")"#.into(), "a-1".into()));
    assert_eq!(format!("{:?}", Quirks::NONE), "{}");
    assert_eq!(u32::from(MessageNumber::FIRST), 1);

    let login = Login::new(Text::from_static("mrose"), Secret::new(b"tanstaaf").unwrap());
    assert!(format!("{login:?}").starts_with("Login {"));
    let mut client = ClientConnection::new(TlsPolicy::Cleartext, 1);
    assert!(format!("{client:?}").starts_with("ClientConnection { client: "));
    assert!(format!("{:?}", client.sender()).starts_with("Sender { client: "));
    static CONFIG: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Implicit);
    let mut server: ServerConnection<std::convert::Infallible, Vec<u8>> = ServerConnection::new(&CONFIG, 1);
    assert!(format!("{server:?}").starts_with("ServerConnection { server: "));
    assert!(format!("{:?}", server.responder()).starts_with("Responder { server: "));
    let server: Server<std::convert::Infallible, _> = Server::new(ServerConfig::new(TlsPolicy::Implicit), 1);
    assert!(format!("{server:?}").starts_with("Server { id: 1,"));
    assert!(format!("{:?}", Language::ENGLISH).starts_with("Language {"));
}

#[test]
fn values_that_differ_are_not_equal() {
    let capability = |line| Capability::parse(line).unwrap();
    assert_ne!(capability(b"SASL PLAIN"), capability(b"SASL LOGIN"));
    assert_ne!(capability(b"SASL PLAIN"), capability(b"SASL PLAIN LOGIN"));
    assert_ne!(capability(b"XTND a"), capability(b"XTNE a"));
    assert_ne!(capability(b"XTND a"), capability(b"XTND A"));
    let code = |word| ResponseCode::new(word).unwrap();
    assert_ne!(code(b"X-FULL"), code(b"X-SLOW"));
    assert_eq!(code(b"X-FULL"), code(b"x-full"));
}

/// The four letters of a verb are compared without their case, and the digit of UTF8 is not a letter.
#[test]
fn a_control_character_does_not_make_utf8() {
    assert_eq!(Command::parse(b"utf8"), Ok(Command::Utf8));
    assert_ne!(Command::parse(b"UTF\x18"), Ok(Command::Utf8));
}

#[test]
fn the_longest_time_in_days_is_not_never() {
    let mut client = Client::new(TlsPolicy::Cleartext, 1);
    let mut sink = SendBuf::new(vec![]);
    client.poll(&mut Input::more(b"+OK\r\n")).unwrap();
    client.send(&Command::Capa, &mut sink).unwrap();
    let mut input = Input::more(b"+OK\r\nEXPIRE 4294967295\r\n.\r\n");
    while client.poll(&mut input).unwrap().is_some() {}
    assert_eq!(client.capabilities().expire(), Some(Expire::Days(u32::MAX - 1)));
}

#[test]
fn a_listed_unique_id_tells_whether_it_is_valid() {
    let rows: [(&[u8], bool); 4] =
        [(b"a-1", true), (b"two words", false), (b"\xff", false), (&[b'x'; 71], false)];
    for (id, is_valid) in rows {
        for command in ["UIDL", "UIDL 1"] {
            let mut client = Client::new(TlsPolicy::Cleartext, 1);
            let mut sink = SendBuf::new(vec![]);
            for command in ["USER mrose", "PASS tanstaaf", command] {
                client.poll(&mut Input::more(b"+OK\r\n")).unwrap();
                client.send(&Command::parse(command.as_bytes()).unwrap(), &mut sink).unwrap();
            }
            let listing = if command == "UIDL" { "+OK\r\n" } else { "+OK " };
            let response = [listing.as_bytes(), b"1 ", id, b"\r\n"].concat();
            let mut input = Input::more(&response);
            let listed = loop {
                match client.poll(&mut input).unwrap() {
                    Some(Event::UniqueId(_, listed)) => break listed,
                    Some(Event::Begin(..)) => {}
                    other => panic!("{other:?}"),
                }
            };
            assert_eq!((listed.message, listed.as_bytes(), listed.as_ref()), (MessageNumber::FIRST, id, id));
            assert_eq!(listed.unique_id().map(|id| id.as_bytes()), is_valid.then_some(id), "{command}");
        }
    }
}

#[test]
fn every_setting_can_be_read() {
    let limits = Limits::DEFAULT
        .with_command_line(100)
        .with_status_line(101)
        .with_listing_line(102)
        .with_sasl_line(103)
        .with_sasl_rounds(4)
        .with_bad_commands(5, 6)
        .with_failed_logins(7)
        .with_listing_rows(8)
        .with_body_octets(9);
    assert_eq!(
        [limits.command_line(), limits.status_line(), limits.listing_line(), limits.sasl_line()],
        [100, 101, 102, 103]
    );
    assert_eq!((limits.sasl_rounds(), limits.early_bad_commands(), limits.bad_commands()), (4, 5, 6));
    assert_eq!((limits.failed_logins(), limits.listing_rows(), limits.body_octets()), (7, 8, 9));

    let span = Duration::from_secs;
    let timers = Timers::DEFAULT
        .with_greeting(span(1))
        .with_answer(span(2))
        .with_tls(span(3))
        .with_login(span(4))
        .with_autologout(span(700))
        .with_output(span(6));
    let read = [
        timers.greeting(),
        timers.answer(),
        timers.tls(),
        timers.login(),
        timers.autologout(),
        timers.output(),
    ];
    assert_eq!(read, [1, 2, 3, 4, 700, 6].map(span));

    let client = ClientConfig::new(TlsPolicy::Required).with_profile(Profile::Strict).with_limits(limits);
    let client = client.with_timers(timers).assume_pipelining();
    assert_eq!(
        (client.tls(), client.profile(), client.limits()),
        (TlsPolicy::Required, Profile::Strict, limits)
    );
    assert!(client.assumes_pipelining());
    let read = client.timers();
    assert_eq!([read.greeting(), read.answer(), read.tls()], [1, 2, 3].map(span));

    let all = ServerConfig::new(TlsPolicy::Opportunistic)
        .with_profile(Profile::Strict)
        .with_limits(limits)
        .with_timers(timers)
        .with_sasl(&[Mechanism::PLAIN])
        .with_sasl_cleartext(&[Mechanism::SCRAM_SHA_256])
        .with_login_delay(60, true)
        .with_expire(Expire::Never, false)
        .with_utf8(Utf8::Messages)
        .with_implementation(Text::from_static("mail"))
        .with_other_commands()
        .with_bodies(StuffMode::Verbatim);
    assert_eq!(
        (all.tls(), all.profile(), all.limits(), all.timers()),
        (TlsPolicy::Opportunistic, Profile::Strict, limits, timers)
    );
    assert_eq!(
        (all.sasl(), all.sasl_cleartext()),
        (&[Mechanism::PLAIN][..], &[Mechanism::SCRAM_SHA_256][..])
    );
    assert_eq!((all.login_delay(), all.expire()), (Some((60, true)), Some((Expire::Never, false))));
    assert_eq!((all.utf8(), all.implementation()), (Some(Utf8::Messages), Some(Text::from_static("mail"))));
    assert_eq!((all.bodies(), all.has_other_commands()), (StuffMode::Verbatim, true));
    assert!(all.languages().is_empty() && all.capabilities().is_empty());
    let has = |config: ServerConfig<'_>| {
        [
            config.has_user(),
            config.has_top(),
            config.has_uidl(),
            config.has_pipelining(),
            config.has_resp_codes(),
        ]
    };
    assert_eq!(has(all), [true; 5]);
    let none = all.without_user().without_top().without_uidl().without_pipelining().without_resp_codes();
    assert_eq!(has(none), [false; 5]);
}

struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Relaxed);
    }
}

#[test]
fn an_async_peer_wakes_its_reader_when_the_other_side_has_written() {
    let script = Script::parse("S: +OK ready\nC: STLS\nS: +OK\n* TLS starts\nC: QUIT\nS: +OK bye").unwrap();
    let mut server = AsyncPeer::new(script.server());
    let woken = Arc::new(Woken(AtomicUsize::new(0)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut cx = Context::from_waker(&waker);
    let mut buffer = [0; 4];
    let read = |server: &mut AsyncPeer<'_>, cx: &mut Context<'_>, buffer: &mut [u8]| {
        let mut all = vec![];
        while let Poll::Ready(count) = server.poll_read(cx, buffer).map(Result::unwrap) {
            if count == 0 {
                return (all, true);
            }
            all.extend_from_slice(&buffer[..count]);
        }
        (all, false)
    };
    assert_eq!(read(&mut server, &mut cx, &mut buffer), (b"+OK ready\r\n".to_vec(), false));
    assert!(matches!(server.poll_write(&mut cx, b"ST"), Poll::Ready(Ok(2))));
    assert_eq!(woken.0.load(Relaxed), 1);
    assert!(matches!(server.poll_write(&mut cx, b"LS\r\n"), Poll::Ready(Ok(4))));
    let mut line = [0; 5];
    assert!(matches!(server.poll_read(&mut cx, &mut line), Poll::Ready(Ok(5))));
    assert!(matches!(server.poll_read(&mut cx, &mut line), Poll::Ready(Err(_))), "TLS was to start");
    server.peer_mut().tls_started().unwrap();
    assert!(matches!(server.poll_write(&mut cx, b"NOOP\r\n"), Poll::Ready(Err(_))), "not in the script");
    assert!(matches!(server.poll_write(&mut cx, b"QUIT\r\n"), Poll::Ready(Ok(6))));
    assert_eq!(read(&mut server, &mut cx, &mut buffer), (b"+OK bye\r\n".to_vec(), true));
    server.peer().finish().unwrap();
}

#[cfg(feature = "arbitrary")]
#[test]
fn arbitrary_values_are_valid_and_every_command_is_made() {
    use arbitrary::{Arbitrary, Unstructured};
    use std::collections::HashSet;

    let mut made = HashSet::new();
    for seed in 0..=255u8 {
        let bytes: Vec<u8> = (0..=255u8).map(|at| at.wrapping_mul(7).wrapping_add(seed) % 127).collect();
        let mut unstructured = Unstructured::new(&bytes);
        while let Ok(command) = Command::arbitrary(&mut unstructured) {
            let mut sink = SendBuf::new(vec![]);
            command.encode(&mut sink).unwrap();
            made.insert(command.verb());
            if unstructured.is_empty() {
                break;
            }
        }
        assert_ne!(Limits::arbitrary(&mut Unstructured::new(&bytes)).unwrap(), Limits::DEFAULT);
        assert_ne!(Timers::arbitrary(&mut Unstructured::new(&bytes)).unwrap(), Timers::DEFAULT);
    }
    assert!(made.len() >= 18, "{made:?}");
}

#[test]
fn defaults_are_the_constants() {
    assert_eq!((Limits::default(), Timers::default()), (Limits::DEFAULT, Timers::DEFAULT));
}

#[test]
fn message_numbers_begin_with_1_and_places_with_0() {
    for number in [1, 2, u32::MAX] {
        let message = MessageNumber::try_from(number).unwrap();
        assert_eq!(u32::from(message), number);
        let place = number as usize - 1;
        assert_eq!((message.index(), MessageNumber::from_index(place)), (place, Some(message)));
    }
    assert_eq!(MessageNumber::try_from(0), Err(InvalidValue::Zero));
    assert_eq!(MessageNumber::from_index(u32::MAX as usize), None);
}

#[test]
fn a_unique_id_is_made_from_text_and_shown_as_text() {
    let id = OwnedUniqueId::try_from("a-1").unwrap();
    assert_eq!(OwnedUniqueId::try_from(String::from("a-1")).unwrap(), id);
    assert_eq!((id.to_string(), UniqueId::new(b"a-1").unwrap().to_string()), ("a-1".into(), "a-1".into()));
    assert_eq!(OwnedUniqueId::try_from("two words"), Err(InvalidValue::Octet));
    assert_eq!(OwnedUniqueId::try_from(String::new()), Err(InvalidValue::Empty));
}

#[cfg(feature = "serde")]
#[test]
fn a_unique_id_is_stored_as_a_string() {
    let id = OwnedUniqueId::try_from("a-1").unwrap();
    let stored = serde_json::to_string(&id).unwrap();
    assert_eq!(stored, r#""a-1""#);
    assert_eq!(serde_json::from_str::<OwnedUniqueId>(&stored).unwrap(), id);
    let error = serde_json::from_str::<OwnedUniqueId>("1").unwrap_err().to_string();
    assert!(error.contains("a unique-id of 1 to 70 printable ASCII characters"), "{error}");
}

#[cfg(feature = "arbitrary")]
#[test]
fn a_fuzzer_makes_unique_ids() {
    use arbitrary::{Arbitrary, Unstructured};

    let id = OwnedUniqueId::arbitrary(&mut Unstructured::new(b"a-1 b")).unwrap();
    assert_eq!(id.as_bytes(), b"a-1");
}

/// A value in the source that is not valid does not compile as a constant, and panics otherwise.
#[test]
fn a_value_in_the_source_is_checked() {
    type Make = fn(&'static str);
    fn made<T>(_: T) {}
    let made: [(Make, &str); 5] = [
        (|text| made(Text::from_static(text)), "two\nlines"),
        (|text| made(Base64::from_static(text)), "A"),
        (|text| made(Mechanism::from_static(text)), "TWO WORDS"),
        (|text| made(LanguageTag::from_static(text)), "*"),
        (|text| made(OtherCapability::from_static("XTND", text)), "two  spaces"),
    ];
    for (make, wrong) in made {
        make(if wrong == "A" { "AAAA" } else { "en" });
        assert!(std::panic::catch_unwind(|| make(wrong)).is_err(), "{wrong:?}");
    }
    let capability = OtherCapability::from_static("XTND", "a b");
    assert_eq!((capability.tag().to_str(), capability.arguments().to_str()), (Some("XTND"), Some("a b")));
}

#[test]
fn a_mismatch_has_the_line_that_was_expected() {
    let script = Script::parse("C: QUIT\nS: +OK").unwrap();
    let mismatch = script.server().received(b"QUIP").unwrap_err();
    assert_eq!(
        (mismatch.line(), mismatch.expected(), mismatch.came()),
        (Some(1), &b"QUIT\r\n"[..], &b"QUIP"[..])
    );
}

/// A time has 32 bits of milliseconds, which is 49 days.
#[test]
fn a_longer_time_becomes_the_longest_one() {
    let output = |millis| Timers::DEFAULT.with_output(Duration::from_millis(millis));
    for millis in [1 << 32, (1 << 32) + 5, u64::MAX] {
        assert_eq!(output(millis), output((1 << 32) - 1), "{millis}");
    }
}
