//! Time: RFC 1939 section 3, all timers, and clients that do not read.

use super::*;
use pop3_proto::{MIN_SEND_BUF, Timer, Timers};
use std::time::Duration;

const OUTPUT: u64 = 180;

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Returns a server in TRANSACTION whose answer to `line` fills a sink of `MIN_SEND_BUF` bytes.
fn blocked(line: &str, out: &mut SendBuf<&mut [u8]>) -> Server<Infos, ServerConfig<'static>> {
    let mut server = machine(CLEAR, infos(&["abc"; 1000]), LOGIN);
    let mut input = Input::more(line.as_bytes());
    if line.starts_with("RETR") {
        let fetch = ask!(server, &mut input, out, Fetch);
        server.send_body_of(fetch, 30_000).unwrap();
    }
    assert!(step(&mut server, &mut input, out));
    server
}

/// Continues, and returns whether the sink is full then.
fn step(
    server: &mut Server<Infos, ServerConfig<'_>>,
    input: &mut Input<'_>,
    out: &mut SendBuf<&mut [u8]>,
) -> bool {
    match server.poll(input, out).unwrap() {
        Step::NeedSpace(_) => true,
        Step::NeedBody => server.write_body(&b"x\r\n".repeat(10_000), out).unwrap() < 30_000,
        Step::NeedInput => false,
        step => panic!("{step:?}"),
    }
}

/// Also 1939.3.ab: whatever the configuration asks for.
#[test]
fn r1939_3_ab_autologout_is_ten_minutes_at_least() {
    for (asked, seconds) in [(0, 600), (60, 600), (599, 600), (600, 600), (601, 601), (1800, 1800)] {
        let mut host = Host::three(CLEAR.with_timers(Timers::DEFAULT.with_autologout(at(asked)))).login();
        assert_eq!(host.pop3.tick(at(5)), Ok(Some(at(5 + seconds))));
        assert!(host.pop3.tick(Duration::from_millis((5 + seconds) * 1000 - 1)).is_ok());
        assert_eq!(host.pop3.tick(at(5 + seconds)), Err(ConnectionError::TimedOut(Timer::Autologout)));
    }
}

#[test]
fn r1939_3_aa_a_driver_that_never_ticks_has_no_timer() {
    let mut host = Host::three(CLEAR).login();
    for _ in 0..1000 {
        assert_eq!(host.say("NOOP\r\n"), "+OK no operation\r\n");
    }
}

#[test]
fn r1939_3_ac_a_whole_command_starts_the_timer_over() {
    for line in [
        "NOOP\r\n",
        "STAT,\r\n",
        "STAT x\r\n",
        "RETR 9\r\n",
        "RETR 1\r\n",
        "LIST\r\n",
        "XTND\r\n",
        &format!("{}\r\n", "x".repeat(300)),
    ] {
        let mut host = Host::three(CLEAR.with_other_commands()).login();
        host.pop3.tick(at(0)).unwrap();
        assert_eq!(host.pop3.tick(at(500)), Ok(Some(at(600))));
        host.say(line);
        assert_eq!(host.pop3.tick(at(550)), Ok(Some(at(1150))), "{line}");
        assert!(host.pop3.tick(at(1149)).is_ok());
    }
}

/// Also 1939.3.ac: bytes that are not part of a command do not, however many there are.
#[test]
fn r1939_3_ac_single_bytes_do_not_restart_the_timer() {
    let mut host = Host::three(CLEAR).login();
    host.pop3.tick(at(0)).unwrap();
    for second in 1..600 {
        assert_eq!(host.say("N"), "");
        assert_eq!(host.pop3.tick(at(second)), Ok(Some(at(600))));
    }
    assert_eq!(host.pop3.tick(at(600)), Err(ConnectionError::TimedOut(Timer::Autologout)));
}

/// Also 1939.3.ad, 1939.3.ae: the server sends no response and asks no question.
#[test]
fn r1939_3_ae_expiry_is_silent_and_removes_nothing() {
    let mut host = Host::three(CLEAR).login();
    host.say("DELE 1\r\n");
    host.pop3.tick(at(0)).unwrap();
    assert_eq!(host.pop3.tick(at(9999)), Err(ConnectionError::TimedOut(Timer::Autologout)));
    for _ in 0..2 {
        assert_eq!(host.say("QUIT\r\n"), "");
        assert_eq!(host.end, Some(Err(ConnectionError::TimedOut(Timer::Autologout))));
        assert_eq!(host.pop3.tick(at(10_000)), Err(ConnectionError::TimedOut(Timer::Autologout)));
    }
    assert_eq!(host.asked, [] as [&str; 0]);
}

/// Also ROB.36, AMB.29: a separate timer for all of AUTHORIZATION, which commands do not prolong.
#[test]
fn amb_29_the_login_timer_is_another_one() {
    let mut host = Host::three(PATIENT.with_timers(Timers::DEFAULT.with_login(at(30))));
    assert_eq!(host.pop3.tick(at(0)), Ok(None));
    host.say("");
    assert_eq!(host.pop3.tick(at(100)), Ok(Some(at(130))));
    for second in 101..130 {
        host.say(if second % 2 == 0 { "USER mrose\r\n" } else { "CAPA\r\n" });
        assert_eq!(host.pop3.tick(at(second)), Ok(Some(at(130))));
    }
    assert_eq!(host.pop3.tick(at(130)), Err(ConnectionError::TimedOut(Timer::Login)));
    let mut host = Host::three(CLEAR.with_timers(Timers::DEFAULT.with_login(at(30)))).login();
    assert_eq!(host.pop3.tick(at(100)), Ok(Some(at(700))));
}

/// A client does not prolong it either if it leaves its answers waiting and reads some of them now and then.
#[test]
fn amb_29_the_login_timer_runs_while_the_sink_is_full() {
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    let commands = b"CAPA\r\n".repeat(100);
    let mut input = Input::more(&commands);
    let mut server: Server<Infos, ServerConfig<'_>> =
        Server::new(CLEAR.with_timers(Timers::DEFAULT.with_login(at(30))), 1);
    let greet = ask!(server, &mut input, &mut out, Greet);
    server.greet(greet, Text::EMPTY, &mut out).unwrap();
    assert_eq!(server.tick(at(100)), Ok(Some(at(130))));
    for second in 101..130 {
        // Sometimes there is room for the answer, and sometimes there is not.
        out.sent(if second % 7 == 0 { MIN_SEND_BUF } else { 40 });
        assert!(step(&mut server, &mut input, &mut out));
        assert_eq!(server.tick(at(second)), Ok(Some(at(130))));
    }
    assert_eq!(server.tick(at(130)), Err(ConnectionError::TimedOut(Timer::Login)));
}

#[test]
fn r1939_3_ac_no_timer_runs_while_the_application_owes_an_answer() {
    let mut buffer = [0; 1024];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut input = Input::more(b"USER a\r\nPASS b\r\nRETR 1\r\nQUIT\r\n");
    let mut server: Server<Infos, ServerConfig<'_>> = Server::new(CLEAR, 1);
    let mut now = 0;
    let mut waits = |server: &mut Server<Infos, ServerConfig<'_>>| {
        for _ in 0..3 {
            now += 100_000;
            assert_eq!(server.tick(at(now)), Ok(None));
        }
    };
    let greet = ask!(server, &mut input, &mut out, Greet);
    waits(&mut server);
    server.greet(greet, Text::EMPTY, &mut out).unwrap();
    let user = ask!(server, &mut input, &mut out, User, _);
    waits(&mut server);
    server.accept_name(user).unwrap();
    let login = ask!(server, &mut input, &mut out, Login, _);
    waits(&mut server);
    server.accept(login, infos(&["abc"])).unwrap();
    let fetch = ask!(server, &mut input, &mut out, Fetch);
    waits(&mut server);
    server.send_body_of(fetch, 5).unwrap();
    assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::NeedBody)));
    waits(&mut server);
    assert_eq!(server.write_body(b"abc", &mut out), Ok(3));
    waits(&mut server);
    server.finish_body().unwrap();
    let commit = ask!(server, &mut input, &mut out, Commit);
    waits(&mut server);
    server.removed(commit).unwrap();
    assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::Closed(CloseReason::Quit))));
    waits(&mut server);
}

/// Also ROB.36: it runs during the handshake and is named.
#[test]
fn rob_36_the_tls_timer_runs_during_the_handshake() {
    let mut server: Server<Infos, ServerConfig<'_>> = Server::new(ServerConfig::new(TlsPolicy::Required), 1);
    let mut buffer = [0; 1024];
    let mut out = SendBuf::new(&mut buffer[..]);
    let greet = ask!(server, &mut Input::more(b""), &mut out, Greet);
    server.greet(greet, Text::EMPTY, &mut out).unwrap();
    let _start = ask!(server, &mut Input::more(b"STLS\r\n"), &mut out, StartTls);
    assert_eq!(server.tick(at(10)), Ok(Some(at(70))));
    assert_eq!(server.tick(at(70)), Err(ConnectionError::TimedOut(Timer::Tls)));
}

/// A client that does not read, while the server sends an answer, a listing or a message, or while the next command
/// waits for room in the sink.
#[test]
fn sec_slow_reader_the_output_timer_ends_it() {
    for line in ["LIST\r\n", "RETR 1\r\n", "CAPA\r\nCAPA\r\nCAPA\r\nCAPA\r\nCAPA\r\n", "NOOP\r\nNOOP\r\n"] {
        let mut buffer = [0; MIN_SEND_BUF];
        let mut out = SendBuf::new(&mut buffer[..]);
        let mut server = blocked(line, &mut out);
        assert_eq!(server.tick(at(100)), Ok(Some(at(100 + OUTPUT))), "{line}");
        assert!(step(&mut server, &mut Input::more(b""), &mut out));
        assert_eq!(server.tick(at(100 + OUTPUT - 1)), Ok(Some(at(100 + OUTPUT))), "{line}");
        assert!(step(&mut server, &mut Input::more(b""), &mut out));
        assert_eq!(server.tick(at(100 + OUTPUT)), Err(ConnectionError::TimedOut(Timer::Output)), "{line}");
    }
}

/// A client that reads slowly, a byte or a buffer at a time, is served to the end.
#[test]
fn sec_slow_reader_the_output_timer_starts_over_when_something_is_taken() {
    for line in ["LIST\r\n", "RETR 1\r\n", "UIDL\r\n"] {
        for count in [1, 3, 100, MIN_SEND_BUF] {
            let mut buffer = [0; MIN_SEND_BUF];
            let mut out = SendBuf::new(&mut buffer[..]);
            let mut server = blocked(line, &mut out);
            let mut now = 0;
            server.tick(at(now)).unwrap();
            for _ in 0..10 {
                now += OUTPUT - 1;
                out.sent(count);
                assert!(step(&mut server, &mut Input::more(b""), &mut out), "{line}, {count}");
                assert_eq!(server.tick(at(now)), Ok(Some(at(now + OUTPUT))), "{line}, {count}");
            }
        }
    }
}

#[test]
fn r1939_3_ab_autologout_keeps_its_length_after_a_full_sink() {
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    let mut server = blocked("NOOP\r\n", &mut out);
    server.tick(at(0)).unwrap();
    assert_eq!(server.tick(at(170)), Ok(Some(at(180))));
    out.sent(MIN_SEND_BUF);
    assert!(!step(&mut server, &mut Input::more(b""), &mut out));
    assert_eq!(server.tick(at(170)), Ok(Some(at(770))));
}

/// Also quirk 54: pipelined bytes stay in the input.
#[test]
fn quirk_54_a_client_that_does_not_read_is_not_read_either() {
    let mut server = machine(CLEAR, infos(&["abc"; 1000]), LOGIN);
    let mut buffer = [0; MIN_SEND_BUF];
    let mut out = SendBuf::new(&mut buffer[..]);
    let pipelined = b"LIST\r\n".repeat(100);
    let mut input = Input::more(&pipelined);
    for _ in 0..100 {
        assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::NeedSpace(full)) if !full.never_fits()));
        assert_eq!(input.remaining(), pipelined.len() - 6);
    }
    let mut answers = 0;
    while !matches!(server.poll(&mut input, &mut out).unwrap(), Step::NeedInput) {
        answers += pending(&mut out).matches("\n.\r\n").count();
    }
    assert_eq!(answers + pending(&mut out).matches("\n.\r\n").count(), 100);
}

#[test]
fn a_clock_that_goes_back_harms_nothing() {
    let mut host = Host::three(CLEAR).login();
    assert_eq!(host.pop3.tick(at(1000)), Ok(Some(at(1600))));
    assert!(host.pop3.tick(at(0)).is_ok());
    assert!(host.pop3.tick(at(1599)).is_ok());
    assert_eq!(host.pop3.tick(Duration::MAX), Err(ConnectionError::TimedOut(Timer::Autologout)));
}

/// The moment of the next tick is later than now, so no driver waits for zero time. After the last moment there is
/// none.
#[test]
fn rob_36_no_span_to_wait_is_zero_at_the_end_of_time() {
    let login = || machine(ServerConfig::new(TlsPolicy::Required), three(), "");
    let tls = || {
        let mut server = login();
        let _start = ask!(server, &mut Input::more(b"STLS\r\n"), &mut SendBuf::new([0; 512]), StartTls);
        server
    };
    let output = || blocked("LIST\r\n", &mut SendBuf::new(&mut [0; MIN_SEND_BUF][..]));
    let early = || {
        let mut server = login();
        let (mut buffer, mut input) = ([0; MIN_SEND_BUF], Input::more(b"CAPA\r\nCAPA\r\nCAPA\r\nCAPA\r\n"));
        let mut out = SendBuf::new(&mut buffer[..]);
        out.put(&[b"-"]).unwrap();
        assert!(step(&mut server, &mut input, &mut out));
        server
    };
    let autologout = || machine(CLEAR, three(), LOGIN);
    let servers: [&dyn Fn() -> Server<Infos, ServerConfig<'static>>; 5] =
        [&login, &tls, &output, &early, &autologout];
    for server in servers {
        for before in [1, 2, 1000, 179_999] {
            let now = Duration::from_millis(u64::MAX - before);
            let mut server = server();
            let next = server.tick(now).unwrap().unwrap();
            assert!(!next.saturating_sub(now).is_zero());
            let last = server.tick(Duration::MAX);
            assert!(matches!(last, Ok(None) | Err(ConnectionError::TimedOut(_))), "{last:?}");
        }
        assert_eq!(server().tick(Duration::MAX), Ok(None), "no moment is later");
    }
}
