//! Ask with a token, on the client's side: each token is valid for one answer on its own connection. `law_4_server`
//! tests the server's side.

use super::reach::{cleartext, hear, say};
use pop3_proto::client::{Client, Event, SaslDone, SaslStep, SendError, StartTls, TlsRefusal};
use pop3_proto::{
    AnswerError, Base64, Command, Input, Limits, Mechanism, Profile, SendBuf, State, TlsPolicy, Unanswered,
};
use std::fmt::Debug;

const AUTH: Command<'static> = Command::Auth { mechanism: Mechanism::PLAIN, initial: None };

fn greeted(id: u64) -> Client {
    let config = cleartext().with_limits(Limits::DEFAULT.with_sasl_line(64)).with_profile(Profile::Strict);
    let mut client = Client::new(config, id);
    hear(&mut client, b"+OK ready\r\n");
    client
}

/// Returns a client that gave out this token.
fn step(id: u64) -> (Client, SaslStep) {
    let mut client = greeted(id);
    let Some(Event::Challenge(step, _)) = say(&mut client, &AUTH, b"+ \r\n") else { panic!() };
    (client, step)
}

/// The same for a challenge that can only be cancelled.
fn odd_step(id: u64) -> (Client, SaslStep) {
    let mut client = greeted(id);
    let Some(Event::MalformedChallenge(step, _)) = say(&mut client, &AUTH, b"+ what?\r\n") else { panic!() };
    (client, step)
}

fn done(id: u64) -> (Client, SaslDone) {
    let mut client = greeted(id);
    let Some(Event::AuthAccepted(done, _)) = say(&mut client, &AUTH, b"+OK\r\n") else { panic!() };
    (client, done)
}

fn start(id: u64) -> (Client, StartTls) {
    let mut client = greeted(id);
    let Some(Event::StartTls(start)) = say(&mut client, &Command::Stls, b"+OK\r\n") else { panic!() };
    (client, start)
}

type Answer<T> = fn(&mut Client, T, &mut SendBuf<Vec<u8>>) -> Result<(), Unanswered<T>>;

/// Gives the token of one connection to another in the same turn, to one that waits for nothing, and then to its own.
/// Then it gives the next token of the same kind to the own connection.
fn takes_its_own_only<T: Debug>(
    name: &str,
    asked: fn(u64) -> (Client, T),
    answer: Answer<T>,
    taken: Result<(), AnswerError>,
) {
    let (mut own, mut token) = asked(1);
    let (other, theirs) = asked(2);
    for mut other in [other, greeted(2)] {
        let (mut sink, before) = (SendBuf::new(vec![]), format!("{other:?}"));
        let unanswered = answer(&mut other, token, &mut sink).unwrap_err();
        assert_eq!(unanswered.why, AnswerError::OtherConnection, "{name}");
        assert_eq!((format!("{other:?}"), sink.pending()), (before, &b""[..]), "{name}");
        token = unanswered.token;
    }
    assert_eq!(
        answer(&mut own, token, &mut SendBuf::new(vec![])).map_err(|unanswered| unanswered.why),
        taken,
        "{name}"
    );
    // Another client with the same number that is in a later state, as in a program that gives every client the same
    // number.
    let (mut gone_on, _) = asked(2);
    gone_on.close();
    let stale = answer(&mut gone_on, theirs, &mut SendBuf::new(vec![])).unwrap_err();
    assert_eq!(stale.why, AnswerError::Stale, "{name}");
}

#[test]
fn law_7_a_client_takes_no_token_of_another_connection() {
    let long = |client: &mut Client, step, sink: &mut SendBuf<Vec<u8>>| {
        client.respond(
            step,
            Base64::from_static(
                const {
                    match core::str::from_utf8(&[b'A'; 80]) {
                        Ok(text) => text,
                        Err(_) => panic!(),
                    }
                },
            ),
            sink,
        )
    };
    takes_its_own_only(
        "respond",
        step,
        |client, step, sink| client.respond(step, Base64::EMPTY, sink),
        Ok(()),
    );
    takes_its_own_only("sasl, too long", step, long, Err(AnswerError::TooLong { limit: 64 }));
    takes_its_own_only(
        "sasl, odd",
        odd_step,
        |client, step, sink| client.respond(step, Base64::EMPTY, sink),
        Err(AnswerError::MustCancel),
    );
    takes_its_own_only("cancel", step, |client, step, sink| client.cancel(step, sink), Ok(()));
    takes_its_own_only("cancel, odd", odd_step, |client, step, sink| client.cancel(step, sink), Ok(()));
    takes_its_own_only("verified", done, |client, done, _| client.verified(done), Ok(()));
    takes_its_own_only(
        "tls_started",
        start,
        |client, start, _| client.tls_started(start, Input::more(b"")),
        Ok(()),
    );
    takes_its_own_only(
        "tls_started, unread",
        start,
        |client, start, _| client.tls_started(start, Input::more(b"x")),
        Ok(()),
    );
}

#[cfg(feature = "sasl")]
#[test]
fn law_7_a_client_takes_no_token_of_another_connection_for_a_message() {
    use pop3_proto::{Secret, Text, sasl};
    let message = |client: &mut Client, step, sink: &mut SendBuf<Vec<u8>>| {
        let secret = Secret::new(b"test").unwrap();
        client.respond_message(
            step,
            &sasl::plain(Text::EMPTY, Text::from_static("test"), secret).unwrap(),
            sink,
        )
    };
    takes_its_own_only("respond_message", step, message, Ok(()));
    takes_its_own_only("respond_message, odd", odd_step, message, Err(AnswerError::MustCancel));
}

/// Tokens protect the session: a client in cleartext is never treated as inside TLS, and another connection's login
/// never logs anybody in.
#[test]
fn law_7_another_connection_cannot_start_tls_or_log_in() {
    let (_, foreign) = start(1);
    let mut client = Client::new(TlsPolicy::Required, 2);
    hear(&mut client, b"+OK ready\r\n");
    let Some(Event::StartTls(_own)) = say(&mut client, &Command::Stls, b"+OK\r\n") else { panic!() };
    assert!(client.tls_started(foreign, Input::more(b"")).is_err());
    assert!(!client.is_tls());
    let user = Command::User("mrose".try_into().unwrap());
    assert_eq!(client.send(&user, &mut SendBuf::new(vec![])), Err(SendError::CallersTurn));
    let mut client = Client::new(TlsPolicy::Required, 3);
    hear(&mut client, b"+OK ready\r\n");
    assert_eq!(client.send(&user, &mut SendBuf::new(vec![])), Err(SendError::Tls(TlsRefusal::Required)));

    let (_, foreign) = done(1);
    let (mut client, _own) = done(2);
    assert!(client.verified(foreign).is_err());
    assert_eq!(client.state(), State::Authorization);
}

#[test]
fn law_7_each_token_of_a_client_shows_its_connection() {
    assert_eq!((step(42).1.connection(), done(43).1.connection(), start(44).1.connection()), (42, 43, 44));
}
