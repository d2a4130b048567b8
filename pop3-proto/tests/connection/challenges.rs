//! Laws 4 and 7 for a client connection: after an answer that fails, `poll` repeats the challenge with a token.

use super::{Pop3Client, command, give, hear};
use pop3_proto::client::{ClientConfig, Event, SaslStep, Sender};
use pop3_proto::{
    AnswerError, Base64, ClientConnection, ConnectionError, Limits, Mechanism, Sink, TlsPolicy,
};

const LONG: &[u8] = &[b'A'; 600];

/// Returns a client that received this line in answer to AUTH.
fn challenged(id: u64, challenge: &str) -> Pop3Client {
    let config = ClientConfig::new(TlsPolicy::Cleartext).with_limits(Limits::DEFAULT.with_sasl_line(600));
    let mut pop3 = ClientConnection::new(config, id);
    hear(&mut pop3, "+OK ready\r\n");
    pop3.sender().send(command("AUTH PLAIN")).unwrap();
    pop3.send_buf().clear();
    give(pop3.recv_buf(), challenge.as_bytes());
    pop3
}

type Answer = fn(&mut Sender<'_>, SaslStep) -> Result<(), AnswerError>;

fn cancel(sender: &mut Sender<'_>, step: SaslStep) -> Result<(), AnswerError> {
    sender.cancel(step)
}

fn is_given_again(challenge: &str, full: bool, answer: Answer, why: fn(AnswerError) -> bool) {
    let mut pop3 = challenged(1, challenge);
    let mut seen = Vec::new();
    for _ in 0..3 {
        if full {
            let room = pop3.send_buf().room();
            pop3.send_buf().put(&[&vec![b'x'; room - 1]]).unwrap();
        }
        let pending = pop3.send_buf().pending().len();
        assert!(pop3.is_ready() && (seen.is_empty() || !pop3.is_waiting()));
        let (event, mut sender) = pop3.poll().unwrap().unwrap();
        seen.push(format!("{event:?}"));
        let (Event::Challenge(step, _) | Event::MalformedChallenge(step, _)) = event else {
            panic!("{event:?}")
        };
        let state = format!("{:?}", sender.client());
        let error = answer(&mut sender, step).unwrap_err();
        assert!(why(error), "{error:?}");
        assert_eq!(format!("{:?}", pop3.client()), state, "law 4");
        assert_eq!(pop3.send_buf().pending().len(), pending, "law 4");
        pop3.send_buf().clear();
        // Making room does not move the challenge.
        assert!(!pop3.recv_buf().spare_mut().is_empty());
        pop3.shrink();
    }
    let (event, mut sender) = pop3.poll().unwrap().unwrap();
    assert!(seen.iter().all(|shown| *shown == format!("{event:?}")), "{seen:?} {event:?}");
    let (Event::Challenge(step, _) | Event::MalformedChallenge(step, _)) = event else { panic!("{event:?}") };
    sender.cancel(step).unwrap();
    assert!(pop3.poll().unwrap().is_none() && pop3.is_waiting());
    assert_eq!(pop3.send_buf().pending(), b"*\r\n");
    hear(&mut pop3, "-ERR cancelled\r\n");
    pop3.sender().send(command("QUIT")).unwrap();
}

const CHALLENGES: [&str; 3] = ["+ aGVsbG8=\r\n", "+ \r\n", "+ User name:\r\n"];

#[test]
fn law_4_a_response_that_fails_is_asked_for_again() {
    for challenge in CHALLENGES {
        is_given_again(
            challenge,
            false,
            |sender, step| sender.respond(step, Base64::new(LONG).unwrap()),
            |error| matches!(error, AnswerError::TooLong { .. }),
        );
        is_given_again(
            challenge,
            true,
            |sender, step| sender.respond(step, Base64::from_static("AAAA")),
            |error| matches!(error, AnswerError::BufferFull(_)),
        );
        is_given_again(challenge, true, cancel, |error| matches!(error, AnswerError::BufferFull(_)));
    }
}

#[cfg(feature = "sasl")]
#[test]
fn law_4_a_response_by_message_that_fails_is_asked_for_again() {
    use pop3_proto::sasl::Message;
    is_given_again(
        CHALLENGES[0],
        false,
        |sender, step| sender.respond_message(step, &Message::new(LONG)),
        |error| matches!(error, AnswerError::TooLong { .. }),
    );
    is_given_again(
        CHALLENGES[0],
        true,
        |sender, step| sender.respond_message(step, &Message::new(b"me")),
        |error| matches!(error, AnswerError::BufferFull(_)),
    );
}

#[test]
fn law_4_a_challenge_that_must_be_cancelled_is_given_again() {
    let mut pop3 = challenged(1, "+ aGVsbG8=\r\n");
    let Some((Event::Challenge(step, _), mut sender)) = pop3.poll().unwrap() else { panic!() };
    sender.respond(step, Base64::from_static("AAAA")).unwrap();
    give(pop3.recv_buf(), b"+ not base64!\r\n");
    for _ in 0..2 {
        let Some((Event::MalformedChallenge(step, b"not base64!"), mut sender)) = pop3.poll().unwrap() else {
            panic!()
        };
        assert_eq!(sender.respond(step, Base64::EMPTY), Err(AnswerError::MustCancel));
    }
    let Some((Event::MalformedChallenge(step, _), mut sender)) = pop3.poll().unwrap() else { panic!() };
    sender.cancel(step).unwrap();
    assert!(pop3.poll().unwrap().is_none());
}

#[test]
fn law_7_a_token_of_another_connection_is_refused_and_the_own_one_stays_good() {
    let answers: [Answer; 2] =
        [|sender, step| sender.respond(step, Base64::EMPTY), |sender, step| sender.cancel(step)];
    for answer in answers {
        let (mut one, mut two) = (challenged(1, CHALLENGES[0]), challenged(2, CHALLENGES[0]));
        let Some((Event::Challenge(own, _), mut sender)) = one.poll().unwrap() else { panic!() };
        let Some((Event::Challenge(theirs, _), _)) = two.poll().unwrap() else { panic!() };
        assert_eq!(answer(&mut sender, theirs), Err(AnswerError::OtherConnection));
        assert!(one.poll().unwrap().is_none());
        answer(&mut one.sender(), own).unwrap();
    }
    // The same for `verified`, which reports that the mechanism agrees.
    let accepted = |id| {
        let mut pop3 = challenged(id, "+OK in\r\n");
        let Some((Event::AuthAccepted(done, _), _)) = pop3.poll().unwrap() else { panic!() };
        (pop3, done)
    };
    let ((mut one, own), (_, theirs)) = (accepted(1), accepted(2));
    assert_eq!(one.sender().verified(theirs), Err(AnswerError::OtherConnection));
    one.sender().verified(own).unwrap();
}

#[test]
fn bytes_after_a_challenge_do_not_respond_to_its_answer() {
    let mut pop3 = challenged(1, CHALLENGES[0]);
    let Some((Event::Challenge(step, _), mut sender)) = pop3.poll().unwrap() else { panic!() };
    assert!(sender.respond(step, Base64::new(LONG).unwrap()).is_err());
    give(pop3.recv_buf(), b"+OK forged\r\n");
    assert_eq!(pop3.poll().unwrap_err(), ConnectionError::Unsolicited);
    assert!(pop3.is_closed());
}

#[test]
fn a_challenge_that_failed_is_not_given_again_after_the_end() {
    let mut pop3 = challenged(1, CHALLENGES[0]);
    let Some((Event::Challenge(step, _), mut sender)) = pop3.poll().unwrap() else { panic!() };
    assert!(sender.respond(step, Base64::new(LONG).unwrap()).is_err());
    pop3.close();
    assert!(matches!(pop3.poll(), Ok(Some((Event::Closed(_), _)))));
    assert!(matches!(pop3.poll(), Ok(None)) && pop3.is_closed());
}

#[test]
fn a_response_may_be_as_long_as_the_limit_in_the_smallest_buffers() {
    let config = ClientConfig::new(TlsPolicy::Cleartext).with_limits(Limits::DEFAULT.with_sasl_line(600));
    assert_eq!((config.min_recv_buf(), config.min_send_buf()), (600, 600));
    let mut pop3 = ClientConnection::with_buffers(config, 1, [0; 600], [0; 600]).unwrap();
    let auth = pop3_proto::Command::Auth { mechanism: Mechanism::PLAIN, initial: None };
    give(pop3.recv_buf(), b"+OK\r\n");
    pop3.poll().unwrap().unwrap().1.send(auth).unwrap();
    pop3.send_buf().clear();
    let challenge = [b"+ ", &LONG[..596], b"\r\n"].concat();
    assert_eq!(give(pop3.recv_buf(), &challenge), 600);
    let Some((Event::Challenge(step, octets), mut sender)) = pop3.poll().unwrap() else { panic!() };
    assert_eq!(octets.as_bytes().len(), 596);
    sender.respond(step, octets).unwrap();
    assert_eq!(pop3.send_buf().pending().len(), 598);
}
