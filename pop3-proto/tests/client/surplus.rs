//! Bytes that no command asked for: the client reports the event of the response, then the session is over. Bytes
//! received before a command was sent are never the response to it.

use super::{CLEAR, GREETING, Guest, quirks};
use pop3_proto::client::{ClientConfig, SendError};
use pop3_proto::{
    AnswerError, Base64, Command, ConnectionError, Limits, Profile, Quirk, SendBuf, State, Timer, Timers,
    TlsPolicy,
};
use pop3_proto_kit::client;
use std::time::Duration;

const OVER: Result<(), SendError> = Err(SendError::Over);

/// A session that waits for a response, with the events of that response.
struct Case {
    name: &'static str,
    session: fn() -> Guest,
    response: &'static str,
    events: &'static [&'static str],
}

fn after(mut session: Guest, line: &str) -> Guest {
    session.send(line).unwrap();
    session
}

/// Every kind of response that leaves no command unanswered, except the responses to STLS and QUIT.
const CASES: &[Case] = &[
    Case {
        name: "greeting",
        session: || Guest::new(CLEAR),
        response: "+OK ready\r\n",
        events: &["greeting ready"],
    },
    Case { name: "no service", session: || Guest::new(CLEAR), response: "-ERR\r\n", events: &["no service"] },
    Case {
        name: "USER",
        session: || after(Guest::greeted(CLEAR), "USER mrose"),
        response: "+OK\r\n",
        events: &["USER ok"],
    },
    Case {
        name: "PASS",
        session: || {
            let mut session = Guest::greeted(CLEAR);
            session.ask("USER mrose", "+OK\r\n");
            after(session, "PASS wrong")
        },
        response: "-ERR no\r\n",
        events: &["PASS refused no"],
    },
    Case {
        name: "RETR",
        session: || after(Guest::opened(CLEAR), "RETR 1"),
        response: "+OK\r\nmine\r\n.\r\n",
        events: &["RETR 1 begin", "body mine\\r\\n", "RETR 1 end 6"],
    },
    Case {
        name: "LIST",
        session: || after(Guest::opened(CLEAR), "LIST"),
        response: "+OK\r\n1 2\r\n.\r\n",
        events: &["LIST begin", "1 has 2", "LIST end 1"],
    },
    Case {
        name: "STLS",
        session: || {
            let mut session = Guest::greeted(ClientConfig::new(TlsPolicy::Opportunistic));
            session.ask("CAPA", "+OK\r\nSTLS\r\n.\r\n");
            after(session, "STLS")
        },
        response: "-ERR no\r\n",
        events: &["STLS refused no"],
    },
    Case {
        name: "challenge",
        session: || after(Guest::greeted(CLEAR), "AUTH PLAIN"),
        response: "+ \r\n",
        events: &["challenge"],
    },
    Case {
        name: "AUTH",
        session: || after(Guest::greeted(CLEAR), "AUTH PLAIN"),
        response: "+OK\r\n",
        events: &["AUTH accepted"],
    },
];

/// Bytes that a server, or an attacker who can write into its stream, may add.
const SURPLUS: &[&str] = &[
    "+OK\r\n",
    "+OK\r\nSubject: not yours\r\n\r\nx\r\n.\r\n",
    "+OK forged\r\n+OK forged\r\n",
    "+OK x",
    "+",
    "x",
    "\r\n",
    "-ERROR\r\n",
    "-OK\r\n",
    "-ERRx",
];

/// Returns the events of these pieces, polling each to its end before the next arrives. `ends` is whether the stream
/// ends then.
fn events(session: &mut Guest, pieces: &[&str], ends: bool) -> Vec<String> {
    let mut events: Vec<String> = Vec::new();
    let mut heard = Vec::new();
    for piece in pieces {
        heard.extend(session.hear(piece));
    }
    if ends {
        heard.extend(session.last(""));
    }
    for event in heard {
        match (events.last_mut(), event.strip_prefix("body ")) {
            (Some(last), Some(more)) if last.starts_with("body ") => last.push_str(more),
            // A fatal error is permanent.
            (Some(last), _) if *last == event && event.starts_with("fatal") => {}
            _ => events.push(event),
        }
    }
    events
}

/// Returns the text in every two pieces, in every three, and byte by byte.
fn cuts(text: &str) -> Vec<Vec<&str>> {
    let mut cuts = vec![text.split("").collect()];
    for first in 0..=text.len() {
        cuts.extend(
            (first..=text.len()).map(|second| vec![&text[..first], &text[first..second], &text[second..]]),
        );
    }
    cuts
}

/// Asserts that every command and handshake fails, and that no byte is sent.
fn nothing_can_be_sent(session: &mut Guest, what: &str) {
    for line in ["USER mrose", "PASS x", "RETR 2", "NOOP", "STLS", "AUTH PLAIN", "QUIT"] {
        assert_eq!(session.send(line).map(drop), OVER, "{what}: {line}");
    }
    if let Some(step) = session.step.take() {
        let refused = session.pop3.sender().respond(step, Base64::EMPTY).unwrap_err();
        assert_eq!(refused, AnswerError::Stale, "{what}");
    }
    if let Some(done) = session.done.take() {
        assert_eq!(session.pop3.sender().verified(done).unwrap_err(), AnswerError::Stale, "{what}");
    }
}

#[test]
fn sec_a_surplus_response_is_fatal_under_every_cut() {
    for case in CASES {
        for surplus in SURPLUS {
            let text = [case.response, surplus].concat();
            let expected = [case.events, &["fatal Unsolicited"]].concat();
            for pieces in cuts(&text) {
                let mut session = (case.session)();
                let what = format!("{} {pieces:?}", case.name);
                // A possible start of a farewell waits for its end.
                assert_eq!(events(&mut session, &pieces, surplus.starts_with("-ERRx")), expected, "{what}");
                assert!(session.client().is_closed());
                nothing_can_be_sent(&mut session, &what);
            }
        }
    }
}

/// Sends commands at each event, as a driver may, after one read that returned all bytes.
#[test]
fn sec_a_surplus_response_never_answers_a_later_command() {
    for case in CASES {
        for surplus in SURPLUS.iter().chain(&["-ERR bye\r\n", "-ERR", "-"]) {
            let mut session = (case.session)();
            session.sent();
            let state = session.client().state();
            let text = [case.response, surplus].concat();
            session.receive(text.as_bytes());
            for _ in case.events {
                assert!(session.poll().is_some());
            }
            assert_eq!(session.unread(), surplus.as_bytes(), "{}", case.name);
            nothing_can_be_sent(&mut session, case.name);
            assert_eq!(session.sent(), "");
            let after = if state == State::Greeting { State::Authorization } else { state };
            assert_eq!(session.client().state(), after, "{}", case.name);
        }
    }
}

#[test]
fn sec_surplus_bytes_after_stls_are_fatal_under_every_cut() {
    for surplus in ["+OK\r\n", "-ERR\r\n", "-", "x"] {
        let text = ["+OK begin\r\n", surplus].concat();
        for pieces in cuts(&text) {
            let mut session = after(Guest::greeted(CLEAR), "STLS");
            let seen = events(&mut session, &pieces, false);
            // The client gives out the token only if the buffer holds just the response.
            assert!(
                seen == ["fatal PlaintextAfterStls"] || seen == ["start TLS", "fatal PlaintextAfterStls"],
                "{seen:?}"
            );
            if let Some(start) = session.start.take() {
                let refused = session.pop3.tls_started(start).unwrap_err();
                assert_eq!(refused, AnswerError::Stale);
            }
            assert!(!session.client().is_tls());
        }
    }
}

/// Losing bytes before the next poll changes nothing.
#[test]
fn sec_a_surplus_that_is_dropped_stays_fatal() {
    for surplus in ["+OK\r\n", "-ERR\r\n", "-ER"] {
        let mut client = client(CLEAR, &[]);
        client.send(&Command::Capa, &mut SendBuf::new(vec![])).unwrap();
        let text = ["-ERR\r\n", surplus].concat();
        client.poll(&mut pop3_proto::Input::more(text.as_bytes())).unwrap();
        assert!(!client.needs_input(b"", false));
        let polled = client.poll(&mut pop3_proto::Input::more(b""));
        assert_eq!(polled.unwrap_err(), ConnectionError::Unsolicited, "{surplus}");
    }
}

const BYE: &str = "-ERR Disconnected for inactivity\r\n";
const FAREWELL: &str = "farewell Disconnected for inactivity";

/// The server's last line keeps its text, alone or after the last response, and is always fatal.
#[test]
fn sec_a_farewell_is_an_event_under_every_cut() {
    for case in CASES {
        for (surplus, ends) in
            [(BYE, false), (BYE, true), ("-ERR Disconnected for inactivity\r\n+OK x", true)]
        {
            let text = [case.response, surplus].concat();
            let expected = [case.events, &[FAREWELL, "fatal Unsolicited"]].concat();
            for pieces in cuts(&text) {
                let mut session = (case.session)();
                let what = format!("{} {pieces:?}", case.name);
                assert_eq!(events(&mut session, &pieces, ends), expected, "{what}");
                nothing_can_be_sent(&mut session, &what);
            }
        }
    }
}

/// After the first byte of a farewell the client cannot send, so the farewell is never the response to a later
/// command.
#[test]
fn sec_a_farewell_is_never_a_response_to_a_later_command() {
    for case in CASES {
        for end in 1..BYE.len() {
            let mut session = (case.session)();
            assert_eq!(session.hear(case.response), case.events);
            assert!(session.hear(&BYE[..end]).is_empty(), "{} {end}", case.name);
            assert!(!session.pop3.is_ready());
            nothing_can_be_sent(&mut session, case.name);
            assert_eq!(session.hear(&BYE[end..]), [FAREWELL, "fatal Unsolicited"]);
        }
    }
}

#[test]
fn sec_a_farewell_is_a_whole_line_of_err_and_nothing_else() {
    let heard = |config: ClientConfig, text: &str| events(&mut Guest::opened(config), &[text], true);
    assert_eq!(heard(CLEAR, "-ERR\r\n"), ["farewell", "fatal Unsolicited"]);
    assert_eq!(heard(CLEAR, "-ERR [SYS/TEMP] down\r\n"), ["farewell [SYS/TEMP] down", "fatal Unsolicited"]);
    let short = CLEAR.with_limits(Limits::DEFAULT.with_status_line(64));
    let long = format!("-ERR {}\r\n", "x".repeat(60));
    for text in ["-ERR bye", "-ERR bye\r", "-ER\r\n", "-ERR bye\n", "-ERRbye\r\n", &long] {
        assert_eq!(heard(short, text), ["fatal Unsolicited"], "{text:?}");
    }
    // The end of the stream without a farewell.
    assert_eq!(heard(CLEAR, ""), ["fatal UnexpectedEof"]);
    // The profile rejects the same faults in a farewell as in a response.
    assert_eq!(heard(CLEAR, "-err bye\r\n"), ["farewell bye", "fatal Unsolicited"]);
    assert_eq!(heard(CLEAR.with_profile(Profile::Strict), "-err bye\r\n"), ["fatal Unsolicited"]);
    let mut lines = Guest::new(CLEAR);
    assert_eq!(
        events(&mut lines, &["+OK\n", "-ERR bye\n"], true),
        ["greeting", "farewell bye", "fatal Unsolicited"]
    );
    assert_eq!(lines.quirks(), quirks(&[Quirk::BareLf]));
}

/// If a command in flight asked for it, a refusal is the response to that command, whatever its text is.
#[test]
fn sec_a_refusal_in_flight_is_not_a_farewell() {
    let mut session = after(Guest::opened(CLEAR), "NOOP");
    assert_eq!(session.hear(BYE), ["NOOP refused Disconnected for inactivity"]);
    assert_eq!(session.last(""), ["fatal UnexpectedEof"]);
    let mut session = after(Guest::opened(CLEAR), "QUIT");
    assert_eq!(session.hear([BYE, BYE].concat()), ["closed NoneAsked"]);
    assert!(session.last("").is_empty());
}

/// An incomplete farewell is waited for as long as a response.
#[test]
fn sec_a_farewell_without_an_end_times_out() {
    let config = CLEAR.with_timers(
        Timers::DEFAULT.with_greeting(Duration::from_secs(5)).with_answer(Duration::from_secs(100)),
    );
    let mut session = Guest::greeted(config);
    assert_eq!(session.wait(1000), "", "no response is pending");
    assert!(session.hear("-ERR").is_empty());
    assert_eq!(session.wait(60), "");
    // More bytes of the farewell do not restart the timer.
    assert!(session.hear("-ERR by").is_empty());
    assert_eq!(session.wait(39), "");
    assert_eq!(session.wait(1), format!("{:?}", ConnectionError::TimedOut(Timer::Answer)));
}

/// Without a surplus the session continues, so the cases are sound.
#[test]
fn a_response_alone_is_not_a_surplus() {
    for case in CASES {
        let mut session = (case.session)();
        assert_eq!(session.hear(case.response), case.events);
        assert!(!session.client().is_closed());
    }
    assert_eq!(Guest::new(CLEAR).hear(GREETING).len(), 1);
}
