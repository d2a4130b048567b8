//! Command lines: their ends, their limit, and the extra text that old clients send.

use super::*;
use pop3_proto::{Profile, Quirk};

const LONG: &str = "-ERR line too long\r\n";
const SYNTAX: &str = "-ERR syntax error\r\n";
const NOTHING: &str = "+OK no operation\r\n";
const PASS: &str = "+OK send PASS\r\n";

fn open() -> Host {
    Host::three(PATIENT).login()
}

fn greeted(config: ServerConfig<'static>) -> Host {
    let mut host = Host::three(config);
    host.say("");
    host
}

/// Returns the responses to `line` in two parts, and to a NOOP after it. Only the needed bytes of the first part are
/// kept.
fn cut(mut host: Host, line: &[u8], at: usize, tail: &str) -> String {
    let mut answer = String::from_utf8(host.exchange(&line[..at], false)).unwrap();
    assert!(host.unread().len() < host.server().min_recv_buf(), "a buffer of that size never fills up");
    answer += &String::from_utf8(host.exchange(&[&line[at..], tail.as_bytes()].concat(), false)).unwrap();
    answer
}

/// Also 2449.3.h: 255 octets with the line end.
#[test]
fn r2449_4_a_a_line_of_255_octets_is_read_and_one_of_256_is_not() {
    for (octets, answer) in [(247, PASS), (248, PASS), (249, LONG), (250, LONG), (1000, LONG)] {
        let line = format!("USER {}\r\n", "n".repeat(octets));
        for at in 0..=line.len() {
            assert_eq!(
                cut(greeted(PATIENT), line.as_bytes(), at, "QUIT\r\n"),
                format!("{answer}+OK bye\r\n"),
                "{octets}"
            );
        }
    }
}

/// Also 2449.4.d: the server does not enforce the limit of 40 octets for an argument.
#[test]
fn r1939_3_j_a_name_of_248_octets_logs_in() {
    let name = "n".repeat(248);
    let mut host = greeted(CLEAR);
    assert_eq!(host.say(format!("USER {name}\r\nPASS {name}\r\n")), format!("{PASS}+OK maildrop open\r\n"));
    assert_eq!(host.asked[1..], [format!("User {name}"), format!("Password {name}")]);
}

/// One response, whatever the rest of the line is, and the next command is read after its LF.
#[test]
fn r2449_4_e_an_over_long_line_is_skipped_to_its_end() {
    let x = |count| "x".repeat(count);
    let lines = [
        format!("{}\r\n", x(254)),
        format!("{}\n", x(255)),
        format!("{}\r\n", x(5000)),
        format!("{}DELE 1\r\n", x(255)),
        format!("{} DELE 1\r\n", x(254)),
        format!("{}\r DELE 1\r\n", x(254)),
        format!("{}\rDELE 1\n", x(255)),
        format!("{}\0\r\r\r\n", x(255)),
        format!("PASS {}\r\n", x(300)),
        format!("RETR 1{}\r\n", " ".repeat(300)),
    ];
    for line in &lines {
        for at in (0..=line.len()).filter(|at| line.len() < 400 || at % 251 == 0 || *at > line.len() - 3) {
            assert_eq!(
                cut(open(), line.as_bytes(), at, "NOOP\r\n"),
                format!("{LONG}{NOTHING}"),
                "{line:?} at {at}"
            );
        }
        let mut host = open();
        let mut answer = String::new();
        for octet in line.as_bytes().chunks(1) {
            answer += &String::from_utf8(host.exchange(octet, false)).unwrap();
        }
        assert_eq!(answer, LONG);
        assert_eq!((host.marked().len(), host.asked.len()), (0, 0));
    }
}

/// In AUTHORIZATION a long line makes the server forget the name, as any line does. In TRANSACTION the stream may end
/// in it.
#[test]
fn r2449_4_e_an_over_long_line_is_a_bad_command() {
    let long = "x".repeat(300);
    let mut host = greeted(PATIENT);
    assert_eq!(
        host.say(format!("USER mrose\r\n{long}\r\nPASS a\r\n")),
        format!("{PASS}{LONG}-ERR not in this state\r\n")
    );
    let mut host = open();
    assert_eq!(host.last(format!("{long}QUIT")), "");
    assert_eq!(host.end, Some(Ok(CloseReason::End)));
    let mut host = greeted(CLEAR);
    assert_eq!(
        host.say(format!("{long}\r\n").repeat(9)),
        [LONG, LONG, LONG, LONG, "-ERR too many bad commands\r\n"].concat()
    );
}

#[test]
fn r2449_4_b_the_limit_can_be_another() {
    for limit in [64, 100, 512, 4096] {
        let limits = Limits::DEFAULT.with_command_line(limit).with_bad_commands(255, 255);
        let name = usize::from(limit) - "USER \r\n".len();
        let mut host = greeted(CLEAR.with_limits(limits));
        assert_eq!(host.say(format!("USER {}\r\n", "n".repeat(name))), PASS);
        assert_eq!(host.say(format!("USER {}\r\n", "n".repeat(name + 1))), LONG);
        assert_eq!(host.server().min_recv_buf(), usize::from(limit));
    }
}

/// Also 1939.3.w: the end of a line in two chunks.
#[test]
fn r1939_3_d_a_line_ends_at_lf_and_never_at_cr() {
    for (line, answer) in [
        ("NOOP\r\n", NOTHING),
        ("NOOP\r", ""),
        ("NOOP", ""),
        ("NOOP\rNOOP\r\n", SYNTAX),
        ("NOOP\r\r\n", SYNTAX),
        ("\rNOOP\r\n", SYNTAX),
        ("STAT\r\rDELE 1\r\n", SYNTAX),
    ] {
        for at in 0..=line.len() {
            let mut host = open();
            let answers = [host.say(&line[..at]), host.say(&line[at..])].concat();
            assert!(
                answers == answer || answer == SYNTAX && answers == "-ERR unknown command\r\n",
                "{line:?}: {answers}"
            );
            assert!(host.marked().is_empty());
        }
    }
}

/// Also ROB.2: recorded, or refused by the strict profile.
#[test]
fn quirk_52_a_bare_lf_ends_a_command() {
    let mut host = open();
    assert!(host.server().quirks().is_empty());
    assert_eq!(host.say("NOOP\nNOOP\r\n\n"), format!("{NOTHING}{NOTHING}{SYNTAX}"));
    assert_eq!(host.server().quirks().iter().collect::<Vec<_>>(), [Quirk::BareLf]);
    let mut strict = Host::three(PATIENT.with_profile(Profile::Strict)).login();
    assert_eq!(strict.say("NOOP\nNOOP\r\nDELE 1\n"), format!("{SYNTAX}{NOTHING}{SYNTAX}"));
    assert!(strict.marked().is_empty());
    assert!(strict.server().quirks().is_empty());
}

/// Also ROB.1: spaces are accepted after a keyword or a number, never after a name or a password.
#[test]
fn rob_43_spaces_at_the_end_are_harmless_and_noted() {
    for line in [
        "NOOP ",
        "NOOP   ",
        "NOOP\t",
        "STAT ",
        "LIST ",
        "LIST 1 ",
        "UIDL\t",
        "RETR 1  ",
        "TOP 1 0 ",
        "RSET ",
        "CAPA ",
        "LIST  1",
        "LIST\t1",
        "TOP  1   0",
    ] {
        let mut host = open();
        assert!(host.say(format!("{line}\r\n")).starts_with("+OK"), "{line:?}");
        assert_eq!(host.server().quirks().iter().collect::<Vec<_>>(), [Quirk::Spacing], "{line:?}");
        let mut strict = Host::three(PATIENT.with_profile(Profile::Strict)).login();
        assert_eq!(strict.say(format!("{line}\r\n")), SYNTAX, "{line:?}");
    }
    let mut host = greeted(PATIENT);
    host.say("USER mrose \r\nPASS a \r\n");
    assert_eq!(host.asked[1..], ["User mrose ", "Password a "]);
    assert_eq!(open().say("QUIT \r\n"), "+OK bye\r\n");
}

/// Also quirk 48: the words of old clients get an answer, and the session continues.
#[test]
fn quirk_48_words_of_old_clients() {
    let mut host = greeted(PATIENT);
    assert_eq!(host.say("NOOP\r\n"), "-ERR not in this state\r\n");
    let capa = host.say("CAPA\r\n");
    assert_eq!(host.say("CAPA\r\nCAPA\r\n"), capa.repeat(2));
    for line in [
        "XTND XLST",
        "LAST",
        "RPOP x",
        "AUTH PLAIN",
        "AUTH",
        "XCLIENT a=b",
        "LANG",
        "UTF8",
        "MBOX x",
        "*ENV 1",
    ] {
        assert_eq!(host.say(format!("{line}\r\n")), "-ERR unknown command\r\n", "{line}");
    }
    assert!(
        host.say("USER mrose\r\nPASS a\r\nXTND XLST\r\nSTAT\r\n")
            .ends_with("-ERR unknown command\r\n+OK 3 325\r\n")
    );
}

#[test]
fn quirk_47_auth_with_a_space_lists_the_mechanisms() {
    static PLAIN: &[pop3_proto::Mechanism<'static>] = &[pop3_proto::Mechanism::PLAIN];
    for line in ["AUTH\r\n", "AUTH \r\n", "auth  \r\n"] {
        let mut host = greeted(PATIENT.with_sasl_cleartext(PLAIN));
        assert_eq!(host.say(line), "+OK mechanism list follows\r\nPLAIN\r\n.\r\n");
    }
}

#[test]
fn quirk_51_empty_lines_and_missing_arguments() {
    for state in [greeted(PATIENT), open()] {
        let mut host = state;
        for line in [
            "", " ", ":", "TOP", "RETR", "DELE", "USER", "PASS", "APOP", "AUTH", "TOP 1", "STAT:", ": STAT",
            "\t",
        ] {
            let answer = host.say(format!("{line}\r\n"));
            assert!(answer.starts_with("-ERR ") && answer.matches('\n').count() == 1, "{line:?}: {answer}");
        }
        assert_eq!(host.end, None);
    }
}

/// Also ROB.40: if the application asks for unknown commands, it receives the complete line.
#[test]
fn rob_40_other_commands_are_asked_about() {
    let mut host = greeted(CLEAR.with_other_commands());
    let keyword = "K".repeat(253);
    assert_eq!(host.say("XTND XLST  Subject \r\nLAST\r\nxCLIENT \r\n"), "+OK done\r\n".repeat(3));
    assert_eq!(host.say(format!("{keyword}\r\n")), "+OK done\r\n");
    let last = format!("Other {keyword} ");
    assert_eq!(host.asked[1..], ["Other XTND XLST  Subject ", "Other LAST ", "Other xCLIENT ", &last]);
    assert_eq!(host.say("X\0 y\r\nX y\0\r\nX y\rz\r\n"), SYNTAX.repeat(3));
}

#[test]
fn rob_41_a_keyword_of_any_length_is_not_a_framing_error() {
    let mut host = open();
    for word in ["A", "AB", "NOOPS", "STATUS", &"L".repeat(253)] {
        assert_eq!(
            host.say(format!("{word}\r\nNOOP\r\n")),
            format!("-ERR unknown command\r\n{NOTHING}"),
            "{word}"
        );
    }
}

/// A caller that changes unread bytes does not harm framing. The search for a line end skips only bytes that were
/// searched before.
#[test]
fn other_bytes_than_last_seen_never_make_one_line_of_two() {
    for before in 1..60 {
        let mut server = machine(PATIENT, three(), LOGIN);
        let mut buffer = [0; 1024];
        let mut out = SendBuf::new(&mut buffer[..]);
        let seen = vec![b'x'; before];
        let polled = server.poll(&mut Input::more(&seen), &mut out);
        assert!(matches!(polled, Ok(Step::NeedInput)));
        let mut input = Input::more(b"NOOP\r\nSTAT\r\nNOOP\r\nSTAT\r\nNOOP\r\n");
        let answer = format!("{NOTHING}+OK 3 325\r\n{NOTHING}+OK 3 325\r\n{NOTHING}");
        assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::NeedInput)));
        // Bytes that replace as many bytes as were searched, or more, may have to wait for the next line end, but are
        // read correctly.
        let again = [input.unread(), b"NOOP\r\n"].concat();
        let mut input = Input::more(&again);
        assert!(matches!(server.poll(&mut input, &mut out), Ok(Step::NeedInput)));
        assert_eq!((pending(&mut out), input.remaining()), (answer + NOTHING, 0), "{before}");
    }
}
