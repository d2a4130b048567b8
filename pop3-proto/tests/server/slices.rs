//! The output timer while a message is sent as slices.

use super::*;
use pop3_proto::{MIN_SEND_BUF, SendBuf, Timer};
use std::time::Duration;

const OUTPUT: u64 = 180_000;
const AUTOLOGOUT: u64 = 600_000;

type Machine = Server<Infos, ServerConfig<'static>>;

/// Returns a server that sends a message of 1,000 lines, after its status line.
fn sending() -> Machine {
    let mut server = machine(CLEAR, infos(&[MESSAGE.as_bytes()]), LOGIN);
    let mut send = SendBuf::new(vec![]);
    let fetch = ask!(server, &mut Input::more(b"RETR 1\r\n"), &mut send, Fetch);
    server.send_body(fetch).unwrap();
    assert!(matches!(server.poll(&mut Input::more(b""), &mut send), Ok(Step::NeedBody)));
    assert_eq!(server.tick(Duration::ZERO), Ok(None));
    server
}

const MESSAGE: &str = "0123456789\r\n";

/// Lends all slices of these bytes, and returns their number of bytes.
fn lend(server: &mut Machine, octets: &[u8]) -> usize {
    let mut rest = octets;
    let mut count = 0;
    while let Some(slice) = server.body_slice(&mut rest).unwrap() {
        count += slice.len();
    }
    count
}

fn ended(server: &mut Machine, now: u64) {
    assert_eq!(server.tick(Duration::from_millis(now - 1)), Ok(Some(Duration::from_millis(now))));
    assert_eq!(server.tick(Duration::from_millis(now)), Err(ConnectionError::TimedOut(Timer::Output)));
}

#[test]
fn sec_slow_reader_a_client_that_takes_no_slice_is_ended() {
    let mut server = sending();
    assert_eq!(lend(&mut server, MESSAGE.as_bytes()), 12);
    assert_eq!(server.tick(Duration::from_millis(1000)), Ok(Some(Duration::from_millis(1000 + OUTPUT))));
    ended(&mut server, 1000 + OUTPUT);
}

/// A slow store does not look like a slow client: once all bytes are reported, no timer runs.
#[test]
fn sec_slow_reader_no_timer_runs_while_the_store_is_read() {
    let mut server = sending();
    let sink = SendBuf::new(vec![]);
    let mut now = 0;
    for part in MESSAGE.as_bytes().chunks(4) {
        now += 10 * AUTOLOGOUT;
        assert_eq!(server.tick(Duration::from_millis(now)), Ok(None), "the store takes its time");
        let lent = lend(&mut server, part);
        assert_eq!(server.tick(Duration::from_millis(now)), Ok(Some(Duration::from_millis(now + OUTPUT))));
        now += OUTPUT - 1;
        assert_eq!(server.tick(Duration::from_millis(now)), Ok(Some(Duration::from_millis(now + 1))));
        server.body_sent(lent, &sink);
        assert_eq!(server.tick(Duration::from_millis(now)), Ok(None));
    }
    server.finish_body().unwrap();
}

/// Each byte that the client takes starts the timer over, until the last one stops it.
#[test]
fn sec_slow_reader_a_client_that_takes_slices_byte_by_byte_is_served() {
    let mut server = sending();
    let sink = SendBuf::new(vec![]);
    let mut now = 0;
    for left in (0..lend(&mut server, MESSAGE.as_bytes())).rev() {
        server.tick(Duration::from_millis(now)).unwrap();
        now += OUTPUT - 1;
        server.tick(Duration::from_millis(now)).unwrap();
        server.body_sent(1, &sink);
        let next = (left > 0).then_some(Duration::from_millis(now + OUTPUT));
        assert_eq!(server.tick(Duration::from_millis(now)), Ok(next), "{left}");
    }
}

/// Progress does not include reporting nothing, lending more, or polling.
#[test]
fn sec_slow_reader_only_sent_bytes_restart_the_timer() {
    let mut server = sending();
    let mut sink = SendBuf::new(vec![]);
    lend(&mut server, b"012");
    server.tick(Duration::ZERO).unwrap();
    server.body_sent(0, &sink);
    // The first report has no earlier report to compare with, so the sink's room counts as progress once.
    assert_eq!(server.tick(Duration::from_millis(1)), Ok(Some(Duration::from_millis(1 + OUTPUT))));
    for now in 2..1000 {
        server.body_sent(0, &sink);
        lend(&mut server, b"3");
        assert_eq!(server.body_slice(&mut b"".as_slice()), Ok(None));
        assert!(matches!(server.poll(&mut Input::more(b"NOOP\r\n"), &mut sink), Ok(Step::NeedBody)));
        assert_eq!(server.tick(Duration::from_millis(now)), Ok(Some(Duration::from_millis(1 + OUTPUT))));
    }
    assert_eq!(server.tick(Duration::from_millis(1 + OUTPUT)), Err(ConnectionError::TimedOut(Timer::Output)));
}

/// The sink's bytes are sent before the slices, so a client that accepts them makes progress.
#[test]
fn sec_slow_reader_bytes_before_the_slices_are_progress() {
    let mut server = sending();
    let mut sink = SendBuf::with_limit(vec![], MIN_SEND_BUF);
    sink.put(&[&[b'-'; 500]]).unwrap();
    lend(&mut server, MESSAGE.as_bytes());
    server.body_sent(0, &sink);
    let mut now = 0;
    server.tick(Duration::from_millis(now)).unwrap();
    for _ in 0..5 {
        now += OUTPUT - 1;
        sink.sent(100);
        server.body_sent(0, &sink);
        assert_eq!(server.tick(Duration::from_millis(now)), Ok(Some(Duration::from_millis(now + OUTPUT))));
    }
    server.body_sent(0, &sink);
    ended(&mut server, now + OUTPUT);
}

/// A slice without bytes lends nothing, so the time for the next command stays the same.
#[test]
fn an_empty_slice_starts_no_timer() {
    let mut server = sending();
    let sink = SendBuf::new(vec![]);
    let lent = lend(&mut server, MESSAGE.as_bytes());
    server.body_sent(lent, &sink);
    assert_eq!(server.body_slice(&mut b"".as_slice()), Ok(None));
    server.finish_body().unwrap();
    assert_eq!(server.tick(Duration::from_millis(5)), Ok(Some(Duration::from_millis(5 + AUTOLOGOUT))));
}

/// The last slices may be reported before or after `finish_body`, and after the terminator is written.
#[test]
fn sec_slow_reader_slices_are_reported_before_or_after_the_end() {
    for (finish, poll) in [(false, false), (true, false), (true, true)] {
        let mut server = sending();
        let mut sink = SendBuf::new(vec![]);
        let lent = lend(&mut server, MESSAGE.as_bytes());
        if finish {
            server.finish_body().unwrap();
        }
        if poll {
            assert!(matches!(server.poll(&mut Input::more(b""), &mut sink), Ok(Step::NeedInput)));
        }
        let start = server.tick(Duration::from_millis(5)).unwrap();
        assert_eq!(start, Some(Duration::from_millis(5 + OUTPUT)), "{finish}, {poll}");
        server.body_sent(lent, &sink);
        if !finish {
            assert_eq!(server.tick(Duration::from_millis(6)), Ok(None));
            server.finish_body().unwrap();
        }
        assert!(matches!(server.poll(&mut Input::more(b""), &mut sink), Ok(Step::NeedInput)));
        assert_eq!(
            server.tick(Duration::from_millis(6)),
            Ok(Some(Duration::from_millis(6 + AUTOLOGOUT))),
            "{finish}, {poll}"
        );
        assert_eq!(sink.pending(), b".\r\n");
    }
}

/// Slices that nobody reports keep the output timer running, whatever happens next; an open question stops it.
#[test]
fn sec_slow_reader_slices_that_are_never_reported_end_the_session() {
    let mut server = sending();
    let mut sink = SendBuf::new(vec![]);
    lend(&mut server, MESSAGE.as_bytes());
    server.finish_body().unwrap();
    let fetch = ask!(server, &mut Input::more(b"RETR 1\r\n"), &mut sink, Fetch);
    assert_eq!(server.tick(Duration::from_millis(9)), Ok(None));
    server.refuse(fetch, Refusal::Temporary).unwrap();
    assert!(matches!(server.poll(&mut Input::more(b""), &mut sink), Ok(Step::NeedInput)));
    assert_eq!(server.tick(Duration::from_millis(10)), Ok(Some(Duration::from_millis(10 + OUTPUT))));
    assert_eq!(
        server.tick(Duration::from_millis(10 + OUTPUT)),
        Err(ConnectionError::TimedOut(Timer::Output))
    );
}

/// A report that is too large counts as all bytes, and a report counts for nothing if no slice is lent.
#[test]
fn a_report_of_slices_is_taken_in_every_turn() {
    let sink = SendBuf::new(vec![]);
    let mut server: Machine = Server::new(CLEAR, 1);
    let before = format!("{server:?}");
    server.body_sent(9, &sink);
    server.body_sent(0, &sink);
    assert_eq!(format!("{server:?}"), before);
    let mut server = sending();
    lend(&mut server, b"01234");
    server.body_sent(usize::MAX, &sink);
    assert_eq!(server.tick(Duration::from_millis(1)), Ok(None));
    server.close();
    server.body_sent(1, &sink);
    assert_eq!(server.tick(Duration::from_millis(2)), Ok(None));
}

/// A body may use both ways. The full sink keeps its timer when the slices are reported, and the other way round.
#[test]
fn sec_slow_reader_slices_and_a_full_sink_share_the_timer() {
    let mut server = sending();
    let mut sink = SendBuf::with_limit(vec![], MIN_SEND_BUF);
    lend(&mut server, b"0123");
    let line = [b'x'; MIN_SEND_BUF];
    assert_eq!(server.write_body(&line, &mut sink), Ok(MIN_SEND_BUF));
    assert_eq!(server.write_body(&line, &mut sink), Ok(0));
    assert_eq!(server.tick(Duration::ZERO), Ok(Some(Duration::from_millis(OUTPUT))));
    server.body_sent(4, &sink);
    assert_eq!(
        server.tick(Duration::from_millis(7)),
        Ok(Some(Duration::from_millis(7 + OUTPUT))),
        "the sink is still full"
    );
    lend(&mut server, b"4567");
    assert_eq!(
        server.tick(Duration::from_millis(8)),
        Ok(Some(Duration::from_millis(7 + OUTPUT))),
        "to lend is not progress"
    );
    sink.sent(MIN_SEND_BUF);
    assert_eq!(server.write_body(b"x", &mut sink), Ok(1));
    assert_eq!(
        server.tick(Duration::from_millis(9)),
        Ok(Some(Duration::from_millis(9 + OUTPUT))),
        "the slices are still out"
    );
    server.body_sent(4, &sink);
    assert_eq!(server.tick(Duration::from_millis(10)), Ok(None));
}

/// A driver of a connection reports what it sent through the responder.
#[test]
fn a_connection_that_sent_all_slices_waits_for_the_next_command() {
    let mut host = Host::three(CLEAR).login();
    host.bodies = Bodies::Lent(7);
    assert!(host.say("RETR 1\r\n").ends_with("x\r\n.\r\n"));
    assert_eq!(host.pop3.tick(Duration::ZERO), Ok(Some(Duration::from_millis(AUTOLOGOUT))));
}
