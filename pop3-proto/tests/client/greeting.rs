use super::{CLEAR, GREETING, Guest, STRICT};
use pop3_proto::client::{Event, SendError};
use pop3_proto::{Client, Input, Quirk, State, TlsPolicy};

/// Returns the timestamp of a greeting, as a tolerant client reads it.
fn timestamp(greeting: impl AsRef<[u8]>) -> Option<String> {
    let mut client = Client::new(TlsPolicy::Cleartext, 1);
    let line = [greeting.as_ref(), b"\r\n"].concat();
    let Ok(Some(Event::Greeting(greeting))) = client.poll(&mut Input::more(&line)) else {
        panic!("{}", line.escape_ascii())
    };
    greeting.timestamp.map(|timestamp| timestamp.as_bytes().escape_ascii().to_string())
}

/// Also 1939.3.af.
#[test]
fn r1939_4_b_a_positive_greeting_starts_authorization() {
    let mut session = Guest::new(CLEAR);
    assert_eq!(session.client().state(), State::Greeting);
    assert_eq!(session.send("QUIT").unwrap_err(), SendError::State(State::Greeting));
    assert!(session.hear("").is_empty());
    assert_eq!(session.hear("+OK POP3 server ready\r\n"), ["greeting POP3 server ready"]);
    assert_eq!(session.client().state(), State::Authorization);
    assert!(session.client().is_idle() && !session.client().is_tls() && session.quirks().is_empty());
}

#[test]
fn r1939_4_c_after_a_greeting_of_err_only_quit_may_be_sent() {
    let mut session = Guest::new(CLEAR);
    assert_eq!(
        session.hear("-ERR [SYS/TEMP] no service <1@x>\r\n"),
        ["no service [SYS/TEMP] no service <1@x>"]
    );
    for line in
        ["USER mrose", "APOP mrose c4c9334bac560ecc979e58001b3e22fb", "AUTH PLAIN", "CAPA", "STLS", "XTND"]
    {
        assert_eq!(session.send(line).unwrap_err(), SendError::NoService, "{line}");
    }
    assert_eq!(session.sent(), "");
    assert_eq!(session.ask("QUIT", "+OK\r\n"), ["closed NoneAsked"]);
}

/// Also quirk 5.
#[test]
fn rob_14_a_first_line_that_is_not_a_status_is_fatal() {
    for line in [
        "* OK Gimap ready",
        "220 smtp ready",
        "HTTP/1.1 400 Bad Request",
        "",
        "+",
        "+ AAAA",
        "+OKready",
        "SSH-2.0",
    ] {
        let mut session = Guest::new(CLEAR);
        assert_eq!(session.hear(format!("{line}\r\n")), ["fatal NotPop3"], "{line}");
        assert_eq!(session.hear(GREETING), ["fatal NotPop3"], "it is sticky");
        assert_eq!(session.send("QUIT").unwrap_err(), SendError::Over);
    }
}

#[test]
fn rob_14_a_stream_that_ends_before_the_greeting_is_an_unexpected_end() {
    for octets in ["", "+", "+OK ready", "+OK ready\r"] {
        assert_eq!(Guest::new(CLEAR).last(octets), ["fatal UnexpectedEof"], "{octets}");
    }
    assert_eq!(Guest::new(CLEAR).last("+OK ready\r\n"), ["greeting ready", "fatal UnexpectedEof"]);
}

/// Also AMB.5, quirk 26.
#[test]
fn rob_27_the_timestamp_is_the_first_that_is_well_formed() {
    let found = [
        ("+OK ready <1896.697170952@dbc.mtview.ca.us>", "<1896.697170952@dbc.mtview.ca.us>"),
        ("+OK <1@x> and more text", "<1@x>"),
        ("+OK <1@x> <2@y>", "<1@x>"),
        ("+OK [SYS/TEMP] <1@x>", "<1@x>"),
        ("+OK <1@x>>", "<1@x>"),
        ("+OK <b>hi</b> <1.2@h>", "<1.2@h>"),
        ("+OK <hello> <1@x>", "<1@x>"),
        ("+OK < <1@x>", "<1@x>"),
    ];
    for (greeting, expected) in found {
        assert_eq!(timestamp(greeting).as_deref(), Some(expected), "{greeting}");
    }
    assert_eq!(timestamp(b"+OK hi <\xFC@x> <1@a.b>").as_deref(), Some("<1@a.b>"));
    for greeting in ["+OK", "+OK ready", "+OK <hello>", "+OK 1@x>", "+OK <1@x", "+OK > 1@x <"] {
        assert_eq!(timestamp(greeting), None, "{greeting}");
    }
}

/// Also quirk 26.
#[test]
fn rob_26_a_timestamp_that_is_not_a_message_id_is_ignored() {
    for text in
        ["<1>", "<@>", "<1@>", "<@x>", "<1@x@y>", "<1 2@x>", "<caf\u{e9}@x>", "<1@x\u{7f}>", "<\u{1}@x>"]
    {
        assert_eq!(timestamp(format!("+OK {text}")), None, "{text}");
        let mut session = Guest::new(CLEAR);
        session.hear(format!("+OK {text}\r\n"));
        let apop = session.send("APOP mrose c4c9334bac560ecc979e58001b3e22fb");
        assert_eq!(apop.unwrap_err(), SendError::NoTimestamp, "{text}");
    }
}

/// Also AMB.1 and AMB.3.
#[test]
fn rob_28_a_bracket_at_the_end_of_a_greeting_is_text() {
    let greeting = "+OK The Microsoft Exchange POP3 service is ready. [QgBOADYAUABS]\r\n";
    let expected = ["greeting The Microsoft Exchange POP3 service is ready. [QgBOADYAUABS]"];
    for config in [CLEAR, STRICT] {
        assert_eq!(Guest::new(config).hear(greeting), expected);
    }
}

#[test]
fn amb_4_a_greeting_may_have_its_code_right_after_the_status() {
    let mut session = Guest::new(CLEAR);
    assert_eq!(session.hear("+OK[IN-USE] x\r\n"), ["greeting [IN-USE] x"]);
    assert!(session.quirks().contains(Quirk::GreetingSpacing));
    assert_eq!(Guest::new(STRICT).hear("+OK[IN-USE] x\r\n"), ["fatal Strict(GreetingSpacing)"]);
    for config in [CLEAR, STRICT] {
        assert_eq!(Guest::new(config).hear("-ERR [IN-USE] x\r\n"), ["no service [IN-USE] x"]);
        assert_eq!(Guest::opened(config).ask("NOOP", "+OK[IN-USE] x\r\n"), ["fatal NotPop3"]);
    }
}

/// Also ROB.18: text from a peer never moves a terminal's cursor.
#[test]
fn amb_2_control_bytes_in_a_text_are_shown_escaped() {
    let mut session = Guest::new(CLEAR);
    assert_eq!(session.hear("+OK \u{1b}[2J\u{7f}x\r\n"), ["greeting \\x1b[2J\\x7fx"]);
    assert!(session.quirks().is_empty());
    let mut session = Guest::new(CLEAR);
    assert_eq!(session.hear("+OK a\0b\r\n"), ["greeting a"]);
    assert!(session.quirks().contains(Quirk::ControlInText));
    assert_eq!(Guest::new(STRICT).hear("+OK a\rb\r\n"), ["fatal Strict(ControlInText)"]);
}
