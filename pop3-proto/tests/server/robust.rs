//! Any input: no panic, the same answers for every cut, and no message lost.

use super::*;
use pop3_proto::{MIN_SEND_BUF, Mechanism, Profile};

/// Pieces that clients, good and bad, put together.
const WORDS: [&[u8]; 48] = [
    b"USER mrose\r\n",
    b"PASS a\r\n",
    b"USER mrose\r\nPASS tanstaaf\r\n",
    b"STAT\r\n",
    b"LIST\r\n",
    b"LIST 2\r\n",
    b"UIDL\r\n",
    b"RETR 1\r\n",
    b"RETR 2\r\n",
    b"RETR 3\r\n",
    b"TOP 2 1\r\n",
    b"DELE 1\r\n",
    b"DELE 3\r\n",
    b"RSET\r\n",
    b"NOOP\r\n",
    b"CAPA\r\n",
    b"AUTH PLAIN\r\n",
    b"AUTH PLAIN AG1yb3NlAGE=\r\n",
    b"AG1yb3NlAGE=\r\n",
    b"*\r\n",
    b"AUTH\r\n",
    b"XTND XLST\r\n",
    b"QUIT\n",
    b"STLS\r\n",
    b"APOP mrose c4c9334bac560ecc979e58001b3e22fb\r\n",
    b"RETR 0\r\n",
    b"UIDL 99999999999\r\n",
    b"TOP 1\r\n",
    b"\r\n",
    b"\n",
    b"\r",
    b" ",
    b"\0",
    b"\xff\xfe",
    b".",
    b".\r\n",
    b"STAT",
    b"DELE ",
    b"1",
    b"\t",
    b"QUI",
    b"T",
    b"LIST x\r\n",
    &[b'x'; 255],
    &[b' '; 100],
    b"TOP 1 99999999999999999999999\r\n",
    b"capa \r\n",
    b"NOOP\n",
];

/// Pseudo-random numbers, the same in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % limit
    }
}

fn host(profile: Profile, limits: Limits) -> Host {
    static PLAIN: &[Mechanism<'static>] = &[Mechanism::PLAIN];
    let limits = limits.with_sasl_line(MIN_SEND_BUF as u16);
    let config =
        CLEAR.with_profile(profile).with_limits(limits).with_sasl_cleartext(PLAIN).with_other_commands();
    Host::new(config, &[b"abc".as_slice(), b"A: b\n\n.\n..\n2\n", b""])
}

/// Also ROB.22, ROB.24, 1939.3.w: cut into bytes or into odd pieces, through the smallest sink or a large one.
#[test]
fn rob_23_any_input_however_it_is_cut() {
    let mut random = Random(0x1939);
    for round in 0..1500 {
        let script: Vec<&[u8]> =
            (0..1 + random.below(25)).map(|_| WORDS[random.below(WORDS.len())]).collect();
        let input = script.concat();
        let profile = if round % 4 == 0 { Profile::Strict } else { Profile::Tolerant };
        let limits = if round % 3 == 0 {
            Limits::DEFAULT
        } else {
            Limits::DEFAULT.with_bad_commands(200, 200).with_failed_logins(99)
        };
        let mut whole = host(profile, limits);
        let expected = whole.exchange(&input, true);
        assert!(whole.end.is_some(), "the stream has ended, and so has the session");
        assert!(expected.is_empty() || expected.ends_with(b"\r\n"));
        for piece in [1, 2, 1 + random.below(40)] {
            let (chunk, drain) = (1 + random.below(9), 1 + random.below(512));
            let mut cut = through(host(profile, limits), chunk, MIN_SEND_BUF, drain, round % 2 == 0);
            let mut answers = Vec::new();
            for octets in input.chunks(piece) {
                answers.extend(cut.exchange(octets, false));
                assert!(cut.unread().len() <= cut.server().min_recv_buf() || cut.end.is_some());
            }
            answers.extend(cut.exchange(b"", true));
            assert_eq!(answers, expected, "{}", input.escape_ascii());
            assert_eq!(
                (&cut.asked, cut.end, cut.server().quirks()),
                (&whole.asked, whole.end, whole.server().quirks())
            );
            assert_eq!(cut.unread(), whole.unread());
        }
    }
}

/// Also 1939.6.b: a commit needs a QUIT in TRANSACTION; no other input causes one.
#[test]
fn rob_30_only_quit_commits() {
    let mut random = Random(0x2449);
    let mut commits = 0;
    for _ in 0..1500 {
        let script: Vec<&[u8]> =
            (0..1 + random.below(30)).map(|_| WORDS[random.below(WORDS.len())]).collect();
        let input = script.concat();
        let mut host =
            host(Profile::Tolerant, Limits::DEFAULT.with_bad_commands(200, 200).with_failed_logins(99));
        host.exchange(&input, true);
        let committed = host.asked.iter().any(|asked| asked == "Commit");
        let read = &input[..input.len() - host.unread().len()];
        let quit = read
            .split(|octet| *octet == b'\n')
            .rev()
            .nth(1)
            .is_some_and(|line| line.trim_ascii().eq_ignore_ascii_case(b"QUIT"));
        assert!(!committed || quit && host.end == Some(Ok(CloseReason::Quit)), "{}", input.escape_ascii());
        commits += usize::from(committed);
    }
    assert!(commits > 20, "{commits}");
}

/// Bytes of any kind, not only bytes that look like commands.
#[test]
fn rob_7_bytes_of_any_kind() {
    let mut random = Random(7);
    for login in [false, true] {
        for _ in 0..300 {
            let octets: Vec<u8> = (0..random.below(600)).map(|_| random.below(256) as u8).collect();
            let mut host = host(Profile::Tolerant, Limits::DEFAULT);
            if login {
                host = host.login();
            }
            let answer = host.exchange(&octets, false);
            let lines = answer.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
            let expected: [&[u8]; 2] = [b"-ERR ", b"+OK "];
            assert!(lines.into_iter().all(|line| expected.iter().any(|status| line.starts_with(status))));
            let marked = login && !host.marked().is_empty();
            assert!(!marked, "{}", octets.escape_ascii());
            host.last("");
            assert!(host.end.is_some());
        }
    }
}

/// No order of calls corrupts a session, because a call out of turn changes nothing.
#[test]
fn law_5_calls_out_of_turn_change_nothing() {
    let lines: [&[u8]; 6] =
        [b"USER mrose\r\n", b"PASS a\r\n", b"STAT\r\n", b"RETR 2\r\n", b"LIST\r\n", b"QUIT\r\n"];
    let mut plain = host(Profile::Tolerant, Limits::DEFAULT);
    let mut odd = host(Profile::Tolerant, Limits::DEFAULT);
    for line in lines {
        let mut responder = odd.pop3.responder();
        assert!(responder.write_body(b"x").is_err());
        assert!(responder.body_slice(&mut b"x".as_slice()).is_err());
        assert!(responder.finish_body().is_err());
        assert!(!responder.wants_body());
        assert!(!odd.pop3.wants_write());
        assert_eq!(odd.exchange(line, false), plain.exchange(line, false));
        assert_eq!(odd.exchange(b"", false), b"");
    }
    assert_eq!(odd.asked, plain.asked);
}
