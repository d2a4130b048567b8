//! Ask with a token. The compile-fail cases are in the library, and law 4 tests that a failed answer returns its
//! token.

use super::reach::{ask, server};
use pop3_proto::server::{Ask, CloseReason, Refusal, Step};
use pop3_proto::{AnswerError, Input, SendBuf, State};

#[test]
fn law_7_each_token_shows_its_connection() {
    let mut machine = server(42);
    macro_rules! shows {
        ($($wire:literal $kind:ident)*) => {$(
            let Ask::$kind(token, ..) = ask!(&mut machine, $wire, $kind(..)) else { unreachable!() };
            assert_eq!(token.connection(), 42);
            machine.refuse(token, Refusal::Temporary).unwrap();
        )*};
    }
    shows! { b"USER a\r\n" User b"AUTH PLAIN\r\n" Login b"XTND\r\n" Other }
    let transaction = b"USER a\r\nPASS b\r\nRETR 1\r\n";
    let Ask::Fetch(fetch) = ask!(&mut machine, transaction, Fetch(_)) else { unreachable!() };
    assert_eq!((fetch.connection(), fetch.message().get(), fetch.top()), (42, 1, None));
    machine.refuse(fetch, Refusal::NoSuchMessage).unwrap();
    let Ask::Commit(commit) = ask!(&mut machine, b"QUIT\r\n", Commit(_)) else { unreachable!() };
    assert_eq!(commit.connection(), 42);
}

/// Like a future that is cancelled during a question: the way out is `close`, and no message is removed.
#[test]
fn law_7_without_its_token_a_question_stays_open_until_the_session_is_closed() {
    for wire in [&b"USER a\r\n"[..], b"USER a\r\nPASS b\r\nDELE 1\r\nQUIT\r\n"] {
        let (mut machine, mut sink) = (server(1), SendBuf::new(vec![]));
        match wire.ends_with(b"QUIT\r\n") {
            true => drop(ask!(&mut machine, wire, Commit(_))),
            false => drop(ask!(&mut machine, wire, User(..))),
        }
        for _ in 0..3 {
            let mut input = Input::last(b"NOOP\r\n");
            assert!(matches!(machine.poll(&mut input, &mut sink), Ok(Step::Waiting)));
            assert_eq!(input.remaining(), 6);
        }
        machine.close();
        assert!(matches!(
            machine.poll(&mut Input::more(b"NOOP\r\n"), &mut sink),
            Ok(Step::Closed(CloseReason::Aborted))
        ));
        assert_eq!((machine.state(), sink.pending()), (State::Closed, &b""[..]));
    }
}

/// Two connections under one pool: swapped tokens are returned with an error, and each is valid for its own connection.
#[test]
fn law_7_swapped_tokens_are_refused() {
    let (mut one, mut two) = (server(1), server(2));
    let Ask::User(first, _) = ask!(&mut one, b"USER a\r\n", User(..)) else { unreachable!() };
    let Ask::User(second, _) = ask!(&mut two, b"USER b\r\n", User(..)) else { unreachable!() };
    let swapped = one.accept_name(second).unwrap_err();
    assert_eq!((swapped.why, swapped.token.connection()), (AnswerError::OtherConnection, 2));
    two.accept_name(swapped.token).unwrap();
    let swapped = two.accept_name(first).unwrap_err();
    assert_eq!((swapped.why, swapped.token.connection()), (AnswerError::OtherConnection, 1));
    one.accept_name(swapped.token).unwrap();
}
