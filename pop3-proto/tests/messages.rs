//! The messages of errors, reasons and states, word for word, because people read them in logs.

use pop3_proto::client::{Deletions, SendError, TlsRefusal};
use pop3_proto::login::{Cause, LoginError, Way, WhyNot};
use pop3_proto::server::{BodyError, CloseReason, ConfigError, Phrase, Refusal};
use pop3_proto::tap::Side;
use pop3_proto::{
    AnswerError, BareLf, BufferFull, BufferTooSmall, ClientConfig, ClientConnection, CommandError,
    ConnectionError, Expire, InvalidValue, Limit, Quirk, ResponseCode, ResponseError, Retry, State,
    StatusText, Text, Timer, TlsPolicy, Verb,
};
use std::error::Error;
use std::fmt::Display;

const FULL: BufferFull = BufferFull { needed: 9, capacity: 512 };

fn say<T: Display>(messages: &[(T, &str)]) {
    for (value, message) in messages {
        assert_eq!(value.to_string(), *message);
    }
}

/// An error has no full stop, so a program can put it into a sentence.
fn say_errors<T: Error>(messages: &[(T, &str)]) {
    say(messages);
    for (_, message) in messages {
        assert!(!message.ends_with('.'), "{message}");
    }
}

#[test]
fn each_fault_of_a_peer_has_its_message() {
    say_errors(&[
        (ConnectionError::OverLimit(Limit::StatusLine), "peer exceeded the limit `status_line`"),
        (ConnectionError::UnexpectedEof, "the stream ended before a response was complete"),
        (ConnectionError::NotPop3, "expected a POP3 status line (+OK or -ERR)"),
        (ConnectionError::Unsolicited, "received bytes that no command asked for"),
        (ConnectionError::BareLf, "a status line ends in LF in a session whose lines end in CR LF"),
        (ConnectionError::PlaintextAfterStls, "received unencrypted bytes after STLS"),
        (ConnectionError::Strict(Quirk::Spacing), "refused by the strict profile: Spacing"),
        (ConnectionError::TimedOut(Timer::Answer), "the answer timer ran out"),
    ]);
    say_errors(&[(ResponseError, "expected +OK or -ERR")]);
    say(&[
        (Limit::CommandLine, "command_line"),
        (Limit::StatusLine, "status_line"),
        (Limit::ListingLine, "listing_line"),
        (Limit::SaslLine, "sasl_line"),
        (Limit::SaslRounds, "sasl_rounds"),
        (Limit::ListingRows, "listing_rows"),
        (Limit::BodyOctets, "body_octets"),
    ]);
    say(&[
        (Timer::Greeting, "greeting"),
        (Timer::Answer, "answer"),
        (Timer::Tls, "tls"),
        (Timer::Login, "login"),
        (Timer::Autologout, "autologout"),
        (Timer::Output, "output"),
    ]);
}

#[test]
fn each_mistake_of_a_caller_has_its_message() {
    say_errors(&[
        (AnswerError::Stale, "the question is no longer open"),
        (AnswerError::OtherConnection, "token belongs to another connection"),
        (AnswerError::BufferFull(FULL), "the answer does not fit in the send buffer"),
        (AnswerError::TooLong { limit: 512 }, "the line would be longer than 512 bytes"),
        (AnswerError::Text, "the text is not printable, or reads as a response code: change it"),
        (AnswerError::MustCancel, "the exchange can only be cancelled"),
    ]);
    say_errors(&[
        (FULL, "the buffer has no room for 9 bytes now: send the pending bytes"),
        (BufferFull { needed: 9, capacity: 8 }, "9 bytes never fit in a buffer of 8: use a larger one"),
    ]);
    say_errors(&[
        (BodyError::NoBody, "no message is open"),
        (BodyError::StatusPending, "the status line is not written yet: poll first"),
        (BodyError::BareLf, "the message contains a bare LF: close the connection"),
        (
            BodyError::Size { sent: 1, stated: 2 },
            "the message has 1 octets, but 2 were stated: close the connection",
        ),
    ]);
    say_errors(&[(BareLf, "the message has an LF without a CR before it")]);
    say_errors(&[
        (too_small(true), "receive buffer of 8 bytes is too small: give it at least 12288, or lower a limit"),
        (too_small(false), "send buffer of 8 bytes is too small: give it at least 12288, or lower a limit"),
    ]);
    assert_eq!(AnswerError::BufferFull(FULL).source().unwrap().to_string(), FULL.to_string());
    assert!(AnswerError::Stale.source().is_none());
}

#[cfg(feature = "std")]
#[test]
fn a_read_that_would_wait_for_nothing_has_its_message() {
    let mut pop3 = ClientConnection::new(TlsPolicy::Cleartext, 1);
    pop3.recv_buf().append(b"+OK ready\r\n");
    assert!(pop3.poll().is_ok_and(|event| event.is_some()));
    let error = pop3.read_from(&mut [0; 9].as_slice()).unwrap_err();
    let message = "no data is expected from the peer: send a command, answer the open question, or close";
    assert_eq!(error.to_string(), message);
}

/// Returns the error of a connection whose receive buffer, or send buffer, has 8 bytes.
fn too_small(is_recv: bool) -> BufferTooSmall {
    let config = ClientConfig::new(TlsPolicy::Implicit);
    let buffer = |small| vec![0; if small { 8 } else { 12_288 }].into_boxed_slice();
    ClientConnection::with_buffers(config, 1, buffer(is_recv), buffer(!is_recv)).unwrap_err()
}

#[test]
fn each_command_that_cannot_be_sent_has_its_message() {
    say_errors(&[
        (SendError::Over, "the session is over"),
        (SendError::State(State::Greeting), "not valid in the state GREETING"),
        (SendError::CallersTurn, "an event awaits your answer: give it before sending"),
        (SendError::NoService, "the server refused service"),
        (SendError::After(Verb::Pass), "cannot send another command until PASS is answered"),
        (SendError::Alone, "other commands are in flight"),
        (SendError::NotPipelined, "the server does not announce PIPELINING"),
        (SendError::QueueFull, "16 commands are in flight"),
        (SendError::Tls(TlsRefusal::Required), "the TLS policy forbids this command"),
        (SendError::NoUser, "PASS needs an accepted USER: send USER first"),
        (SendError::NoTimestamp, "APOP needs a timestamp, and the greeting had none"),
        (SendError::NoStls, "STLS is not allowed inside TLS or in UTF-8 mode"),
        (SendError::InitialResponse, "the server does not list SASL: send AUTH without a response"),
        (
            SendError::InitialResponseTooLong { limit: 255 },
            "the initial response makes the line longer than 255 bytes: send AUTH without it",
        ),
        (SendError::TooLong { limit: 255 }, "the line would be longer than 255 bytes"),
        (SendError::Empty, "an argument is empty"),
        (SendError::Control, "an argument contains control characters"),
        (
            SendError::NotAscii,
            "the name or password is not ASCII, and the server does not announce UTF8 USER",
        ),
        (SendError::Spaces, "the user name contains spaces"),
        (SendError::BufferFull(FULL), "the command does not fit in the send buffer"),
    ]);
    say(&[
        (TlsRefusal::Required, "TLS is required: send STLS first"),
        (TlsRefusal::CapaFirst, "STLS support is unknown: send CAPA first"),
        (TlsRefusal::StlsFirst, "the server has STLS: send it first"),
        (TlsRefusal::Mechanism, "the mechanism is allowed only inside TLS"),
    ]);
    assert_eq!(SendError::BufferFull(FULL).source().unwrap().to_string(), FULL.to_string());
}

#[test]
fn each_value_that_cannot_be_read_has_its_message() {
    say_errors(&[
        (InvalidValue::Control, "the value contains CR, LF or NUL"),
        (InvalidValue::Octet, "the value contains a byte that is not allowed here"),
        (InvalidValue::Empty, "the value is empty"),
        (InvalidValue::TooLong, "the value is too long"),
        (InvalidValue::Zero, "the value is zero"),
        (InvalidValue::Syntax, "the value is not well-formed"),
    ]);
    say_errors(&[
        (CommandError::Empty, "the line is empty"),
        (CommandError::Keyword, "the line does not begin with a keyword"),
        (CommandError::Missing, "an argument is missing"),
        (CommandError::Surplus, "there are too many arguments"),
        (CommandError::Number, "the argument is not a number"),
        (CommandError::NoSuchMessage, "no message has this number"),
        (CommandError::Control, "an argument contains CR or NUL"),
        (CommandError::Mechanism, "the argument is not the name of a mechanism"),
        (CommandError::Base64, "the initial response is not base64"),
        (CommandError::Digest, "the argument is not an APOP digest"),
        (CommandError::Language, "the argument is not a language range"),
    ]);
    #[cfg(feature = "sasl")]
    {
        use pop3_proto::sasl::SaslError;

        say_errors(&[
            (SaslError::TooSmall { needed: 4 }, "the slice for a SASL message needs 4 bytes"),
            (SaslError::NotUtf8, "a part of a SASL message is not UTF-8"),
            (SaslError::InvalidValue(InvalidValue::Empty), "a SASL message, or a part of one, is not valid"),
        ]);
        assert_eq!(
            SaslError::InvalidValue(InvalidValue::Zero).source().unwrap().to_string(),
            "the value is zero"
        );
        assert!(SaslError::NotUtf8.source().is_none());
    }
}

#[test]
fn each_value_of_a_configuration_that_cannot_be_sent_has_its_message() {
    say_errors(&[
        (
            ConfigError::Implementation,
            "the implementation cannot be announced: use 1 to 490 bytes of printable UTF-8",
        ),
        (ConfigError::Languages, "too many languages: use at most 255"),
        (
            ConfigError::LanguageName(2),
            "the name of language 2 cannot be sent: use printable UTF-8 that fits the line",
        ),
        (
            ConfigError::LanguagePhrase(2, Phrase::Bye),
            "phrase Bye of language 2 cannot be sent: use at most 440 bytes of printable UTF-8 that do not begin with a bracket",
        ),
        (ConfigError::Mechanisms, "too many mechanisms for one line: use fewer"),
        (
            ConfigError::MechanismsCleartext,
            "a mechanism is never offered outside TLS: remove it, or change the TLS policy",
        ),
    ]);
}

#[test]
fn each_end_of_a_login_has_its_message() {
    let refused = |cause, ask| LoginError::Refused { way: Way::Plain, cause, ask };
    say(&[
        (LoginError::NoService, "the server refused service"),
        (LoginError::Ended, "the server ended the session"),
        (refused(Cause::Later, true), "the server refused the login by PLAIN for now: try again later"),
        (refused(Cause::Credentials, true), "the server refused the login by PLAIN: check the credentials"),
        (refused(Cause::Other, false), "the server refused the login by PLAIN"),
        (
            LoginError::Distrust(Way::ScramSha256),
            "the server did not prove in SCRAM-SHA-256 that it knows the password",
        ),
        (SendError::Over.into(), "a command of the login cannot be sent"),
        (AnswerError::Stale.into(), "a challenge of the login cannot be answered"),
    ]);
    let source = |error: LoginError| error.source().map(ToString::to_string);
    assert_eq!(source(SendError::Over.into()).unwrap(), "the session is over");
    assert_eq!(source(AnswerError::Stale.into()).unwrap(), "the question is no longer open");
    assert_eq!(source(LoginError::Ended), None);
    say(&[
        (WhyNot::NotListed, "the server does not list it"),
        (WhyNot::NoTimestamp, "the greeting has no timestamp"),
        (WhyNot::InsideTls, "it adds nothing inside TLS"),
        (WhyNot::OutsideTls, "it is only for TLS"),
        (WhyNot::NotUtf8, "the credentials are not UTF-8"),
        (WhyNot::DoesNotFit, "it cannot carry the credentials"),
        (WhyNot::NotBuilt, "this program has no implementation"),
        (WhyNot::OtherSecret, "it takes a token and not a password, or the reverse"),
        (WhyNot::Excluded, "it was not chosen"),
    ]);
    say(&[
        (Way::ScramSha256, "SCRAM-SHA-256"),
        (Way::Apop, "APOP"),
        (Way::Plain, "PLAIN"),
        (Way::User, "USER"),
        (Way::Oauthbearer, "OAUTHBEARER"),
        (Way::Xoauth2, "XOAUTH2"),
    ]);
}

#[test]
fn each_end_of_a_session_has_its_message() {
    say(&[
        (CloseReason::Quit, "the client sent QUIT"),
        (CloseReason::End, "the stream ended without QUIT"),
        (CloseReason::Refused, "the connection was refused"),
        (CloseReason::BadCommands, "too many bad commands"),
        (CloseReason::FailedLogins, "too many failed logins"),
        (CloseReason::Aborted, "closed by the application"),
        (CloseReason::HandedOver, "handed over to another server"),
    ]);
    say(&[
        (Deletions::NoneAsked, "no message was marked for deletion"),
        (Deletions::Pending, "the marked messages were not removed, because QUIT was not sent"),
        (Deletions::Unknown, "the marked messages may be removed: the response to QUIT is missing"),
        (Deletions::Committed, "the marked messages were removed"),
        (Deletions::RefusedInPart, "some of the marked messages were not removed"),
    ]);
    say(&[
        (Refusal::InUse, "maildrop in use by another session"),
        (Refusal::NoSuchMessage, "no such message"),
    ]);
}

#[test]
fn names_are_those_of_the_rfcs() {
    say(&[
        (State::Greeting, "GREETING"),
        (State::Authorization, "AUTHORIZATION"),
        (State::Transaction, "TRANSACTION"),
        (State::Update, "UPDATE"),
        (State::Closed, "CLOSED"),
    ]);
    say(&[(Side::Client, "client"), (Side::Server, "server")]);
    say(&[(Verb::Retr, "RETR"), (Verb::Other, "another command")]);
    say(&[(Expire::Never, "never"), (Expire::Days(9), "9 days")]);
}

#[test]
fn a_status_is_shown_as_it_was_sent() {
    let status = |code, text| StatusText::new(code, Text::from_static(text)).unwrap();
    say(&[
        (status(Some(ResponseCode::InUse), "locked"), "[IN-USE] locked"),
        (status(Some(ResponseCode::InUse), ""), "[IN-USE]"),
        (status(None, "locked"), "locked"),
    ]);
    assert_eq!(ResponseCode::SysPerm.retry(), Some(Retry::Never));
}
