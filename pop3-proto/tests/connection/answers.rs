//! Laws 4 and 7 for a server connection: an answer that fails changes nothing, and the next `poll` repeats the
//! question with a token.

use super::{CONFIG, Mail, Pop3Server, give, mail};
use pop3_proto::server::{BodyError, Credentials, Event, Refusal, Responder, ServerConfig};
use pop3_proto::{
    AnswerError, Base64, Keyword, Limits, MIN_SEND_BUF, Mechanism, OctetCount, ResponseCode,
    ServerConnection, Sink, Text, TlsPolicy,
};

static WITH_AUTH: ServerConfig<'_> = ServerConfig::new(TlsPolicy::Cleartext)
    .with_sasl_cleartext(&[Mechanism::PLAIN])
    .with_other_commands()
    .with_limits(Limits::DEFAULT.with_sasl_line(600));

type Answer = fn(&mut Responder<'_, Mail>, Event<'_>) -> Result<(), AnswerError>;

/// Gives the answers that lead a session to the question at the end of `commands`.
fn usual(responder: &mut Responder<'_, Mail>, event: Event<'_>) -> Result<(), AnswerError> {
    match event {
        Event::Greet(token) => responder.greet(token, Text::from_static("ready")),
        Event::User(token, _) => responder.accept_name(token),
        Event::Login(token, Credentials::Sasl { initial: None, .. }) => {
            responder.challenge(token, Base64::EMPTY)
        }
        Event::Login(token, _) => responder.accept(token, mail(5)),
        Event::Fetch(token) => responder.send_body(token),
        Event::Commit(token) => responder.removed(token),
        Event::Other(token, ..) => responder.other(token, Text::EMPTY),
        other => responder.decline(other),
    }
}

/// Returns a connection whose next event is the question that `commands` lead to; its send buffer is empty.
fn asked(id: u64, commands: &str) -> Pop3Server {
    let mut pop3 = ServerConnection::new(&WITH_AUTH, id);
    for line in commands.split_inclusive('\n') {
        while let Some((event, mut responder)) = pop3.poll().unwrap() {
            usual(&mut responder, event).unwrap();
        }
        pop3.send_buf().clear();
        assert_eq!(give(pop3.recv_buf(), line.as_bytes()), line.len());
    }
    pop3
}

/// Fails `answer` twice, reads more in between, and then gives the good answer. The event must be the same each time.
fn is_asked_again(commands: &str, question: &str, full: bool, answer: Answer, why: fn(AnswerError) -> bool) {
    let mut pop3 = asked(1, commands);
    let mut seen = Vec::new();
    for round in 0..3 {
        assert!(pop3.is_ready());
        if full {
            let room = pop3.send_buf().room();
            pop3.send_buf().put(&[&vec![b'x'; room - 1]]).unwrap();
        }
        let pending = pop3.send_buf().pending().len();
        let (event, mut responder) = pop3.poll().unwrap().unwrap();
        seen.push(format!("{event:?}"));
        assert!(seen[0].starts_with(question), "{seen:?}");
        if let Event::Login(_, Credentials::Password(password)) = &event {
            assert_eq!(password.expose(), b"secret");
        }
        let state = format!("{:?}", responder.server());
        let error = answer(&mut responder, event).unwrap_err();
        assert!(why(error), "{error:?}");
        assert_eq!(format!("{:?}", pop3.server()), state, "law 4");
        assert_eq!(pop3.send_buf().pending().len(), pending, "law 4");
        pop3.send_buf().clear();
        // Pipelined commands do not overwrite the event.
        let line = if round == 0 { &b"NOOP\r\n"[..] } else { b"" };
        give(pop3.recv_buf(), line);
    }
    let (event, mut responder) = pop3.poll().unwrap().unwrap();
    assert!(seen.iter().all(|shown| *shown == format!("{event:?}")), "{seen:?} {event:?}");
    usual(&mut responder, event).unwrap();
    if let Some((event, _)) = pop3.poll().unwrap() {
        assert_ne!(format!("{event:?}"), seen[0]);
    }
}

fn is_text(error: AnswerError) -> bool {
    error == AnswerError::Text
}

fn is_too_long(error: AnswerError) -> bool {
    matches!(error, AnswerError::TooLong { .. })
}

fn is_full(error: AnswerError) -> bool {
    matches!(error, AnswerError::BufferFull(_))
}

const LONG: &[u8] = &[b'A'; 600];
const LOGIN: &str = "USER mrose\r\nPASS secret\r\n";

fn greet_with(responder: &mut Responder<'_, Mail>, event: Event<'_>, text: &[u8]) -> Result<(), AnswerError> {
    let Event::Greet(token) = event else { panic!() };
    responder.greet(token, Text::new(text).unwrap())
}

#[test]
fn law_4_a_greeting_that_fails_is_asked_again() {
    is_asked_again("", "Greet", false, |responder, event| greet_with(responder, event, b"[ready"), is_text);
    is_asked_again("", "Greet", false, |responder, event| greet_with(responder, event, LONG), is_too_long);
    is_asked_again("", "Greet", true, |responder, event| greet_with(responder, event, b"ready"), is_full);
}

fn challenge_with(
    responder: &mut Responder<'_, Mail>,
    event: Event<'_>,
    text: &[u8],
) -> Result<(), AnswerError> {
    let Event::Login(token, _) = event else { panic!() };
    responder.challenge(token, Base64::new(text).unwrap())
}

#[test]
fn law_4_a_challenge_that_fails_is_asked_again() {
    for commands in ["AUTH PLAIN\r\n", "AUTH PLAIN AG1yb3NlAHRhbnN0YWFm\r\n", "AUTH PLAIN\r\nAHQAdA==\r\n"] {
        is_asked_again(
            commands,
            "Login",
            false,
            |responder, event| challenge_with(responder, event, LONG),
            is_too_long,
        );
        is_asked_again(
            commands,
            "Login",
            true,
            |responder, event| challenge_with(responder, event, b"AAAA"),
            is_full,
        );
    }
    // A login without AUTH takes no challenge.
    is_asked_again(
        LOGIN,
        "Login",
        false,
        |responder, event| challenge_with(responder, event, b"AAAA"),
        |error| error == AnswerError::Stale,
    );
}

#[cfg(feature = "sasl")]
#[test]
fn law_4_a_challenge_by_message_that_fails_is_asked_again() {
    use pop3_proto::sasl::Message;
    let long: Answer = |responder, event| {
        let Event::Login(token, _) = event else { panic!() };
        responder.challenge_message(token, &Message::new(LONG))
    };
    let short: Answer = |responder, event| {
        let Event::Login(token, _) = event else { panic!() };
        responder.challenge_message(token, &Message::new(b"Password:"))
    };
    is_asked_again("AUTH PLAIN\r\n", "Login", false, long, is_too_long);
    is_asked_again("AUTH PLAIN\r\n", "Login", true, short, is_full);
}

fn other_with(responder: &mut Responder<'_, Mail>, event: Event<'_>, text: &[u8]) -> Result<(), AnswerError> {
    let Event::Other(token, keyword, arguments) = event else { panic!() };
    assert_eq!((keyword.as_bytes(), arguments.unwrap().expose()), (&b"XFOO"[..], &b"bar baz"[..]));
    responder.other(token, Text::new(text).unwrap())
}

#[test]
fn law_4_an_answer_to_another_command_that_fails_is_asked_again() {
    let line = "XFOO bar baz\r\n";
    is_asked_again(line, "Other", false, |responder, event| other_with(responder, event, b"[x"), is_text);
    is_asked_again(line, "Other", false, |responder, event| other_with(responder, event, LONG), is_too_long);
    is_asked_again(
        line,
        "Other",
        true,
        |responder, event| other_with(responder, event, b"as you say"),
        is_full,
    );
}

fn refuse_with(
    responder: &mut Responder<'_, Mail>,
    event: Event<'_>,
    code: &[u8],
) -> Result<(), AnswerError> {
    let Event::Login(token, _) = event else { panic!() };
    responder.refuse_with_code(token, ResponseCode::new(code).unwrap())
}

#[test]
fn law_4_a_refusal_with_a_code_that_fails_is_asked_again() {
    is_asked_again(
        LOGIN,
        "Login",
        false,
        |responder, event| refuse_with(responder, event, LONG),
        is_too_long,
    );
    is_asked_again(LOGIN, "Login", true, |responder, event| refuse_with(responder, event, b"LIMIT"), is_full);
}

/// Returns the commands that lead to each question.
const QUESTIONS: [(&str, &str); 6] = [
    ("", "Greet"),
    ("USER mrose\r\n", "User"),
    (LOGIN, "Login"),
    ("USER mrose\r\nPASS secret\r\nRETR 1\r\n", "Fetch"),
    ("USER mrose\r\nPASS secret\r\nQUIT\r\n", "Commit"),
    ("XFOO bar baz\r\n", "Other"),
];

/// Returns all answers to each question.
fn answers(question: &str) -> Vec<Answer> {
    macro_rules! answer {
        ($variant:ident $(($rest:pat))?, $responder:ident, $token:ident, $body:expr) => {{
            let answer: Answer = |$responder, event| match event {
                Event::$variant($token, ..) => $body,
                other => panic!("{other:?}"),
            };
            answer
        }};
    }
    match question {
        "Greet" => vec![
            answer!(Greet, to, token, to.greet(token, Text::EMPTY)),
            answer!(Greet, to, token, to.refuse(token, Refusal::Temporary)),
        ],
        "User" => vec![
            answer!(User, to, token, to.accept_name(token)),
            answer!(User, to, token, to.refuse(token, Refusal::Temporary)),
        ],
        "Login" => vec![
            answer!(Login, to, token, to.accept(token, mail(5))),
            answer!(Login, to, token, to.hand_over(token)),
            answer!(Login, to, token, to.challenge(token, Base64::EMPTY)),
            answer!(Login, to, token, to.refuse(token, Refusal::Temporary)),
            answer!(Login, to, token, to.refuse_with_code(token, ResponseCode::Auth)),
        ],
        "Fetch" => vec![
            answer!(Fetch, to, token, to.send_body(token)),
            answer!(Fetch, to, token, to.send_body_of(token, 7)),
            answer!(Fetch, to, token, to.send_body_estimated(token, 7)),
            answer!(Fetch, to, token, to.refuse(token, Refusal::Temporary)),
        ],
        "Commit" => vec![
            answer!(Commit, to, token, to.removed(token)),
            answer!(Commit, to, token, to.not_removed(token, Refusal::Temporary)),
        ],
        _ => vec![
            answer!(Other, to, token, to.other(token, Text::EMPTY)),
            answer!(Other, to, token, to.refuse(token, Refusal::UnknownCommand)),
        ],
    }
}

#[test]
fn law_7_a_token_of_another_connection_is_refused_and_the_own_one_stays_good() {
    for (commands, question) in QUESTIONS {
        for answer in answers(question) {
            let (mut one, mut two) = (asked(1, commands), asked(2, commands));
            let (own, _) = one.poll().unwrap().unwrap();
            let own = kept(own);
            let (theirs, _) = two.poll().unwrap().unwrap();
            let theirs = kept(theirs);
            assert_eq!(answer(&mut one.responder(), theirs), Err(AnswerError::OtherConnection), "{question}");
            // The connection's own question is not asked again, because its token is still out.
            assert!(one.poll().unwrap().is_none() && one.wants_answer(), "{question}");
            assert!(usual(&mut one.responder(), own).is_ok(), "{question}");
        }
    }
}

/// An event without its borrowed parts.
fn kept(event: Event<'_>) -> Event<'static> {
    match event {
        Event::Greet(token) => Event::Greet(token),
        Event::User(token, _) => Event::User(token, Text::EMPTY),
        Event::Login(token, _) => Event::Login(token, Credentials::Response(Base64::EMPTY)),
        Event::Fetch(token) => Event::Fetch(token),
        Event::Commit(token) => Event::Commit(token),
        Event::Other(token, ..) => Event::Other(token, Keyword::new(b"X").unwrap(), None),
        other => panic!("{other:?}"),
    }
}

#[test]
fn law_7_an_answer_that_was_kept_for_later_is_good_once_and_an_old_token_is_stale() {
    for (commands, question) in QUESTIONS {
        let mut pop3 = asked(1, commands);
        let (event, _) = pop3.poll().unwrap().unwrap();
        let event = kept(event);
        assert!(pop3.poll().unwrap().is_none() && pop3.wants_answer() && !pop3.wants_read());
        pop3.close();
        let mut responder = pop3.responder();
        let error = match event {
            Event::Greet(token) => responder.greet(token, Text::EMPTY),
            other => usual(&mut responder, other),
        };
        assert_eq!(error, Err(AnswerError::Stale), "{question}");
        // The session is over, so the question is not asked again.
        assert!(matches!(pop3.poll(), Ok(Some((Event::Closed(_), _)))));
        assert!(matches!(pop3.poll(), Ok(None)));
    }
}

#[test]
fn a_question_is_not_asked_again_after_the_session_was_closed() {
    for (commands, question) in QUESTIONS {
        // The question was not yet given.
        let mut pop3 = asked(1, commands);
        assert!(pop3.is_ready());
        pop3.close();
        assert!(matches!(pop3.poll(), Ok(Some((Event::Closed(_), _)))), "{question}");
    }
    // The answer failed.
    let mut pop3 = asked(1, "");
    let (event, mut responder) = pop3.poll().unwrap().unwrap();
    assert!(greet_with(&mut responder, event, LONG).is_err());
    responder.close();
    assert!(matches!(pop3.poll(), Ok(Some((Event::Closed(_), _)))));
    assert!(matches!(pop3.poll(), Ok(None)) && pop3.is_closed());
}

#[test]
fn law_4_a_body_that_fails_is_wanted_again() {
    let mut pop3 = asked(1, "USER mrose\r\nPASS secret\r\nRETR 1\r\n");
    let body = |pop3: &mut Pop3Server, answer: &dyn Fn(&mut Responder<'_, Mail>) -> Result<(), BodyError>| {
        let (event, mut responder) = pop3.poll().unwrap().unwrap();
        assert!(matches!(event, Event::Body), "{event:?}");
        answer(&mut responder)
    };
    let (event, mut responder) = pop3.poll().unwrap().unwrap();
    usual(&mut responder, event).unwrap();
    assert_eq!(
        body(&mut pop3, &|responder| responder.finish_body().map(drop)),
        Err(BodyError::Size { sent: 0, stated: 5 })
    );
    assert_eq!(body(&mut pop3, &|responder| responder.write_body(b"one\n").map(drop)), Ok(()));
    assert_eq!(body(&mut pop3, &|responder| responder.finish_body().map(drop)), Ok(()));
    assert!(pop3.poll().unwrap().is_none());
    assert!(pop3.send_buf().pending().ends_with(b"+OK 5 octets\r\none\r\n.\r\n"));
    assert_eq!(pop3.responder().write_body(b"x"), Err(BodyError::NoBody));
}

#[test]
fn a_body_waits_for_room_without_an_event() {
    let message = vec![b'x'; 5000];
    let (recv, send) = ([0; 255], [0; MIN_SEND_BUF]);
    let mut pop3 =
        ServerConnection::<Mail, [u8; 255], [u8; MIN_SEND_BUF]>::with_buffers(&CONFIG, 1, recv, send)
            .unwrap();
    give(pop3.recv_buf(), b"USER mrose\r\nPASS secret\r\nRETR 1\r\nQUIT\r\n");
    let (mut left, mut sent, mut bodies) = (&message[..], Vec::new(), 0);
    while !pop3.is_closed() {
        while let Some((event, mut responder)) = pop3.poll().unwrap() {
            match event {
                Event::Login(token, _) => responder.accept(token, mail(OctetCount::of(&message))).unwrap(),
                Event::Body if left.is_empty() => drop(responder.finish_body().unwrap()),
                Event::Body => {
                    let taken = responder.write_body(left).unwrap();
                    assert!(taken > 0, "a body event without room");
                    left = &left[taken..];
                    bodies += 1;
                }
                event => usual(&mut responder, event).unwrap(),
            }
        }
        assert!(pop3.wants_write() && !pop3.wants_read());
        assert_eq!(pop3.read_from(&mut &b"NOOP\r\n"[..]).unwrap(), 0, "it writes first");
        // A transport accepts part of the bytes.
        let count = pop3.send_buf().pending().len().min(100);
        sent.extend_from_slice(&pop3.send_buf().pending()[..count]);
        pop3.send_buf().sent(count);
    }
    sent.extend_from_slice(pop3.send_buf().pending());
    assert!(bodies > 10 && sent.ends_with(b"xxx\r\n.\r\n+OK bye\r\n"), "{}", sent.escape_ascii());
}

#[test]
fn decline_is_an_answer_to_every_event() {
    for (commands, question) in QUESTIONS {
        let mut pop3 = asked(1, commands);
        let (event, mut responder) = pop3.poll().unwrap().unwrap();
        responder.decline(event).unwrap();
        while let Some((event, mut responder)) = pop3.poll().unwrap() {
            assert!(matches!(event, Event::Closed(_)), "{question}: {event:?}");
            responder.decline(event).unwrap();
        }
        assert!(pop3.send_buf().pending().starts_with(b"-ERR "), "{question}");
    }
    // The server does not terminate an incomplete message.
    let mut pop3 = asked(1, "USER mrose\r\nPASS secret\r\nRETR 1\r\n");
    while let Some((event, mut responder)) = pop3.poll().unwrap() {
        match event {
            Event::Fetch(token) => responder.send_body(token).unwrap(),
            other => responder.decline(other).unwrap(),
        }
    }
    assert!(pop3.is_closed());
    assert_eq!(pop3.send_buf().pending(), b"+OK 5 octets\r\n");
}
